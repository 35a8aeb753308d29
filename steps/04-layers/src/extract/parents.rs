//! The directories that entries go into: found below the layer's root, made if missing, remembered while they last.

use std::ffi::{CStr, CString};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::rc::Rc;

use kit::sys::descriptor::openat2;
use kit::{Error, Result};
use nix::errno::Errno;
use nix::sys::stat::{Mode, fchmod, fstat, mkdirat};
use nix::sys::time::TimeSpec;

use super::inode::{At, make_opaque, remove_whiteout, restore_time};
use super::name::{Name, joined};
use crate::whiteout::Namespace;

/// Finds parents. Neighbours in an archive mostly share theirs, so the last one found is kept.
///
/// Whatever is made in a directory changes its time. So its time is looked at when it is found, and put back when it is
/// left: nothing has to be remembered of the other directories, of which a hostile archive can have millions.
pub(super) struct Parents<'a> {
    root: &'a OwnedFd,
    namespace: Namespace,
    last: Option<Found>,
    /// Of hard links; nothing is made there.
    target: Option<(Vec<CString>, Rc<OwnedFd>)>,
}

struct Found {
    components: Vec<CString>,
    directory: Rc<OwnedFd>,
    mtime: TimeSpec,
}

// ANCHOR: below
/// Below the root, and no way through procfs.
const BELOW: u64 = libc::RESOLVE_BENEATH | libc::RESOLVE_NO_MAGICLINKS;
// ANCHOR_END: below

impl<'a> Parents<'a> {
    pub(super) fn new(root: &'a OwnedFd, namespace: Namespace) -> Self {
        Self {
            root,
            namespace,
            last: None,
            target: None,
        }
    }

    pub(super) fn root(&self) -> BorrowedFd<'a> {
        self.root.as_fd()
    }

    /// The directory that `name` is in; made, with Docker's 0755, if the archive has forgotten it.
    pub(super) fn of(&mut self, name: &Name) -> Result<Rc<OwnedFd>> {
        let parents = name.parents();
        if let Some(last) = &self.last
            && last.components == parents
        {
            return Ok(Rc::clone(&last.directory));
        }
        self.leave()?;
        let directory = match self.open(parents) {
            Err(Errno::ENOENT | Errno::ENOTDIR) => self.make(parents),
            found => found.map_err(|errno| explain(parents, errno)),
        };
        let directory = Rc::new(directory?);
        self.last = Some(Found {
            components: parents.to_vec(),
            directory: Rc::clone(&directory),
            mtime: mtime(&directory).map_err(|errno| explain(parents, errno))?,
        });
        Ok(directory)
    }

    /// The same, but it must be there.
    pub(super) fn existing(&mut self, name: &Name) -> Result<Rc<OwnedFd>> {
        let parents = name.parents();
        if let Some((known, directory)) = &self.target
            && known == parents
        {
            return Ok(Rc::clone(directory));
        }
        let directory = self.open(parents);
        let directory = Rc::new(directory.map_err(|errno| explain(parents, errno))?);
        self.target = Some((parents.to_vec(), Rc::clone(&directory)));
        Ok(directory)
    }

    /// The directory at `path` itself; `None` if there is none any more.
    pub(super) fn directory(&self, path: &CStr) -> Result<Option<OwnedFd>> {
        let flags = libc::O_RDONLY | libc::O_DIRECTORY | libc::O_NOFOLLOW;
        match openat2(self.root, path, flags, 0, BELOW) {
            Ok(directory) => Ok(Some(directory)),
            Err(Errno::ENOENT | Errno::ENOTDIR | Errno::ELOOP | Errno::EXDEV) => Ok(None),
            Err(errno) => Err(explain_path(path, errno)),
        }
    }

    /// Something on a remembered way may have gone.
    pub(super) fn forget_if(&mut self, replaced: bool) -> Result<()> {
        if replaced {
            self.target = None;
            self.leave()?;
        }
        Ok(())
    }

    /// Nothing more is made in the last directory for now.
    pub(super) fn leave(&mut self) -> Result<()> {
        match self.last.take() {
            Some(last) => restore_time(last.directory.as_fd(), last.mtime),
            None => Ok(()),
        }
    }

    // ANCHOR: open
    fn open(&self, components: &[CString]) -> nix::Result<OwnedFd> {
        let flags = libc::O_RDONLY | libc::O_DIRECTORY;
        openat2(self.root, &joined(components), flags, 0, BELOW)
    }
    // ANCHOR_END: open

    fn make(&self, components: &[CString]) -> Result<OwnedFd> {
        let fails = |errno| explain(components, errno);
        let mut directory = self.open(&[]).map_err(fails)?;
        for (index, component) in components.iter().enumerate() {
            let way = &components[..=index];
            directory = match self.open(way) {
                Err(errno @ (Errno::ENOENT | Errno::ENOTDIR)) => {
                    let before = mtime(&directory).map_err(fails)?;
                    let at = At {
                        parent: directory.as_fd(),
                        name: component,
                    };
                    let was_whiteout = remove_whiteout(at)?;
                    if errno == Errno::ENOTDIR && !was_whiteout {
                        return Err(fails(errno));
                    }
                    mkdirat(at.parent, at.name, Mode::from_bits_truncate(0o755)).map_err(fails)?;
                    restore_time(at.parent, before)?;
                    let made = self.open(way).map_err(fails)?;
                    // Whatever our umask is.
                    fchmod(&made, Mode::from_bits_truncate(0o755)).map_err(fails)?;
                    if was_whiteout {
                        make_opaque(made.as_fd(), self.namespace)?;
                    }
                    made
                }
                found => found.map_err(fails)?,
            };
        }
        Ok(directory)
    }
}

fn mtime(directory: &OwnedFd) -> nix::Result<TimeSpec> {
    fstat(directory).map(|stat| TimeSpec::new(stat.st_mtime, stat.st_mtime_nsec))
}

fn explain(components: &[CString], errno: Errno) -> Error {
    explain_path(&joined(components), errno)
}

fn explain_path(path: &CStr, errno: Errno) -> Error {
    use std::os::unix::ffi::OsStrExt;
    let path = std::path::Path::new(std::ffi::OsStr::from_bytes(path.to_bytes()));
    let error = Error::sys("find, in the layer, the directory", path, errno);
    match errno {
        Errno::EXDEV => {
            error.hint("a symbolic link on the way leads out of the layer: the archive is hostile")
        }
        Errno::ELOOP => error.hint("symbolic links on the way lead in a circle"),
        Errno::ENOTDIR => {
            error.hint("an earlier entry has put something there that is not a directory")
        }
        Errno::EEXIST => error.hint("a symbolic link on the way leads nowhere"),
        _ => error,
    }
}
