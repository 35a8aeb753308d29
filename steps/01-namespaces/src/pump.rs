//! The pump between our terminal and the container's: what is typed goes in, what is shown comes out.

use std::io::{Stdin, Stdout};
use std::os::fd::{AsFd, OwnedFd};

use kit::sys::terminal::{open_peer, set_window_size};
use nix::errno::Errno;
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::termios::{SetArg, Termios, cfmakeraw, tcgetattr, tcsetattr};
use nix::unistd::{read, write};

use crate::window::our_size;

/// The two sides, and what is on its way.
#[derive(Debug)]
pub(crate) struct Pump {
    terminal: Option<Ends>,
    stdin: Stdin,
    stdout: Stdout,
    reads_stdin: bool,
    /// Typed, and not yet taken by the container.
    typed: Vec<u8>,
    /// Taken from the container, and not yet shown.
    shown: Vec<u8>,
    _raw: Option<RawMode>,
}

#[derive(Debug)]
struct Ends {
    master: OwnedFd,
    // While we hold the slave, the master never reports a hang-up, which poll(2) would repeat for ever. There is none
    // left to hold if the container has ended before we looked; what it has written is in the master all the same.
    _slave: Option<OwnedFd>,
}

const CHUNK: usize = 16 * 1024;
/// A pipe that poll(2) calls writable has room for PIPE_BUF, which is 4096 (pipe(7)).
const PIECE: usize = 4096;

impl Pump {
    /// Takes the master side; with `stdin`, our terminal is put into raw mode and read.
    pub(crate) fn start(master: OwnedFd, stdin: bool) -> Self {
        let _ = fcntl(&master, FcntlArg::F_SETFL(OFlag::O_NONBLOCK));
        let pump = Self {
            terminal: Some(Ends {
                _slave: open_peer(&master).ok(),
                master,
            }),
            stdin: std::io::stdin(),
            stdout: std::io::stdout(),
            reads_stdin: stdin,
            typed: Vec::new(),
            shown: Vec::new(),
            _raw: stdin.then(RawMode::enter).flatten(),
        };
        // Ours may have changed while the container was being made, when nobody listened to SIGWINCH.
        pump.resize();
        pump
    }

    /// What poll(2) should wait for. Nothing is read that could not be passed on: a reader that has stopped stops the
    /// writer, and not us.
    pub(crate) fn interests(&self) -> impl Iterator<Item = PollFd<'_>> {
        let mut events = PollFlags::empty();
        events.set(PollFlags::POLLIN, self.shown.is_empty());
        events.set(PollFlags::POLLOUT, !self.typed.is_empty());
        let master = self
            .terminal
            .iter()
            .filter(move |_| !events.is_empty())
            .map(move |ends| PollFd::new(ends.master.as_fd(), events));
        let stdin = self
            .wants_input()
            .then(|| PollFd::new(self.stdin.as_fd(), PollFlags::POLLIN));
        master.chain(stdin).chain(self.interest_in_output())
    }

    /// Our standard output, if something is to be shown.
    pub(crate) fn interest_in_output(&self) -> impl Iterator<Item = PollFd<'_>> {
        (!self.shown.is_empty())
            .then(|| PollFd::new(self.stdout.as_fd(), PollFlags::POLLOUT))
            .into_iter()
    }

    /// Serves what is ready, without blocking.
    pub(crate) fn turn(&mut self) {
        if self.wants_input() && is_ready(&self.stdin, PollFlags::POLLIN) {
            self.take_input();
        }
        self.pass_input();
        self.turn_of_output();
    }

    /// Takes over the size of our terminal.
    pub(crate) fn resize(&self) {
        if let (Some(ends), Some(size)) = (&self.terminal, our_size()) {
            let _ = set_window_size(&ends.master, size);
        }
    }

    fn wants_input(&self) -> bool {
        self.reads_stdin && self.typed.is_empty() && self.terminal.is_some()
    }

    fn take_input(&mut self) {
        let mut buffer = [0; CHUNK];
        match read(&self.stdin, &mut buffer) {
            // In raw mode there is no end of input but the terminal's own: it was closed.
            Ok(0) | Err(Errno::EIO) => self.hang_up(),
            Ok(length) => self.typed.extend_from_slice(&buffer[..length]),
            Err(_) => {}
        }
    }

    fn pass_input(&mut self) {
        if let Some(ends) = &self.terminal
            && !self.typed.is_empty()
            && let Ok(length) = write(&ends.master, &self.typed)
        {
            self.typed.drain(..length);
        }
    }

    /// Takes one piece from the container, or shows one. False if there was, and is, nothing to show.
    pub(crate) fn turn_of_output(&mut self) -> bool {
        if self.shown.is_empty() {
            self.take_output();
        }
        if !self.shown.is_empty() && is_ready(&self.stdout, PollFlags::POLLOUT) {
            self.show();
        }
        !self.shown.is_empty() || self.has_output()
    }

    fn has_output(&self) -> bool {
        let ready = |ends: &Ends| is_ready(&ends.master, PollFlags::POLLIN);
        self.terminal.as_ref().is_some_and(ready)
    }

    fn take_output(&mut self) {
        let mut buffer = [0; CHUNK];
        let Some(ends) = &self.terminal else { return };
        match read(&ends.master, &mut buffer) {
            Ok(length) => self.shown.extend_from_slice(&buffer[..length]),
            // Every slave is closed, and all that was written to one has been read.
            Err(Errno::EIO) => self.hang_up(),
            Err(_) => {}
        }
    }

    /// A little at a time: what is ready takes this much without blocking, and it may be one that blocks.
    fn show(&mut self) {
        let piece = &self.shown[..self.shown.len().min(PIECE)];
        match write(&self.stdout, piece) {
            Ok(length) => drop(self.shown.drain(..length)),
            Err(Errno::EAGAIN | Errno::EINTR) => {}
            Err(_) => {
                self.shown.clear();
                self.hang_up();
            }
        }
    }

    /// Nobody is watching any more: closing the master sends SIGHUP to the container's session, as a modem once did.
    fn hang_up(&mut self) {
        self.terminal = None;
    }
}

fn is_ready(descriptor: impl AsFd, events: PollFlags) -> bool {
    let mut set = [PollFd::new(descriptor.as_fd(), events)];
    poll(&mut set, PollTimeout::ZERO).is_ok_and(|ready| ready > 0)
}

/// Our terminal in raw mode: every key goes to the container, also Ctrl-C. Given back when dropped.
#[derive(Debug)]
struct RawMode(Termios);

impl RawMode {
    fn enter() -> Option<Self> {
        let before = tcgetattr(std::io::stdin()).ok()?;
        let mut raw = before.clone();
        cfmakeraw(&mut raw);
        tcsetattr(std::io::stdin(), SetArg::TCSADRAIN, &raw).ok()?;
        Some(Self(before))
    }
}

impl Drop for RawMode {
    fn drop(&mut self) {
        let _ = tcsetattr(std::io::stdin(), SetArg::TCSADRAIN, &self.0);
    }
}
