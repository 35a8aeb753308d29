//! `cgroups`: a command in namespaces, a root file system and cgroups of its own.

use std::process::ExitCode;

use cgroups::actions;
use cgroups::cli::CgroupOptions;
use clap::{Args, Parser, Subcommand};
use kit::Result;
use kit::id::Id;
use namespaces::cli::{NamespaceOptions, ProcessOptions, StartOptions, run};
use namespaces::{Defaults, Mechanisms, Process, Terminal};
use rootfs::Rootfs;
use rootfs::cli::RootOptions;

/// Run a command in namespaces, a root file system and cgroups of its own.
#[derive(Parser)]
#[command(name = "cgroups", version)]
struct Cli {
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand)]
enum Action {
    /// Run a command in new namespaces and cgroups, with a root file system of its own
    Run(Box<RunOptions>),
    #[command(flatten)]
    Running(actions::Action),
}

// ANCHOR: options
#[derive(Args)]
struct RunOptions {
    #[command(flatten)]
    root: RootOptions,
    #[command(flatten)]
    namespaces: NamespaceOptions,
    #[command(flatten)]
    start: StartOptions,
    #[command(flatten)]
    process: ProcessOptions,
    #[command(flatten)]
    cgroups: CgroupOptions,
}
// ANCHOR_END: options

fn main() -> ExitCode {
    let result = match kit::program::parse::<Cli>().map(|cli| cli.action) {
        Ok(Action::Run(options)) => run_container(&options),
        Ok(Action::Running(action)) => action.run(),
        Err(code) => Ok(code),
    };
    kit::program::finish("cgroups", result)
}

// ANCHOR: list
fn run_container(options: &RunOptions) -> Result<ExitCode> {
    let id = Id::random()?.short();
    let namespaces = options.namespaces.namespaces(&id)?;
    let root = options.root.options(None, options.cgroups.binds())?;
    let wanted = options
        .process
        .wanted(&namespaces.hostname, &options.start)?;
    let process = Process::new(&wanted, &Defaults::default());
    let streams = options.process.streams();
    let mechanisms = Mechanisms::new()
        .and(namespaces)
        .and_if(root.map(Rootfs::new))
        .and(options.cgroups.cgroup(&id)?)
        .and_if(Terminal::of(&process, &streams));
    run(
        &process,
        streams,
        mechanisms,
        options.start.pid_file.as_deref(),
    )
}
// ANCHOR_END: list
