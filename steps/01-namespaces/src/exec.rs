//! The end of the child's way: execve, over files that were listed before the fork.

use std::convert::Infallible;
use std::ffi::{CStr, CString};

use kit::Failure;
use nix::errno::Errno;
use nix::unistd::{AccessFlags, access, execve};

use crate::process::Prepared;
use crate::program::{EXECUTE, INTERPRET};

/// execvp(3), but over candidates made before the fork: the first that can be executed wins; a file that is there and
/// may not be executed is a better explanation than one that is not there.
pub(crate) fn try_all<'a>(
    ready: &'a Prepared,
    candidates: &'a [CString],
) -> Result<Infallible, Failure<'a>> {
    let mut worst = Failure::new(EXECUTE, ready.arguments[0].to_bytes(), Errno::ENOENT);
    for candidate in candidates {
        let Err(errno) = execve(candidate, &ready.arguments, &ready.environment);
        match errno {
            Errno::ENOENT | Errno::ENOTDIR if !exists(candidate) => {}
            Errno::ENOENT => return Err(at(INTERPRET, candidate, errno)),
            Errno::EACCES | Errno::ENOTDIR => worst = at(EXECUTE, candidate, errno),
            _ => return Err(at(EXECUTE, candidate, errno)),
        }
    }
    Err(worst)
}

/// The first candidate that can be executed, as far as access(2) knows.
pub(crate) fn find(ready: &Prepared) -> Result<&CString, Failure<'_>> {
    let mut worst = Failure::new(EXECUTE, ready.arguments[0].to_bytes(), Errno::ENOENT);
    for candidate in &ready.candidates {
        match access(candidate.as_c_str(), AccessFlags::X_OK) {
            Ok(()) => return Ok(candidate),
            Err(Errno::ENOENT | Errno::ENOTDIR) => {}
            Err(errno) => worst = at(EXECUTE, candidate, errno),
        }
    }
    Err(worst)
}

fn at<'a>(operation: &'a str, candidate: &'a CString, errno: Errno) -> Failure<'a> {
    Failure::new(operation, candidate.to_bytes(), errno)
}

fn exists(path: &CStr) -> bool {
    access(path, AccessFlags::F_OK).is_ok()
}
