//! What breaks `examples/naive.rs`, and what stops it in `namespaces run`.
//!
//! Each attack is one function that is let loose on both. It returns whether it succeeded: on the naive way it must,
//! or it would prove nothing; on ours it must not.

use std::process::ExitCode;

use harness::{Need, Run, Test, bin, example, test};

mod keys;
mod leaks;
mod processes;
mod user;

/// A way to run a command in a container.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    Naive,
    Ours,
}

impl Way {
    /// The words that stand before the command.
    fn words(self) -> Vec<String> {
        let words = match self {
            Self::Naive => vec![example("namespaces-naive")],
            Self::Ours => vec![bin("namespaces"), "run".into(), "--".into()],
        };
        words
            .iter()
            .map(|word| word.display().to_string())
            .collect()
    }

    /// A shell script, run in a container this way.
    fn sh(self, script: &str) -> Run {
        let words = self.words();
        Run::new(&words[0])
            .args(&words[1..])
            .args(["sh", "-c", script])
    }
}

/// An attack: returns whether it succeeded.
type Attack = fn(Way) -> bool;

const ATTACKS: [(&str, Attack); 7] = [
    ("reading_the_hosts_secrets_in_proc", leaks::secrets_in_proc),
    ("reading_the_callers_environment", leaks::environment),
    ("using_a_descriptor_of_the_callers", leaks::descriptor),
    ("mounting_over_the_hosts_files", leaks::mount),
    ("outliving_the_parent", processes::outlive_parent),
    ("filling_the_process_table_with_zombies", processes::zombies),
    ("reading_what_is_typed", keys::reading_what_is_typed),
];

fn main() -> ExitCode {
    let mut tests: Vec<Test> = Vec::new();
    for (name, attack) in ATTACKS {
        tests.push(test(
            format!("{name}_works_on_the_naive_way"),
            &[Need::Root],
            move || {
                assert!(attack(Way::Naive), "the attack proves nothing");
            },
        ));
        tests.push(test(
            format!("{name}_is_stopped"),
            &[Need::Root],
            move || {
                assert!(!attack(Way::Ours), "the attack succeeded");
            },
        ));
    }
    tests.extend(user::tests());
    harness::run("namespaces-attacks", tests)
}
