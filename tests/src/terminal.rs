//! A program with a terminal, and a hand on its keyboard.

use std::os::fd::{AsFd, OwnedFd};
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::pty::{Winsize, openpty};
use nix::sys::termios::{Termios, tcgetattr};
use nix::unistd::{Pid, read, write};

use crate::output::Output;
use crate::run::{Process, Run};
use crate::scene;
use crate::screen::Screen;

/// A program that runs under a pseudoterminal (pty(7)), of which this is the other side.
#[derive(Debug)]
pub struct Terminal {
    process: Process,
    screen: Screen,
    master: Option<Arc<OwnedFd>>,
    closed: Arc<AtomicBool>,
    reader: Option<JoinHandle<()>>,
    may_time_out: bool,
}

impl Terminal {
    pub(crate) fn start(run: Run) -> Self {
        let start = Instant::now();
        let size = Winsize {
            ws_row: 24,
            ws_col: 80,
            ws_xpixel: 0,
            ws_ypixel: 0,
        };
        let pair = openpty(Some(&size), None).expect("the machine has pseudoterminals");
        // A test may run at the same time in another thread and fork: it must not inherit them.
        for side in [&pair.master, &pair.slave] {
            rustix::io::fcntl_setfd(side, rustix::io::FdFlags::CLOEXEC)
                .expect("it is a descriptor");
        }
        // setsid(1) makes a session and takes its standard input as controlling terminal.
        let mut command = run.command(&["setsid", "--ctty"]);
        let side = || {
            Stdio::from(
                pair.slave
                    .try_clone()
                    .expect("a descriptor can be duplicated"),
            )
        };
        command.stdin(side()).stdout(side()).stderr(side());
        let mark = scene::next_mark();
        let child = scene::marked(mark, || command.spawn()).expect("setsid is there");
        // Else our copies of the other side would keep the terminal open for ever.
        drop(command);
        drop(pair.slave);
        let master = Arc::new(pair.master);
        let (screen, closed) = (Screen::default(), Arc::new(AtomicBool::new(false)));
        let reader = {
            let (master, screen, closed) =
                (Arc::clone(&master), screen.clone(), Arc::clone(&closed));
            std::thread::spawn(move || listen(&master, &screen, &closed))
        };
        Self {
            process: Process::new(child, mark, start, run.limit),
            screen,
            master: Some(master),
            closed,
            reader: Some(reader),
            may_time_out: run.may_time_out,
        }
    }

    /// The program's process.
    pub fn pid(&self) -> Pid {
        self.process.pid()
    }

    /// Sends it a signal, by number.
    pub fn signal(&self, signal: i32) {
        self.process.signal(signal);
    }

    /// Types: `\r` is Enter, `\x03` Ctrl-C, `\x04` Ctrl-D.
    pub fn send(&self, keys: impl AsRef<[u8]>) {
        let mut keys = keys.as_ref();
        while !keys.is_empty() {
            let written = write(self.master(), keys).expect("a terminal takes keys");
            keys = &keys[written..];
        }
    }

    /// Waits for `text` on the screen, and returns all that came since the last call up to there. What is typed is
    /// echoed, so wait for a text that the program alone can write.
    ///
    /// # Panics
    /// If it does not come before the time limit, or the program ends.
    #[track_caller]
    pub fn expect(&self, text: &str) -> String {
        match self.screen.expect(text, self.process.deadline) {
            Ok(found) => found,
            Err(instead) => panic!("{text:?} did not come on the terminal, but {instead:?}"),
        }
    }

    /// Changes the size of the window, which sends SIGWINCH to what runs in it.
    pub fn resize(&self, rows: u16, columns: u16) {
        let size = rustix::termios::Winsize {
            ws_row: rows,
            ws_col: columns,
            ws_xpixel: 0,
            ws_ypixel: 0,
        };
        rustix::termios::tcsetwinsize(self.master(), size).expect("a terminal has a size");
    }

    /// How the terminal is set (termios(3)): raw or not, echo or not.
    pub fn settings(&self) -> Termios {
        tcgetattr(self.master()).expect("a terminal has settings")
    }

    /// Closes the window: what runs in it gets SIGHUP.
    pub fn close(&mut self) {
        self.closed.store(true, Ordering::Release);
        if let Some(reader) = self.reader.take() {
            reader.join().expect("the reader does not panic");
        }
        self.master = None;
    }

    /// Whether the program ends within `limit`.
    pub fn ends_within(&self, limit: Duration) -> bool {
        self.process.ends_before(Instant::now() + limit)
    }

    /// Waits for its end. `stdout` of the result is all that came on the screen.
    ///
    /// # Panics
    /// If it has to be killed at the time limit.
    #[track_caller]
    pub fn wait(mut self) -> Output {
        let (status, duration, timed_out) = self.process.wait();
        // What it wrote last may still be on its way; if a descendant keeps the terminal, no end of file comes.
        self.screen
            .wait_for_end(Instant::now() + Duration::from_millis(500));
        let output = Output::new(status, self.screen.bytes(), Vec::new(), duration, timed_out);
        output.in_time(self.may_time_out)
    }

    fn master(&self) -> &OwnedFd {
        self.master
            .as_deref()
            .expect("the terminal has been closed")
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        self.closed.store(true, Ordering::Release);
    }
}

/// Reads until the other side has no opener left (EIO) or we close ours. It looks up now and then, for a descriptor
/// that a thread is reading cannot be closed.
fn listen(master: &OwnedFd, screen: &Screen, closed: &AtomicBool) {
    let mut buffer = [0; 4096];
    while !closed.load(Ordering::Acquire) {
        let mut poll_for = [PollFd::new(master.as_fd(), PollFlags::POLLIN)];
        match poll(&mut poll_for, PollTimeout::from(10u8)) {
            Ok(0) => continue,
            Ok(_) => {}
            Err(_) => break,
        }
        match read(master, &mut buffer) {
            Ok(length @ 1..) => screen.push(&buffer[..length]),
            _ => break,
        }
    }
    screen.end();
}
