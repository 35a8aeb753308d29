//! What the container sees at `/sys/fs/cgroup`: its own cgroups, read-only, and no others.

use std::ffi::{CStr, CString};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;

use kit::sys::descriptor::openat2;
use kit::sys::mount::{Attributes, FileSystem, clone_tree, move_mount, set_attributes};
use kit::{Error, Failure, Result};
use nix::errno::Errno;
use nix::fcntl::AT_FDCWD;
use nix::sys::stat::{Mode, mkdirat};
use nix::unistd::symlinkat;

use crate::group::{Group, Node};
use crate::layout::Version;

/// Detached mounts, made in the parent, for the child to put in place.
///
/// They are bind mounts of our directories and not mounts of the cgroup file system: the same two system calls do for
/// both versions, whatever options a hierarchy was mounted with, and in a user namespace.
#[derive(Debug)]
pub(crate) enum Inside {
    /// A host with nothing but v2: one mount.
    Unified(OwnedFd),
    /// Any other: a tmpfs, with one mount per hierarchy in it.
    Several(Vec<View>),
}

/// One hierarchy.
#[derive(Debug)]
pub(crate) struct View {
    /// The directory's name, as everybody has it: `unified`, `memory`, `cpu,cpuacct`.
    name: CString,
    /// `cpu` and `cpuacct`, if they are together: programs look for either.
    links: Vec<CString>,
    mount: OwnedFd,
}

const PLACE: &CStr = c"/sys/fs/cgroup";
const READ_ONLY: u64 = libc::MOUNT_ATTR_RDONLY;
const HARMLESS: u64 = libc::MOUNT_ATTR_NOSUID | libc::MOUNT_ATTR_NODEV | libc::MOUNT_ATTR_NOEXEC;

impl Inside {
    pub(crate) fn prepare(group: &Group) -> Result<Self> {
        if let [node] = group.nodes.as_slice()
            && node.version == Version::V2
        {
            return Ok(Self::Unified(detached(node)?));
        }
        let views = group.nodes.iter().map(View::prepare);
        Ok(Self::Several(views.collect::<Result<_>>()?))
    }

    /// In the child. A root without a `/sys/fs/cgroup` is left without one.
    pub(crate) fn mount(&self) -> Result<(), Failure<'_>> {
        let failed = |errno| Failure::new("mount the cgroups on", PLACE.to_bytes(), errno);
        let flags = libc::O_PATH | libc::O_DIRECTORY;
        let place = match openat2(AT_FDCWD, PLACE, flags, 0, libc::RESOLVE_NO_SYMLINKS) {
            Err(Errno::ENOENT) => return Ok(()),
            other => other.map_err(failed)?,
        };
        match self {
            Self::Unified(mount) => move_mount(mount, place).map_err(failed),
            Self::Several(views) => mount_all(views, place).map_err(failed),
        }
    }
}

fn mount_all(views: &[View], place: OwnedFd) -> nix::Result<()> {
    let tmpfs = FileSystem::open(c"tmpfs")?;
    tmpfs.set(c"source", c"tmpfs")?;
    tmpfs.set(c"mode", c"755")?;
    // It holds nothing but directories and links.
    tmpfs.set(c"nr_inodes", c"64")?;
    let tmpfs = tmpfs.mount(HARMLESS)?;
    move_mount(&tmpfs, place)?;
    for view in views {
        let name = view.name.as_c_str();
        mkdirat(&tmpfs, name, Mode::from_bits_truncate(0o755))?;
        let flags = libc::O_PATH | libc::O_DIRECTORY;
        let target = openat2(&tmpfs, name, flags, 0, libc::RESOLVE_NO_SYMLINKS)?;
        move_mount(&view.mount, target)?;
        for link in &view.links {
            symlinkat(name, &tmpfs, link.as_c_str())?;
        }
    }
    let attributes = Attributes {
        set: READ_ONLY,
        ..Attributes::default()
    };
    set_attributes(&tmpfs, c"", libc::AT_EMPTY_PATH, attributes)
}

impl View {
    fn prepare(node: &Node) -> Result<Self> {
        let names: Vec<&str> = match node.version {
            Version::V2 => vec!["unified"],
            Version::V1 => node.controllers.iter().map(|c| c.v1_name()).collect(),
        };
        let links = if names.len() > 1 { &names[..] } else { &[] };
        Ok(Self {
            name: c_string(&names.join(",")),
            links: links.iter().map(|name| c_string(name)).collect(),
            mount: detached(node)?,
        })
    }
}

fn detached(node: &Node) -> Result<OwnedFd> {
    let failed = |errno| Error::sys("make a mount of", &node.directory, errno);
    let path =
        CString::new(node.directory.as_os_str().as_bytes()).map_err(|_| failed(Errno::EINVAL))?;
    let mount = clone_tree(AT_FDCWD, &path, 0).map_err(failed)?;
    let attributes = Attributes {
        set: READ_ONLY | HARMLESS,
        ..Attributes::default()
    };
    set_attributes(mount.as_fd(), c"", libc::AT_EMPTY_PATH, attributes).map_err(failed)?;
    Ok(mount)
}

/// A controller's name has no NUL byte.
fn c_string(name: &str) -> CString {
    CString::new(name).unwrap_or_default()
}
