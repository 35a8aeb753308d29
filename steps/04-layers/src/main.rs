//! `layers`: a command in namespaces, a root file system of layers, and cgroups of its own.

use std::process::ExitCode;

use cgroups::actions;
use clap::{Parser, Subcommand};
use kit::Result;
use layers::cli::{DiffOptions, PackOptions, RunOptions, UnpackOptions};
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
    /// Unpack an archive into a layer, and print its digest
    Unpack(UnpackOptions),
    /// Pack a layer into an archive on standard output
    Pack(PackOptions),
    /// Show what a layer changes: A for added, C for changed, D for deleted
    Diff(DiffOptions),
    #[command(flatten)]
    Running(actions::Action),
}

fn main() -> ExitCode {
    let result = match kit::program::parse::<Cli>().map(|cli| cli.action) {
        Ok(Action::Run(options)) => run_container(&options),
        Ok(Action::Unpack(options)) => unpack(&options),
        Ok(Action::Pack(options)) => pack(&options),
        Ok(Action::Diff(options)) => diff(&options),
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

fn unpack(options: &UnpackOptions) -> Result<ExitCode> {
    let digest = options.unpack()?;
    kit::program::show(format!("{digest}\n").as_bytes())
}

fn pack(options: &PackOptions) -> Result<ExitCode> {
    if let Some(note) = options.pack(std::io::stdout().lock())? {
        kit::program::note(&note);
    }
    Ok(ExitCode::SUCCESS)
}

fn diff(options: &DiffOptions) -> Result<ExitCode> {
    kit::program::show(&options.lines()?)
}
