//! `rootfs`: a command in namespaces and a root file system of its own.

use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};
use kit::id::Id;
use kit::{Error, Result};
use namespaces::cli::{JoinOptions, NamespaceOptions, ProcessOptions, StartOptions, run};
use namespaces::{Defaults, Mechanisms, Process, Terminal};
use rootfs::Rootfs;
use rootfs::cli::{RootOptions, table};

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
}
// ANCHOR_END: options

#[derive(Args)]
struct EnterOptions {
    #[command(flatten)]
    join: JoinOptions,
    #[command(flatten)]
    process: ProcessOptions,
}

#[derive(Args)]
struct PlanOptions {
    #[command(flatten)]
    run: RunOptions,

    /// Print JSON
    #[arg(long)]
    json: bool,
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

// ANCHOR: list
fn run_container(options: &RunOptions) -> Result<ExitCode> {
    let id = Id::random()?.short();
    let namespaces = options.namespaces.namespaces(&id)?;
    let root = options.root.options(None, [])?;
    let wanted = options
        .process
        .wanted(&namespaces.hostname, &options.start)?;
    let process = Process::new(&wanted, &Defaults::default());
    let streams = options.process.streams();
    let mechanisms = Mechanisms::new()
        .and(namespaces)
        .and_if(root.map(Rootfs::new))
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

fn show_plan(options: &PlanOptions) -> Result<ExitCode> {
    let root = options.run.root.options(None, [])?.ok_or_else(|| {
        Error::new("there is nothing to mount").hint("name a root file system with --rootfs DIR")
    })?;
    let table = table(options.run.namespaces.namespaces("plan")?, &root)?;
    let text = match options.json {
        true => serde_json::to_string_pretty(&table)
            .map_err(|error| Error::new(format!("cannot write the plan as JSON: {error}")))?,
        false => table.to_string().trim_end().to_owned(),
    };
    kit::program::show(format!("{text}\n").as_bytes())
}
