//! The kernel's side: layers mounted, written to and compared, archives of others and for others, and hostile ones.

mod attack;
mod common;
mod death;
mod hostile;
mod life;
mod lifetimes;
mod mounts;
mod refusals;
mod tree;
mod trips;

use std::process::ExitCode;

fn main() -> ExitCode {
    let tests = [
        mounts::tests(),
        trips::tests(),
        hostile::tests(),
        death::tests(),
        life::tests(),
        lifetimes::tests(),
        refusals::tests(),
        attack::tests(),
    ];
    harness::run("layers", tests.into_iter().flatten().collect())
}
