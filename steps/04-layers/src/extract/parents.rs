//! The directories that entries go into: found below the layer's root, made if missing, remembered while they last.

use std::ffi::{CStr, CString, OsStr};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::rc::Rc;

use kit::sys::descriptor::openat2;
use kit::{Error, Result};
use nix::errno::Errno;
use nix::fcntl::readlinkat;
use nix::sys::stat::{Mode, fchmod, fstat, mkdirat};
use nix::sys::time::TimeSpec;

use super::error::TARGET;
use super::inode::{At, make_opaque, remove_whiteout, restore_time};
use super::name::{Name, joined, no_whiteout, steps};
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

// ANCHOR: inside
/// The layer's directory is `/` for this one look-up, as it will be to the container: an absolute link begins there, a
/// `..` stops there. No way leads through procfs.
const INSIDE: u64 = libc::RESOLVE_IN_ROOT | libc::RESOLVE_NO_MAGICLINKS;
// ANCHOR_END: inside

/// So many links does the kernel follow in one look-up (path_resolution(7)), and so do we.
const MOST_LINKS: usize = 40;
/// A path has no more components than this, whatever links it leads through: PATH_MAX, with a slash after each.
const MOST_STEPS: usize = 2048;

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
        let directory = Rc::new(directory.map_err(|errno| {
            let error = explain(parents, errno);
            match errno {
                Errno::ENOENT => error.hint(TARGET),
                _ => error,
            }
        })?);
        self.target = Some((parents.to_vec(), Rc::clone(&directory)));
        Ok(directory)
    }

    /// The directory at `path` itself; `None` if there is none any more.
    pub(super) fn directory(&self, path: &CStr) -> Result<Option<OwnedFd>> {
        let flags = libc::O_RDONLY | libc::O_DIRECTORY | libc::O_NOFOLLOW;
        match openat2(self.root, path, flags, 0, INSIDE) {
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
        openat2(self.root, &joined(components), flags, 0, INSIDE)
    }
    // ANCHOR_END: open

    /// The same, and what is missing on the way is made. The kernel makes nothing at the end of a link, so links are
    /// followed here, by its rules: a layer may have `var/run -> /run` and leave `/run` to the layer below.
    fn make(&self, components: &[CString]) -> Result<OwnedFd> {
        let fails = |errno| explain(components, errno);
        // What is still to be walked, the next step last; and where we are, by names that are no links.
        let mut left: Vec<CString> = components.iter().rev().cloned().collect();
        let mut way: Vec<CString> = Vec::new();
        let mut directory = self.open(&[]).map_err(fails)?;
        let (mut links, mut walked) = (0, 0);
        while let Some(step) = left.pop() {
            walked += 1;
            if walked + left.len() > MOST_STEPS {
                return Err(fails(Errno::ENAMETOOLONG));
            }
            if step.as_bytes() == b".." {
                // Above the root there is the root.
                way.pop();
                directory = self.open(&way).map_err(fails)?;
                continue;
            }
            way.push(step);
            directory = match self.open_unlinked(&way) {
                Err(Errno::ELOOP) if links < MOST_LINKS => {
                    links += 1;
                    let link = way.pop().unwrap_or_default();
                    let target = readlinkat(&directory, link.as_c_str()).map_err(fails)?;
                    if target.as_bytes().starts_with(b"/") {
                        way.clear();
                    }
                    let target = steps(target.as_bytes())?;
                    target.iter().try_for_each(|step| no_whiteout(step))?;
                    left.extend(target.into_iter().rev());
                    self.open(&way).map_err(fails)?
                }
                Err(errno @ (Errno::ENOENT | Errno::ENOTDIR)) => {
                    self.make_one(&directory, &way, errno)?
                }
                found => found.map_err(fails)?,
            };
        }
        Ok(directory)
    }

    /// Makes the last directory of `way`, in `parent`. `errno` is what was said when it was looked for.
    fn make_one(&self, parent: &OwnedFd, way: &[CString], errno: Errno) -> Result<OwnedFd> {
        let fails = |errno| explain(way, errno);
        let Some(name) = way.last() else {
            return Err(fails(errno));
        };
        let at = At {
            parent: parent.as_fd(),
            name,
        };
        let before = mtime(parent).map_err(fails)?;
        let was_whiteout = remove_whiteout(at)?;
        if errno == Errno::ENOTDIR && !was_whiteout {
            return Err(fails(errno));
        }
        mkdirat(at.parent, at.name, Mode::from_bits_truncate(0o755)).map_err(fails)?;
        restore_time(at.parent, before)?;
        let made = self.open_unlinked(way).map_err(fails)?;
        // Whatever our umask is.
        fchmod(&made, Mode::from_bits_truncate(0o755)).map_err(fails)?;
        if was_whiteout {
            make_opaque(made.as_fd(), self.namespace)?;
        }
        Ok(made)
    }

    /// The directory at the end of `components`, none of which may be a link.
    fn open_unlinked(&self, components: &[CString]) -> nix::Result<OwnedFd> {
        let flags = libc::O_RDONLY | libc::O_DIRECTORY;
        let resolve = INSIDE | libc::RESOLVE_NO_SYMLINKS;
        openat2(self.root, &joined(components), flags, 0, resolve)
    }

    /// The path of `name` by which it is found later: without links on the way, which may be replaced or closed by then.
    pub(super) fn place(&self, name: &Name, parent: BorrowedFd<'_>) -> CString {
        let Some(last) = name.last() else {
            return joined(&[]);
        };
        let real = |directory: BorrowedFd<'_>| {
            std::fs::read_link(format!("/proc/self/fd/{}", directory.as_raw_fd())).ok()
        };
        let below = real(parent).zip(real(self.root.as_fd()));
        let below = below.and_then(|(parent, root)| {
            Some(
                parent
                    .strip_prefix(root)
                    .ok()?
                    .join(OsStr::from_bytes(last.to_bytes())),
            )
        });
        below
            .and_then(|path| CString::new(path.into_os_string().into_vec()).ok())
            .unwrap_or_else(|| joined(name.components()))
    }
}

fn mtime(directory: &OwnedFd) -> nix::Result<TimeSpec> {
    fstat(directory).map(|stat| TimeSpec::new(stat.st_mtime, stat.st_mtime_nsec))
}

fn explain(components: &[CString], errno: Errno) -> Error {
    explain_path(&joined(components), errno)
}

fn explain_path(path: &CStr, errno: Errno) -> Error {
    let path = std::path::Path::new(OsStr::from_bytes(path.to_bytes()));
    let error = Error::sys("find, in the layer, the directory", path, errno);
    match errno {
        Errno::ELOOP => error.hint("symbolic links on the way lead in a circle"),
        Errno::ENOTDIR => {
            error.hint("an earlier entry has put something there that is not a directory")
        }
        _ => error,
    }
}
