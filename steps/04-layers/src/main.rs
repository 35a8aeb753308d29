//! `layers`: a command in namespaces, a root file system of layers, and cgroups of its own.

use std::process::ExitCode;

use cgroups::actions;
use clap::{Parser, Subcommand};
use kit::Result;
use layers::cli::RunOptions;
use namespaces::Mechanisms;
use namespaces::cli::{push_terminal, run};

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

fn main() -> ExitCode {
    let result = match kit::program::parse::<Cli>().map(|cli| cli.action) {
        Ok(Action::Run(options)) => run_container(&options),
        Ok(Action::Layers(action)) => action.run(),
        Ok(Action::Running(action)) => action.run(),
        Err(code) => Ok(code),
    };
    kit::program::finish("layers", result)
}

fn run_container(options: &RunOptions) -> Result<ExitCode> {
    let namespaces = options.namespaces()?;
    let common = &options.cgroups.rootfs.namespaces;
    let command = common.command(&namespaces.hostname)?;
    let cgroup = options.cgroups.cgroup(&namespaces)?;
    let mut mechanisms: Mechanisms = vec![Box::new(namespaces)];
    let layers = options.layers();
    let rootfs = options.rootfs(layers.as_ref())?;
    if let Some(layers) = layers {
        mechanisms.push(Box::new(layers));
    }
    if let Some(rootfs) = rootfs {
        mechanisms.push(Box::new(rootfs));
    }
    mechanisms.push(Box::new(cgroup));
    push_terminal(&mut mechanisms, &common.process);
    run(&command, mechanisms, common.pid_file.as_deref())
}
