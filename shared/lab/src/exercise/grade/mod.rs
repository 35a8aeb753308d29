//! Grading: a folder of submissions, or a single one, to points, times, hints and misconceptions.
//!
//! A submission is somebody else's program. It is compiled and run in cells, so that one which forks without end, fills
//! the disk, hangs or kills what it sees is judged like any other, and harms nothing.

mod compile;
mod find;
mod html;
mod report;

pub(crate) use html::page;
pub(crate) use report::{Class, csv};

use std::path::Path;

use anyhow::Result;

use super::catalogue::Exercise;
use super::judge::{Judgement, run_checks};
use super::workshop::{Built, Work, Workshop, work_name};
use crate::privilege::Privilege;
use crate::repo::Repo;
use find::{Content, Learner};
use report::{Graded, Submission};

/// Grades what is in `directory`. `tell` is given a line about each learner as it is done.
pub(crate) fn grade(
    repo: &Repo,
    privilege: Privilege,
    exercises: &[&Exercise],
    directory: &Path,
    mut tell: impl FnMut(&str),
) -> Result<Class> {
    let learners = find::learners(directory, exercises)?;
    let workshop = Workshop::open(repo, "grade")?;
    let compiler = compile::Compiler::prepare(repo, privilege, &workshop, exercises, directory)?;
    let mut class = Class::of(exercises);
    for (number, learner) in learners.iter().enumerate() {
        let submission = one(&compiler, &workshop, exercises, learner, number)?;
        tell(&format!(
            "{}: {} of 100",
            submission.learner, submission.score
        ));
        class.submissions.push(submission);
    }
    Ok(class)
}

fn one(
    compiler: &compile::Compiler<'_>,
    workshop: &Workshop,
    exercises: &[&Exercise],
    learner: &Learner,
    number: usize,
) -> Result<Submission> {
    let mut works = Vec::new();
    let mut contents = Vec::new();
    for &exercise in exercises {
        let content = learner.content(exercise);
        if let Content::Changed(text) = &content {
            let name = work_name(&[&format!("s{number}"), &exercise.slug])?;
            let source = workshop.store(&name, text)?;
            works.push(Work {
                name,
                exercise,
                source,
                label: "src/lib.rs".to_owned(),
            });
        }
        contents.push(content);
    }
    let built: Vec<Built> = compiler.build(workshop, &works)?;
    let judgements = run_checks(compiler.privilege(), &works, &built)?;
    workshop.discard(&works, &built)?;
    let mut judgements = works
        .iter()
        .map(|work| work.exercise.slug.as_str())
        .zip(judgements);
    let graded = exercises.iter().zip(contents).map(|(exercise, content)| {
        let judgement: Option<Judgement> = match content {
            Content::Changed(_) => judgements.next().map(|(_, judgement)| judgement),
            _ => None,
        };
        let entry = learner.progress.entry(&exercise.slug);
        Graded::new(exercise, &content, judgement.as_ref(), &entry)
    });
    Ok(Submission::new(
        &learner.name,
        learner.note.clone(),
        graded.collect(),
    ))
}
