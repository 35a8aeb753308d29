//! `book/data/matrix.toml`: what is known of each cell, and how a run differs from it.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result};
use attacks::Outcome;
use serde::Deserialize;

use super::Cell;
use super::subject::SUBJECTS;
use crate::repo::Repo;

/// What is recorded of a cell.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Mark {
    Escapes,
    Stopped,
}

impl Mark {
    /// What was not run says nothing.
    fn of(outcome: Outcome) -> Option<Self> {
        match outcome {
            Outcome::Escaped => Some(Self::Escapes),
            Outcome::Stopped => Some(Self::Stopped),
            Outcome::NotRun => None,
        }
    }

    /// As the file has it.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Escapes => "escapes",
            Self::Stopped => "stopped",
        }
    }
}

/// The cgroup interface of a machine, by which some cells differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Hierarchy {
    V1,
    V2,
}

impl Hierarchy {
    /// This machine's: v1 if any controller is on it.
    pub(crate) fn here() -> Result<Self> {
        let table = fs::read_to_string("/proc/self/cgroup").context("cannot read our cgroups")?;
        let is_v1 = |line: &str| {
            let controllers = line.split(':').nth(1).unwrap_or_default();
            !controllers.is_empty() && !controllers.starts_with("name=")
        };
        Ok(if table.lines().any(is_v1) {
            Self::V1
        } else {
            Self::V2
        })
    }
}

/// One cell of the file: one word, or one for each hierarchy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
pub(crate) enum Entry {
    Both(Mark),
    Each { v1: Option<Mark>, v2: Option<Mark> },
}

impl Entry {
    /// What is known on v1 and on v2.
    pub(crate) fn marks(self) -> [Option<Mark>; 2] {
        match self {
            Self::Both(mark) => [Some(mark); 2],
            Self::Each { v1, v2 } => [v1, v2],
        }
    }
}

/// The file: by subject, by probe.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub(crate) struct Matrix(BTreeMap<String, BTreeMap<String, Entry>>);

/// How a cell differs from what is recorded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Difference {
    pub subject: String,
    pub probe: String,
    pub recorded: Option<Mark>,
    pub is: Mark,
}

fn path(repo: &Repo) -> PathBuf {
    repo.root.join("book/data/matrix.toml")
}

impl Matrix {
    pub(crate) fn read(repo: &Repo) -> Result<Self> {
        let path = path(repo);
        let text =
            fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
        toml::from_str(&text).with_context(|| format!("cannot understand {}", path.display()))
    }

    /// In place, so that the file stays its owner's.
    pub(crate) fn write(&self, repo: &Repo) -> Result<()> {
        let path = path(repo);
        fs::write(&path, self.text()).with_context(|| format!("cannot write {}", path.display()))
    }

    pub(crate) fn entry(&self, subject: &str, probe: &str) -> Option<Entry> {
        self.0.get(subject)?.get(probe).copied()
    }

    fn mark(&self, subject: &str, probe: &str, hierarchy: Hierarchy) -> Option<Mark> {
        let [v1, v2] = self.entry(subject, probe)?.marks();
        match hierarchy {
            Hierarchy::V1 => v1,
            Hierarchy::V2 => v2,
        }
    }

    /// The cells that are worse than recorded, and those that are better: both are news.
    pub(crate) fn differences(&self, cells: &[Cell], hierarchy: Hierarchy) -> Vec<Difference> {
        let difference = |cell: &Cell| {
            let is = Mark::of(cell.answer.outcome)?;
            let recorded = self.mark(&cell.subject, &cell.probe, hierarchy);
            (recorded != Some(is)).then(|| Difference {
                subject: cell.subject.clone(),
                probe: cell.probe.clone(),
                recorded,
                is,
            })
        };
        cells.iter().filter_map(difference).collect()
    }

    /// Takes what these cells are on this hierarchy. What was not run stays as it was; what there is no longer goes.
    pub(crate) fn take(&mut self, cells: &[Cell], hierarchy: Hierarchy) {
        for cell in cells {
            let Some(mark) = Mark::of(cell.answer.outcome) else {
                continue;
            };
            let row = self.0.entry(cell.subject.clone()).or_default();
            let [v1, v2] = row
                .get(&cell.probe)
                .map_or([None; 2], |entry| entry.marks());
            let entry = match hierarchy {
                Hierarchy::V1 => (Some(mark), v2),
                Hierarchy::V2 => (v1, Some(mark)),
            };
            let entry = match entry {
                (Some(v1), Some(v2)) if v1 == v2 => Entry::Both(v1),
                (v1, v2) => Entry::Each { v1, v2 },
            };
            row.insert(cell.probe.clone(), entry);
        }
        self.0.retain(|subject, row| {
            row.retain(|probe, _| attacks::find(probe).is_some());
            SUBJECTS.iter().any(|known| known.name == subject)
        });
    }

    /// In the order of the matrix.
    fn text(&self) -> String {
        let mut text = String::from(
            "# What each attack comes to in each container. `cargo lab attack --bless` writes it, on each hierarchy its own.\n",
        );
        for subject in SUBJECTS {
            let _ = writeln!(text, "\n[{}]", subject.name);
            for probe in attacks::all() {
                let Some(entry) = self.entry(subject.name, probe.slug) else {
                    continue;
                };
                let _ = writeln!(text, "{} = {}", probe.slug, value(entry));
            }
        }
        text
    }
}

fn value(entry: Entry) -> String {
    let Entry::Each { v1, v2 } = entry else {
        return entry.marks()[0].map_or_else(String::new, |mark| format!("\"{}\"", mark.word()));
    };
    let part = |name: &str, mark: Option<Mark>| Some(format!("{name} = \"{}\"", mark?.word()));
    let parts: Vec<_> = [part("v1", v1), part("v2", v2)]
        .into_iter()
        .flatten()
        .collect();
    format!("{{ {} }}", parts.join(", "))
}

impl std::fmt::Display for Difference {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self {
            subject, probe, is, ..
        } = self;
        let (is, news) = (is.word(), self.recorded.map(Mark::word));
        match (self.recorded, news) {
            (Some(Mark::Stopped), _) => {
                write!(f, "worse: {probe} {is} in {subject}, and was stopped")
            }
            (Some(Mark::Escapes), _) => {
                write!(
                    f,
                    "better: {probe} is {is} in {subject}, and is recorded to escape"
                )
            }
            (None, _) => write!(f, "new: {probe} in {subject}: {is}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use attacks::Answer;

    use super::*;

    fn cell(probe: &str, outcome: Outcome) -> Cell {
        Cell {
            subject: "rootfs".into(),
            probe: probe.into(),
            answer: Answer::new(outcome, "x"),
        }
    }

    #[test]
    fn worse_better_and_new_are_told_apart_and_what_was_not_run_is_none_of_them() {
        let matrix: Matrix = toml::from_str(
            "[rootfs]\nsetuid = \"stopped\"\nkeyring = \"escapes\"\nunmask = \"stopped\"",
        )
        .unwrap();
        let cells = [
            cell("setuid", Outcome::Escaped),
            cell("keyring", Outcome::Stopped),
            cell("fork-bomb", Outcome::Escaped),
            cell("unmask", Outcome::NotRun),
        ];
        let told: Vec<_> = matrix
            .differences(&cells, Hierarchy::V1)
            .iter()
            .map(|d| d.to_string().split(':').next().unwrap().to_owned())
            .collect();
        assert_eq!(told, ["worse", "better", "new"]);
    }

    #[test]
    fn each_hierarchy_has_its_own_and_two_that_are_equal_are_one() {
        let mut matrix = Matrix::default();
        matrix.take(
            &[
                cell("setuid", Outcome::Escaped),
                cell("unmask", Outcome::Stopped),
            ],
            Hierarchy::V1,
        );
        matrix.take(
            &[
                cell("setuid", Outcome::Escaped),
                cell("unmask", Outcome::Escaped),
            ],
            Hierarchy::V2,
        );
        matrix.take(&[cell("unmask", Outcome::NotRun)], Hierarchy::V2);
        let text = matrix.text();
        assert!(text.contains("setuid = \"escapes\"\n"), "{text}");
        assert!(
            text.contains("unmask = { v1 = \"stopped\", v2 = \"escapes\" }\n"),
            "{text}"
        );
        assert_eq!(toml::from_str::<Matrix>(&text).unwrap().text(), text);
        assert_eq!(
            matrix
                .differences(&[cell("unmask", Outcome::Stopped)], Hierarchy::V2)
                .len(),
            1
        );
    }
}
