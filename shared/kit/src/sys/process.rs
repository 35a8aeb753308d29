//! Processes: clone3, pidfd, and the few attributes a container's first process is given.

use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};

use nix::errno::Errno;
use nix::sys::signal::Signal;
use nix::unistd::Pid;

use super::check;

/// `_exit(2)`: ends this process at once. No destructor runs, and no buffer of a parent's is flushed a second time.
pub fn exit(code: u8) -> ! {
    // SAFETY: nothing of the process is used afterwards.
    unsafe { libc::_exit(code.into()) }
}

/// What [`clone3`] returned, and in which process.
#[derive(Debug)]
pub enum Cloned {
    /// In the parent: the child's pid, as the parent sees it, and a descriptor that stands for the process itself.
    Parent(Pid, OwnedFd),
    /// In the child.
    Child,
}

/// Whether this process has exactly one thread. `/proc/self/task` holds one directory per thread, and a directory's
/// link count is two more than that of its subdirectories.
pub fn is_single_threaded() -> nix::Result<bool> {
    Ok(nix::sys::stat::stat("/proc/self/task")?.st_nlink == 3)
}

/// `clone3(2)`, Linux 5.3: a fork into new namespaces (`flags`, `libc::CLONE_NEW*`) and, with `cgroup`, straight into
/// a cgroup v2 directory (CLONE_INTO_CGROUP, Linux 5.7). The child's death is announced by SIGCHLD.
///
/// # Safety
/// The process must be single-threaded: the child has only the calling thread, and a lock that another held at this
/// moment stays locked in it for ever.
pub unsafe fn clone3(flags: u64, cgroup: Option<BorrowedFd<'_>>) -> nix::Result<Cloned> {
    let mut pidfd: RawFd = -1;
    // SAFETY: `clone_args` is plain data for which all zeroes is a value.
    let mut args: libc::clone_args = unsafe { std::mem::zeroed() };
    args.flags = flags | libc::CLONE_PIDFD as u64;
    args.pidfd = &raw mut pidfd as u64;
    args.exit_signal = libc::SIGCHLD as u64;
    if let Some(cgroup) = cgroup {
        args.flags |= CLONE_INTO_CGROUP;
        args.cgroup = cgroup.as_raw_fd() as u64;
    }
    // SAFETY: `args` is valid for the length given. No stack is passed and CLONE_VM is not set, so the child runs on
    // its own copy of this one, as after fork; that no other thread exists is the caller's promise.
    match check(unsafe { libc::syscall(libc::SYS_clone3, &args, size_of::<libc::clone_args>()) })? {
        0 => Ok(Cloned::Child),
        // SAFETY: the kernel wrote a new descriptor to `pidfd` before it returned in the parent.
        pid => Ok(Cloned::Parent(Pid::from_raw(pid as i32), unsafe {
            OwnedFd::from_raw_fd(pidfd)
        })),
    }
}

// `libc` has it as an i32, in which the 33rd bit does not fit.
const CLONE_INTO_CGROUP: u64 = 0x2_0000_0000;

/// `pidfd_open(2)`, Linux 5.3: a descriptor that stands for the process `pid`, whatever becomes of its number.
pub fn pidfd_open(pid: Pid) -> nix::Result<OwnedFd> {
    // SAFETY: integers only.
    let fd = check(unsafe { libc::syscall(libc::SYS_pidfd_open, pid.as_raw(), 0) })?;
    // SAFETY: the kernel has just returned this descriptor and nobody else owns it. It is close-on-exec by rule.
    Ok(unsafe { OwnedFd::from_raw_fd(fd as RawFd) })
}

/// `pidfd_send_signal(2)`, Linux 5.1. `signal` is a number, so that real-time signals can be sent too.
pub fn pidfd_send_signal(pidfd: impl AsFd, signal: i32) -> nix::Result<()> {
    // SAFETY: a null siginfo means that the kernel fills it in as kill(2) does.
    check(unsafe {
        libc::syscall(
            libc::SYS_pidfd_send_signal,
            pidfd.as_fd().as_raw_fd(),
            signal,
            std::ptr::null::<libc::siginfo_t>(),
            0,
        )
    })
    .map(drop)
}

/// Asks the kernel to kill this process when its parent ends (PR_SET_PDEATHSIG, prctl(2)). Forgotten at fork and at
/// any change of credentials, so it is set again after those.
pub fn die_with_parent() -> nix::Result<()> {
    nix::sys::prctl::set_pdeathsig(Signal::SIGKILL)
}

/// Takes this process out of reach of ptrace(2) and hides its `/proc/PID` from all but root, until the next execve
/// (PR_SET_DUMPABLE, prctl(2)).
pub fn set_undumpable() -> nix::Result<()> {
    nix::sys::prctl::set_dumpable(false)
}

/// Gives every signal but those in `kept` its default disposition, and clears the mask: both survive execve, so a
/// command would else inherit what our own runtime ignores (SIGPIPE) and blocks, and what our caller does.
pub fn reset_signals(kept: &[libc::c_int]) -> nix::Result<()> {
    for signal in 1..=libc::SIGRTMAX() {
        if matches!(signal, libc::SIGKILL | libc::SIGSTOP) || kept.contains(&signal) {
            continue;
        }
        // SAFETY: SIG_DFL is a valid disposition for every signal. libc refuses the two it keeps for itself
        // (EINVAL), which no program can have changed.
        unsafe { libc::signal(signal, libc::SIG_DFL) };
    }
    nix::sys::signal::SigSet::empty().thread_set_mask()
}

/// Joins the namespaces of the process behind `pidfd` that are named in `namespaces` (`libc::CLONE_NEW*`), all or
/// none, in the order that the kernel knows to be right (setns(2), Linux 5.8).
pub fn setns_all(pidfd: impl AsFd, namespaces: libc::c_int) -> nix::Result<()> {
    // SAFETY: integers only.
    Errno::result(unsafe { libc::setns(pidfd.as_fd().as_raw_fd(), namespaces) }).map(drop)
}

/// `kill(2)` with a plain number, so that real-time signals can be sent too.
pub fn kill(pid: Pid, signal: i32) -> nix::Result<()> {
    // SAFETY: integers only.
    Errno::result(unsafe { libc::kill(pid.as_raw(), signal) }).map(drop)
}

/// Gives SIGCHLD its default disposition. One that is ignored, as a caller may have left it, makes the kernel reap
/// children by itself, and their exit status is lost (wait(2), NOTES).
pub fn default_sigchld() -> nix::Result<()> {
    // SAFETY: SIG_DFL is a valid disposition for SIGCHLD.
    let before = unsafe { libc::signal(libc::SIGCHLD, libc::SIG_DFL) };
    match before {
        libc::SIG_ERR => Err(Errno::last()),
        _ => Ok(()),
    }
}

/// Waits until any blocked signal arrives, takes it and returns its number (sigwaitinfo(2)); real-time signals too.
pub fn sigwait_any() -> nix::Result<i32> {
    // SAFETY: the set is made by sigfillset before it is read; a null siginfo means that none is wanted.
    Errno::result(unsafe {
        let mut set = std::mem::zeroed();
        libc::sigfillset(&mut set);
        libc::sigwaitinfo(&set, std::ptr::null_mut())
    })
}

/// How a child ended: its exit code, or the number of the signal that ended it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// It exited with this code.
    Exited(u8),
    /// This signal ended it; it may be a real-time signal, for which `nix` has no name and answers EINVAL after the child
    /// is already reaped.
    Signaled(u8),
}

impl Ended {
    /// A shell's and Docker's convention: the exit code, or 128 + n for signal n.
    pub fn code(self) -> u8 {
        match self {
            Self::Exited(code) => code,
            Self::Signaled(signal) => 128 + signal,
        }
    }
}

/// `waitpid(2)` for children that have ended, with `flags` (`libc::WNOHANG`); `None` for `pid` means any child. `Ok(None)`
/// is what WNOHANG says when none has.
pub fn wait(pid: Option<Pid>, flags: libc::c_int) -> nix::Result<Option<(Pid, Ended)>> {
    let mut status = 0;
    // SAFETY: `status` is valid for writing during the call.
    let ended = Errno::result(unsafe {
        libc::waitpid(pid.map_or(-1, Pid::as_raw), &raw mut status, flags)
    })?;
    if ended == 0 {
        return Ok(None);
    }
    // Without WUNTRACED and WCONTINUED nothing else is reported than these two.
    let how = if libc::WIFSIGNALED(status) {
        Ended::Signaled(libc::WTERMSIG(status) as u8)
    } else {
        Ended::Exited(libc::WEXITSTATUS(status) as u8)
    };
    Ok(Some((Pid::from_raw(ended), how)))
}

/// Whether this process ignores `signal` (SIG_IGN, sigaction(2)), as `nohup` and a shell's `&` make it do.
pub fn is_ignored(signal: i32) -> bool {
    // SAFETY: a null action asks only; `before` is plain data, valid for writing during the call.
    unsafe {
        let mut before: libc::sigaction = std::mem::zeroed();
        libc::sigaction(signal, std::ptr::null(), &raw mut before) == 0
            && before.sa_sigaction == libc::SIG_IGN
    }
}
