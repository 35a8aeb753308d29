//! The kernel's side: what limits do to real processes, on whichever version of cgroups this machine has.

mod attack;
mod common;
mod control;
mod death;
mod devices;
mod limits;
mod refusals;
mod v2;

use std::process::ExitCode;

fn main() -> ExitCode {
    let tests = [
        limits::tests(),
        devices::tests(),
        control::tests(),
        death::tests(),
        refusals::tests(),
        v2::tests(),
        attack::tests(),
    ];
    harness::run("cgroups", tests.into_iter().flatten().collect())
}
