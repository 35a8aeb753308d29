//! A running container, as its parent sees it.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};

use kit::sys::process::{Ended, pidfd_send_signal, wait};
use kit::{Error, Result};
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::unistd::Pid;

use crate::exit::Exit;
use crate::leftover;
use crate::lifetime::Lifetime;
use crate::mechanisms::Mechanisms;
use crate::pump::Pump;
use crate::signals::Signals;

/// A container whose command has been executed. Dropped without [`wait`](Self::wait), it is killed and undone, unless it
/// is detached.
pub struct Container {
    pid: Pid,
    pidfd: OwnedFd,
    pump: Option<Pump>,
    mechanisms: Mechanisms,
    signals: Signals,
    lifetime: Lifetime,
    /// Where it is written down, if it was created first and started then.
    directory: Option<PathBuf>,
    is_reaped: bool,
}

impl Container {
    pub(crate) fn new(
        started: Started,
        mechanisms: Mechanisms,
        signals: Signals,
        lifetime: Lifetime,
        directory: Option<&Path>,
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
            directory: directory.map(Path::to_owned),
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
    /// mechanism, in reverse order. A container that is detached is left to [`undo`](crate::undo()).
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
        // One that is detached has given all that it made to what is written down: see [`undo`](crate::undo()).
        if !self.lifetime.is_detached() {
            let count = self.mechanisms.len();
            self.mechanisms.undo(count, &mut exit)?;
            if let Some(directory) = &self.directory {
                leftover::forget(directory)?;
            }
        }
        Ok(exit)
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

/// A process that has executed its command, or waits at the second gate.
#[derive(Debug)]
pub(crate) struct Started {
    pub(crate) pid: Pid,
    pub(crate) pidfd: OwnedFd,
    /// The master side of its terminal, if we are to drive it, and whether our standard input is typed into it.
    pub(crate) terminal: Option<(OwnedFd, bool)>,
}

/// Waits for the child's end, however often a signal interrupts.
pub(crate) fn reap(pid: Pid) -> Option<Ended> {
    loop {
        match wait(Some(pid), 0) {
            Err(Errno::EINTR) => {}
            other => return other.ok().flatten().map(|(_, ended)| ended),
        }
    }
}
