//! What a layer changes, as `docker diff` says it: A for added, C for changed, D for deleted.

use std::collections::BTreeMap;
use std::ffi::CString;
use std::fmt;
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};

use kit::{Error, Result};
use nix::errno::Errno;
use nix::fcntl::{AtFlags, OFlag, open};
use nix::sys::stat::{FileStat, Mode, SFlag, fstatat};

use crate::attributes;
use crate::lower::Lower;
use crate::names::sorted_names;
use crate::whiteout::{Namespace, is_whiteout};

/// What happened to a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// It was not there.
    Added,
    /// It, or something below it, is different.
    Changed,
    /// It was there.
    Deleted,
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Added => "A",
            Self::Changed => "C",
            Self::Deleted => "D",
        })
    }
}

/// The changes that the layer in `upper` makes to the layers `lower`, the bottom first; by path, which begins with a
/// slash. A deleted directory is one change; an added one is listed with all that is in it.
///
/// # Errors
/// A layer that cannot be read.
pub fn changes(
    upper: &Path,
    lower: &[PathBuf],
    namespace: Namespace,
) -> Result<BTreeMap<Vec<u8>, Change>> {
    let flags = OFlag::O_DIRECTORY | OFlag::O_RDONLY | OFlag::O_CLOEXEC;
    let root = open(upper, flags, Mode::empty())
        .map_err(|errno| Error::sys("open the layer", upper, errno))?;
    let mut walk = Walk {
        root,
        lower: Lower::open(lower, namespace)?,
        namespace,
        changes: BTreeMap::new(),
    };
    let mut directories = vec![Vec::new()];
    while let Some(path) = directories.pop() {
        walk.directory(&path, &mut directories)
            .map_err(|errno| failed(&path, errno))?;
    }
    Ok(walk.changes)
}

struct Walk {
    root: OwnedFd,
    lower: Lower,
    namespace: Namespace,
    changes: BTreeMap<Vec<u8>, Change>,
}

impl Walk {
    fn directory(&mut self, path: &[u8], below: &mut Vec<Vec<u8>>) -> nix::Result<()> {
        let directory = crate::names::open_below(&self.root, path)?;
        let names = sorted_names(&directory)?;
        if self.is_opaque(&directory)? {
            self.hidden_children(path, &names)?;
        }
        for name in names {
            let child = [path, b"/", name.as_bytes()].concat();
            let stat = fstatat(&directory, name.as_c_str(), AtFlags::AT_SYMLINK_NOFOLLOW)?;
            let before = self.lower.stat(&child)?;
            if is_whiteout(&stat) {
                if before.is_some() {
                    self.record(&child, Change::Deleted);
                }
                continue;
            }
            match before {
                None => self.record(&child, Change::Added),
                Some(before) if differ(&before, &stat) => self.record(&child, Change::Changed),
                Some(_) => {}
            }
            if is_directory(&stat) {
                below.push(child);
            }
        }
        Ok(())
    }

    /// An opaque directory shows only what is in it: all else that was there is gone.
    fn hidden_children(&mut self, path: &[u8], names: &[CString]) -> nix::Result<()> {
        for name in self.lower.list(path)? {
            if names.binary_search(&name).is_err() {
                self.record(&[path, b"/", name.as_bytes()].concat(), Change::Deleted);
            }
        }
        Ok(())
    }

    /// Notes a change, and that the directories on the way to it have changed.
    fn record(&mut self, path: &[u8], change: Change) {
        self.changes.insert(path.to_vec(), change);
        let mut way = path;
        while let Some(slash) = way
            .iter()
            .rposition(|byte| *byte == b'/')
            .filter(|slash| *slash > 0)
        {
            way = &way[..slash];
            self.changes.entry(way.to_vec()).or_insert(Change::Changed);
        }
    }

    fn is_opaque(&self, directory: &OwnedFd) -> nix::Result<bool> {
        attributes::is_opaque(directory.as_fd(), self.namespace)
    }
}

/// Docker's measure: a file copied up and put back as it was is no change.
fn differ(before: &FileStat, after: &FileStat) -> bool {
    let common = |stat: &FileStat| (stat.st_mode, stat.st_uid, stat.st_gid, stat.st_rdev);
    let contents = |stat: &FileStat| (stat.st_size, stat.st_mtime, stat.st_mtime_nsec);
    common(before) != common(after) || (!is_directory(after) && contents(before) != contents(after))
}

fn is_directory(stat: &FileStat) -> bool {
    stat.st_mode & SFlag::S_IFMT.bits() == SFlag::S_IFDIR.bits()
}

fn failed(path: &[u8], errno: Errno) -> Error {
    use std::os::unix::ffi::OsStrExt;
    Error::sys(
        "compare",
        Path::new(std::ffi::OsStr::from_bytes(path)),
        errno,
    )
}

#[cfg(test)]
mod tests;
