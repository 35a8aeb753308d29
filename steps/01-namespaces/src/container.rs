//! A running container, as its parent sees it.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use kit::sys::process::{Ended, pidfd_send_signal};
use kit::{Error, Result};
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::unistd::Pid;

use crate::lifetime::Lifetime;
use crate::mechanism::Exit;
use crate::mechanisms::Mechanisms;
use crate::pump::Pump;
use crate::signals::Signals;
use crate::spawn::{Started, reap};

/// A container whose command has been executed. Dropped without [`wait`](Self::wait), it is killed and undone, unless it
/// is detached.
pub struct Container {
    pid: Pid,
    pidfd: OwnedFd,
    pump: Option<Pump>,
    mechanisms: Mechanisms,
    signals: Signals,
    lifetime: Lifetime,
    is_reaped: bool,
}

impl Container {
    pub(crate) fn new(
        started: Started,
        mechanisms: Mechanisms,
        signals: Signals,
        lifetime: Lifetime,
    ) -> Self {
        Self {
            pid: started.pid,
            pidfd: started.pidfd,
            pump: started
                .terminal
                .map(|(master, input)| Pump::start(master, input)),
            mechanisms,
            signals,
            lifetime,
            is_reaped: false,
        }
    }

    /// The pid of the container's first process, as we see it.
    pub fn pid(&self) -> Pid {
        self.pid
    }

    /// The container's first process itself.
    pub fn pidfd(&self) -> BorrowedFd<'_> {
        self.pidfd.as_fd()
    }

    /// Waits for the end, passing signals on and, with a terminal, what is typed and shown; then undoes every
    /// mechanism, in reverse order.
    ///
    /// # Errors
    /// The first mechanism that could not be undone; the others have been nevertheless.
    pub fn wait(mut self) -> Result<Exit> {
        while !self.turn()? {}
        self.show_the_rest();
        self.end()
    }

    /// One turn of the loop: whatever is ready is served. True once the first process has ended.
    fn turn(&mut self) -> Result<bool> {
        let mut set = vec![
            PollFd::new(self.pidfd.as_fd(), PollFlags::POLLIN),
            PollFd::new(self.signals.as_fd(), PollFlags::POLLIN),
        ];
        if let Some(pump) = &self.pump {
            set.extend(pump.interests());
        }
        match poll(&mut set, PollTimeout::NONE) {
            Ok(_) | Err(Errno::EINTR) => {}
            Err(errno) => return Err(Error::sys("wait for the container", "", errno)),
        }
        let has_ended = set[0].any() == Some(true);
        drop(set);
        self.pass_signals_on();
        if let Some(pump) = &mut self.pump {
            pump.turn();
        }
        Ok(has_ended)
    }

    /// What the container has left in its terminal. Whoever does not want to wait until it is shown sends a signal.
    fn show_the_rest(&mut self) {
        let Some(mut pump) = self.pump.take() else {
            return;
        };
        while pump.turn_of_output() {
            let mut set: Vec<_> = pump.interest_in_output().collect();
            // With nothing in hand there is more to take, and nothing to wait for.
            let timeout = match set.is_empty() {
                true => PollTimeout::ZERO,
                false => PollTimeout::NONE,
            };
            set.push(PollFd::new(self.signals.as_fd(), PollFlags::POLLIN));
            let polled = poll(&mut set, timeout);
            drop(set);
            let interrupted = self
                .signals
                .next()
                .is_some_and(|signal| signal != libc::SIGWINCH);
            if interrupted || !matches!(polled, Ok(_) | Err(Errno::EINTR)) {
                return;
            }
        }
    }

    fn pass_signals_on(&mut self) {
        while let Some(signal) = self.signals.next() {
            match &mut self.pump {
                Some(pump) if signal == libc::SIGWINCH => pump.resize(),
                // ESRCH: it has ended, and the next turn will see it.
                _ => drop(pidfd_send_signal(&self.pidfd, signal)),
            }
        }
    }

    fn end(&mut self) -> Result<Exit> {
        let ended = reap(self.pid);
        self.is_reaped = true;
        let mut exit = Exit {
            code: ended.map_or(kit::error::FAILED, Ended::code),
            notes: Vec::new(),
        };
        let count = self.mechanisms.len();
        self.mechanisms.undo(count, &mut exit).map(|()| exit)
    }
}

impl std::fmt::Debug for Container {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Container")
            .field("pid", &self.pid)
            .field("mechanisms", &self.mechanisms)
            .finish_non_exhaustive()
    }
}

impl Drop for Container {
    fn drop(&mut self) {
        // One that is detached is left to itself, and to what is written down of it.
        if !self.is_reaped && !self.lifetime.is_detached() {
            let _ = pidfd_send_signal(&self.pidfd, libc::SIGKILL);
            let _ = self.end();
        }
    }
}
