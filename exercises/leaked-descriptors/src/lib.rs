//! What a command inherits: standard input, output and error, and what it is meant to have.

use std::os::fd::{BorrowedFd, RawFd};

use kit::sys::descriptor::close_on_exec_from;
use nix::fcntl::{FcntlArg, FdFlag, fcntl};

/// Arranges that after the next execve(2) only 0, 1, 2 and those in `keep` are open.
pub fn seal(keep: &[RawFd]) -> nix::Result<()> {
    //< keep: those in `keep` survive the execve
    close_on_exec_from(3)?;
    for &number in keep {
        // SAFETY: borrowed for two calls, the first of which fails if nothing of this number is open.
        let descriptor = unsafe { BorrowedFd::borrow_raw(number) };
        let flags = FdFlag::from_bits_retain(fcntl(descriptor, FcntlArg::F_GETFD)?);
        fcntl(descriptor, FcntlArg::F_SETFD(flags - FdFlag::FD_CLOEXEC))?;
    }
    Ok(())
    //= let _ = (keep, fcntl::<BorrowedFd<'_>>, FcntlArg::F_GETFD, FdFlag::FD_CLOEXEC);
    //= close_on_exec_from(3)
    //>
}
