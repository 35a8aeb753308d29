//! `namespaces`: a command in namespaces of its own.

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use kit::Result;
use namespaces::Mechanisms;
use namespaces::cli::{EnterOptions, RunOptions, push_terminal, run};

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
    let namespaces = options.namespaces()?;
    let command = options.command(&namespaces.hostname)?;
    let mut mechanisms: Mechanisms = vec![Box::new(namespaces)];
    push_terminal(&mut mechanisms, &options.process);
    run(&command, mechanisms, options.pid_file.as_deref())
}
// ANCHOR_END: list

fn enter_container(options: &EnterOptions) -> Result<ExitCode> {
    let mut mechanisms: Mechanisms = vec![Box::new(options.join())];
    push_terminal(&mut mechanisms, &options.process);
    run(&options.command()?, mechanisms, None)
}
