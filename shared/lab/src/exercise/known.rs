//! How the starter and the wrong solutions of an exercise fail: `failures.json`, made by `cargo lab dev check --bless`.
//!
//! A submission that fails in exactly the same way is probably wrong for the same reason, and its author is told that
//! reason. The file holds no code, so it stays in a student's copy.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use anyhow::{Context, Result};
use checks::protocol::Question;
use serde::{Deserialize, Serialize};

use super::catalogue::read;

/// What failed and how: `check:code` of each failing check.
pub(crate) type Fingerprint = BTreeSet<String>;

/// The whole file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Known {
    /// What is checked, in order.
    pub checks: Vec<Question>,
    /// How the untouched starter fails.
    pub starter: Fingerprint,
    /// The wrong solutions, by name.
    pub misconceptions: BTreeMap<String, Misconception>,
}

/// What a wrong solution stands for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Misconception {
    /// What one believes who writes it.
    pub belief: String,
    /// What is so instead.
    pub truth: String,
    /// How it fails.
    pub failures: Fingerprint,
}

impl Known {
    /// Reads the file; one that is not there knows nothing.
    pub(crate) fn load(path: &Path) -> Result<Self> {
        if !path.exists() {
            return Ok(Self::default());
        }
        serde_json::from_str(&read(path)?)
            .with_context(|| format!("cannot read {}", path.display()))
    }

    /// The text of the file.
    pub(crate) fn to_json(&self) -> Result<String> {
        Ok(serde_json::to_string_pretty(self)? + "\n")
    }

    /// The misconception whose failures are these, by name.
    pub(crate) fn recognise(&self, failures: &Fingerprint) -> Option<(&str, &Misconception)> {
        if failures.is_empty() {
            return None;
        }
        self.misconceptions
            .iter()
            .find(|(_, misconception)| misconception.failures == *failures)
            .map(|(name, misconception)| (name.as_str(), misconception))
    }

    /// How many checks the untouched starter passes.
    pub(crate) fn passed_by_starter(&self) -> usize {
        self.checks.len().saturating_sub(self.starter.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn print(words: &[&str]) -> Fingerprint {
        words.iter().map(|&word| word.to_owned()).collect()
    }

    #[test]
    fn only_the_same_failures_are_the_same_mistake() {
        let misconception = Misconception {
            belief: "b".into(),
            truth: "t".into(),
            failures: print(&["waits:ran", "dies:ran"]),
        };
        let known = Known {
            misconceptions: [("no-wait".to_owned(), misconception)].into(),
            ..Known::default()
        };
        assert_eq!(
            known
                .recognise(&print(&["dies:ran", "waits:ran"]))
                .unwrap()
                .0,
            "no-wait"
        );
        assert_eq!(known.recognise(&print(&["waits:ran"])), None);
        assert_eq!(known.recognise(&print(&[])), None);
        let text = known.to_json().unwrap();
        assert_eq!(serde_json::from_str::<Known>(&text).unwrap(), known);
    }
}
