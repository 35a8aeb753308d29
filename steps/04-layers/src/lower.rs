//! What the layers below show at a path, without mounting them.

use std::collections::BTreeSet;
use std::ffi::CString;
use std::os::fd::{AsFd, OwnedFd};
use std::path::PathBuf;

use kit::{Error, Result};
use nix::errno::Errno;
use nix::fcntl::{AtFlags, OFlag, open};
use nix::sys::stat::{FileStat, Mode, fstatat};

use crate::attributes;
use crate::names::{open_below, sorted_names};
use crate::whiteout::{Namespace, is_whiteout};

/// Layers, the topmost first.
pub(crate) struct Lower {
    layers: Vec<OwnedFd>,
    namespace: Namespace,
}

/// What one layer says about a path.
enum Says {
    Nothing,
    /// It, or a directory on the way, is gone, or hidden by an opaque directory: layers below are not seen.
    Gone,
    There(FileStat),
}

impl Lower {
    /// `paths` has the bottom first.
    pub(crate) fn open(paths: &[PathBuf], namespace: Namespace) -> Result<Self> {
        let flags = OFlag::O_DIRECTORY | OFlag::O_RDONLY | OFlag::O_CLOEXEC;
        let layers = paths
            .iter()
            .rev()
            .map(|path| {
                open(path, flags, Mode::empty())
                    .map_err(|errno| Error::sys("open the layer", path, errno))
            })
            .collect::<Result<_>>()?;
        Ok(Self { layers, namespace })
    }

    /// What is at `path`, which begins with a slash.
    pub(crate) fn stat(&self, path: &[u8]) -> nix::Result<Option<FileStat>> {
        for layer in &self.layers {
            match self.ask(layer, path)? {
                Says::There(stat) => return Ok(Some(stat)),
                Says::Gone => return Ok(None),
                Says::Nothing => {}
            }
        }
        Ok(None)
    }

    /// The names in the directory at `path`.
    pub(crate) fn list(&self, path: &[u8]) -> nix::Result<BTreeSet<CString>> {
        let (mut names, mut gone) = (BTreeSet::new(), BTreeSet::new());
        for layer in &self.layers {
            if !path.is_empty() && !matches!(self.ask(layer, path)?, Says::There(_) | Says::Nothing)
            {
                break;
            }
            let directory = match open_below(layer, path) {
                Ok(directory) => directory,
                Err(Errno::ENOENT) => continue,
                // Something that is not a directory hides all that is below it.
                Err(Errno::ENOTDIR | Errno::ELOOP) => break,
                Err(errno) => return Err(errno),
            };
            for name in sorted_names(&directory)? {
                let stat = fstatat(&directory, name.as_c_str(), AtFlags::AT_SYMLINK_NOFOLLOW)?;
                if is_whiteout(&stat) {
                    gone.insert(name);
                } else if !gone.contains(&name) {
                    names.insert(name);
                }
            }
            if attributes::is_opaque(directory.as_fd(), self.namespace)? {
                break;
            }
        }
        Ok(names)
    }

    /// Walks down one layer, component by component.
    fn ask(&self, layer: &OwnedFd, path: &[u8]) -> nix::Result<Says> {
        let mut hides = false;
        let ends = path
            .iter()
            .enumerate()
            .skip(1)
            .filter(|(_, byte)| **byte == b'/')
            .map(|(at, _)| at)
            .chain([path.len()]);
        for end in ends {
            let (parent, name) = split(&path[..end]);
            let directory = match open_below(layer, parent) {
                Ok(directory) => directory,
                Err(Errno::ENOTDIR | Errno::ELOOP) => return Ok(Says::Gone),
                Err(errno) => return Err(errno),
            };
            hides |= attributes::is_opaque(directory.as_fd(), self.namespace)?;
            let name = CString::new(name).map_err(|_| Errno::EINVAL)?;
            match fstatat(&directory, name.as_c_str(), AtFlags::AT_SYMLINK_NOFOLLOW) {
                Ok(stat) if is_whiteout(&stat) => return Ok(Says::Gone),
                Ok(stat) if end == path.len() => return Ok(Says::There(stat)),
                Ok(_) => {}
                Err(Errno::ENOENT) if hides => return Ok(Says::Gone),
                Err(Errno::ENOENT) => return Ok(Says::Nothing),
                Err(errno) => return Err(errno),
            }
        }
        Ok(Says::Nothing)
    }
}

fn split(path: &[u8]) -> (&[u8], &[u8]) {
    let slash = path.iter().rposition(|byte| *byte == b'/').unwrap_or(0);
    (&path[..slash], &path[slash + 1..])
}
