//! What grading comes to: the data of the published schema, and the same as a table of comma-separated values.

use serde::Serialize;

use super::super::catalogue::Exercise;
use super::super::judge::Judgement;
use super::super::progress::Entry;
use super::find::Content;

/// The whole report. Its form is published in `exercises/grade.schema.json`.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Class {
    /// The version of the form.
    pub version: u32,
    /// What was graded.
    pub exercises: Vec<Assigned>,
    /// One for each learner, by name.
    pub submissions: Vec<Submission>,
}

/// An exercise that was graded.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Assigned {
    /// Its stable name.
    pub slug: String,
    /// One line about it.
    pub title: String,
    /// The step it belongs to.
    pub step: String,
    /// What it counts.
    pub points: u32,
    /// How long it should take.
    pub minutes: u32,
}

/// One learner's.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Submission {
    /// The name of the folder that was handed in.
    pub learner: String,
    /// From 0 to 100: the points earned, of those there are.
    pub score: f64,
    /// The points earned.
    pub points: f64,
    /// The points there are.
    pub of: u32,
    /// Time spent in seconds, as the learner's own progress file says.
    pub seconds: u64,
    /// Hints read, as that file says.
    pub hints: usize,
    /// What is wrong with that file, if it cannot be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// One for each exercise, in order.
    pub exercises: Vec<Graded>,
}

/// One exercise of one learner.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Graded {
    /// Which.
    pub slug: String,
    /// How it stands.
    pub state: State,
    /// The points earned.
    pub points: f64,
    /// The points there are.
    pub of: u32,
    /// Checks passed.
    pub passed: usize,
    /// Checks there are.
    pub checks: usize,
    /// Why checks failed.
    pub failures: Vec<Failure>,
    /// Misconceptions met: those the learner was told of on the way, and what this submission shows.
    pub misconceptions: Vec<String>,
    /// Hints read.
    pub hints: usize,
    /// Times it was checked before it passed.
    pub attempts: u32,
    /// Time spent in seconds.
    pub seconds: u64,
    /// Whether the solution was shown before it passed.
    pub solution_shown: bool,
}

/// How an exercise stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum State {
    /// All checks passed.
    Passed,
    /// Some did not.
    Failed,
    /// It does not compile.
    DoesNotCompile,
    /// The starter was handed in.
    Untouched,
    /// Nothing was handed in.
    Missing,
    /// What was handed in cannot be read.
    Unreadable,
}

impl State {
    /// For people.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Failed => "failed",
            Self::DoesNotCompile => "does not compile",
            Self::Untouched => "untouched",
            Self::Missing => "missing",
            Self::Unreadable => "unreadable",
        }
    }
}

/// Why a check failed.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Failure {
    /// The check's id; empty if the submission could not be checked at all.
    pub check: String,
    /// The kind of mistake.
    pub code: String,
    /// The sentence.
    pub text: String,
}

impl Class {
    pub(super) fn of(exercises: &[&Exercise]) -> Self {
        let assigned = exercises.iter().map(|exercise| Assigned {
            slug: exercise.slug.clone(),
            title: exercise.about.title.clone(),
            step: exercise.about.step.clone(),
            points: exercise.about.points,
            minutes: exercise.about.minutes,
        });
        Self {
            version: 1,
            exercises: assigned.collect(),
            submissions: Vec::new(),
        }
    }
}

impl Submission {
    pub(super) fn new(learner: &str, note: Option<String>, exercises: Vec<Graded>) -> Self {
        let points: f64 = exercises.iter().map(|graded| graded.points).sum();
        let of: u32 = exercises.iter().map(|graded| graded.of).sum();
        Self {
            learner: learner.to_owned(),
            score: rounded(100.0 * points / f64::from(of.max(1))),
            points: rounded(points),
            of,
            seconds: exercises.iter().map(|graded| graded.seconds).sum(),
            hints: exercises.iter().map(|graded| graded.hints).sum(),
            note,
            exercises,
        }
    }
}

impl Graded {
    pub(super) fn new(
        exercise: &Exercise,
        content: &Content,
        judgement: Option<&Judgement>,
        entry: &Entry,
    ) -> Self {
        let passed = judgement.map_or(0, Judgement::passed);
        let mut misconceptions = entry.misconceptions.clone();
        let shown = judgement.and_then(|judgement| judgement.misconception(exercise));
        misconceptions.extend(shown.map(|(name, _)| name.to_owned()));
        Self {
            slug: exercise.slug.clone(),
            state: state(content, judgement),
            points: judgement.map_or(0.0, |_| points(exercise, passed)),
            of: exercise.about.points,
            passed,
            checks: exercise.known.checks.len(),
            failures: failures(content, judgement),
            misconceptions: misconceptions.into_iter().collect(),
            hints: entry.hints,
            attempts: entry.attempts,
            seconds: entry.seconds,
            solution_shown: entry.solution_shown,
        }
    }
}

/// What the starter passes already earns nothing: the rest of the checks shares the points.
fn points(exercise: &Exercise, passed: usize) -> f64 {
    let free = exercise.known.passed_by_starter();
    let earned = passed.saturating_sub(free);
    let all = exercise.known.checks.len().saturating_sub(free).max(1);
    rounded(f64::from(exercise.about.points) * earned as f64 / all as f64)
}

fn rounded(number: f64) -> f64 {
    (number * 100.0).round() / 100.0
}

fn state(content: &Content, judgement: Option<&Judgement>) -> State {
    match (content, judgement) {
        (Content::Missing, _) => State::Missing,
        (Content::Untouched, _) => State::Untouched,
        (Content::Changed(_), Some(judgement)) if judgement.has_passed() => State::Passed,
        (Content::Changed(_), Some(Judgement::Broken(_))) => State::DoesNotCompile,
        (Content::Changed(_), Some(Judgement::Checked(_))) => State::Failed,
        (Content::Unreadable(_), _) | (Content::Changed(_), None) => State::Unreadable,
    }
}

fn failures(content: &Content, judgement: Option<&Judgement>) -> Vec<Failure> {
    /// As much of the compiler's messages as a grader reads.
    const MOST: usize = 2000;
    let whole = |code: &str, text: &str| {
        vec![Failure {
            check: String::new(),
            code: code.to_owned(),
            text: text.chars().take(MOST).collect(),
        }]
    };
    match (content, judgement) {
        (Content::Unreadable(why), _) => whole("unreadable", why),
        (_, Some(Judgement::Broken(messages))) => whole("does-not-compile", messages),
        (_, Some(Judgement::Checked(answers))) => answers
            .iter()
            .filter_map(|answer| {
                let finding = answer.finding.as_ref()?;
                Some(Failure {
                    check: answer.question.id.clone(),
                    code: finding.code.clone(),
                    text: finding.text.clone(),
                })
            })
            .collect(),
        _ => Vec::new(),
    }
}

/// One line for each learner, the points of each exercise in a column of its own (RFC 4180).
pub(crate) fn csv(class: &Class) -> String {
    let mut header: Vec<String> = [
        "learner",
        "score",
        "points",
        "of",
        "minutes",
        "hints",
        "misconceptions",
    ]
    .map(str::to_owned)
    .to_vec();
    header.extend(class.exercises.iter().map(|exercise| exercise.slug.clone()));
    let mut text = line(&header);
    for submission in &class.submissions {
        let met: Vec<String> = submission
            .exercises
            .iter()
            .flat_map(|graded| {
                graded
                    .misconceptions
                    .iter()
                    .map(move |name| format!("{}/{name}", graded.slug))
            })
            .collect();
        let mut fields = vec![
            submission.learner.clone(),
            submission.score.to_string(),
            submission.points.to_string(),
            submission.of.to_string(),
            (submission.seconds / 60).to_string(),
            submission.hints.to_string(),
            met.join(" "),
        ];
        fields.extend(
            submission
                .exercises
                .iter()
                .map(|graded| graded.points.to_string()),
        );
        text.push_str(&line(&fields));
    }
    text
}

fn line(fields: &[String]) -> String {
    let fields: Vec<String> = fields.iter().map(|field| quoted(field)).collect();
    fields.join(",") + "\r\n"
}

/// A field that a spreadsheet would take for a formula is given a quotation mark before it, since learners choose it.
fn quoted(field: &str) -> String {
    let is_number = field.parse::<f64>().is_ok();
    let field = match field.starts_with(['=', '+', '-', '@', '\t', '\r']) && !is_number {
        true => format!("'{field}"),
        false => field.to_owned(),
    };
    match field.contains([',', '"', '\n', '\r']) {
        true => format!("\"{}\"", field.replace('"', "\"\"")),
        false => field,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_learners_name_is_no_formula_and_breaks_no_line() {
        assert_eq!(quoted("ada"), "ada");
        assert_eq!(quoted("=1+1"), "'=1+1");
        assert_eq!(quoted("-5"), "-5");
        assert_eq!(quoted("a,\"b\"\n"), "\"a,\"\"b\"\"\n\"");
    }

    #[test]
    fn points_are_rounded_as_people_do() {
        assert_eq!(rounded(100.0 / 3.0), 33.33);
        assert_eq!(rounded(2.0 / 3.0 * 10.0), 6.67);
    }
}
