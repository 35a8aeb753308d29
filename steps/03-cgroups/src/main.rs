//! `cgroups`: a command in namespaces, a root file system and cgroups of its own.

use std::process::ExitCode;

use cgroups::actions;
use cgroups::cli::RunOptions;
use clap::{Parser, Subcommand};
use kit::Result;
use namespaces::Mechanisms;
use namespaces::cli::{push_terminal, run};

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

fn main() -> ExitCode {
    let result = match kit::program::parse::<Cli>().map(|cli| cli.action) {
        Ok(Action::Run(options)) => run_container(&options),
        Ok(Action::Running(action)) => action.run(),
        Err(code) => Ok(code),
    };
    kit::program::finish("cgroups", result)
}

fn run_container(options: &RunOptions) -> Result<ExitCode> {
    let namespaces = options.namespaces()?;
    let common = &options.rootfs.namespaces;
    let command = common.command(&namespaces.hostname)?;
    let cgroup = options.cgroup(&namespaces)?;
    let mut mechanisms: Mechanisms = vec![Box::new(namespaces)];
    if let Some(rootfs) = options.rootfs()? {
        mechanisms.push(Box::new(rootfs));
    }
    mechanisms.push(Box::new(cgroup));
    push_terminal(&mut mechanisms, &common.process);
    run(&command, mechanisms, common.pid_file.as_deref())
}
