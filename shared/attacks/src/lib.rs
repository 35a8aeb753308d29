//! Attacks on containers, each a small probe that tries one thing.
//!
//! A probe has two sides. The *attempt* runs inside a container, as the program `attack`, and says in one line what came
//! of it. The *bait* runs on the host: it lays out what is to be stolen, killed or changed, and looks afterwards
//! whether it was. Where the host can see an escape, its word counts, and not the attacker's ([`Judge`]).
//!
//! The host is a stand-in, made for one probe and thrown away with it: see `cargo lab attack`. Nothing here may be run
//! on a machine that matters, and what reaches beyond every namespace changes nothing: a setting is written back as it
//! was, a disk is opened for reading.
//!
//! | file | what it holds |
//! |---|---|
//! | `answer.rs` | what an attempt comes to |
//! | `bait.rs` | the host's side: what is laid out, and who judges |
//! | `place.rs` | where things are on both sides |
//! | `probes/` | the probes, by what they attack |

mod answer;
mod bait;
mod place;
mod probes;

pub use answer::{Answer, Outcome, Refusal};
pub use bait::{Bait, Bind, Ground, Image, Judge};
pub use place::{GO, HOME, PASSWORD, PROGRAM, START, STORE};

/// What an attempt returns: what it got, or why not.
pub type Attempt = Result<String, Refusal>;

/// One attack.
#[derive(Clone, Copy, Debug)]
pub struct Probe {
    /// Its name on the command line and in the matrix.
    pub slug: &'static str,
    /// What the container tries to do, as a phrase.
    pub what: &'static str,
    /// The first step that is to stop it, which may be one that is still to come.
    pub stopped_by: &'static str,
    /// By which means.
    pub means: &'static str,
    /// Published holes of this kind.
    pub cves: &'static [&'static str],
    /// The container's side; the words are the bait's.
    pub attempt: fn(&[String]) -> Attempt,
    /// The host's side.
    pub bait: fn(&Ground<'_>) -> std::io::Result<Bait>,
}

/// All of them, in the order of the matrix: what an early step stops stands first.
pub fn all() -> impl Iterator<Item = &'static Probe> {
    probes::ALL.iter().copied().flatten()
}

/// The probe of that name.
pub fn find(slug: &str) -> Option<&'static Probe> {
    all().find(|probe| probe.slug == slug)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn a_probe_says_all_that_a_table_needs() {
        let mut slugs = BTreeSet::new();
        for probe in all() {
            assert!(slugs.insert(probe.slug), "{} is there twice", probe.slug);
            let is_plain = |c: char| c.is_ascii_lowercase() || c == '-';
            assert!(probe.slug.chars().all(is_plain), "{}", probe.slug);
            for text in [probe.what, probe.stopped_by, probe.means] {
                assert!(!text.is_empty() && !text.contains('|'), "{}", probe.slug);
            }
        }
        assert!(slugs.len() >= 20, "{}", slugs.len());
    }

    #[test]
    fn a_probe_is_found_by_its_slug_alone() {
        assert_eq!(find("fork-bomb").map(|probe| probe.slug), Some("fork-bomb"));
        assert!(find("fork").is_none());
    }
}
