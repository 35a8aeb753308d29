//! `cargo lab watch [SLUG]`: checked again each time the learner saves.

use std::fs;
use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, SystemTime};

use anyhow::Result;

use super::{Desk, check};
use crate::ui::{self, say};

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The exercise; without it, the one in progress
    slug: Option<String>,
}

/// A save is seen by looking, and not by inotify(7), which hears nothing of what happens on the other side of a VM's
/// shared folder.
const INTERVAL: Duration = Duration::from_millis(250);

pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode> {
    let desk = Desk::open()?;
    let exercise = desk.choose(arguments.slug.as_deref())?;
    let source = desk.workbook.started_source(&exercise.slug)?;
    loop {
        let seen = state(&source);
        match check::once(&desk, exercise) {
            Ok(true) => return Ok(ExitCode::SUCCESS),
            Ok(false) => {}
            // The next save may mend it.
            Err(error) => ui::error(&error),
        }
        say!(
            "\nWaiting for you to save workbook/{}/src/lib.rs; ctrl-c ends this.",
            exercise.slug
        );
        while state(&source) == seen {
            std::thread::sleep(INTERVAL);
        }
        say!("\n{}", "─".repeat(72));
    }
}

/// What changes when the file is saved. An editor that replaces the file leaves a moment in which there is none.
fn state(source: &Path) -> Option<(SystemTime, u64)> {
    let metadata = fs::metadata(source).ok();
    let state = metadata.and_then(|metadata| Some((metadata.modified().ok()?, metadata.len())));
    if state.is_none() {
        std::thread::sleep(INTERVAL);
    }
    state
}
