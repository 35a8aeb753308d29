//! Proof that the exercises are sound: `cargo lab dev check`.
//!
//! For every exercise: the starter compiles and fails for the reason that is written down, the solution passes, and each
//! wrong solution compiles and is rejected, each in its own way. All variants of all exercises are built by one cargo.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result};

use super::catalogue::{
    ABOUT, CHECK, Exercise, KNOWN, Kind, MUTANTS, SOLUTION, STARTER, TASK, entries, read,
};
use super::judge::{Judgement, judge};
use super::known::{Known, Misconception};
use super::workshop::{Work, Workshop, work_name};
use crate::privilege::Privilege;
use crate::repo::Repo;

/// What is wrong with an exercise: sentences.
pub(crate) type Faults = Vec<String>;

/// Which variant of an exercise a work is.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Variant {
    Starter,
    Solution,
    Mutant(String),
}

const LEAST_MUTANTS: usize = 4;
const HINTS: usize = 3;

/// Proves the exercises, and returns the faults of each that has some. With `bless`, what is written down of how they
/// fail is written anew.
pub(crate) fn prove(
    repo: &Repo,
    privilege: Privilege,
    exercises: &[&Exercise],
    bless: bool,
) -> Result<BTreeMap<String, Faults>> {
    let workshop = Workshop::open(repo, "prove")?;
    let mut works = Vec::new();
    let mut variants = Vec::new();
    let mut faults: BTreeMap<String, Faults> = BTreeMap::new();
    let fresh: Vec<Exercise> = exercises
        .iter()
        .map(|exercise| questioned(exercise, bless))
        .collect();
    for exercise in &fresh {
        faults.insert(exercise.slug.clone(), form(exercise)?);
        for (variant, work) in works_of(&workshop, exercise)? {
            variants.push(variant);
            works.push(work);
        }
    }
    let judgements = judge(repo, privilege, &workshop, &works)?;
    for exercise in &fresh {
        let of_it: Vec<_> = works
            .iter()
            .zip(&variants)
            .zip(&judgements)
            .filter(|((work, _), _)| work.exercise.slug == exercise.slug)
            .map(|((_, variant), judgement)| (variant, judgement))
            .collect();
        let list = faults.entry(exercise.slug.clone()).or_default();
        behaviour(exercise, &of_it, list);
        let now = observed(exercise, &of_it);
        match (&now, bless) {
            (Some(now), true) => kit::fs::write_atomically(
                &exercise.directory.join(KNOWN),
                now.to_json()?.as_bytes(),
            )?,
            (Some(now), false) if *now != exercise.known => {
                list.push(differs(&exercise.known, now));
            }
            _ => {}
        }
    }
    faults.retain(|_, list| !list.is_empty());
    Ok(faults)
}

/// When its failures are to be written anew, an exercise's check program is asked which checks it has.
fn questioned(exercise: &Exercise, bless: bool) -> Exercise {
    let mut exercise = exercise.clone();
    if bless {
        exercise.known = Known::default();
    }
    exercise
}

fn works_of<'e>(workshop: &Workshop, exercise: &'e Exercise) -> Result<Vec<(Variant, Work<'e>)>> {
    let mut sources = vec![(
        Variant::Starter,
        "starter".to_owned(),
        exercise.starter.clone(),
    )];
    if let Some(answers) = &exercise.answers {
        sources.push((
            Variant::Solution,
            "solution".to_owned(),
            answers.solution.solution(),
        ));
        for mutant in &answers.mutants {
            let text = answers.solution.mutated(mutant)?;
            sources.push((
                Variant::Mutant(mutant.name.clone()),
                format!("mutant-{}", mutant.name),
                text,
            ));
        }
    }
    sources
        .into_iter()
        .map(|(variant, label, text)| {
            let name = work_name(&[&exercise.slug, &label])?;
            let source = workshop.store(&name, &text)?;
            Ok((
                variant,
                Work {
                    label: format!("{label}.rs"),
                    name,
                    exercise,
                    source,
                },
            ))
        })
        .collect()
}

/// What can be seen without running anything.
fn form(exercise: &Exercise) -> Result<Faults> {
    let mut faults = Vec::new();
    let mut require = |holds: bool, fault: &str| {
        if !holds {
            faults.push(fault.to_owned());
        }
    };
    let about = &exercise.about;
    require(
        !about.title.trim().is_empty(),
        "exercise.toml: the title is empty",
    );
    require(
        (5..=90).contains(&about.minutes),
        "exercise.toml: minutes are not between 5 and 90",
    );
    require(about.points > 0, "exercise.toml: there are no points");
    require(!about.tags.is_empty(), "exercise.toml: there are no tags");
    require(
        about.hints.len() == HINTS,
        "exercise.toml: there must be three hints",
    );
    require(
        about.hints.iter().all(|hint| hint.trim().len() > 40),
        "exercise.toml: a hint is empty, or says nothing",
    );
    require(
        exercise.step_number != "99",
        "exercise.toml: there is no such step",
    );
    let task = read(&exercise.directory.join(TASK))?;
    require(
        task.starts_with("# "),
        "README.md: it does not begin with a title",
    );
    require(
        task.contains("## Your task"),
        "README.md: there is no section `Your task`",
    );
    if let Some(answers) = &exercise.answers {
        require(
            answers.mutants.len() >= LEAST_MUTANTS,
            "there are fewer than four mutants",
        );
        let differs = |text: &str| text != exercise.starter;
        require(
            differs(&answers.solution.solution()),
            "the starter is the solution",
        );
        let holes: Vec<_> = answers.solution.holes().map(|hole| &hole.name).collect();
        let missing = holes
            .iter()
            .find(|name| !task.contains(&format!("`{name}`")));
        if let (Some(name), Kind::Fill) = (missing, about.kind) {
            faults.push(format!("README.md: the hole `{name}` is not mentioned"));
        }
    }
    faults.extend(orphans(&exercise.directory, exercise.answers.is_some())?);
    Ok(faults)
}

/// Files that nothing uses.
fn orphans(directory: &Path, is_whole: bool) -> Result<Faults> {
    let mut faults = Vec::new();
    let place = if is_whole { SOLUTION } else { STARTER };
    let known = [ABOUT, TASK, KNOWN, CHECK, place];
    let mut folders = vec![directory.to_owned()];
    while let Some(folder) = folders.pop() {
        for path in entries(&folder)? {
            let name = path
                .strip_prefix(directory)
                .context("an entry is in its directory")?
                .to_owned();
            if path.is_dir() {
                folders.push(path);
            } else if !name.starts_with(MUTANTS)
                && !known.iter().any(|known| name == Path::new(known))
            {
                faults.push(format!("{} belongs to nothing", name.display()));
            }
        }
    }
    Ok(faults)
}

/// Whether each variant does what it is there for.
fn behaviour(exercise: &Exercise, judged: &[(&Variant, &Judgement)], faults: &mut Faults) {
    let mut seen: BTreeMap<Vec<String>, &str> = BTreeMap::new();
    for (variant, judgement) in judged {
        let failures: Vec<_> = judgement.fingerprint(exercise).into_iter().collect();
        if let Judgement::Broken(messages) = judgement {
            faults.push(format!("{variant:?} does not compile:\n{messages}"));
            continue;
        }
        if let Some(broken) = failures
            .iter()
            .find(|failure| failure.ends_with(":check-broken"))
        {
            faults.push(format!("{variant:?}: {broken}: {}", texts(judgement)));
        }
        match variant {
            Variant::Solution if !judgement.has_passed() => {
                faults.push(format!("the solution does not pass: {}", texts(judgement)));
            }
            Variant::Starter if judgement.has_passed() => {
                faults.push("the starter passes".to_owned())
            }
            Variant::Starter
                if exercise.about.kind == Kind::Fill
                    && !failures.iter().any(|f| f.ends_with(":hole")) =>
            {
                faults.push(format!(
                    "the starter does not fail for its holes, but for {}",
                    failures.join(", ")
                ));
            }
            Variant::Mutant(name) if judgement.has_passed() => {
                faults.push(format!("the mutant {name} passes"))
            }
            Variant::Mutant(name) => {
                if let Some(other) = seen.insert(failures.clone(), name) {
                    faults.push(format!(
                        "the mutants {other} and {name} fail alike: {}",
                        failures.join(", ")
                    ));
                }
            }
            _ => {}
        }
    }
}

fn texts(judgement: &Judgement) -> String {
    let Judgement::Checked(answers) = judgement else {
        return String::new();
    };
    let texts: Vec<_> = answers
        .iter()
        .filter_map(|answer| {
            let finding = answer.finding.as_ref()?;
            Some(format!(
                "\n  {} ({}): {} {}",
                answer.question.id, finding.code, finding.text, answer.output
            ))
        })
        .collect();
    texts.concat()
}

/// What was seen, in the form in which it is written down. A student's copy cannot see the mutants.
fn observed(exercise: &Exercise, judged: &[(&Variant, &Judgement)]) -> Option<Known> {
    let answers = exercise.answers.as_ref()?;
    let mut known = Known::default();
    for (variant, judgement) in judged {
        match variant {
            Variant::Starter => known.starter = judgement.fingerprint(exercise),
            Variant::Solution => {
                if let Judgement::Checked(answers) = judgement {
                    known.checks = answers
                        .iter()
                        .map(|answer| answer.question.clone())
                        .collect();
                }
            }
            Variant::Mutant(name) => {
                let mutant = answers.mutants.iter().find(|mutant| mutant.name == *name)?;
                let misconception = Misconception {
                    belief: mutant.belief.clone(),
                    truth: mutant.truth.clone(),
                    failures: judgement.fingerprint(exercise),
                };
                known.misconceptions.insert(name.clone(), misconception);
            }
        }
    }
    Some(known)
}

fn differs(written: &Known, now: &Known) -> String {
    let mut what = Vec::new();
    if written.checks != now.checks {
        what.push("the checks".to_owned());
    }
    if written.starter != now.starter {
        what.push(format!("the starter (now {})", list(&now.starter)));
    }
    for (name, misconception) in &now.misconceptions {
        if written.misconceptions.get(name) != Some(misconception) {
            what.push(format!("{name} (now {})", list(&misconception.failures)));
        }
    }
    let gone = written
        .misconceptions
        .keys()
        .filter(|name| !now.misconceptions.contains_key(*name));
    what.extend(gone.map(|name| format!("{name} (gone)")));
    format!(
        "failures.json is not what is seen: {}; `cargo lab dev check --bless` writes it anew",
        what.join("; ")
    )
}

fn list(failures: &super::known::Fingerprint) -> String {
    failures
        .iter()
        .map(String::as_str)
        .collect::<Vec<_>>()
        .join(", ")
}
