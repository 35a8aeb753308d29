//! `namespaces` on the real kernel: what a container is, how it starts and ends, and what is left of it.

use std::process::ExitCode;

use harness::{Need, Run, bin};

mod enter;
mod faults;
mod given;
mod inheritance;
mod init;
mod isolation;
mod lifecycle;
mod process;
mod refusals;
mod sealed;
mod snapshots;
mod terminal;
mod undone;
mod user;

fn main() -> ExitCode {
    let suites = [
        isolation::tests(),
        inheritance::tests(),
        user::tests(),
        process::tests(),
        init::tests(),
        terminal::tests(),
        enter::tests(),
        refusals::tests(),
        snapshots::tests(),
        faults::tests(),
        lifecycle::tests(),
        undone::tests(),
        given::tests(),
        sealed::tests(),
    ];
    harness::run("namespaces", suites.into_iter().flatten().collect())
}

const ROOT: &[Need] = &[Need::Root];

/// `namespaces run` with these options and command.
fn container(arguments: &[&str]) -> Run {
    Run::new(bin("namespaces")).arg("run").args(arguments)
}

/// A shell script in a container.
fn sh(script: &str) -> Run {
    container(&["--", "sh", "-c", script])
}

/// The same script on the host.
fn host(script: &str) -> Run {
    Run::new("sh").args(["-c", script])
}
