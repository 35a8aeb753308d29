//! Signals: blocked from before the clone, read from a descriptor, passed on to the container.

use std::os::fd::AsFd;

use kit::sys::process::is_ignored;
use kit::{Error, Result};
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{SigSet, SigmaskHow, Signal, sigprocmask};
use nix::sys::signalfd::{SfdFlags, SignalFd};

/// This process's signals, as a descriptor. The old mask is put back when it is dropped.
#[derive(Debug)]
pub(crate) struct Signals {
    descriptor: SignalFd,
    before: SigSet,
}

/// Not taken from this process: what the kernel raises for a fault in our own code, what cannot be blocked, and job
/// control, which has to stop and continue *us* for the shell we were started from.
const OUR_OWN: &[Signal] = &[
    Signal::SIGSEGV,
    Signal::SIGBUS,
    Signal::SIGILL,
    Signal::SIGFPE,
    Signal::SIGTRAP,
    Signal::SIGABRT,
    Signal::SIGSYS,
    Signal::SIGTSTP,
    Signal::SIGTTIN,
    Signal::SIGTTOU,
    Signal::SIGCONT,
];

/// Ignored by default: they do not end a start.
const HARMLESS: &[i32] = &[libc::SIGWINCH, libc::SIGURG];

/// A signal's name, or its number if it has none.
pub(crate) fn name(signal: i32) -> String {
    Signal::try_from(signal)
        .map_or_else(|_| format!("signal {signal}"), |signal| signal.to_string())
}

impl Signals {
    /// Blocks the signals and opens a descriptor for them (signalfd(2)).
    pub(crate) fn block() -> Result<Self> {
        // An ignored SIGCHLD, which we may have inherited, would make the kernel reap our children before we can ask
        // for their exit status (wait(2)).
        kit::sys::process::default_sigchld()
            .map_err(|errno| Error::sys("reset SIGCHLD", "", errno))?;
        let mut set = SigSet::all();
        OUR_OWN.iter().for_each(|signal| set.remove(*signal));
        // `nohup` and a shell's `&` start us with signals ignored, so that we survive them: the container should too. A
        // blocked signal would be queued all the same. SIGPIPE is ignored by our own runtime.
        Signal::iterator()
            .filter(|signal| is_ignored(*signal as i32))
            .for_each(|signal| set.remove(signal));
        let mut before = SigSet::empty();
        sigprocmask(SigmaskHow::SIG_BLOCK, Some(&set), Some(&mut before))
            .map_err(|errno| Error::sys("block the signals", "", errno))?;
        let descriptor = SignalFd::with_flags(&set, SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK)
            .map_err(|errno| Error::sys("open a signal descriptor", "", errno))?;
        Ok(Self { descriptor, before })
    }

    /// The next signal that has arrived, if any. Never SIGCHLD or SIGPIPE, which are about us.
    pub(crate) fn next(&self) -> Option<i32> {
        loop {
            match self.descriptor.read_signal() {
                Ok(Some(info)) => match info.ssi_signo as i32 {
                    libc::SIGCHLD | libc::SIGPIPE => {}
                    signal => return Some(signal),
                },
                Ok(None) => return None,
                Err(Errno::EINTR) => {}
                Err(_) => return None,
            }
        }
    }

    /// Waits until `other` can be read; a signal that would end us by default ends the start instead.
    pub(crate) fn wait_for(&self, other: impl AsFd) -> Result<()> {
        loop {
            let mut set = [
                PollFd::new(other.as_fd(), PollFlags::POLLIN),
                PollFd::new(self.descriptor.as_fd(), PollFlags::POLLIN),
            ];
            match poll(&mut set, PollTimeout::NONE) {
                Ok(_) | Err(Errno::EINTR) => {}
                Err(errno) => return Err(Error::sys("wait for the container", "", errno)),
            }
            if set[0].any() == Some(true) {
                return Ok(());
            }
            if let Some(signal) = self.next().filter(|signal| !HARMLESS.contains(signal)) {
                return Err(
                    Error::new(format!("interrupted by signal {signal} before the start"))
                        .code(128 + signal as u8),
                );
            }
        }
    }
}

impl AsFd for Signals {
    fn as_fd(&self) -> std::os::fd::BorrowedFd<'_> {
        self.descriptor.as_fd()
    }
}

impl Drop for Signals {
    fn drop(&mut self) {
        let _ = self.before.thread_set_mask();
    }
}
