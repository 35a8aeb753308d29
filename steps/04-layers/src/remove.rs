//! Removing a tree that somebody else may have made: without following a link, and however deep it is.

use std::ffi::{CStr, CString};
use std::fs::File;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use kit::{Error, Result};
use nix::dir::Dir;
use nix::errno::Errno;
use nix::fcntl::{OFlag, openat};
use nix::sys::stat::{Mode, fstat};
use nix::unistd::{UnlinkatFlags, unlinkat};

/// Removes `name` in `parent`, with all that is below it. Depth costs neither stack nor descriptors: a hostile tree may
/// be deeper than both, and a path of it longer than PATH_MAX.
pub fn remove(parent: BorrowedFd<'_>, name: &CStr) -> Result<()> {
    if unlink(parent, name)? {
        return Ok(());
    }
    let mut way = vec![Level::open(parent, name)?];
    let mut here = open_directory(parent, name)?;
    loop {
        let Some(level) = way.last_mut() else {
            return Ok(());
        };
        if let Some(child) = level.left.pop() {
            if !unlink(here.as_fd(), &child)? {
                way.push(Level::open(here.as_fd(), &child)?);
                here = open_directory(here.as_fd(), &child)?;
            }
            continue;
        }
        let name = std::mem::take(&mut level.name);
        way.pop();
        let remove_in = |above: BorrowedFd<'_>| {
            unlinkat(above, name.as_c_str(), UnlinkatFlags::RemoveDir)
                .map_err(|errno| failed(&name, errno))
        };
        match way.last() {
            None => remove_in(parent)?,
            Some(above) => {
                here = above.return_to(here.as_fd())?;
                remove_in(here.as_fd())?;
            }
        }
    }
}

/// Removes whatever is at `path`.
pub(crate) fn remove_tree(path: &Path) -> Result<()> {
    let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else {
        return Err(Error::new(format!("{} cannot be removed", path.display())));
    };
    // A relative path of one component has an empty one.
    let parent = Some(parent)
        .filter(|parent| !parent.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    let directory = File::open(parent).map_err(|e| Error::io("open", parent, &e))?;
    let name = CString::new(name.as_bytes())
        .map_err(|_| Error::new(format!("{} holds a NUL byte", path.display())))?;
    remove(directory.as_fd(), &name)
}

/// A directory that is being emptied. It is not kept open.
struct Level {
    name: CString,
    identity: (u64, u64),
    left: Vec<CString>,
}

impl Level {
    fn open(parent: BorrowedFd<'_>, name: &CStr) -> Result<Self> {
        let fails = |errno| failed(name, errno);
        let directory = open_writable(parent, name)?;
        let identity = identity(&directory).map_err(fails)?;
        let mut left = Vec::new();
        for entry in Dir::from_fd(directory).map_err(fails)?.iter() {
            let entry = entry.map_err(fails)?;
            if !matches!(entry.file_name().to_bytes(), b"." | b"..") {
                left.push(entry.file_name().to_owned());
            }
        }
        Ok(Self {
            name: name.to_owned(),
            identity,
            left,
        })
    }

    /// This directory again, from the one in it. Who moves the lower one away meanwhile, so that `..` leads elsewhere,
    /// must not make us remove what is there.
    fn return_to(&self, below: BorrowedFd<'_>) -> Result<OwnedFd> {
        let directory = open_directory(below, c"..")?;
        match identity(&directory) {
            Ok(identity) if identity == self.identity => Ok(directory),
            Ok(_) => Err(Error::new(format!(
                "{} was moved while it was being removed",
                self.name.to_string_lossy()
            ))),
            Err(errno) => Err(failed(&self.name, errno)),
        }
    }
}

fn identity(directory: &OwnedFd) -> nix::Result<(u64, u64)> {
    fstat(directory).map(|stat| (stat.st_dev, stat.st_ino))
}

fn open_directory(parent: BorrowedFd<'_>, name: &CStr) -> Result<OwnedFd> {
    let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
    openat(parent, name, flags, Mode::empty()).map_err(|errno| failed(name, errno))
}

/// Opened, and such that its entries can be removed. An ordinary user has to give himself the right first: overlayfs
/// makes a directory of mode 0 in every work directory, and images have some of mode 0555.
fn open_writable(parent: BorrowedFd<'_>, name: &CStr) -> Result<OwnedFd> {
    let flags = OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
    let place = openat(parent, name, flags, Mode::empty()).map_err(|errno| failed(name, errno))?;
    let status = fstat(&place).map_err(|errno| failed(name, errno))?;
    if status.st_mode & 0o700 != 0o700 {
        // fchmod takes no O_PATH descriptor; this is the same inode, whoever renames it meanwhile. What cannot be
        // changed is refused where it matters.
        let path = format!("/proc/self/fd/{}", place.as_raw_fd());
        let _ = std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o700));
    }
    open_directory(parent, name)
}

/// False if it is a directory, which unlink does not remove.
fn unlink(parent: BorrowedFd<'_>, name: &CStr) -> Result<bool> {
    match unlinkat(parent, name, UnlinkatFlags::NoRemoveDir) {
        Ok(()) | Err(Errno::ENOENT) => Ok(true),
        Err(Errno::EISDIR) => Ok(false),
        Err(errno) => Err(failed(name, errno)),
    }
}

fn failed(name: &CStr, errno: Errno) -> Error {
    Error::sys("remove", name.to_string_lossy().as_ref(), errno)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tree_deeper_than_any_descriptor_table_goes() {
        let scratch = tempfile::tempdir().unwrap();
        let top = std::fs::File::open(scratch.path()).unwrap();
        let mut here: OwnedFd = top.try_clone().unwrap().into();
        for _ in 0..5000 {
            nix::sys::stat::mkdirat(&here, c"d", Mode::S_IRWXU).unwrap();
            here = open_directory(here.as_fd(), c"d").unwrap();
        }
        remove(top.as_fd(), c"d").unwrap();
        assert_eq!(std::fs::read_dir(scratch.path()).unwrap().count(), 0);
    }

    #[test]
    fn links_are_removed_and_not_followed() {
        let scratch = tempfile::tempdir().unwrap();
        let outside = tempfile::tempdir().unwrap();
        std::fs::write(outside.path().join("kept"), "").unwrap();
        std::fs::create_dir(scratch.path().join("tree")).unwrap();
        std::os::unix::fs::symlink(outside.path(), scratch.path().join("tree/link")).unwrap();
        let top = std::fs::File::open(scratch.path()).unwrap();
        remove(top.as_fd(), c"tree").unwrap();
        assert!(outside.path().join("kept").exists());
        assert!(!scratch.path().join("tree").exists());
    }
}
