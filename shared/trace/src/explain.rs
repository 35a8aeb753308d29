//! Why a command could not be traced, for people.

use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use kit::{Error, error};
use nix::errno::Errno;

/// The command could not be started.
pub(crate) fn start(program: &str, failure: &io::Error) -> Error {
    let failed = Error::io("trace", program, failure);
    let found = find(program);
    match (failure.raw_os_error().map(Errno::from_raw), found) {
        (Some(Errno::ENOENT), Some(path)) => failed.code(error::NOT_EXECUTABLE).hint(format!(
            "{} is there, but not the interpreter that it names: see `head -1` of a script, `file` of a program",
            path.display()
        )),
        (Some(Errno::ENOENT | Errno::ENOTDIR), None) => {
            failed.code(error::NOT_FOUND).hint("there is no such program; in PATH neither, if it has no slash")
        }
        (Some(Errno::EACCES), Some(path)) if is_executable(&path) => {
            failed.code(error::NOT_EXECUTABLE).hint("its file system is mounted noexec, or a directory on the way is closed to you")
        }
        (Some(Errno::EACCES), _) => failed.code(error::NOT_EXECUTABLE).hint("it is not executable: `chmod +x` makes it so"),
        (Some(Errno::ENOEXEC), _) => failed
            .code(error::NOT_EXECUTABLE)
            .hint("it is no program: a script needs `#!/bin/sh` as its first line"),
        _ => failed.code(error::NOT_EXECUTABLE),
    }
}

fn find(program: &str) -> Option<PathBuf> {
    if program.contains('/') {
        return Path::new(program).exists().then(|| program.into());
    }
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path)
        .map(|directory| directory.join(program))
        .find(|path| path.exists())
}

fn is_executable(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|file| file.is_file() && file.permissions().mode() & 0o111 != 0)
}

/// What a pid stands for is looked up in /proc, which shows the PID namespace of whoever mounted it.
pub(crate) fn check_proc() -> Result<(), Error> {
    let own = fs::read_link("/proc/self").unwrap_or_default();
    if own.to_str() == Some(std::process::id().to_string().as_str()) {
        return Ok(());
    }
    Err(
        Error::new("cannot trace where /proc does not show this PID namespace")
            .hint("mount it: `mount -t proc proc /proc`, in a mount namespace of its own"),
    )
}

/// The kernel does not let us trace.
pub(crate) fn refused(errno: Errno) -> Error {
    let failed = Error::sys("trace a process of our own", "", errno);
    if errno != Errno::EPERM {
        return failed;
    }
    let yama = fs::read_to_string("/proc/sys/kernel/yama/ptrace_scope").unwrap_or_default();
    match (tracer_of_ourselves(), yama.trim()) {
        (Some(tracer), _) => failed.hint(format!(
            "a process has one tracer, and process {tracer} traces this one and its children: run it without that"
        )),
        (None, "2") => failed.hint("kernel.yama.ptrace_scope is 2: only root may trace; use sudo, or `sysctl kernel.yama.ptrace_scope=1`"),
        (None, "3") => failed.hint("kernel.yama.ptrace_scope is 3: nobody may trace until the next boot with another value"),
        _ => failed.hint("a security module or a seccomp filter around us forbids ptrace(2), as in some containers"),
    }
}

fn tracer_of_ourselves() -> Option<i32> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("TracerPid:"))?;
    line.trim().parse().ok().filter(|tracer| *tracer != 0)
}
