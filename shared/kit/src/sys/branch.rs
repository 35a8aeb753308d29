//! A fork whose child runs one function of ours and ends: for tests, exercises and helpers, not for containers.

use std::os::fd::OwnedFd;
use std::panic::{AssertUnwindSafe, catch_unwind};

use nix::errno::Errno;
use nix::unistd::Pid;

use super::process::{Cloned, clone3, exit, is_single_threaded};

/// Exit code of a child whose function panicked; the panic's message is on stderr.
pub const PANICKED: u8 = 101;

/// Forks into new namespaces (`flags`, `libc::CLONE_NEW*`, or 0 for none) and runs `body` in the child, which ends with
/// the exit code that `body` returns. `body` can do whatever a program of one thread can.
///
/// # Errors
/// EDEADLK if this process has several threads: a lock that another held at this moment would stay locked in the child
/// for ever. Else what clone3(2) says.
pub fn branch(flags: u64, body: impl FnOnce() -> u8) -> nix::Result<(Pid, OwnedFd)> {
    if !is_single_threaded()? {
        return Err(Errno::EDEADLK);
    }
    // SAFETY: this process has one thread, as has just been checked, and nobody but us could start another.
    match unsafe { clone3(flags, None) }? {
        Cloned::Parent(pid, pidfd) => Ok((pid, pidfd)),
        Cloned::Child => {
            // Nothing may unwind into what the parent was doing when it forked.
            let code = catch_unwind(AssertUnwindSafe(body)).unwrap_or(PANICKED);
            exit(code)
        }
    }
}
