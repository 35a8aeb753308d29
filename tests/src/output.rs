//! What a program came to.

use std::fmt;
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;
use std::time::Duration;

/// What a run came to.
#[derive(Clone)]
pub struct Output {
    /// The exit code, if it exited.
    pub code: Option<i32>,
    /// The signal that ended it, if one did.
    pub signal: Option<i32>,
    /// What it wrote to its standard output, or to its terminal.
    pub stdout: Vec<u8>,
    /// What it wrote to its standard error.
    pub stderr: Vec<u8>,
    /// From before the fork to its end.
    pub duration: Duration,
    /// Whether it, or something that held its output open, had to be killed at the time limit; only of a run that
    /// [may](crate::Run::may_time_out).
    pub timed_out: bool,
}

impl Output {
    pub(crate) fn new(
        status: ExitStatus,
        stdout: Vec<u8>,
        stderr: Vec<u8>,
        duration: Duration,
        timed_out: bool,
    ) -> Self {
        Self {
            code: status.code(),
            signal: status.signal(),
            stdout,
            stderr,
            duration,
            timed_out,
        }
    }

    /// # Panics
    /// If it timed out and may not.
    #[track_caller]
    pub(crate) fn in_time(self, may_time_out: bool) -> Self {
        assert!(may_time_out || !self.timed_out, "{self}");
        self
    }

    /// Standard output as text.
    pub fn out(&self) -> String {
        String::from_utf8_lossy(&self.stdout).into_owned()
    }

    /// Standard error as text.
    pub fn err(&self) -> String {
        String::from_utf8_lossy(&self.stderr).into_owned()
    }

    /// Returns itself if the exit code is `code`.
    ///
    /// # Panics
    /// If it is not, showing all there is.
    #[track_caller]
    pub fn assert_code(self, code: i32) -> Self {
        assert!(
            self.code == Some(code) && !self.timed_out,
            "exit code {code} was wanted; {self}"
        );
        self
    }
}

/// As [`fmt::Display`]: output is read as text, not as a list of bytes.
impl fmt::Debug for Output {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for Output {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.timed_out, self.code, self.signal) {
            (true, ..) => write!(f, "it ran out of time after {:?}", self.duration)?,
            (_, Some(code), _) => write!(f, "exit code {code}")?,
            (.., signal) => write!(f, "ended by signal {}", signal.unwrap_or_default())?,
        }
        write!(
            f,
            "\n--- stdout\n{}\n--- stderr\n{}",
            self.out(),
            self.err()
        )
    }
}
