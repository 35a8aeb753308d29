//! The learner's progress: `workbook/progress.json`, by the exercises' names, so that it outlives their renumbering.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, bail};
use kit::fs::Lock;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// The whole file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Progress {
    /// The version of the file's form.
    version: u32,
    /// By slug. Those of exercises that this repository does not have (yet, or any more) are kept.
    pub exercises: BTreeMap<String, Entry>,
    /// What a later version has added.
    #[serde(flatten)]
    rest: Map<String, Value>,
}

/// One exercise.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Entry {
    /// When it was first started, in seconds since 1970.
    pub started: u64,
    /// When something was last done for it.
    pub touched: u64,
    /// When it first passed.
    pub passed: Option<u64>,
    /// The time spent on it in seconds: the time between one command and the next, as far as it is no pause.
    pub seconds: u64,
    /// How many times it has been checked until it passed.
    pub attempts: u32,
    /// How many of its hints have been read.
    pub hints: usize,
    /// Whether the solution was shown before it passed.
    pub solution_shown: bool,
    /// The misconceptions met, by name.
    pub misconceptions: BTreeSet<String>,
    /// What a later version has added.
    #[serde(flatten)]
    rest: Map<String, Value>,
}

const VERSION: u32 = 1;
/// A longer time without a command is a pause.
const PAUSE: u64 = 10 * 60;

/// The file's name.
pub(crate) const FILE: &str = "progress.json";

impl Progress {
    /// Reads it; a learner who has not begun has none.
    pub(crate) fn load(directory: &Path) -> Result<Self> {
        let path = directory.join(FILE);
        let text = match fs::read(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Ok(Self::default());
            }
            Err(error) => {
                return Err(error).with_context(|| format!("cannot read {}", path.display()));
            }
        };
        let hint = "mend it, or move it away to begin anew";
        let progress: Self = serde_json::from_slice(&text)
            .with_context(|| format!("cannot read {} ({hint})", path.display()))?;
        if progress.version > VERSION {
            bail!(
                "{} was written by a newer version of the lab: update the repository",
                path.display()
            );
        }
        Ok(progress)
    }

    /// Changes the entry of one exercise, and adds the time since the last change. The file is replaced as a whole, and
    /// two commands at once wait for each other.
    pub(crate) fn update(
        directory: &Path,
        slug: &str,
        change: impl FnOnce(&mut Entry),
    ) -> Result<Self> {
        fs::create_dir_all(directory)
            .with_context(|| format!("cannot make {}", directory.display()))?;
        let _lock = Lock::exclusive(&directory.join(".progress.lock"))?;
        let mut progress = Self::load(directory)?;
        progress.version = VERSION;
        let entry = progress.exercises.entry(slug.to_owned()).or_default();
        entry.touch(now());
        change(entry);
        let text = serde_json::to_vec_pretty(&progress)?;
        kit::fs::write_atomically(&path(directory), &text)?;
        Ok(progress)
    }

    /// What is known of one exercise.
    pub(crate) fn entry(&self, slug: &str) -> Entry {
        self.exercises.get(slug).cloned().unwrap_or_default()
    }

    /// The exercise that something was last done for and that has not passed, among those that there are.
    pub(crate) fn current<'a>(&self, slugs: impl Iterator<Item = &'a str>) -> Option<&'a str> {
        let open = slugs.filter_map(|slug| Some((self.exercises.get(slug)?, slug)));
        open.filter(|(entry, _)| entry.passed.is_none() && entry.started > 0)
            .max_by_key(|(entry, _)| entry.touched)
            .map(|(_, slug)| slug)
    }
}

impl Entry {
    fn touch(&mut self, now: u64) {
        if self.started == 0 {
            self.started = now;
            self.touched = now;
        }
        let gap = now.saturating_sub(self.touched);
        if self.passed.is_none() && gap <= PAUSE {
            self.seconds += gap;
        }
        self.touched = now;
    }
}

fn path(directory: &Path) -> PathBuf {
    directory.join(FILE)
}

/// Seconds since 1970.
pub(crate) fn now() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |time| time.as_secs())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pause_is_no_work_and_neither_is_what_comes_after() {
        let mut entry = Entry::default();
        entry.touch(1000);
        entry.touch(1060);
        entry.touch(1060 + PAUSE + 1);
        assert_eq!((entry.started, entry.seconds), (1000, 60));
        entry.passed = Some(2000);
        entry.touch(entry.touched + 5);
        assert_eq!(entry.seconds, 60);
    }

    #[test]
    fn what_we_do_not_know_is_kept() {
        let directory = tempfile::tempdir().unwrap();
        let text =
            r#"{"version": 1, "theme": "dark", "exercises": {"gone": {"hints": 2, "stars": 5}}}"#;
        fs::write(directory.path().join(FILE), text).unwrap();
        let progress = Progress::update(directory.path(), "new", |entry| entry.hints = 1).unwrap();
        assert_eq!(progress.entry("gone").hints, 2);
        let written: Value =
            serde_json::from_slice(&fs::read(directory.path().join(FILE)).unwrap()).unwrap();
        assert_eq!(written["theme"], "dark");
        assert_eq!(written["exercises"]["gone"]["stars"], 5);
        assert_eq!(written["exercises"]["new"]["hints"], 1);
    }

    #[test]
    fn a_file_that_cannot_be_read_is_left_alone() {
        let directory = tempfile::tempdir().unwrap();
        for text in ["{", "[]", r#"{"version": 99, "exercises": {}}"#] {
            fs::write(directory.path().join(FILE), text).unwrap();
            assert!(
                Progress::update(directory.path(), "x", |_| {}).is_err(),
                "{text}"
            );
            assert_eq!(
                fs::read_to_string(directory.path().join(FILE)).unwrap(),
                text
            );
        }
    }

    #[test]
    fn the_current_one_is_open_and_latest() {
        let entry = |touched, passed| Entry {
            started: 1,
            touched,
            passed,
            ..Entry::default()
        };
        let progress = Progress {
            exercises: [
                ("a".to_owned(), entry(5, None)),
                ("b".to_owned(), entry(9, Some(9))),
                ("c".to_owned(), entry(7, None)),
                ("gone".to_owned(), entry(8, None)),
            ]
            .into(),
            ..Progress::default()
        };
        assert_eq!(progress.current(["a", "b", "c"].into_iter()), Some("c"));
        assert_eq!(progress.current(["b"].into_iter()), None);
    }
}
