//! `cargo lab check [SLUG]`: is it right, and if not, what does the kernel show instead?

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result};

use super::Desk;
use crate::cmd::root;
use crate::exercise::catalogue::Exercise;
use crate::exercise::judge::{Judgement, judge};
use crate::exercise::progress::{Progress, now};
use crate::exercise::workshop::{Work, Workshop, work_name};
use crate::exercise::{behaviour, show};
use crate::privilege::Privilege;
use crate::ui::say;

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The exercise; without it, the one in progress
    slug: Option<String>,
    /// Check a program of your own instead, in whatever language: has it the command line of a step, and does what the
    /// step's program must do?
    #[arg(long, value_name = "PATH", conflicts_with = "slug")]
    bin: Option<PathBuf>,
    /// The step that the program is to be like [default: the program's own name]
    #[arg(long, value_name = "STEP", requires = "bin")]
    step: Option<String>,
}

pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode> {
    if let Some(program) = &arguments.bin {
        return check_program(program, arguments.step.as_deref());
    }
    let desk = Desk::open()?;
    let exercise = desk.choose(arguments.slug.as_deref())?;
    Ok(if once(&desk, exercise)? {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// The behaviour of a program that has the command line of a step.
fn check_program(program: &Path, step: Option<&str>) -> Result<ExitCode> {
    let name = program.file_stem().unwrap_or_default().to_string_lossy();
    let step = step.unwrap_or(&name);
    // A step that is not known is said before anybody is asked for a password.
    behaviour::checks(step)?;
    let privilege = Privilege::acquire()?;
    root::ensure(privilege)?;
    let answers = behaviour::ask(privilege, step, program)?;
    say!(
        "{}, as {step}:\n\n{}",
        program.display(),
        show::answers(&answers)
    );
    let passed = answers.iter().all(|answer| answer.finding.is_none());
    Ok(if passed {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// Checks the learner's work on one exercise, tells the result, and writes the progress. True if it passed.
pub(super) fn once(desk: &Desk, exercise: &Exercise) -> Result<bool> {
    let source = desk.workbook.started_source(&exercise.slug)?;
    let text = fs::read(&source).with_context(|| format!("cannot read {}", source.display()))?;
    let privilege = Privilege::acquire()?;
    root::ensure(privilege)?;
    let workshop = Workshop::open(&desk.repo, "check")?;
    let work = Work {
        name: work_name(&["my", &exercise.slug])?,
        exercise,
        label: desk.workbook.shown(&source),
        source,
    };
    say!("{}: {}", exercise.slug, exercise.about.title);
    let judgements = judge(&desk.repo, privilege, &workshop, &[work])?;
    let judgement = judgements.first().context("one source has one judgement")?;
    let is_starter = text == exercise.starter.as_bytes();
    say!("\n{}", show::judgement(exercise, judgement, is_starter));
    record(desk, exercise, judgement, is_starter)?;
    conclude(desk, exercise, judgement)?;
    Ok(judgement.has_passed())
}

fn record(desk: &Desk, exercise: &Exercise, judgement: &Judgement, is_starter: bool) -> Result<()> {
    Progress::update(&desk.workbook.directory, &exercise.slug, |entry| {
        if entry.passed.is_some() {
            return;
        }
        entry.attempts += u32::from(!is_starter);
        if judgement.has_passed() {
            entry.passed = Some(now());
        }
        if let Some((name, _)) = judgement.misconception(exercise).filter(|_| !is_starter) {
            entry.misconceptions.insert(name.to_owned());
        }
    })
    .map(drop)
}

/// What to do next.
fn conclude(desk: &Desk, exercise: &Exercise, judgement: &Judgement) -> Result<()> {
    let slug = &exercise.slug;
    if !judgement.has_passed() {
        say!(
            "\nEdit workbook/{slug}/src/lib.rs and check again; `cargo lab hint` if you are stuck."
        );
        return Ok(());
    }
    say!(
        "\n{slug} has passed: {} points. `cargo lab solution {slug}` shows how we did it.",
        exercise.about.points
    );
    match desk.next()? {
        Some(next) => say!(
            "Next: cargo lab start {}   ({}, {} minutes)",
            next.slug,
            next.about.title,
            next.about.minutes
        ),
        None => say!("That was the last one: you have passed them all."),
    }
    Ok(())
}
