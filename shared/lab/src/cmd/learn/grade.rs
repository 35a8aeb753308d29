//! `cargo lab grade DIR`: what a class has done, as a table, JSON, CSV or a page.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Result, ensure};

use super::{Desk, aside};
use crate::cmd::root;
use crate::exercise::catalogue::{self, Exercise};
use crate::exercise::grade::{self, Class};
use crate::privilege::Privilege;
use crate::ui::{self, say};

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// A workbook, a repository with one in it, or a folder with one of these for each learner
    directory: PathBuf,
    /// Print JSON, of the form in exercises/grade.schema.json
    #[arg(long, group = "form")]
    json: bool,
    /// Print comma-separated values, a line for each learner
    #[arg(long, group = "form")]
    csv: bool,
    /// Print a page for the browser
    #[arg(long, group = "form")]
    html: bool,
    /// Grade these exercises alone (repeatable) [default: all]
    #[arg(long, value_name = "SLUG", value_delimiter = ',')]
    only: Vec<String>,
    /// Grade the exercises of these steps alone (repeatable)
    #[arg(long, value_name = "STEP", value_delimiter = ',')]
    step: Vec<String>,
}

pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode> {
    let desk = Desk::open()?;
    let exercises = chosen(&desk, arguments)?;
    let privilege = Privilege::acquire()?;
    root::ensure(privilege)?;
    let class = grade::grade(
        &desk.repo,
        privilege,
        &exercises,
        &arguments.directory,
        aside,
    )?;
    match (arguments.json, arguments.csv, arguments.html) {
        (true, ..) => say!("{}", serde_json::to_string_pretty(&class)?),
        (_, true, _) => say!("{}", grade::csv(&class).trim_end()),
        (.., true) => say!("{}", grade::page(&class).trim_end()),
        _ => table(&class),
    }
    Ok(ExitCode::SUCCESS)
}

fn chosen<'d>(desk: &'d Desk, arguments: &Arguments) -> Result<Vec<&'d Exercise>> {
    for slug in &arguments.only {
        catalogue::find(&desk.exercises, slug)?;
    }
    let wanted = |exercise: &&Exercise| {
        let by_slug = arguments.only.is_empty() || arguments.only.contains(&exercise.slug);
        by_slug && (arguments.step.is_empty() || arguments.step.contains(&exercise.about.step))
    };
    let chosen: Vec<_> = desk.exercises.iter().filter(wanted).collect();
    ensure!(
        !chosen.is_empty(),
        "there is no exercise of {}",
        arguments.step.join(", ")
    );
    Ok(chosen)
}

fn table(class: &Class) {
    let rows = class.submissions.iter().flat_map(|submission| {
        submission.exercises.iter().map(|graded| {
            vec![
                submission.learner.clone(),
                graded.slug.clone(),
                graded.state.word().to_owned(),
                format!("{} of {}", graded.points, graded.of),
                format!("{} of {}", graded.passed, graded.checks),
                graded.hints.to_string(),
                graded.misconceptions.join(" "),
            ]
        })
    });
    let header = [
        "LEARNER",
        "EXERCISE",
        "STATE",
        "POINTS",
        "CHECKS",
        "HINTS",
        "MISCONCEPTIONS",
    ];
    say!("{}", ui::table(&header, &[5], rows.collect()));
    let scores = class.submissions.iter().map(|submission| {
        vec![
            submission.learner.clone(),
            submission.score.to_string(),
            (submission.seconds / 60).to_string(),
        ]
    });
    say!(
        "\n{}",
        ui::table(&["LEARNER", "SCORE", "MINUTES"], &[1, 2], scores.collect())
    );
}
