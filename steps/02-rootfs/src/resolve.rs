//! How names are looked up in the container's files: by the kernel, in one go, and never beyond the root (openat2(2)).

use std::ffi::CStr;
use std::os::fd::{AsFd, OwnedFd};

use kit::sys::descriptor::openat2;
use nix::errno::Errno;
use nix::sys::stat::{Mode, SFlag, mkdirat, mknodat};

/// Below a mount of ours: no symbolic link on the way, nor at its end (so no O_NOFOLLOW, which with O_PATH would open the
/// link itself).
pub(crate) const STRICT: u64 = libc::RESOLVE_BENEATH | libc::RESOLVE_NO_SYMLINKS;

/// Below the root: `/` is the container's root, and `..` does not lead above it. The links in procfs that are no paths
/// but jumps to an open file would lead anywhere.
pub(crate) const IN_ROOT: u64 = libc::RESOLVE_IN_ROOT | libc::RESOLVE_NO_MAGICLINKS;

/// A new directory or file. If somebody else has just made one, that will do; a symbolic link will not (ELOOP).
pub(crate) fn make_in(parent: impl AsFd, name: &CStr, is_file: bool) -> nix::Result<OwnedFd> {
    let made = if is_file {
        mknodat(
            &parent,
            name,
            SFlag::S_IFREG,
            Mode::from_bits_truncate(0o644),
            0,
        )
    } else {
        mkdirat(&parent, name, Mode::from_bits_truncate(0o755))
    };
    match made {
        Ok(()) | Err(Errno::EEXIST) => openat2(parent, name, libc::O_PATH, 0, STRICT),
        Err(errno) => Err(errno),
    }
}
