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

use harness::Test;

fn main() -> ExitCode {
    // The VM has the other version of cgroups, for a host that has v1.
    let about_cgroups = [
        limits::tests(),
        devices::tests(),
        control::tests(),
        death::tests(),
        v2::tests(),
        attack::tests(),
    ];
    let about_cgroups = about_cgroups.into_iter().flatten().map(Test::also_in_vm);
    harness::run("cgroups", about_cgroups.chain(refusals::tests()).collect())
}
