//! What a stack of layers shows at a path, without mounting it: a look-up as overlayfs makes it, which takes no privilege.
//!
//! A directory is shown by every layer that has it, from the topmost down to the first that is opaque, that has a
//! whiteout there, or that has something other than a directory there. Anything else is shown by the topmost layer
//! alone. So each component of a path is asked for only in those layers that show the directory it is in.

use std::collections::BTreeSet;
use std::ffi::{CString, OsStr, OsString};
use std::fs::File;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use kit::sys::descriptor::openat2;
use kit::{Error, Result};
use nix::errno::Errno;
use nix::fcntl::{AtFlags, OFlag, open, readlinkat};
use nix::sys::stat::{FileStat, Mode, SFlag, fstat, fstatat};

use crate::attributes;
use crate::names::sorted_names;
use crate::whiteout::{Namespace, is_whiteout};

/// Layers, the topmost first.
#[derive(Debug)]
pub struct Lower {
    layers: Vec<OwnedFd>,
    namespace: Namespace,
}

/// A path from the root of a layer, without a link on the way. The last name stands apart: so a path is as long as it may
/// be where only its directory is.
#[derive(Clone, Debug)]
struct At {
    directory: CString,
    name: CString,
}

/// What the layers show at a path. It holds no descriptor, so that many of a deep tree can be kept.
#[derive(Clone, Debug)]
pub struct Shown {
    at: At,
    stat: FileStat,
    /// Those that show it: more than one only if it is a directory. They are never none.
    layers: Vec<usize>,
}

impl Shown {
    /// What it is, as the topmost layer that shows it has it.
    pub fn stat(&self) -> &FileStat {
        &self.stat
    }

    /// Whether it is a directory.
    pub fn is_directory(&self) -> bool {
        self.is(SFlag::S_IFDIR)
    }

    /// Whether it is a regular file.
    pub fn is_file(&self) -> bool {
        self.is(SFlag::S_IFREG)
    }

    /// Whether it is a symbolic link.
    pub fn is_link(&self) -> bool {
        self.is(SFlag::S_IFLNK)
    }

    fn is(&self, kind: SFlag) -> bool {
        is(&self.stat, kind)
    }
}

fn is(stat: &FileStat, kind: SFlag) -> bool {
    stat.st_mode & SFlag::S_IFMT.bits() == kind.bits()
}

impl Lower {
    /// Opens layers, of which the bottom comes first in `paths`.
    ///
    /// # Errors
    /// One of them cannot be opened.
    pub fn open(paths: &[PathBuf], namespace: Namespace) -> Result<Self> {
        let flags = OFlag::O_DIRECTORY | OFlag::O_PATH | OFlag::O_CLOEXEC;
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

    /// The root directory. `None` if there is no layer.
    ///
    /// Overlayfs does not look whether a layer's own root is opaque. [`Layers`](crate::Layers) does, and mounts none of
    /// those below it.
    ///
    /// # Errors
    /// A layer that cannot be read.
    pub fn root(&self) -> nix::Result<Option<Shown>> {
        let Some(top) = self.layers.first() else {
            return Ok(None);
        };
        let at = At::root();
        let stat = fstat(at.open(top, libc::O_PATH)?)?;
        let mut layers = Vec::new();
        for layer in 0..self.layers.len() {
            layers.push(layer);
            if self.hides(layer, &at, layer + 1 == self.layers.len())? {
                break;
            }
        }
        Ok(Some(Shown { at, stat, layers }))
    }

    /// What is called `name` in a directory. `None` if nothing is.
    ///
    /// # Errors
    /// `directory` is none (ENOTDIR), `name` cannot be a name (EINVAL), a layer cannot be read.
    pub fn child(&self, directory: &Shown, name: &OsStr) -> nix::Result<Option<Shown>> {
        if !directory.is_directory() {
            return Err(Errno::ENOTDIR);
        }
        let at = directory.at.child(name)?;
        let mut shown: Option<Shown> = None;
        let mut layers = directory.layers.iter().copied().peekable();
        while let Some(layer) = layers.next() {
            let stat = match at.open(&self.layers[layer], ITSELF) {
                Ok(place) => fstat(place)?,
                Err(Errno::ENOENT) => continue,
                Err(errno) => return Err(errno),
            };
            if is_whiteout(&stat) {
                break;
            }
            let is_directory = is(&stat, SFlag::S_IFDIR);
            match &mut shown {
                // It hides what is below it, and is hidden itself by the directory above it.
                Some(_) if !is_directory => break,
                Some(shown) => shown.layers.push(layer),
                None => {
                    let (at, layers) = (at.clone(), vec![layer]);
                    shown = Some(Shown { at, stat, layers });
                }
            }
            if !is_directory || self.hides(layer, &at, layers.peek().is_none())? {
                break;
            }
        }
        Ok(shown)
    }

    /// Where a symbolic link leads.
    ///
    /// # Errors
    /// It is none (EINVAL or ENOENT).
    pub fn link(&self, link: &Shown) -> nix::Result<OsString> {
        let place = link.at.open(&self.layers[link.layers[0]], ITSELF)?;
        readlinkat(place, c"")
    }

    /// Opens a regular file for reading. It does not wait, should somebody have put a fifo there since.
    ///
    /// # Errors
    /// What the kernel refuses.
    pub fn read(&self, file: &Shown) -> nix::Result<File> {
        let flags = libc::O_RDONLY | libc::O_NOFOLLOW | libc::O_NONBLOCK;
        let layer = &self.layers[file.layers[0]];
        file.at.open(layer, flags).map(File::from)
    }

    /// What is at `path`, which begins with a slash, without following a link.
    pub(crate) fn stat(&self, path: &[u8]) -> nix::Result<Option<FileStat>> {
        Ok(self.at(path)?.map(|shown| shown.stat))
    }

    /// The names in the directory at `path`.
    pub(crate) fn list(&self, path: &[u8]) -> nix::Result<BTreeSet<CString>> {
        let (mut names, mut gone) = (BTreeSet::new(), BTreeSet::new());
        let Some(shown) = self.at(path)?.filter(Shown::is_directory) else {
            return Ok(names);
        };
        for layer in &shown.layers {
            let directory = self.open_directory(*layer, &shown.at)?;
            for name in sorted_names(&directory)? {
                let stat = fstatat(&directory, name.as_c_str(), AtFlags::AT_SYMLINK_NOFOLLOW)?;
                if is_whiteout(&stat) {
                    gone.insert(name);
                } else if !gone.contains(&name) {
                    names.insert(name);
                }
            }
        }
        Ok(names)
    }

    fn at(&self, path: &[u8]) -> nix::Result<Option<Shown>> {
        let mut shown = self.root()?;
        let components = Path::new(OsStr::from_bytes(path)).iter().skip(1);
        for name in components {
            shown = match shown {
                Some(directory) if directory.is_directory() => self.child(&directory, name)?,
                _ => return Ok(None),
            };
        }
        Ok(shown)
    }

    /// Whether a directory hides the layers below. The last one is not asked, so that it need not be readable.
    fn hides(&self, layer: usize, at: &At, is_last: bool) -> nix::Result<bool> {
        if is_last {
            return Ok(false);
        }
        attributes::is_opaque(self.open_directory(layer, at)?.as_fd(), self.namespace)
    }

    fn open_directory(&self, layer: usize, at: &At) -> nix::Result<OwnedFd> {
        at.open(&self.layers[layer], libc::O_RDONLY | libc::O_DIRECTORY)
    }
}

/// To open also a link, and not what it leads to.
const ITSELF: libc::c_int = libc::O_PATH | libc::O_NOFOLLOW;

/// Whoever writes to a layer could put a link where a directory was, and have the host's files read.
const INSIDE: u64 = libc::RESOLVE_BENEATH | libc::RESOLVE_NO_SYMLINKS;

impl At {
    fn root() -> Self {
        Self {
            directory: c".".to_owned(),
            name: c".".to_owned(),
        }
    }

    fn child(&self, name: &OsStr) -> nix::Result<Self> {
        let name = name.as_bytes();
        if matches!(name, b"" | b"." | b"..") || name.contains(&b'/') {
            return Err(Errno::EINVAL);
        }
        let c_string = |bytes: Vec<u8>| CString::new(bytes).map_err(|_| Errno::EINVAL);
        let directory = match self.name.as_bytes() {
            b"." => self.directory.clone(),
            last => c_string([self.directory.as_bytes(), b"/", last].concat())?,
        };
        Ok(Self {
            directory,
            name: c_string(name.to_vec())?,
        })
    }

    fn open(&self, layer: &OwnedFd, flags: libc::c_int) -> nix::Result<OwnedFd> {
        let way = libc::O_PATH | libc::O_DIRECTORY;
        let directory = openat2(layer, &self.directory, way, 0, INSIDE)?;
        openat2(&directory, &self.name, flags, 0, INSIDE)
    }
}

#[cfg(test)]
mod tests;
