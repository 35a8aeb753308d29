//! `layers`: a command in namespaces, a root file system of layers, and cgroups of its own.

use std::process::ExitCode;

use cgroups::actions;
use cgroups::cli::CgroupOptions;
use clap::{Args, Parser, Subcommand};
use kit::Result;
use kit::id::Id;
use layers::Layers;
use layers::cli::LayerOptions;
use namespaces::cli::{NamespaceOptions, ProcessOptions, StartOptions, run};
use namespaces::{Defaults, Mechanisms, Process, Terminal};
use rootfs::Rootfs;
use rootfs::cli::RootOptions;

/// Run a command in namespaces, a root file system of layers, and cgroups of its own.
#[derive(Parser)]
#[command(name = "layers", version)]
struct Cli {
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand)]
enum Action {
    /// Run a command in new namespaces and cgroups, with layers for a root file system
    Run(Box<RunOptions>),
    #[command(flatten)]
    Layers(layers::actions::Action),
    #[command(flatten)]
    Running(actions::Action),
}

// ANCHOR: options
#[derive(Args)]
struct RunOptions {
    #[command(flatten)]
    layers: LayerOptions,
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
        Ok(Action::Layers(action)) => action.run(),
        Ok(Action::Running(action)) => action.run(),
        Err(code) => Ok(code),
    };
    kit::program::finish("layers", result)
}

// ANCHOR: list
fn run_container(options: &RunOptions) -> Result<ExitCode> {
    let id = Id::random()?.short();
    let namespaces = options.namespaces.namespaces(&id)?;
    let layers = options.layers.layers();
    let made = layers.as_ref().map(Layers::root);
    let root = options.root.options(made, options.cgroups.binds())?;
    let wanted = options
        .process
        .wanted(&namespaces.hostname, &options.start)?;
    let process = Process::new(&wanted, &Defaults::default());
    let streams = options.process.streams();
    let mechanisms = Mechanisms::new()
        .and(namespaces)
        .and_if(layers)
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
