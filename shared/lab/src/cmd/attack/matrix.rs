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

    fn with(self, mark: Mark, hierarchy: Hierarchy) -> Self {
        let (v1, v2) = match (self, hierarchy) {
            (Self::Both(_), _) => return Self::Both(mark),
            (Self::Each { v2, .. }, Hierarchy::V1) => (Some(mark), v2),
            (Self::Each { v1, .. }, Hierarchy::V2) => (v1, Some(mark)),
        };
        match v1 == v2 {
            true => Self::Both(mark),
            false => Self::Each { v1, v2 },
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

    /// Takes what these cells are. What is one word changes as one: where the other hierarchy differs, its own run says
    /// so, and the entry is divided by hand. What was not run stays as it was; what there is no longer goes.
    pub(crate) fn take(&mut self, cells: &[Cell], hierarchy: Hierarchy) {
        for cell in cells {
            let Some(mark) = Mark::of(cell.answer.outcome) else {
                continue;
            };
            let row = self.0.entry(cell.subject.clone()).or_default();
            let entry = row.entry(cell.probe.clone()).or_insert(Entry::Both(mark));
            *entry = entry.with(mark, hierarchy);
        }
        self.0.retain(|subject, row| {
            row.retain(|probe, _| attacks::find(probe).is_some());
            SUBJECTS.iter().any(|known| known.name == subject)
        });
    }

    /// In the order of the matrix.
    fn text(&self) -> String {
        let mut text = String::from(
            "# What each attack comes to in each container. `cargo lab attack --bless` writes it. A cell that differs by the cgroup\n\
             # version is divided by hand, `{ v1 = \"escapes\", v2 = \"stopped\" }`; from then on each machine writes its own half.\n",
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
        let (subject, probe) = (&self.subject, &self.probe);
        match (self.recorded, self.is) {
            (None, is) => write!(f, "new: {probe} in {subject}: {}", is.word()),
            (Some(_), Mark::Escapes) => write!(
                f,
                "worse: {probe} escapes from {subject}, and is recorded as stopped"
            ),
            (Some(_), Mark::Stopped) => write!(
                f,
                "better: {probe} is stopped in {subject}, and is recorded to escape"
            ),
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
    fn a_divided_cell_has_a_half_for_each_hierarchy() {
        let mut matrix: Matrix = toml::from_str(
            "[rootfs]\nunmask = { v1 = \"stopped\" }\nkeyring = { v1 = \"escapes\" }\n",
        )
        .unwrap();
        let now = |probe, outcome| [cell(probe, outcome)];
        matrix.take(&now("setuid", Outcome::Escaped), Hierarchy::V1);
        matrix.take(&now("unmask", Outcome::Escaped), Hierarchy::V2);
        matrix.take(&now("unmask", Outcome::NotRun), Hierarchy::V2);
        matrix.take(&now("keyring", Outcome::Escaped), Hierarchy::V2);
        let text = matrix.text();
        assert!(text.contains("setuid = \"escapes\"\n"), "{text}");
        assert!(text.contains("keyring = \"escapes\"\n"), "{text}");
        let divided = "unmask = { v1 = \"stopped\", v2 = \"escapes\" }\n";
        assert!(text.contains(divided), "{text}");
        assert_eq!(toml::from_str::<Matrix>(&text).unwrap().text(), text);
        let stopped = now("unmask", Outcome::Stopped);
        assert_eq!(matrix.differences(&stopped, Hierarchy::V2).len(), 1);
        assert_eq!(matrix.differences(&stopped, Hierarchy::V1).len(), 0);
    }
}
