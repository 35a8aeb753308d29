//! Many cases, of which a run tries some: which ones, a seed decides that can be given again.

use std::cell::Cell;
use std::collections::BTreeSet;
use std::hash::{BuildHasher, RandomState};
use std::sync::{Mutex, OnceLock, PoisonError};

thread_local! {
    static SAMPLED: Cell<bool> = const { Cell::new(false) };
}

/// The tests of this run that have tried some of their cases.
static TESTS: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());

/// Whether every case is tried: `DRYDOCK_EVERYTHING` is set, and not to `0`.
pub fn everything() -> bool {
    std::env::var_os("DRYDOCK_EVERYTHING").is_some_and(|value| !value.is_empty() && value != "0")
}

/// Which of the cases `0..count` are tried: all of them if [`everything`] is asked for, else at most `most`. They are
/// spread evenly: the last, and one out of each of `most - 1` parts of the others.
pub fn sample(count: usize, most: usize) -> Vec<usize> {
    if everything() || count <= most {
        return (0..count).collect();
    }
    SAMPLED.set(true);
    spread(count, most, seed())
}

fn spread(count: usize, most: usize, seed: u64) -> Vec<usize> {
    let (parts, others) = (most - 1, count - 1);
    (0..parts)
        .map(|part| (part * others / parts, (part + 1) * others / parts))
        .map(|(from, to)| from + (mixed(seed ^ from as u64) % (to - from) as u64) as usize)
        .chain([count - 1])
        .collect()
}

/// The finaliser of SplitMix64, which makes of neighbouring numbers such as have nothing in common.
fn mixed(number: u64) -> u64 {
    let number = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ (number >> 31)
}

/// `DRYDOCK_SEED`, or a new one.
fn seed() -> u64 {
    static SEED: OnceLock<u64> = OnceLock::new();
    *SEED.get_or_init(|| match std::env::var("DRYDOCK_SEED") {
        Ok(seed) => seed.parse().expect("DRYDOCK_SEED is a number"),
        // A short number is easier to type, and there are enough of them.
        Err(_) => RandomState::new().hash_one(0) % 1_000_000,
    })
}

/// Ends a test: whether this thread has tried only some of its cases, and if so, how to try the same again.
pub(crate) fn end(test: &str) -> Option<String> {
    SAMPLED.take().then(|| {
        let mut tests = TESTS.lock().unwrap_or_else(PoisonError::into_inner);
        tests.insert(test.to_owned());
        format!("some of the cases, with DRYDOCK_SEED={}", seed())
    })
}

/// A line about all such tests of this run, if there were any. `cargo lab test` reads it.
pub(crate) fn summary() -> Option<String> {
    let tests = TESTS.lock().unwrap_or_else(PoisonError::into_inner);
    let names: Vec<&str> = tests.iter().map(String::as_str).collect();
    (!names.is_empty()).then(|| {
        format!(
            "sampled with DRYDOCK_SEED={}, all cases with DRYDOCK_EVERYTHING=1: {}",
            seed(),
            names.join(", ")
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sample_is_spread_and_ends_with_the_last_case() {
        for seed in 0..50 {
            let cases = spread(101, 11, seed);
            assert_eq!(cases.len(), 11);
            for (part, case) in cases[..10].iter().enumerate() {
                assert!((part * 10..(part + 1) * 10).contains(case), "{cases:?}");
            }
            assert_eq!(cases[10], 100);
            assert_eq!(
                spread(101, 11, seed),
                cases,
                "the same seed, the same cases"
            );
            assert_eq!(spread(12, 11, seed).len(), 11);
        }
        assert_ne!(spread(101, 11, 1), spread(101, 11, 2));
    }

    #[test]
    fn every_case_is_tried_sooner_or_later() {
        let mut tried: BTreeSet<usize> = BTreeSet::new();
        for seed in 0..500 {
            tried.extend(spread(100, 10, seed));
        }
        assert_eq!(tried.len(), 100);
    }

    #[test]
    fn few_cases_are_all_tried() {
        assert_eq!(sample(3, 10), [0, 1, 2]);
        assert_eq!(end("few"), None);
    }
}
