//! Exercises: what there is, what a learner has done of it, and how work is judged.
//!
//! | file | what it holds |
//! |---|---|
//! | `catalogue`, `source`, `known` | `exercises/`: the tasks, the marked solutions, how the wrong ones fail |
//! | `workbook`, `progress` | `workbook/`: the learner's files, never overwritten, and progress |
//! | `workshop` | building: many sources, one cargo |
//! | `cell`, `glass`, `confine`, `guard`, `cells` | running: each check in a container, with limits |
//! | `judge`, `show` | from both to a judgement, and how it is told |
//! | `grade` | a class: points, times, misconceptions |
//! | `behaviour` | what a step's program must do, whoever wrote it |
//! | `export` | the students' copy |
//! | `prove` | that every exercise is sound |

pub(crate) mod behaviour;
pub(crate) mod catalogue;
pub(crate) mod cell;
pub(crate) mod cells;
mod confine;
pub(crate) mod export;
mod glass;
pub(crate) mod grade;
mod guard;
pub(crate) mod judge;
pub(crate) mod known;
pub(crate) mod progress;
pub(crate) mod prove;
pub(crate) mod show;
pub(crate) mod source;
pub(crate) mod workbook;
pub(crate) mod workshop;

use anyhow::Result;

use crate::repo::Repo;
use catalogue::Exercise;
use workbook::Workbook;

/// What a learner should do next, for `cargo lab` alone: a few lines, or none if there is nothing left.
pub(crate) fn next(repo: &Repo) -> Result<Vec<String>> {
    let exercises = catalogue::load(repo)?;
    let progress = Workbook::of(repo).progress()?;
    let passed = exercises
        .iter()
        .filter(|e| progress.entry(&e.slug).passed.is_some())
        .count();
    let current = progress.current(exercises.iter().map(|exercise| exercise.slug.as_str()));
    if let Some(exercise) = exercises
        .iter()
        .find(|exercise| Some(exercise.slug.as_str()) == current)
    {
        return Ok(vec![
            format!(
                "cargo lab check   you are at work on {} ({})",
                exercise.slug, exercise.about.title
            ),
            format!(
                "cargo lab hint    if you are stuck; edit workbook/{}/src/lib.rs",
                exercise.slug
            ),
        ]);
    }
    Ok(
        following(&exercises, |slug| progress.entry(slug).passed.is_some())
            .map(|exercise| {
                vec![format!(
                    "cargo lab start {}   the next exercise: {} ({} minutes; {passed} of {} done)",
                    exercise.slug,
                    exercise.about.title,
                    exercise.about.minutes,
                    exercises.len()
                )]
            })
            .unwrap_or_default(),
    )
}

/// The first exercise that has not passed.
pub(crate) fn following(
    exercises: &[Exercise],
    passed: impl Fn(&str) -> bool,
) -> Option<&Exercise> {
    exercises.iter().find(|exercise| !passed(&exercise.slug))
}
