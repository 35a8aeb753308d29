//! The learner's commands, the instructor's, and those that prove the exercises sound.

mod check;
mod dev;
mod export;
mod grade;
mod hint;
mod progress;
mod solution;
mod start;
mod watch;

use std::io::{BufRead, IsTerminal, Write};
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::Subcommand;

use crate::exercise::catalogue::{self, Exercise};
use crate::exercise::workbook::Workbook;
use crate::repo::Repo;

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Begin an exercise, or go on with it: its files are put into workbook/SLUG
    Start(start::Arguments),
    /// Check your solution of an exercise, in containers that it may break
    Check(check::Arguments),
    /// Check it again each time you save
    Watch(watch::Arguments),
    /// Read the next hint
    Hint(hint::Arguments),
    /// Show the solution; asks first, unless you have passed
    Solution(solution::Arguments),
    /// What you have done, and what is left
    Progress,
    /// Grade what others have handed in, in containers that it may break
    Grade(grade::Arguments),
    /// Make a copy of the repository without solutions
    Export(export::Arguments),
    /// For those who write exercises
    Dev(dev::Arguments),
}

pub(crate) fn run(command: Command) -> Result<ExitCode> {
    match command {
        Command::Start(arguments) => start::run(&arguments),
        Command::Check(arguments) => check::run(&arguments),
        Command::Watch(arguments) => watch::run(&arguments),
        Command::Hint(arguments) => hint::run(&arguments),
        Command::Solution(arguments) => solution::run(&arguments),
        Command::Progress => progress::run(),
        Command::Grade(arguments) => grade::run(&arguments),
        Command::Export(arguments) => export::run(&arguments),
        Command::Dev(arguments) => dev::run(arguments),
    }
}

/// The repository, its exercises, and the learner's workbook.
struct Desk {
    repo: Repo,
    exercises: Vec<Exercise>,
    workbook: Workbook,
}

impl Desk {
    fn open() -> Result<Self> {
        let repo = Repo::find()?;
        Ok(Self {
            exercises: catalogue::load(&repo)?,
            workbook: Workbook::of(&repo),
            repo,
        })
    }

    /// The exercise of this name, or the one in progress.
    fn choose(&self, slug: Option<&str>) -> Result<&Exercise> {
        let Some(slug) = slug else {
            let progress = self.workbook.progress()?;
            let current =
                progress.current(self.exercises.iter().map(|exercise| exercise.slug.as_str()));
            let slug = current
                .context("no exercise is in progress: `cargo lab start` begins the next one")?;
            return catalogue::find(&self.exercises, slug);
        };
        catalogue::find(&self.exercises, slug)
    }

    /// The first that has not passed.
    fn next(&self) -> Result<Option<&Exercise>> {
        let progress = self.workbook.progress()?;
        Ok(crate::exercise::following(&self.exercises, |slug| {
            progress.entry(slug).passed.is_some()
        }))
    }
}

/// Asks on the terminal; without one, the answer is no.
fn confirmed(question: &str) -> Result<bool> {
    if !std::io::stdin().is_terminal() {
        return Ok(false);
    }
    let mut out = std::io::stdout().lock();
    write!(out, "{question} [y/N] ")?;
    out.flush()?;
    let mut answer = String::new();
    std::io::stdin().lock().read_line(&mut answer)?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}

/// A line beside the output: standard output is for the report.
fn aside(line: &str) {
    // A closed stderr has nobody to tell.
    let _ = writeln!(std::io::stderr(), "{line}");
}
