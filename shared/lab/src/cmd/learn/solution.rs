//! `cargo lab solution [SLUG]`: how we did it.

use std::process::ExitCode;

use anyhow::{Result, bail};

use super::{Desk, confirmed};
use crate::exercise::progress::Progress;
use crate::ui::say;

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The exercise; without it, the one in progress
    slug: Option<String>,
    /// Do not ask
    #[arg(long)]
    yes: bool,
}

pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode> {
    let desk = Desk::open()?;
    let exercise = desk.choose(arguments.slug.as_deref())?;
    let solution = exercise.answers()?.solution.solution();
    let entry = desk.workbook.progress()?.entry(&exercise.slug);
    if entry.passed.is_none() {
        let read = entry.hints.min(exercise.about.hints.len());
        let question = format!(
            "You have not passed {} yet, and have read {read} of {} hints. Show the solution all the same?",
            exercise.slug,
            exercise.about.hints.len()
        );
        if !arguments.yes && !confirmed(&question)? {
            bail!("the solution was not shown (`--yes` answers the question)");
        }
        Progress::update(&desk.workbook.directory, &exercise.slug, |entry| {
            entry.solution_shown = true
        })?;
    }
    say!("{}", solution.trim_end());
    Ok(ExitCode::SUCCESS)
}
