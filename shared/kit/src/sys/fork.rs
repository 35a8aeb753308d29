//! A process of ours that outlives us, to put in order what we could not.

use std::ffi::CStr;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::SigSet;
use nix::sys::wait::{WaitPidFlag, waitpid};
use nix::unistd::{Pid, getpid};

use super::check;
use super::descriptor::close_range;
use super::process::{exit, is_single_threaded, pidfd_open, pidfd_send_signal};

/// A process that waits for our death. Dropped, it is dismissed: killed and reaped, without having done its work.
#[derive(Debug)]
pub struct Janitor {
    pid: Pid,
    pidfd: OwnedFd,
}

/// What a [`Janitor`] does.
pub struct Duties<'a, Now, Then> {
    /// Its name in `ps`, of which the kernel keeps 15 bytes.
    pub name: &'a CStr,
    /// The descriptors that it keeps; all others are closed, so that no reader of a pipe waits for it.
    pub keeps: &'a [BorrowedFd<'a>],
    /// Done at once, beside us.
    pub now: Now,
    /// Done when this process has ended, however it ended.
    pub then: Then,
}

impl Janitor {
    /// Forks it. It is in a session of its own with all signals blocked, so that neither ctrl-c nor a hang-up reaches
    /// it, and it sends no SIGCHLD when it ends. It learns of our death from a descriptor of our process
    /// (pidfd_open(2)), which no third process can keep open as it could the other end of a pipe.
    ///
    /// # Errors
    /// EDEADLK if this process has several threads: a lock that another held at this moment would stay locked for ever
    /// in the janitor, which allocates memory and opens files as any program does. Else as clone3(2).
    pub fn fork(duties: Duties<'_, impl FnOnce(), impl FnOnce()>) -> nix::Result<Self> {
        // Nobody else can start a thread between this and the fork: there is nobody else.
        if !is_single_threaded()? {
            return Err(Errno::EDEADLK);
        }
        let parent = pidfd_open(getpid())?;
        let mut pidfd: RawFd = -1;
        // SAFETY: `clone_args` is plain data for which all zeroes is a value; exit_signal 0 means no signal.
        let mut args: libc::clone_args = unsafe { std::mem::zeroed() };
        args.flags = libc::CLONE_PIDFD as u64;
        args.pidfd = &raw mut pidfd as u64;
        // SAFETY: `args` is valid for the length given. Neither a stack nor CLONE_VM: the child runs on its own copy
        // of this stack, as after fork; no other thread exists.
        match check(unsafe {
            libc::syscall(libc::SYS_clone3, &args, size_of::<libc::clone_args>())
        })? {
            0 => live(&parent, duties),
            pid => Ok(Self {
                pid: Pid::from_raw(pid as i32),
                // SAFETY: the kernel wrote a new descriptor to `pidfd` before it returned in the parent.
                pidfd: unsafe { OwnedFd::from_raw_fd(pidfd) },
            }),
        }
    }

    /// Its pid.
    pub fn pid(&self) -> Pid {
        self.pid
    }
}

impl Drop for Janitor {
    fn drop(&mut self) {
        // ESRCH: somebody was faster.
        let _ = pidfd_send_signal(&self.pidfd, libc::SIGKILL);
        // A child without an exit signal is invisible to a plain wait (`__WALL` in wait(2)).
        while waitpid(self.pid, Some(WaitPidFlag::__WALL)) == Err(Errno::EINTR) {}
    }
}

/// The janitor's life; it ends with `_exit`, so that no destructor of the parent's runs a second time.
fn live(parent: &OwnedFd, duties: Duties<'_, impl FnOnce(), impl FnOnce()>) -> ! {
    // None of these can fail in a way that would change what comes: a new child leads no process group (EPERM of
    // setsid), and a directory or a name that it keeps does no harm.
    let _ = nix::unistd::setsid();
    let _ = SigSet::all().thread_set_mask();
    let _ = nix::sys::prctl::set_name(duties.name);
    let _ = nix::unistd::chdir(c"/");
    close_all_but(parent, duties.keeps);
    // A panic must not unwind into what the parent was doing when it forked.
    let done = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        (duties.now)();
        wait_for_end(parent.as_fd());
        (duties.then)();
    }));
    exit(done.is_err().into())
}

/// A pidfd is readable once its process has ended (pidfd_open(2)).
fn wait_for_end(parent: BorrowedFd<'_>) {
    let mut set = [PollFd::new(parent, PollFlags::POLLIN)];
    while poll(&mut set, PollTimeout::NONE) == Err(Errno::EINTR) {}
}

fn close_all_but(parent: &OwnedFd, keeps: &[BorrowedFd<'_>]) {
    let mut kept: Vec<RawFd> = keeps.iter().map(AsRawFd::as_raw_fd).collect();
    kept.push(parent.as_raw_fd());
    kept.sort_unstable();
    let mut first = 0;
    for fd in kept {
        if fd > first {
            // SAFETY: this process uses none but `kept` and ends with `_exit`, which drops nothing.
            let _ = unsafe { close_range(first, fd as u32 - 1) };
        }
        first = fd + 1;
    }
    // SAFETY: as above.
    let _ = unsafe { close_range(first, u32::MAX) };
}
