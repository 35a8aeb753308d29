//! The exercises that there are: everything in `exercises/`, read and checked for being whole.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use serde::Deserialize;

use super::known::Known;
use super::source::{Mutant, Source};
use crate::repo::Repo;

/// One exercise.
#[derive(Clone, Debug)]
pub(crate) struct Exercise {
    /// Its stable name: the folder's.
    pub slug: String,
    /// Its folder.
    pub directory: PathBuf,
    /// `exercise.toml`.
    pub about: About,
    /// The number of its step, in the reader's order; a step that is not there comes last.
    pub step_number: String,
    /// What a learner starts from.
    pub starter: String,
    /// The solution and the wrong ones; a student's copy of the repository has none.
    pub answers: Option<Answers>,
    /// How the starter and the wrong solutions fail.
    pub known: Known,
}

/// What a student's copy lacks.
#[derive(Clone, Debug)]
pub(crate) struct Answers {
    /// The marked solution.
    pub solution: Source,
    /// The wrong ones, by name.
    pub mutants: Vec<Mutant>,
}

/// `exercise.toml`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct About {
    /// One line.
    pub title: String,
    /// The step it belongs to, by the name of its crate.
    pub step: String,
    /// Its place among the exercises of the step.
    pub order: u32,
    /// What kind of work it is.
    pub kind: Kind,
    /// How long it takes.
    pub minutes: u32,
    /// What it counts.
    pub points: u32,
    /// What it is about.
    pub tags: Vec<String>,
    /// Checks that a wrong solution may pass by luck: they count, but nobody is recognised by them.
    #[serde(default)]
    pub chance: Vec<String>,
    /// From a nudge to nearly the answer.
    pub hints: Vec<String>,
}

/// What kind of work an exercise is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Kind {
    /// Write what is missing.
    Fill,
    /// Find out what is wrong with a program that looks right.
    Bug,
    /// Make a program do more.
    Extend,
    /// Write the test that tells the right program from the wrong ones.
    Test,
}

impl Kind {
    /// As the learner reads it.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Fill => "fill the holes",
            Self::Bug => "find the bug",
            Self::Extend => "extend it",
            Self::Test => "write the test",
        }
    }
}

/// The names of what an exercise is made of.
pub(crate) const SOLUTION: &str = "src/lib.rs";
pub(crate) const CHECK: &str = "tests/check.rs";
pub(crate) const ABOUT: &str = "exercise.toml";
pub(crate) const TASK: &str = "README.md";
pub(crate) const MUTANTS: &str = "mutants";
pub(crate) const KNOWN: &str = "failures.json";
/// In a student's copy, in place of the solution.
pub(crate) const STARTER: &str = "starter.rs";

/// All exercises, in the reader's order.
pub(crate) fn load(repo: &Repo) -> Result<Vec<Exercise>> {
    let mut exercises = Vec::new();
    for directory in folders(&repo.root.join("exercises"))? {
        if directory.join(ABOUT).is_file() {
            let exercise = Exercise::load(repo, &directory);
            exercises.push(exercise.with_context(|| format!("in {}", directory.display()))?);
        }
    }
    exercises.sort_by(|a, b| a.place().cmp(&b.place()));
    Ok(exercises)
}

/// The exercise of this name.
pub(crate) fn find<'a>(exercises: &'a [Exercise], slug: &str) -> Result<&'a Exercise> {
    if let Some(exercise) = exercises.iter().find(|exercise| exercise.slug == slug) {
        return Ok(exercise);
    }
    let slugs: Vec<_> = exercises
        .iter()
        .map(|exercise| exercise.slug.as_str())
        .collect();
    bail!(
        "there is no exercise called {slug}; the exercises are {}",
        slugs.join(", ")
    )
}

impl Exercise {
    fn load(repo: &Repo, directory: &Path) -> Result<Self> {
        let name = directory.file_name().unwrap_or_default();
        let slug = name
            .to_str()
            .context("the folder's name is not UTF-8")?
            .to_owned();
        let about: About = toml::from_str(&read(&directory.join(ABOUT))?).context(ABOUT)?;
        let answers = match directory.join(SOLUTION).is_file() {
            true => Some(Answers::load(directory)?),
            false => None,
        };
        let starter = match &answers {
            Some(answers) => answers.solution.starter(),
            None => read(&directory.join(STARTER))?,
        };
        Ok(Self {
            step_number: step_number(repo, &about.step)?,
            known: Known::load(&directory.join(KNOWN))?,
            directory: directory.to_owned(),
            slug,
            about,
            starter,
            answers,
        })
    }

    fn place(&self) -> (&str, u32, &str) {
        (&self.step_number, self.about.order, &self.slug)
    }

    /// The solution and the wrong ones.
    pub(crate) fn answers(&self) -> Result<&Answers> {
        self.answers.as_ref().with_context(|| {
            format!(
                "this is a student's copy of the repository: it has no solution of {}",
                self.slug
            )
        })
    }
}

impl Answers {
    fn load(directory: &Path) -> Result<Self> {
        let solution = Source::parse(&read(&directory.join(SOLUTION))?).context(SOLUTION)?;
        let mut mutants = Vec::new();
        for path in entries(&directory.join(MUTANTS))? {
            let name = path.file_stem().and_then(|name| name.to_str());
            let is_rust = path.extension().is_some_and(|ending| ending == "rs");
            let name = name.filter(|_| is_rust);
            let name = name.with_context(|| format!("{} is no mutant", path.display()))?;
            mutants.push(Mutant::parse(name, &read(&path)?)?);
        }
        Ok(Self { solution, mutants })
    }
}

/// "02" for `steps/02-rootfs`; "99" for a step that has not been written.
fn step_number(repo: &Repo, step: &str) -> Result<String> {
    let found = folders(&repo.root.join("steps"))?
        .into_iter()
        .find_map(|folder| {
            let (number, name) = folder.file_name()?.to_str()?.split_once('-')?;
            (name == step).then(|| number.to_owned())
        });
    Ok(found.unwrap_or_else(|| "99".to_owned()))
}

/// The folders in `directory`, sorted.
pub(crate) fn folders(directory: &Path) -> Result<Vec<PathBuf>> {
    let mut entries = entries(directory)?;
    entries.retain(|path| path.is_dir());
    Ok(entries)
}

/// What is in `directory`, sorted; nothing if it is not there.
pub(crate) fn entries(directory: &Path) -> Result<Vec<PathBuf>> {
    if !directory.exists() {
        return Ok(Vec::new());
    }
    let entries =
        fs::read_dir(directory).with_context(|| format!("cannot list {}", directory.display()))?;
    let mut paths: Vec<_> = entries
        .map(|entry| Ok(entry?.path()))
        .collect::<Result<_>>()?;
    paths.sort();
    Ok(paths)
}

/// The file's text.
pub(crate) fn read(path: &Path) -> Result<String> {
    let text =
        fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    ensure!(!text.is_empty(), "{} is empty", path.display());
    Ok(text)
}
