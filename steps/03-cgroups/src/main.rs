//! `cgroups`: a command in namespaces, a root file system and cgroups of its own.

mod show;

use std::process::ExitCode;

use cgroups::cli::RunOptions;
use cgroups::{Join, control, record};
use clap::{Args, Parser, Subcommand};
use kit::Result;
use namespaces::Mechanisms;
use namespaces::cli::{EnterOptions, push_terminal, run};
use nix::unistd::Pid;

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
    /// Run a command in the namespaces and cgroups of a process
    Enter(EnterOptions),
    /// List the containers that run
    Ls,
    /// Show what containers use
    Stats(show::StatsOptions),
    /// Stop all processes of a container where they are
    Freeze(Name),
    /// Let them go on
    Thaw(Name),
    /// Kill all processes of a container
    Kill(Name),
}

#[derive(Args)]
struct Name {
    /// The container's name, or the beginning of its id
    name: String,
}

fn main() -> ExitCode {
    let result = match kit::program::parse::<Cli>().map(|cli| cli.action) {
        Ok(Action::Run(options)) => run_container(&options),
        Ok(Action::Enter(options)) => enter_container(&options),
        Ok(Action::Ls) => show::list(),
        Ok(Action::Stats(options)) => show::stats(&options),
        Ok(Action::Freeze(Name { name })) => with(&name, control::freeze),
        Ok(Action::Thaw(Name { name })) => with(&name, control::thaw),
        Ok(Action::Kill(Name { name })) => with(&name, control::kill),
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

fn enter_container(options: &EnterOptions) -> Result<ExitCode> {
    let cgroups = Join::new(Pid::from_raw(options.pid));
    let mut mechanisms: Mechanisms = vec![Box::new(cgroups), Box::new(options.join())];
    push_terminal(&mut mechanisms, &options.process);
    run(&options.command()?, mechanisms, None)
}

fn with(name: &str, action: fn(&cgroups::Group) -> Result<()>) -> Result<ExitCode> {
    let (_, group) = record::find(name)?;
    action(&group)?;
    Ok(ExitCode::SUCCESS)
}
