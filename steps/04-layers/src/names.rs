//! Directories of a layer: opened without following a link, listed in order.

use std::ffi::CString;
use std::os::fd::OwnedFd;

use kit::sys::descriptor::openat2;
use nix::dir::Dir;
use nix::errno::Errno;
use nix::fcntl::{OFlag, openat};
use nix::sys::stat::Mode;

/// The directory at `path` below `root`; a leading slash does not matter, and nothing is `root` itself. It is opened from
/// the root each time, so that a deep tree does not use up the descriptors, and without a link on the way: a container
/// that runs could put one there, and have the host's files read.
pub(crate) fn open_below(root: &OwnedFd, path: &[u8]) -> nix::Result<OwnedFd> {
    let path = path.strip_prefix(b"/").unwrap_or(path);
    let path =
        CString::new(if path.is_empty() { b"." } else { path }).map_err(|_| Errno::EINVAL)?;
    let resolve = libc::RESOLVE_BENEATH | libc::RESOLVE_NO_SYMLINKS;
    openat2(root, &path, libc::O_RDONLY | libc::O_DIRECTORY, 0, resolve)
}

/// The names in a directory, sorted by their bytes.
pub(crate) fn sorted_names(directory: &OwnedFd) -> nix::Result<Vec<CString>> {
    let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
    let again = openat(directory, c".", flags, Mode::empty())?;
    let mut names = Vec::new();
    for entry in Dir::from_fd(again)?.iter() {
        let entry = entry?;
        if !matches!(entry.file_name().to_bytes(), b"." | b"..") {
            names.push(entry.file_name().to_owned());
        }
    }
    names.sort_unstable();
    Ok(names)
}
