//! The directories that entries go into: found below the layer's root, made if missing, remembered while they last.

use std::ffi::CString;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::rc::Rc;

use kit::sys::descriptor::openat2;
use kit::{Error, Result};
use nix::errno::Errno;
use nix::sys::stat::{Mode, fchmod, mkdirat};

use super::name::{Name, joined};

/// Finds parents. Neighbours in an archive mostly share theirs, so the last one found is kept.
pub(super) struct Parents<'a> {
    root: &'a OwnedFd,
    last: Option<(Vec<CString>, Rc<OwnedFd>)>,
}

// ANCHOR: below
/// Below the root, and no way through procfs.
const BELOW: u64 = libc::RESOLVE_BENEATH | libc::RESOLVE_NO_MAGICLINKS;
// ANCHOR_END: below

impl<'a> Parents<'a> {
    pub(super) fn new(root: &'a OwnedFd) -> Self {
        Self { root, last: None }
    }

    pub(super) fn root(&self) -> BorrowedFd<'a> {
        self.root.as_fd()
    }

    /// The directory that `name` is in; made, with Docker's 0755, if the archive has forgotten it.
    pub(super) fn of(&mut self, name: &Name) -> Result<Rc<OwnedFd>> {
        let parents = name.parents();
        if let Some((known, directory)) = &self.last
            && known == parents
        {
            return Ok(Rc::clone(directory));
        }
        let found = match self.open(parents) {
            Err(Errno::ENOENT) => self.make(parents),
            other => other,
        };
        let directory = Rc::new(found.map_err(|errno| explain(parents, errno))?);
        self.last = Some((parents.to_vec(), Rc::clone(&directory)));
        Ok(directory)
    }

    /// The same, but it must be there.
    pub(super) fn existing(&self, name: &Name) -> Result<OwnedFd> {
        self.open(name.parents())
            .map_err(|errno| explain(name.parents(), errno))
    }

    /// The directory `name` itself; `None` if there is none any more.
    pub(super) fn directory(&self, name: &Name) -> Result<Option<OwnedFd>> {
        let path = joined(name.components());
        let flags = libc::O_RDONLY | libc::O_DIRECTORY | libc::O_NOFOLLOW;
        match openat2(self.root, &path, flags, 0, BELOW) {
            Ok(directory) => Ok(Some(directory)),
            Err(Errno::ENOENT | Errno::ENOTDIR | Errno::ELOOP | Errno::EXDEV) => Ok(None),
            Err(errno) => Err(explain(name.components(), errno)),
        }
    }

    /// Something on a remembered way may have gone.
    pub(super) fn forget_if(&mut self, replaced: bool) {
        if replaced {
            self.last = None;
        }
    }

    // ANCHOR: open
    fn open(&self, components: &[CString]) -> nix::Result<OwnedFd> {
        let flags = libc::O_RDONLY | libc::O_DIRECTORY;
        openat2(self.root, &joined(components), flags, 0, BELOW)
    }
    // ANCHOR_END: open

    fn make(&self, components: &[CString]) -> nix::Result<OwnedFd> {
        let mut directory = self.open(&[])?;
        for (index, component) in components.iter().enumerate() {
            let way = &components[..=index];
            directory = match self.open(way) {
                Err(Errno::ENOENT) => {
                    mkdirat(
                        &directory,
                        component.as_c_str(),
                        Mode::from_bits_truncate(0o755),
                    )?;
                    let made = self.open(way)?;
                    // Whatever our umask is.
                    fchmod(&made, Mode::from_bits_truncate(0o755))?;
                    made
                }
                other => other?,
            };
        }
        Ok(directory)
    }
}

fn explain(components: &[CString], errno: Errno) -> Error {
    use std::os::unix::ffi::OsStrExt;
    let path = joined(components);
    let path = std::path::Path::new(std::ffi::OsStr::from_bytes(path.as_bytes()));
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
