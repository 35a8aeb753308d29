//! `cargo lab export --student DIR`: the repository as a student gets it.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;

use super::Desk;
use crate::exercise::export;
use crate::ui::say;

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Make a copy without solutions and without history in this directory
    #[arg(long, value_name = "DIR", required = true)]
    student: PathBuf,
}

pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode> {
    let desk = Desk::open()?;
    let files = export::students(&desk.repo, &desk.exercises, &arguments.student)?;
    say!(
        "{}: {files} files, and no solution among them.",
        arguments.student.display()
    );
    Ok(ExitCode::SUCCESS)
}
