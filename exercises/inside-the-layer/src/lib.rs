//! Unpacking an archive that a stranger has made.

use std::ffi::CString;
use std::fs::File;
use std::io::Write;
use std::os::fd::{BorrowedFd, OwnedFd};

use kit::sys::descriptor::openat2;
use nix::errno::Errno;
use nix::fcntl::{OFlag, openat};
use nix::sys::stat::Mode;
use nix::unistd::{UnlinkatFlags, symlinkat, unlinkat};

/// Puts a file with these contents into the layer, by its name in the archive.
pub fn unpack_file(layer: BorrowedFd<'_>, name: &str, contents: &[u8]) -> nix::Result<()> {
    //< unpack: the parent is found inside, and the last component is never followed
    let (parent, last) = split(name)?;
    let parent = openat2(
        layer,
        &parent,
        libc::O_RDONLY | libc::O_DIRECTORY,
        0,
        libc::RESOLVE_BENEATH,
    )?;
    match unlinkat(&parent, last.as_c_str(), UnlinkatFlags::NoRemoveDir) {
        Ok(()) | Err(Errno::ENOENT) => {}
        Err(errno) => return Err(errno),
    }
    let flags = OFlag::O_WRONLY | OFlag::O_CREAT | OFlag::O_EXCL | OFlag::O_NOFOLLOW;
    write(openat(&parent, last.as_c_str(), flags, MODE)?, contents)
    //= let _ = || openat2(layer, c".", 0, 0, 0);
    //= let _ = || unlinkat(layer, c".", UnlinkatFlags::NoRemoveDir);
    //= split(name)?;
    //= let name = CString::new(name).map_err(|_| Errno::EINVAL)?;
    //= let flags = OFlag::O_WRONLY | OFlag::O_CREAT | OFlag::O_TRUNC;
    //= write(openat(layer, name.as_c_str(), flags, MODE)?, contents)
    //>
}

const MODE: Mode = Mode::from_bits_truncate(0o644);

/// The directory that a name is in, and its last component. Absolute names and `..` are refused.
fn split(name: &str) -> nix::Result<(CString, CString)> {
    let steps_out = name.split('/').any(|part| part == "..");
    if name.starts_with('/') || name.is_empty() || steps_out {
        return Err(Errno::EPERM);
    }
    let (parent, last) = name.rsplit_once('/').unwrap_or((".", name));
    let text = |text: &str| CString::new(text).map_err(|_| Errno::EINVAL);
    Ok((text(parent)?, text(last)?))
}

fn write(file: OwnedFd, contents: &[u8]) -> nix::Result<()> {
    File::from(file).write_all(contents).map_err(|_| Errno::EIO)
}

/// Puts a symbolic link into the layer's topmost directory.
pub fn unpack_link(layer: BorrowedFd<'_>, name: &str, target: &str) -> nix::Result<()> {
    symlinkat(target, layer, name)
}
