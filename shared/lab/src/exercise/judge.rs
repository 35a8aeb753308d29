//! From a source to a judgement: build it, run its checks in cells, say what the failures mean.

use anyhow::{Context, Result};
use checks::Finding;
use checks::protocol::Question;

use super::catalogue::Exercise;
use super::cells::{self, Checked, Job, Report};
use super::known::{Fingerprint, Misconception};
use super::workshop::{Built, Work, Workshop};
use crate::privilege::Privilege;
use crate::repo::Repo;

/// What is to be said of one source.
#[derive(Clone, Debug)]
pub(crate) enum Judgement {
    /// It does not compile: the compiler's messages.
    Broken(String),
    /// What each check came to, in order.
    Checked(Vec<Answer>),
}

/// One check's answer.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    /// What was asked.
    pub question: Question,
    /// Why it failed, if it did.
    pub finding: Option<Finding>,
    /// What the submission printed: the beginning of it, and how much it was in all.
    pub output: String,
    /// In bytes.
    pub printed: u64,
}

/// The fingerprint of what does not compile.
pub(crate) const DOES_NOT_COMPILE: &str = "does-not-compile";

impl Judgement {
    /// Whether every check passed.
    pub(crate) fn has_passed(&self) -> bool {
        matches!(self, Self::Checked(answers) if !answers.is_empty() && answers.iter().all(|a| a.finding.is_none()))
    }

    /// How many checks passed.
    pub(crate) fn passed(&self) -> usize {
        match self {
            Self::Broken(_) => 0,
            Self::Checked(answers) => answers
                .iter()
                .filter(|answer| answer.finding.is_none())
                .count(),
        }
    }

    /// What failed and how, but for what depends on luck.
    pub(crate) fn fingerprint(&self, exercise: &Exercise) -> Fingerprint {
        match self {
            Self::Broken(_) => [DOES_NOT_COMPILE.to_owned()].into(),
            Self::Checked(answers) => answers
                .iter()
                .filter(|answer| !exercise.about.chance.contains(&answer.question.id))
                .filter_map(|answer| {
                    let finding = answer.finding.as_ref()?;
                    Some(format!("{}:{}", answer.question.id, finding.code))
                })
                .collect(),
        }
    }

    /// The misconception that fails in this way, by name.
    pub(crate) fn misconception<'e>(
        &self,
        exercise: &'e Exercise,
    ) -> Option<(&'e str, &'e Misconception)> {
        exercise.known.recognise(&self.fingerprint(exercise))
    }
}

/// Judges all works at once.
pub(crate) fn judge(
    repo: &Repo,
    privilege: Privilege,
    workshop: &Workshop,
    works: &[Work<'_>],
) -> Result<Vec<Judgement>> {
    let built = workshop.build(repo, works)?;
    run_checks(privilege, works, &built)
}

/// The second half of [`judge`], for works that have been built.
pub(crate) fn run_checks(
    privilege: Privilege,
    works: &[Work<'_>],
    built: &[Built],
) -> Result<Vec<Judgement>> {
    let mut jobs = Vec::new();
    let mut judgements = Vec::new();
    for (work, built) in works.iter().zip(built) {
        judgements.push(match built {
            Built::Broken(messages) => Some(Judgement::Broken(work.labelled(messages))),
            Built::Program(program) => {
                let known = &work.exercise.known.checks;
                let checks = known.iter().map(|question| question.id.clone()).collect();
                jobs.push(Job::ask(program.clone(), checks));
                None
            }
        });
    }
    let mut reports: Vec<Option<Report>> = vec![None; jobs.len()];
    if !jobs.is_empty() {
        cells::run(privilege, &jobs, |report| {
            let index = report.job;
            reports[index] = Some(report);
        })?;
    }
    let mut reports = reports.into_iter();
    works
        .iter()
        .zip(judgements)
        .map(|(work, judgement)| match judgement {
            Some(judgement) => Ok(judgement),
            None => {
                let report = reports.next().flatten();
                Ok(read(work, report.context("a check has not been reported")?))
            }
        })
        .collect()
}

fn read(work: &Work<'_>, report: Report) -> Judgement {
    let known = &work.exercise.known.checks;
    let questions = if report.questions.is_empty() {
        known.clone()
    } else {
        report.questions
    };
    let labelled = |finding: Finding| Finding::new(finding.code, work.labelled(&finding.text));
    let answer = |(question, checked): (Question, Checked)| Answer {
        question,
        finding: checked.finding.map(labelled),
        output: checked.output,
        printed: checked.printed,
    };
    Judgement::Checked(
        questions
            .into_iter()
            .zip(report.checks)
            .map(answer)
            .collect(),
    )
}
