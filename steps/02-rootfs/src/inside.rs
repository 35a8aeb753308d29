//! Places inside the new root, found and made without ever leaving it.
//!
//! The image may be hostile: its `/data` may be a symbolic link to `/etc`, or become one between two system calls while
//! another container writes to the same volume (CVE-2021-30465). So a place is resolved once, by the kernel, with the
//! container's root as the root (openat2(2), RESOLVE_IN_ROOT); what comes back is a descriptor, and the mount goes onto
//! that. There is no second look-up that could see something else.

use std::ffi::{CStr, CString};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use kit::sys::descriptor::openat2;
use nix::errno::Errno;
use nix::sys::stat::{FileStat, SFlag, fstat};
use nix::sys::statfs::{PROC_SUPER_MAGIC, fstatfs};

use crate::dangling;
use crate::mount::c_string;
use crate::resolve::{IN_ROOT, STRICT, make_in};

/// Where a [`Place`] is found from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Base {
    /// The container's root; symbolic links are followed inside it.
    Root,
    /// The root too, for the mount points of the three below; symbolic links are refused (CVE-2019-19921).
    Image,
    /// The mount that we have put on `/proc`; symbolic links are refused, as in the next two.
    Proc,
    /// The one on `/dev`.
    Dev,
    /// The one on `/sys`.
    Sys,
}

/// What happens if there is nothing at a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Missing {
    /// Then nothing has to be mounted there.
    Skip,
    /// A directory is made.
    Directory,
    /// An empty file is made.
    File,
}

/// A path below a base, taken apart beforehand so that nothing is allocated in the child.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) base: Base,
    path: CString,
    missing: Missing,
    steps: Vec<Step>,
}

/// One component, with the whole way to it.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Step {
    path: CString,
    name: CString,
}

impl Place {
    /// `path` is relative and clean.
    pub(crate) fn new(base: Base, path: &Path, missing: Missing) -> Self {
        let mut way = Vec::new();
        let steps = path
            .iter()
            .map(|name| {
                way.extend((!way.is_empty()).then_some(b'/'));
                way.extend(name.as_bytes());
                Step {
                    path: c_string(&way),
                    name: c_string(name.as_bytes()),
                }
            })
            .collect();
        Self {
            base,
            path: c_string(&way),
            missing,
            steps,
        }
    }

    // ANCHOR: find
    /// The place below `base`, made if it is missing and may be. `None` if it is missing and need not be there.
    pub(crate) fn find(&self, base: BorrowedFd<'_>) -> Result<Option<OwnedFd>, (Attempt, Errno)> {
        let wanted = match self.missing {
            Missing::Directory => libc::O_DIRECTORY,
            Missing::Skip | Missing::File => 0,
        };
        let place = match self.open(base, &self.path, wanted) {
            Ok(place) => place,
            Err(Errno::ENOENT | Errno::ENOTDIR) if self.missing == Missing::Skip => {
                return Ok(None);
            }
            Err(Errno::ENOENT) => self.make(base).map_err(|errno| (Attempt::Make, errno))?,
            Err(errno) => return Err((Attempt::Find, errno)),
        };
        if self.missing == Missing::File {
            let status = fstat(&place).map_err(|errno| (Attempt::Find, errno))?;
            if is_directory(&status) {
                return Err((Attempt::Find, Errno::EISDIR));
            }
        }
        if self.base == Base::Root {
            check(&place, base).map_err(|errno| (Attempt::Check, errno))?;
        }
        Ok(Some(place))
    }

    /// Makes what is missing, component by component: each is looked for inside the root, and made in the directory
    /// that the one before it turned out to be, which is a descriptor.
    fn make(&self, base: BorrowedFd<'_>) -> nix::Result<OwnedFd> {
        let mut parent = None;
        for (index, step) in self.steps.iter().enumerate() {
            let is_file = self.missing == Missing::File && index + 1 == self.steps.len();
            let found = match self.open(base, &step.path, 0) {
                Err(Errno::ENOENT) => make_in(
                    parent.as_ref().map_or(base, AsFd::as_fd),
                    &step.name,
                    is_file,
                ),
                other => other,
            };
            match found {
                // The name is there: it is a symbolic link, to nothing.
                Err(Errno::ELOOP) if self.base == Base::Root => {
                    let is_file = self.missing == Missing::File;
                    return dangling::make(base, self.path.to_bytes(), is_file);
                }
                found => parent = Some(found?),
            }
        }
        parent.ok_or(Errno::ENOENT)
    }
    // ANCHOR_END: find

    fn open(&self, base: BorrowedFd<'_>, path: &CStr, wanted: libc::c_int) -> nix::Result<OwnedFd> {
        let resolve = match self.base {
            Base::Root => IN_ROOT,
            Base::Image | Base::Proc | Base::Dev | Base::Sys => STRICT,
        };
        openat2(base, path, libc::O_PATH | wanted, 0, resolve)
    }
}

/// What [`Place::find`] was doing when it failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Attempt {
    Find,
    Make,
    Check,
}

pub(crate) fn is_directory(status: &FileStat) -> bool {
    SFlag::from_bits_truncate(status.st_mode) & SFlag::S_IFMT == SFlag::S_IFDIR
}

/// A target may be reached by symbolic links of the image, so its name says little. It must not turn out to be the root,
/// where a mount would be out of sight, nor to lie in procfs, which it would forge (CVE-2019-16884).
fn check(place: &OwnedFd, root: BorrowedFd<'_>) -> nix::Result<()> {
    let (found, root) = (fstat(place)?, fstat(root)?);
    if (found.st_dev, found.st_ino) == (root.st_dev, root.st_ino) {
        return Err(Errno::EBUSY);
    }
    if fstatfs(place)?.filesystem_type() == PROC_SUPER_MAGIC {
        return Err(Errno::EPERM);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::fs::{self, File};
    use std::os::unix::fs::symlink;
    use std::path::PathBuf;

    use super::*;

    struct Root {
        dir: tempfile::TempDir,
    }

    impl Root {
        fn new() -> Self {
            let dir = tempfile::tempdir().unwrap();
            fs::create_dir(dir.path().join("root")).unwrap();
            fs::create_dir(dir.path().join("outside")).unwrap();
            Self { dir }
        }

        fn at(&self, name: &str) -> PathBuf {
            self.dir.path().join("root").join(name)
        }

        fn find(
            &self,
            base: Base,
            path: &str,
            missing: Missing,
        ) -> Result<Option<PathBuf>, (Attempt, Errno)> {
            let root = File::open(self.at("")).unwrap();
            let place = Place::new(base, Path::new(path), missing).find(root.as_fd())?;
            Ok(place.map(|fd| {
                use std::os::fd::AsRawFd;
                fs::read_link(format!("/proc/self/fd/{}", fd.as_raw_fd())).unwrap()
            }))
        }
    }

    #[test]
    fn what_is_missing_is_made_inside() {
        let root = Root::new();
        let made = root.find(Base::Root, "a/b/c", Missing::Directory).unwrap();
        assert_eq!(made, Some(root.at("a/b/c")));
        let made = root.find(Base::Root, "a/f", Missing::File).unwrap();
        assert_eq!(made, Some(root.at("a/f")));
        assert!(root.at("a/f").is_file());
        let refused = root.find(Base::Root, "a/f", Missing::Directory);
        assert_eq!(refused, Err((Attempt::Find, Errno::ENOTDIR)));
        let refused = root.find(Base::Root, "a/b", Missing::File);
        assert_eq!(refused, Err((Attempt::Find, Errno::EISDIR)));
        assert_eq!(root.find(Base::Root, "x/y", Missing::Skip), Ok(None));
        assert_eq!(root.find(Base::Root, "a/f/x", Missing::Skip), Ok(None));
    }

    #[test]
    fn symbolic_links_lead_nowhere_but_inside() {
        let root = Root::new();
        for (link, to) in [
            ("absolute", "/inner"),
            ("dots", "../../../../../../inner"),
            ("away", "../outside"),
        ] {
            symlink(to, root.at(link)).unwrap();
        }
        fs::create_dir(root.at("inner")).unwrap();
        for link in ["absolute", "dots"] {
            let found = root.find(Base::Root, &format!("{link}/made"), Missing::Directory);
            assert_eq!(found, Ok(Some(root.at("inner/made"))), "{link}");
        }
        // What a link to nothing leads to is made, and inside too.
        let found = root.find(Base::Root, "away/made", Missing::Directory);
        assert_eq!(found, Ok(Some(root.at("outside/made"))));
        symlink("../run/stub/file", root.at("inner/file")).unwrap();
        let found = root.find(Base::Root, "inner/file", Missing::File);
        assert_eq!(found, Ok(Some(root.at("run/stub/file"))));
        assert!(root.at("run/stub/file").is_file());
        symlink("two", root.at("one")).unwrap();
        symlink("/one", root.at("two")).unwrap();
        let refused = root.find(Base::Root, "one/made", Missing::Directory);
        assert_eq!(refused, Err((Attempt::Find, Errno::ELOOP)));
        let outside = root.dir.path().join("outside");
        assert_eq!(fs::read_dir(outside).unwrap().count(), 0);
    }

    #[test]
    fn the_places_of_our_own_mounts_are_no_links() {
        let root = Root::new();
        fs::create_dir(root.at("etc")).unwrap();
        symlink("etc", root.at("proc")).unwrap();
        for base in [Base::Image, Base::Proc] {
            let refused = root.find(base, "proc", Missing::Directory);
            assert_eq!(refused, Err((Attempt::Find, Errno::ELOOP)));
        }
        let refused = root.find(Base::Dev, "../outside", Missing::Directory);
        assert_eq!(refused, Err((Attempt::Find, Errno::EXDEV)));
    }

    #[test]
    fn a_link_to_the_root_is_not_a_target() {
        let root = Root::new();
        symlink("/", root.at("link")).unwrap();
        let refused = root.find(Base::Root, "link", Missing::Directory);
        assert_eq!(refused, Err((Attempt::Check, Errno::EBUSY)));
    }

    #[test]
    fn procfs_is_not_a_target() {
        let root = File::open("/").unwrap();
        let place = Place::new(Base::Root, Path::new("proc/sys"), Missing::Skip);
        let refused = place.find(root.as_fd()).map(drop);
        assert_eq!(refused, Err((Attempt::Check, Errno::EPERM)));
    }
}
