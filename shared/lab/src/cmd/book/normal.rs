//! What may differ between two runs of the same command, taken out before they are compared.
//!
//! As little as possible: whatever is taken out is no longer tested. An identifier is replaced by its rank of
//! appearance in the fence, so that "the same namespace as above" and "another one" still differ.

use std::collections::HashMap;
use std::sync::LazyLock;

use regex::{Captures, Regex};

use super::needs::Varying;

/// Namespace ids, ids of containers, clock times, dates, and process ids that call themselves so.
pub(crate) fn normal(text: &str, varying: Varying) -> String {
    let text = rank(&NAMESPACE, text, "namespace");
    let text = rank(&ID, &text, "id");
    let text = CLOCK.replace_all(&text, "‹time›");
    let text = DATE.replace_all(&text, "‹date›");
    let mut text = PID.replace_all(&text, "$1‹pid›").into_owned();
    for (wanted, pattern, word) in [
        (varying.sizes, &SIZE, "‹size›"),
        (varying.times, &DURATION, "‹duration›"),
        (varying.pids, &NUMBER, "‹number›"),
    ] {
        if wanted {
            text = pattern.replace_all(&text, word).into_owned();
            // A column is as wide as its longest number.
            text = SPACES.replace_all(&text, " ").into_owned();
        }
    }
    text
}

fn pattern(text: &str) -> Regex {
    Regex::new(text).expect("a pattern of ours is well-formed: a test uses each")
}

/// The inode number of a namespace: the kernel counts them from 0xF0000000 up (`PROC_DYNAMIC_FIRST`).
static NAMESPACE: LazyLock<Regex> = LazyLock::new(|| pattern(r"\b40265\d{5}\b"));
/// Twelve or 64 hex digits.
static ID: LazyLock<Regex> = LazyLock::new(|| pattern(r"\b(?:[0-9a-f]{64}|[0-9a-f]{12})\b"));
static CLOCK: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"\b\d{1,2}:\d{2}(?::\d{2})?(?:\.\d+)?\b"));
static DATE: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"\b(?:\d{4}-\d{2}-\d{2}|(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) [ \d]\d)\b",
    )
});
static PID: LazyLock<Regex> = LazyLock::new(|| pattern(r"(?i)\b((?:pid|process)[ :=]+)\d{2,}\b"));
static SIZE: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"\b\d+(?:\.\d+)? ?(?:[kKMGT]i?B?|B|bytes)\b"));
static DURATION: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"\b(?:\d+m ?)?\d+(?:\.\d+)? ?(?:ns|µs|us|ms|s|min|seconds?)\b"));
static NUMBER: LazyLock<Regex> = LazyLock::new(|| pattern(r"\b\d{2,}\b"));
static SPACES: LazyLock<Regex> = LazyLock::new(|| pattern(r" {2,}"));

fn rank(pattern: &Regex, text: &str, word: &str) -> String {
    let mut seen = HashMap::new();
    pattern
        .replace_all(text, |found: &Captures<'_>| {
            let next = seen.len() + 1;
            let rank = *seen.entry(found[0].to_owned()).or_insert(next);
            format!("‹{word} {rank}›")
        })
        .into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn same(one: &str, other: &str) -> bool {
        let varying = Varying::default();
        normal(one, varying) == normal(other, varying)
    }

    #[test]
    fn an_id_may_differ_and_what_it_equals_may_not() {
        assert!(same("pid:[4026531836]", "pid:[4026532177]"));
        assert!(same(
            "4026532001 4026532002 4026532001",
            "4026532008 4026532009 4026532008"
        ));
        assert!(!same("4026532001 4026532001", "4026532008 4026532009"));
        assert!(same("3f2a90bc11de", "000000000001"));
        assert!(!same("3f2a90bc11de", "3f2a90bc11d"), "an id has 12 digits");
    }

    #[test]
    fn times_and_dates_may_differ() {
        assert!(same("Nov 21 01:33 up 4:05:06", "Jan  2 23:59 up 14:15:16"));
        assert!(same("2024-01-02", "2025-11-12"));
        assert!(!same("Nov 21", "Nob 21"));
    }

    #[test]
    fn a_pid_that_says_so_may_differ_if_it_is_not_one_of_the_first() {
        assert!(same("pid 4711", "pid 815"));
        assert!(same("process 4711 is", "process 99 is"));
        assert!(!same("pid 1", "pid 2"));
        assert!(!same("4711", "4712"));
    }

    #[test]
    fn sizes_durations_and_numbers_count_unless_the_fence_says_otherwise() {
        let every = Varying {
            sizes: true,
            times: true,
            pids: true,
        };
        for (one, other) in [
            ("64 MiB", "65 MiB"),
            ("1.9M", "12.1M"),
            ("0.4 s", "12 ms"),
            ("real 0m 0.52s", "real 1m 0.09s"),
            ("a 123  b", "a 4567 b"),
        ] {
            assert!(!same(one, other), "{one}");
            assert_eq!(normal(one, every), normal(other, every), "{one}");
        }
    }
}
