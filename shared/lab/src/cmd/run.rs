//! `cargo lab run STEP ARGS…`: built as the user, run as root.

use std::ffi::OsString;
use std::os::unix::process::CommandExt;
use std::process::{Command, ExitCode};

use anyhow::{Context, Result, bail};

use crate::privilege::Privilege;
use crate::repo::{Repo, Step};
use crate::ui;

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Run it as you are: for what needs no root, such as a container in a user namespace
    #[arg(long)]
    no_sudo: bool,
    /// The step's name; without one, they are listed
    step: Option<String>,
    /// What the step is to do
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    arguments: Vec<OsString>,
}

pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode> {
    let repo = Repo::find()?;
    let steps = repo.steps()?;
    let Some(name) = &arguments.step else {
        ui::say!("{}", list(&steps));
        return Ok(ExitCode::SUCCESS);
    };
    if !steps.iter().any(|step| step.name == *name) {
        bail!(
            "there is no step called {name}; the steps are\n{}",
            list(&steps)
        );
    }
    let programs = repo.build_release(&[name])?;
    let program = programs
        .get(name)
        .with_context(|| format!("cargo has built no program for {name}"))?;
    let mut command = if arguments.no_sudo {
        Command::new(program)
    } else {
        Privilege::acquire()?.command(program)
    };
    // Replaced, not waited for: signals, the terminal and the exit code are the step's own.
    let error = command.args(&arguments.arguments).exec();
    Err(error).with_context(|| format!("cannot run {}", program.display()))
}

/// One line per step.
pub(crate) fn list(steps: &[Step]) -> String {
    let lines: Vec<_> = steps
        .iter()
        .map(|step| {
            let number = step.folder.split('-').next().unwrap_or_default();
            format!("  {number} {:<12} {}", step.name, step.description)
        })
        .collect();
    lines.join("\n")
}
