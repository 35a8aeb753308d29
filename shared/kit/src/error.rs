//! Errors for people: what was attempted, on what, what the kernel said, and what to do about it.

use std::fmt;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use nix::errno::Errno;

/// A result whose error can be shown to a person as it is.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Exit code of a program that failed before, or beside, the command it was to run. Docker's own.
pub const FAILED: u8 = 125;
/// Exit code when the command was found and cannot be executed.
pub const NOT_EXECUTABLE: u8 = 126;
/// Exit code when the command was not found.
pub const NOT_FOUND: u8 = 127;

/// What kind of failure an error is. Code decides on this, or on [`Error::errno`], and never on the sentence, which is
/// for people and may be reworded. There is a kind for what some code decides on, and no other.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Kind {
    /// Nobody has to tell it from other failures.
    #[default]
    Other,
    /// What was named does not exist.
    NotFound,
    /// The container's first process ended before it could run the command.
    DiedEarly,
}

impl Kind {
    /// Every kind, for a kind that comes from another process as a number.
    pub const ALL: [Self; 3] = [Self::Other, Self::NotFound, Self::DiedEarly];
}

/// One sentence that says what went wrong, what the kernel said, and the likely mend.
///
/// It is built where the most is known, and each caller above adds only what it alone knows:
///
/// ```
/// use kit::Error;
/// use nix::errno::Errno;
///
/// let error = Error::sys("open the root file system", "/srv/alpine", Errno::ENOENT)
///     .hint("give --rootfs a directory that holds /bin, /lib and so on");
/// assert_eq!(
///     error.to_string(),
///     "cannot open the root file system /srv/alpine: No such file or directory (ENOENT)"
/// );
/// ```
// Boxed, so that a `Result` stays one word on the path where nothing fails.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct Error(Box<Inner>);

#[derive(Debug)]
struct Inner {
    message: String,
    errno: Option<Errno>,
    hint: Option<String>,
    code: u8,
    kind: Kind,
}

impl fmt::Display for Inner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        match self.errno {
            Some(errno) => write!(f, ": {} ({errno:?})", errno.desc()),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Inner {}

impl Error {
    /// A refusal of our own: the whole sentence, without a full stop.
    pub fn new(message: impl Into<String>) -> Self {
        Self(Box::new(Inner {
            message: message.into(),
            errno: None,
            hint: None,
            code: FAILED,
            kind: Kind::Other,
        }))
    }

    /// A system call that failed. `operation` is a verb phrase ("mount proc on"), `subject` what it was done to; an
    /// empty subject is left out.
    pub fn sys(operation: &str, subject: impl AsRef<Path>, errno: Errno) -> Self {
        let subject = subject.as_ref();
        let mut error = if subject.as_os_str().is_empty() {
            Self::new(format!("cannot {operation}"))
        } else {
            Self::new(format!("cannot {operation} {}", subject.display()))
        };
        error.0.errno = Some(errno);
        error
    }

    /// The same for the standard library's errors, which may carry no errno.
    pub fn io(operation: &str, subject: impl AsRef<Path>, error: &std::io::Error) -> Self {
        match error.raw_os_error() {
            Some(raw) => Self::sys(operation, subject, Errno::from_raw(raw)),
            None => Self::new(format!(
                "cannot {operation} {}: {error}",
                subject.as_ref().display()
            )),
        }
    }

    /// Adds the likely cause and its mend. The first hint, made closest to the failure, is the one that is kept.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.0.hint.get_or_insert_with(|| hint.into());
        self
    }

    /// Says in which larger undertaking it happened: `cannot unpack etc/passwd: cannot set the owner: …`.
    #[must_use]
    pub fn within(mut self, undertaking: impl std::fmt::Display) -> Self {
        self.0.message = format!("{undertaking}: {}", self.0.message);
        self
    }

    /// Sets the exit code, where it is not [`FAILED`].
    #[must_use]
    pub fn code(mut self, code: u8) -> Self {
        self.0.code = code;
        self
    }

    /// Sets the kind, where code decides on it.
    #[must_use]
    pub fn of_kind(mut self, kind: Kind) -> Self {
        self.0.kind = kind;
        self
    }

    /// What code may decide on, beside the errno.
    pub fn kind(&self) -> Kind {
        self.0.kind
    }

    /// What the kernel said, if it was the kernel that refused.
    pub fn errno(&self) -> Option<Errno> {
        self.0.errno
    }

    /// The hint, if somebody had one.
    pub fn hint_text(&self) -> Option<&str> {
        self.0.hint.as_deref()
    }

    /// The exit code that the program should end with.
    pub fn exit_code(&self) -> u8 {
        self.0.code
    }
}

/// A failed system call in a child between fork and exec: nothing here is allocated, so that making one cannot fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Failure<'a> {
    /// A verb phrase, as in [`Error::sys`].
    pub operation: &'a str,
    /// What it was done to; may be empty.
    pub path: &'a [u8],
    /// What the kernel said.
    pub errno: Errno,
}

impl<'a> Failure<'a> {
    /// A failure of `operation` on `path`.
    pub fn new(operation: &'a str, path: &'a [u8], errno: Errno) -> Self {
        Self {
            operation,
            path,
            errno,
        }
    }

    /// For `map_err`: `sethostname(…).map_err(Failure::of("set the host name", b""))`.
    pub fn of(operation: &'a str, path: &'a [u8]) -> impl FnOnce(Errno) -> Self {
        move |errno| Self::new(operation, path, errno)
    }

    /// The same failure as the parent shows it.
    pub fn to_error(self) -> Error {
        Error::sys(
            self.operation,
            std::ffi::OsStr::from_bytes(self.path),
            self.errno,
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subject_that_is_not_utf8_is_shown_all_the_same() {
        let failure = Failure::new("open", b"/tmp/\xff", Errno::ENOENT);
        assert_eq!(
            failure.to_error().to_string(),
            "cannot open /tmp/\u{fffd}: No such file or directory (ENOENT)"
        );
    }

    #[test]
    fn a_kind_stays_whatever_is_said_around_it() {
        assert_eq!(Error::new("no").kind(), Kind::Other);
        let error = Error::new("no").of_kind(Kind::NotFound);
        let error = error.within("at work").hint("look").code(NOT_FOUND);
        assert_eq!(error.kind(), Kind::NotFound);
    }

    #[test]
    fn the_hint_nearest_to_the_failure_wins() {
        let error = Error::new("no").hint("near").hint("far");
        assert_eq!(error.hint_text(), Some("near"));
    }
}
