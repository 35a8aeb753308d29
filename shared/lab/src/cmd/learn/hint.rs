//! `cargo lab hint [SLUG]`: one more hint than before.

use std::process::ExitCode;

use anyhow::Result;

use super::Desk;
use crate::exercise::progress::Progress;
use crate::exercise::show::wrapped;
use crate::ui::say;

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The exercise; without it, the one in progress
    slug: Option<String>,
}

pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode> {
    let desk = Desk::open()?;
    let exercise = desk.choose(arguments.slug.as_deref())?;
    let hints = &exercise.about.hints;
    let progress = Progress::update(&desk.workbook.directory, &exercise.slug, |entry| {
        entry.hints = (entry.hints + 1).min(hints.len());
    })?;
    let read = progress.entry(&exercise.slug).hints;
    for (number, hint) in hints.iter().take(read).enumerate() {
        say!("{} of {}\n{}", number + 1, hints.len(), wrapped(hint, "  "));
    }
    if read == hints.len() {
        say!(
            "These are all. `cargo lab solution {}` shows the solution.",
            exercise.slug
        );
    }
    Ok(ExitCode::SUCCESS)
}
