//! `rootfs`: a command in namespaces and a root file system of its own.

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use kit::{Error, Result};
use namespaces::Mechanisms;
use namespaces::cli::{EnterOptions, push_terminal, run};
use rootfs::cli::{PlanOptions, RunOptions};

/// Run a command in namespaces and a root file system of its own.
#[derive(Parser)]
#[command(name = "rootfs", version)]
struct Cli {
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand)]
enum Action {
    /// Run a command in new namespaces, with a root file system of its own
    Run(RunOptions),
    /// Run a command in the namespaces of a process
    Enter(EnterOptions),
    /// Show what `run` with the same options would mount, without doing it
    Plan(PlanOptions),
}

fn main() -> ExitCode {
    let result = match kit::program::parse::<Cli>().map(|cli| cli.action) {
        Ok(Action::Run(options)) => run_container(&options),
        Ok(Action::Enter(options)) => enter_container(&options),
        Ok(Action::Plan(options)) => show_plan(&options),
        Err(code) => Ok(code),
    };
    kit::program::finish("rootfs", result)
}

fn run_container(options: &RunOptions) -> Result<ExitCode> {
    let namespaces = options.namespaces()?;
    let command = options.namespaces.command(&namespaces.hostname)?;
    let mut mechanisms: Mechanisms = vec![Box::new(namespaces)];
    if let Some(rootfs) = options.root.rootfs()? {
        mechanisms.push(Box::new(rootfs));
    }
    push_terminal(&mut mechanisms, &options.namespaces.process);
    run(&command, mechanisms, options.namespaces.pid_file.as_deref())
}

fn enter_container(options: &EnterOptions) -> Result<ExitCode> {
    let mut mechanisms: Mechanisms = vec![Box::new(options.join())];
    push_terminal(&mut mechanisms, &options.process);
    run(&options.command()?, mechanisms, None)
}

fn show_plan(options: &PlanOptions) -> Result<ExitCode> {
    let table = options.table()?.ok_or_else(|| {
        Error::new("there is nothing to mount").hint("name a root file system with --rootfs DIR")
    })?;
    let text = match options.json {
        true => serde_json::to_string_pretty(&table)
            .map_err(|error| Error::new(format!("cannot write the plan as JSON: {error}")))?,
        false => table.to_string().trim_end().to_owned(),
    };
    kit::program::show(format!("{text}\n").as_bytes())
}
