//! The command line: one file per subcommand.

pub(crate) mod attack;
mod bench;
mod book;
mod image;
mod learn;
mod map;
mod next;
mod root;
mod run;
mod test;
mod trace;
mod up;
mod why;

use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};

use crate::vm;

/// The learner's, the instructor's and the developer's tool. Alone, it says what to do next.
#[derive(Parser)]
#[command(name = "cargo lab", bin_name = "cargo lab", version)]
struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand)]
enum Command {
    /// Make this machine ready, and run a first container
    Up,
    /// Build a step and run it, as root through sudo where needed
    Run(run::Arguments),
    /// Run every check and every test, here and in the VM
    Test(test::Arguments),
    /// Measure the steps against what one would run instead
    Bench(bench::Arguments),
    /// Attack every step's container and its naive example, and show what escapes
    Attack(attack::Arguments),
    /// The VM, in which all of this runs on macOS, on Windows, and on cgroup v2
    Vm(vm::Arguments),
    /// Build, show and execute the book
    Book(book::Arguments),
    /// Show the system calls of a container's start, with the step's markers between them
    Trace(trace::Arguments),
    /// Show namespaces, mounts, cgroups and links as they are, or what has changed in them
    Map(map::Arguments),
    /// Run a command, or take a failed system call, and name the cause on this system with its mend
    Why(why::Arguments),
    /// Make the default root file system
    #[command(hide = true)]
    Root(root::Arguments),
    #[command(flatten)]
    Learn(learn::Command),
}

/// Does what the command line says.
pub(crate) fn run() -> Result<ExitCode> {
    match Arguments::parse().command {
        None => next::run(),
        Some(Command::Up) => up::run(),
        Some(Command::Run(arguments)) => run::run(&arguments),
        Some(Command::Test(arguments)) => test::run(&arguments),
        Some(Command::Bench(arguments)) => bench::run(&arguments),
        Some(Command::Attack(arguments)) => attack::run(&arguments),
        Some(Command::Vm(arguments)) => vm::run(arguments),
        Some(Command::Book(arguments)) => book::run(&arguments),
        Some(Command::Trace(arguments)) => trace::run(&arguments),
        Some(Command::Map(arguments)) => map::run(&arguments),
        Some(Command::Why(arguments)) => why::run(&arguments),
        Some(Command::Root(arguments)) => root::run(&arguments),
        Some(Command::Learn(command)) => learn::run(command),
    }
}
