//! What the file system refuses, with the likely mend.

use std::ffi::{CStr, OsStr};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use kit::Error;
use nix::errno::Errno;

pub(super) fn shown(name: &CStr) -> &Path {
    shown_bytes(name.to_bytes())
}

/// The hint where a hard link leads to nothing.
pub(super) const TARGET: &str = "a hard link's target must come before it, in the same layer";
pub(super) const DEVICE: &str = "make the device";
pub(super) const OWNER: &str = "set the owner";
pub(super) const HARD_LINK: &str = "make the hard link";

/// The name of the entry is added by the caller.
pub(super) fn failed(operation: &'static str) -> impl Fn(Errno) -> Error {
    move |errno| {
        let error = Error::sys(operation, "", errno);
        match errno {
            Errno::ENOSPC => {
                error.hint("the disk is full, or out of inodes: `df -h` and `df -i` tell which")
            }
            Errno::EDQUOT => error.hint("the disk quota is used up"),
            Errno::EROFS => error.hint("the file system is mounted read-only"),
            Errno::EPERM if operation == DEVICE => error.hint("only the host's root can make device nodes: this layer cannot be unpacked by an ordinary user"),
            Errno::EPERM if operation == HARD_LINK => error.hint("a directory cannot have a second name"),
            Errno::EMLINK => error.hint("the file system gives a file no more names (ext4: 65,000)"),
            Errno::EPERM => {
                error.hint("owners, devices and some attributes can be set by root only")
            }
            Errno::EINVAL if operation == OWNER => error.hint(
                "in a user namespace there are only the owners that /proc/self/uid_map and gid_map name",
            ),
            Errno::EINVAL => error.hint("the file system cannot hold such a time, name or device"),
            _ => error,
        }
    }
}

pub(super) fn attribute_error(name: &[u8], error: rustix::io::Errno) -> Error {
    let errno = Errno::from_raw(error.raw_os_error());
    let error = Error::sys("set the extended attribute", shown_bytes(name), errno);
    match errno {
        Errno::ENOTSUP => error.hint(
            "the file system does not keep such attributes (tmpfs keeps user.* since Linux 6.6)",
        ),
        Errno::EPERM => error.hint("security.* and trusted.* need root, and the latter the host's"),
        _ => error,
    }
}

fn shown_bytes(name: &[u8]) -> &Path {
    Path::new(OsStr::from_bytes(name))
}
