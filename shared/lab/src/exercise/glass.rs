//! The host behind glass: everything of it can be read, nothing of it can be changed.
//!
//! For what cannot live in the small root file system of a cell: compilers, and programs in any language. It takes the
//! place of the root file system in the list of mechanisms.

use std::ffi::{CStr, CString};
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use kit::sys::descriptor::openat2;
use kit::sys::mount::{Attributes, clone_tree, move_mount, set_attributes};
use kit::{Error, Failure, Result};
use namespaces::{Inside, Mechanism, Plan, Stage};
use nix::errno::Errno;
use nix::fcntl::AT_FDCWD;
use nix::mount::{MntFlags, MsFlags, mount, umount2};

/// What is to be seen of the host, and how.
#[derive(Debug, Default)]
pub(super) struct Glass {
    /// Directories that can be changed all the same.
    pub writable: Vec<PathBuf>,
    /// Directories and files whose contents are not to be seen.
    pub hidden: Vec<PathBuf>,
    /// Directories that are empty, in memory, and can be written to.
    pub scratch: Vec<PathBuf>,
    ready: Ready,
}

#[derive(Debug, Default)]
struct Ready {
    writable: Vec<CString>,
    hidden: Vec<CString>,
    scratch: Vec<CString>,
}

impl Glass {
    /// The whole host; see the fields for exceptions.
    pub(super) fn new(writable: Vec<PathBuf>, hidden: Vec<PathBuf>, scratch: Vec<PathBuf>) -> Self {
        Self {
            writable,
            hidden,
            scratch,
            ready: Ready::default(),
        }
    }
}

impl Mechanism for Glass {
    fn name(&self) -> &'static str {
        "glass"
    }

    fn stages(&self) -> &'static [Stage] {
        &[Stage::Mounts]
    }

    fn prepare(&mut self, plan: &mut Plan) -> Result<()> {
        if !plan.own_mounts {
            return Err(Error::new(
                "to put the host behind glass takes a mount namespace",
            ));
        }
        self.ready = Ready {
            writable: strings(&self.writable)?,
            hidden: strings(&self.hidden)?,
            scratch: strings(&self.scratch)?,
        };
        // The cgroup that comes later then shows itself, and not the host's.
        plan.new_root = true;
        Ok(())
    }

    fn enter(&self, _: Stage, _: &mut Inside<'_>) -> Result<(), Failure<'_>> {
        // Of the cell's own processes: whoever brings a root brings its /proc, and the host's is still here.
        let flags = MsFlags::MS_NOSUID | MsFlags::MS_NODEV | MsFlags::MS_NOEXEC;
        mount(Some(c"proc"), c"/proc", Some(c"proc"), flags, None::<&CStr>)
            .map_err(Failure::of("mount proc on", b"/proc"))?;
        let mut kept = Vec::new();
        for path in &self.ready.writable {
            let tree = clone_tree(AT_FDCWD, path, libc::AT_RECURSIVE);
            kept.push((
                path,
                tree.map_err(Failure::of("keep writable", path.to_bytes()))?,
            ));
        }
        read_only(c"/", libc::AT_RECURSIVE, true)?;
        // What a process writes there is about itself: its maps, its clocks.
        read_only(c"/proc", 0, false)?;
        detach_cgroups()?;
        for path in &self.ready.hidden {
            cover(path, c"size=4k,mode=755", MsFlags::MS_RDONLY)?;
        }
        for path in &self.ready.scratch {
            cover(path, c"size=64m,mode=1777", MsFlags::empty())?;
        }
        for (path, tree) in kept {
            attach(path, &tree).map_err(Failure::of("keep writable", path.to_bytes()))?;
        }
        Ok(())
    }
}

/// A mount's attribute, without or with those below it (mount_setattr(2)).
fn read_only(path: &CStr, flags: libc::c_int, on: bool) -> Result<(), Failure<'_>> {
    let (set, clear) = if on {
        (libc::MOUNT_ATTR_RDONLY, 0)
    } else {
        (0, libc::MOUNT_ATTR_RDONLY)
    };
    let attributes = Attributes {
        set,
        clear,
        ..Attributes::default()
    };
    set_attributes(AT_FDCWD, path, flags, attributes)
        .map_err(Failure::of("change the mount of", path.to_bytes()))
}

/// The host's cgroups are not to be found below the cell's own. EINVAL: there are none.
fn detach_cgroups() -> Result<(), Failure<'static>> {
    match umount2(c"/sys/fs/cgroup", MntFlags::MNT_DETACH) {
        Ok(()) | Err(Errno::EINVAL | Errno::ENOENT) => Ok(()),
        Err(errno) => Err(Failure::new("detach", b"/sys/fs/cgroup", errno)),
    }
}

fn cover<'p>(path: &'p CStr, options: &CStr, flags: MsFlags) -> Result<(), Failure<'p>> {
    let flags = flags | MsFlags::MS_NOSUID | MsFlags::MS_NODEV;
    match mount(Some(c"tmpfs"), path, Some(c"tmpfs"), flags, Some(options)) {
        // What is not there need not be covered.
        Ok(()) | Err(Errno::ENOENT) => Ok(()),
        // A file, such as `.git` in a work tree.
        Err(Errno::ENOTDIR) => {
            cover_file(path).map_err(Failure::of("cover the file", path.to_bytes()))
        }
        Err(errno) => Err(Failure::new("cover", path.to_bytes(), errno)),
    }
}

/// The null device reads as an empty file.
fn cover_file(path: &CStr) -> nix::Result<()> {
    attach(path, &clone_tree(AT_FDCWD, c"/dev/null", 0)?)
}

fn attach(path: &CStr, tree: &OwnedFd) -> nix::Result<()> {
    move_mount(tree, openat2(AT_FDCWD, path, libc::O_PATH, 0, 0)?)
}

fn strings(paths: &[PathBuf]) -> Result<Vec<CString>> {
    paths.iter().map(|path| string(path)).collect()
}

fn string(path: &Path) -> Result<CString> {
    CString::new(path.as_os_str().as_bytes())
        .map_err(|_| Error::new(format!("{} holds a NUL byte", path.display())))
}
