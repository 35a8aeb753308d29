//! The registry client, against registries that lie, stall and break off, and against a real one.
//!
//! The hosts are on the loopback device, but for what is tested there they have names and certificates as any: see
//! `network`.

mod accounts;
mod authorization;
mod encoding;
mod fixtures;
mod mirrors;
mod network;
mod program;
mod pull;
mod push;
mod real;
mod strange;
mod tags;
mod trust;

use std::os::unix::process::CommandExt;
use std::process::{Command, ExitCode};

use checks::server;

/// Names the folder in which the tests' credential helper keeps what it is given.
const HELPER: &str = "DRYDOCK_TEST_HELPER";

fn main() -> ExitCode {
    let Some(folder) = std::env::var_os(HELPER) else {
        panic!("the suite cannot begin again: {}", begin_again());
    };
    let tests = [
        authorization::tests(),
        trust::tests(),
        pull::tests(),
        encoding::tests(),
        tags::tests(),
        mirrors::tests(),
        push::tests(),
        accounts::tests(),
        program::tests(),
        strange::tests(),
        real::tests(),
    ];
    let code = harness::run("registry", tests.into_iter().flatten().collect());
    std::fs::remove_dir_all(folder).expect("the folder is ours");
    code
}

/// Credential helpers are found by `PATH`, which a process has but one of: the suite begins once more, with the tests'
/// own helper in it. Proxies of the machine are none of the tests' business.
fn begin_again() -> std::io::Error {
    let helpers = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/registry/helpers");
    let path = std::env::var("PATH").unwrap_or_default();
    let folder = tempfile::tempdir().expect("a folder can be made").keep();
    let mut again = Command::new(std::env::current_exe().expect("we are a file"));
    for name in ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"] {
        again.env_remove(name).env_remove(name.to_ascii_lowercase());
    }
    again
        .args(std::env::args_os().skip(1))
        .env("PATH", format!("{helpers}:{path}"))
        .env(HELPER, folder)
        .exec()
}
