//! `namespaces`: a command in namespaces of its own.

use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};
use kit::Result;
use kit::id::Id;
use namespaces::cli::{JoinOptions, NamespaceOptions, ProcessOptions, StartOptions, run};
use namespaces::{Defaults, Mechanisms, Process, Terminal};

/// Run a command in namespaces of its own, or enter those of a running one.
#[derive(Parser)]
#[command(name = "namespaces", version)]
struct Cli {
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand)]
enum Action {
    /// Run a command in new namespaces
    Run(RunOptions),
    /// Run a command in the namespaces of a process
    Enter(EnterOptions),
}

// ANCHOR: options
#[derive(Args)]
struct RunOptions {
    #[command(flatten)]
    namespaces: NamespaceOptions,
    #[command(flatten)]
    start: StartOptions,
    #[command(flatten)]
    process: ProcessOptions,
}
// ANCHOR_END: options

#[derive(Args)]
struct EnterOptions {
    #[command(flatten)]
    join: JoinOptions,
    #[command(flatten)]
    process: ProcessOptions,
}

fn main() -> ExitCode {
    let result = match kit::program::parse::<Cli>().map(|cli| cli.action) {
        Ok(Action::Run(options)) => run_container(&options),
        Ok(Action::Enter(options)) => enter_container(&options),
        Err(code) => Ok(code),
    };
    kit::program::finish("namespaces", result)
}

// ANCHOR: list
fn run_container(options: &RunOptions) -> Result<ExitCode> {
    let id = Id::random()?.short();
    let namespaces = options.namespaces.namespaces(&id)?;
    let wanted = options
        .process
        .wanted(&namespaces.hostname, &options.start)?;
    let process = Process::new(&wanted, &Defaults::default());
    let streams = options.process.streams();
    let mechanisms = Mechanisms::new()
        .and(namespaces)
        .and_if(Terminal::of(&process, &streams));
    run(
        &process,
        streams,
        mechanisms,
        options.start.pid_file.as_deref(),
    )
}
// ANCHOR_END: list

fn enter_container(options: &EnterOptions) -> Result<ExitCode> {
    let process = Process::new(&options.process.entering()?, &Defaults::default());
    let streams = options.process.streams();
    let mechanisms = Mechanisms::new()
        .and(options.join.join())
        .and_if(Terminal::of(&process, &streams));
    run(&process, streams, mechanisms, None)
}
