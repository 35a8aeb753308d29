//! What can be done to containers that run: commands of this step's program, and of all later ones.

use std::process::ExitCode;

use clap::{Args, Subcommand};
use kit::Result;
use namespaces::cli::{JoinOptions, ProcessOptions, run};
use namespaces::{Defaults, Mechanisms, Process, Terminal};
use nix::unistd::Pid;

use crate::group::Group;
use crate::join::Join;
use crate::show::{self, StatsOptions};
use crate::{control, record};

/// A command on containers that run.
#[derive(Clone, Debug, Subcommand)]
pub enum Action {
    /// Run a command in the namespaces and cgroups of a process
    Enter(EnterOptions),
    /// List the containers that run
    Ls,
    /// Show what containers use
    Stats(StatsOptions),
    /// Stop all processes of a container where they are
    Freeze(Name),
    /// Let them go on
    Thaw(Name),
    /// Kill all processes of a container
    Kill(Name),
}

/// A process that is entered, and what is run there.
#[derive(Args, Clone, Debug)]
pub struct EnterOptions {
    #[command(flatten)]
    join: JoinOptions,
    #[command(flatten)]
    process: ProcessOptions,
}

/// Which container.
#[derive(Args, Clone, Debug)]
pub struct Name {
    /// The container's name, or the beginning of its id
    name: String,
}

impl Action {
    /// Does it.
    ///
    /// # Errors
    /// There is no such container, or the kernel refuses.
    pub fn run(&self) -> Result<ExitCode> {
        match self {
            Self::Enter(options) => enter_container(options),
            Self::Ls => print(&show::list()?),
            Self::Stats(options) => print(&show::stats(options)?),
            Self::Freeze(Name { name }) => with(name, control::freeze),
            Self::Thaw(Name { name }) => with(name, control::thaw),
            Self::Kill(Name { name }) => with(name, control::kill),
        }
    }
}

fn enter_container(options: &EnterOptions) -> Result<ExitCode> {
    let process = Process::new(&options.process.entering()?, &Defaults::default());
    let streams = options.process.streams();
    let mechanisms = Mechanisms::new()
        .and(Join::new(Pid::from_raw(options.join.pid)))
        .and(options.join.join())
        .and_if(Terminal::of(&process, &streams));
    run(&process, streams, mechanisms, None)
}

fn with(name: &str, action: fn(&Group) -> Result<()>) -> Result<ExitCode> {
    let (_, group) = record::find(name)?;
    action(&group)?;
    Ok(ExitCode::SUCCESS)
}

fn print(text: &str) -> Result<ExitCode> {
    kit::program::show(format!("{text}\n").as_bytes())
}
