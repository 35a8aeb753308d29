//! `cargo lab progress`: what has been done, and what is left.

use std::process::ExitCode;
use std::time::Duration;

use anyhow::Result;

use super::Desk;
use crate::exercise::catalogue::Exercise;
use crate::exercise::progress::Entry;
use crate::ui::{self, say};

pub(crate) fn run() -> Result<ExitCode> {
    let desk = Desk::open()?;
    let progress = desk.workbook.progress()?;
    let mut rows = Vec::new();
    let (mut earned, mut all) = (0, 0);
    for exercise in &desk.exercises {
        let entry = progress.entry(&exercise.slug);
        all += exercise.about.points;
        if entry.passed.is_some() {
            earned += exercise.about.points;
        }
        rows.push(row(exercise, &entry));
    }
    let header = [
        "STEP", "EXERCISE", "KIND", "STATE", "POINTS", "TIME", "CHECKS", "HINTS",
    ];
    say!("{}", ui::table(&header, &[4, 5, 6, 7], rows));
    say!("\n{earned} of {all} points.");
    if let Some(next) = desk.next()? {
        say!(
            "Next: {}, {} ({} minutes)",
            next.slug,
            next.about.title,
            next.about.minutes
        );
    }
    Ok(ExitCode::SUCCESS)
}

fn row(exercise: &Exercise, entry: &Entry) -> Vec<String> {
    let about = &exercise.about;
    let state = match (entry.passed, entry.started) {
        (Some(_), _) if entry.solution_shown => "passed, solution read",
        (Some(_), _) => "passed",
        (None, 0) => "",
        (None, _) => "in progress",
    };
    let time = match entry.seconds {
        0 => String::new(),
        seconds => ui::duration(Duration::from_secs(seconds)),
    };
    vec![
        about.step.clone(),
        exercise.slug.clone(),
        about.kind.word().to_owned(),
        state.to_owned(),
        about.points.to_string(),
        time,
        entry.attempts.to_string(),
        entry.hints.to_string(),
    ]
}
