//! The command that a container runs, made ready before the fork: nothing is looked up or allocated after it.

use std::ffi::{CString, OsStr, OsString};
use std::fs::File;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::PathBuf;

use kit::error::{NOT_EXECUTABLE, NOT_FOUND};
use kit::sys::title::StartArea;
use kit::{Error, Failure, Result};
use nix::errno::Errno;

/// Where commands are searched if the environment does not say: Docker's own default.
pub const DEFAULT_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// What to run in the container.
#[derive(Clone, Debug)]
pub struct Command {
    /// The program and its arguments; a program without a slash is searched in `PATH`, inside the container.
    pub arguments: Vec<OsString>,
    /// Its whole environment: nothing of the caller's is inherited.
    pub environment: Vec<(OsString, OsString)>,
    /// Where it starts, as a path inside the container; `None` leaves it where the mechanisms left it.
    pub directory: Option<PathBuf>,
    /// Whether it reads our standard input; if not, it reads `/dev/null`.
    pub stdin: bool,
    /// Whether it has a terminal of its own as standard input, output and error.
    pub terminal: bool,
    /// Whether an init of ours is the container's first process and the command its child; else the command itself
    /// is PID 1, with all that this means (pid_namespaces(7)).
    pub init: bool,
}

/// A [`Command`] as execve(2) wants it.
#[derive(Debug)]
pub(crate) struct Prepared {
    pub(crate) arguments: Vec<CString>,
    pub(crate) environment: Vec<CString>,
    pub(crate) directory: Option<CString>,
    /// The files to try, in order.
    pub(crate) candidates: Vec<CString>,
    /// With an init: where its arguments and environment lie, which are the host's.
    pub(crate) start_area: Option<StartArea>,
    /// `/dev/null`, if that is what it is to read: opened on the host, where it is what it says.
    pub(crate) null: Option<File>,
}

impl Command {
    pub(crate) fn prepare(&self) -> Result<Prepared> {
        let program = self.arguments.first().ok_or_else(|| {
            Error::new("no command given").hint("name one after the options, as in `… run -- sh`")
        })?;
        Ok(Prepared {
            arguments: self
                .arguments
                .iter()
                .map(|a| c_string(a))
                .collect::<Result<_>>()?,
            environment: self
                .environment
                .iter()
                .map(|(name, value)| assignment(name, value))
                .collect::<Result<_>>()?,
            directory: self
                .directory
                .as_ref()
                .map(|d| c_string(d.as_os_str()))
                .transpose()?,
            candidates: candidates(program, self.path())
                .into_iter()
                .map(|c| c_string(&c))
                .collect::<Result<_>>()?,
            start_area: self.init.then(StartArea::of_self).flatten(),
            null: (!self.stdin && !self.terminal)
                .then(open_null)
                .transpose()?,
        })
    }

    fn path(&self) -> &OsStr {
        self.environment
            .iter()
            .rev()
            .find(|(name, _)| name == "PATH")
            .map_or(OsStr::new(DEFAULT_PATH), |(_, value)| value)
    }

    /// What the last step's failure means to the user.
    pub(crate) fn explain(&self, failure: Failure<'_>) -> Error {
        let program = self.arguments[0].display().to_string();
        let shown = if program.is_empty() { "\"\"" } else { &program };
        let searched = !self.arguments[0].as_bytes().contains(&b'/');
        match (failure.operation, failure.errno) {
            (EXECUTE, Errno::ENOENT | Errno::ENOTDIR) if searched => Error::new(format!(
                "cannot run {shown}: executable file not found in $PATH"
            ))
            .hint(format!(
                "it is searched inside the container, in {}",
                self.path().display()
            ))
            .code(NOT_FOUND),
            (EXECUTE, Errno::ENOENT | Errno::ENOTDIR) => failure
                .to_error()
                .hint("the path is looked up inside the container, not on the host")
                .code(NOT_FOUND),
            (INTERPRET, _) => Error::new(format!(
                "cannot run {}: the file is there, but the program that should interpret it is not",
                OsStr::from_bytes(failure.path).display()
            ))
            .hint("a script's first line, or a binary's dynamic loader (`file` shows both), names a file that is not in the container")
            .code(NOT_FOUND),
            (EXECUTE, errno) => failure.to_error().hint(not_executable(errno)).code(NOT_EXECUTABLE),
            (CHDIR, _) => failure
                .to_error()
                .hint("the working directory is a path inside the container and must exist there")
                .code(NOT_EXECUTABLE),
            (FORK, Errno::ENOMEM) => failure
                .to_error()
                .hint("the PID namespace takes no new process once its PID 1 has ended: is the container still running?"),
            (FORK, Errno::EAGAIN) => failure
                .to_error()
                .hint("the container may have no more processes: a pids limit, in which our init counts too (--no-init runs the command without), or `ulimit -u`"),
            _ => failure.to_error(),
        }
    }
}

pub(crate) const FORK: &str = "fork the command";
pub(crate) const EXECUTE: &str = "run";
pub(crate) const INTERPRET: &str = "find the interpreter of";
pub(crate) const CHDIR: &str = "change to the working directory";

fn not_executable(errno: Errno) -> &'static str {
    match errno {
        Errno::EACCES => {
            "it is a directory, lacks execute permission (`chmod +x`), or lies on a file system mounted noexec"
        }
        Errno::ENOEXEC => {
            "it is neither a binary for this machine nor a script whose first line names its interpreter (`#!/bin/sh`)"
        }
        Errno::E2BIG => {
            "a single argument may have 128 KiB, and all with the environment a quarter of the stack limit (`ulimit -s`)"
        }
        Errno::ETXTBSY => "another process has it open for writing",
        _ => "execve(2) lists what this means",
    }
}

/// The files that a name stands for: itself if it has a slash, else one per directory of `path`; an empty
/// directory is the current one, as in execvp(3).
fn candidates(program: &OsStr, path: &OsStr) -> Vec<OsString> {
    if program.is_empty() || program.as_bytes().contains(&b'/') {
        return vec![program.to_owned()];
    }
    path.as_bytes()
        .split(|byte| *byte == b':')
        .map(|directory| {
            let directory = if directory.is_empty() {
                b"."
            } else {
                directory
            };
            OsString::from_vec([directory, b"/", program.as_bytes()].concat())
        })
        .collect()
}

fn open_null() -> Result<File> {
    File::open("/dev/null").map_err(|e| Error::io("open", "/dev/null", &e))
}

fn assignment(name: &OsStr, value: &OsStr) -> Result<CString> {
    c_string(OsStr::from_bytes(
        &[name.as_bytes(), b"=", value.as_bytes()].concat(),
    ))
}

fn c_string(text: &OsStr) -> Result<CString> {
    CString::new(text.as_bytes()).map_err(|_| {
        Error::new(format!(
            "{text:?} holds a NUL byte, which the kernel cannot take"
        ))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn command(arguments: &[&str]) -> Command {
        Command {
            arguments: arguments.iter().map(OsString::from).collect(),
            environment: vec![("PATH".into(), "/usr/bin::/bin".into())],
            directory: None,
            stdin: false,
            terminal: false,
            init: true,
        }
    }

    #[test]
    fn a_bare_name_is_searched_in_the_containers_path() {
        let prepared = command(&["ls", "-l"]).prepare().unwrap();
        assert_eq!(
            prepared.candidates,
            [c"/usr/bin/ls", c"./ls", c"/bin/ls"].map(CString::from)
        );
    }

    #[test]
    fn a_path_is_taken_as_it_is() {
        for program in ["./ls", "/bin/ls", "bin/ls", ""] {
            let prepared = command(&[program]).prepare().unwrap();
            assert_eq!(prepared.candidates, [CString::new(program).unwrap()]);
        }
    }

    #[test]
    fn no_command_is_a_refusal_with_a_hint() {
        let error = command(&[]).prepare().unwrap_err();
        assert_eq!(error.to_string(), "no command given");
        assert!(error.hint_text().is_some());
    }

    #[test]
    fn exit_codes_are_dockers() {
        let code = |operation, errno| {
            command(&["x"])
                .explain(Failure::new(operation, b"/bin/x", errno))
                .exit_code()
        };
        assert_eq!(code(EXECUTE, Errno::ENOENT), 127);
        assert_eq!(code(INTERPRET, Errno::ENOENT), 127);
        assert_eq!(code(EXECUTE, Errno::EACCES), 126);
        assert_eq!(code(EXECUTE, Errno::ENOEXEC), 126);
        assert_eq!(code(EXECUTE, Errno::E2BIG), 126);
        assert_eq!(code("start a new session", Errno::EPERM), 125);
    }
}
