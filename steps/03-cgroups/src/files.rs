//! The files of a cgroup, found from its directory.

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

use kit::{Error, Result};
use nix::errno::Errno;
use nix::fcntl::{OFlag, open, openat};
use nix::sys::stat::Mode;

/// Opens a directory, for `openat`.
pub(crate) fn open_directory(path: &Path) -> Result<OwnedFd> {
    let flags = OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
    open(path, flags, Mode::empty()).map_err(|errno| Error::sys("open", path, errno))
}

/// Writes `value` to `file`, in one write(2): the kernel takes each as a whole.
pub(crate) fn put(directory: impl AsFd, file: &str, value: &str) -> nix::Result<()> {
    let file = openat(
        directory,
        file,
        OFlag::O_WRONLY | OFlag::O_CLOEXEC,
        Mode::empty(),
    )?;
    File::from(file)
        .write_all(value.as_bytes())
        .map_err(|e| e.raw_os_error().map_or(Errno::EIO, Errno::from_raw))
}

/// Reads `file` as a whole.
pub(crate) fn get(directory: impl AsFd, file: &str) -> nix::Result<String> {
    let file = openat(
        directory,
        file,
        OFlag::O_RDONLY | OFlag::O_CLOEXEC,
        Mode::empty(),
    )?;
    let mut text = String::new();
    File::from(file)
        .read_to_string(&mut text)
        .map_err(|e| e.raw_os_error().map_or(Errno::EIO, Errno::from_raw))?;
    Ok(text)
}
