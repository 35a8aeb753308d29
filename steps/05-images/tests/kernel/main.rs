//! The program, on a real file system: what it shows, what others make of its archives and it of theirs, and what is
//! left when it is killed.

mod archives;
mod attack;
mod commands;
mod docker;
mod faults;
mod full;
mod made;
mod many;
mod registry;
mod run;

use std::process::ExitCode;

fn main() -> ExitCode {
    let tests = [
        commands::tests(),
        archives::tests(),
        faults::tests(),
        full::tests(),
        many::tests(),
        registry::tests(),
        run::tests(),
        attack::tests(),
        docker::tests(),
    ];
    harness::run("images", tests.into_iter().flatten().collect())
}
