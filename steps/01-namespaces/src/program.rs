//! Why a program could not be run, in words for people.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

use kit::error::{NOT_EXECUTABLE, NOT_FOUND};
use kit::{Error, Failure};
use nix::errno::Errno;
use serde::{Deserialize, Serialize};

/// What is run, as far as it takes to explain why it could not be.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Program {
    name: String,
    path: String,
}

impl Program {
    /// A program called `name`, searched in `path`.
    pub(crate) fn new(name: &OsStr, path: &OsStr) -> Self {
        Self {
            name: name.display().to_string(),
            path: path.display().to_string(),
        }
    }

    /// What the last step's failure means to the user.
    pub(crate) fn explain(&self, failure: Failure<'_>) -> Error {
        let shown = match self.name.as_str() {
            "" => "\"\"",
            name => name,
        };
        let searched = !self.name.contains('/');
        match (failure.operation, failure.errno) {
            (EXECUTE, Errno::ENOENT | Errno::ENOTDIR) if searched => Error::new(format!(
                "cannot run {shown}: executable file not found in $PATH"
            ))
            .hint(format!(
                "it is searched inside the container, in {}",
                self.path
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exit_codes_are_dockers() {
        let code = |operation, errno| {
            Program::new(OsStr::new("x"), OsStr::new("/bin"))
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
