//! Without root: what a user namespace forbids, and what is mounted instead.

use std::ffi::CStr;
use std::os::fd::{AsFd, OwnedFd};

use kit::Failure;
use kit::sys::descriptor::openat2;
use kit::sys::mount::{Attributes, clone_tree, move_mount, set_attributes};
use nix::errno::Errno;
use nix::fcntl::AT_FDCWD;
use nix::sys::stat::fstat;
use nix::sys::statfs::{FsType, PROC_SUPER_MAGIC, fstatfs};

use crate::mount::Propagation;
use crate::plan::FileSystem;
use crate::resolve::STRICT;
use crate::{dev, filesystem, hints, masks, propagation};

/// When a file system could not be made as planned: what these surroundings may allow instead, or the same errno.
pub(crate) fn second_try(fs: &FileSystem, errno: Errno) -> nix::Result<Option<OwnedFd>> {
    match (fs.kind.to_bytes(), errno) {
        // The group tty does not exist in a user namespace that maps one group only. Without the option, a terminal's
        // group is that of whoever opens it.
        (b"devpts", Errno::EINVAL) => filesystem::new(fs, |key| key != b"gid").map(Some),
        // "Mount too revealing": around us somebody has covered parts of /sys, and a new sysfs would uncover them
        // (mount_namespaces(7)). The covered one will do.
        (b"sysfs", Errno::EPERM) => clone_of_the_host(fs),
        _ => Err(errno),
    }
}

/// The host's mount of the same file system, with all that is mounted below it, under the attributes of the plan.
pub(crate) fn clone_of_the_host(fs: &FileSystem) -> nix::Result<Option<OwnedFd>> {
    match clone_verified(fs) {
        // Few hosts lack it, and nothing but the listing of message queues is lost: mq_open(3) needs no mount.
        Err(Errno::ENOENT | Errno::ENODEV) if fs.kind.as_c_str() == c"mqueue" => Ok(None),
        other => other.map(Some),
    }
}

fn clone_verified(fs: &FileSystem) -> nix::Result<OwnedFd> {
    let recursive = libc::AT_EMPTY_PATH | libc::AT_RECURSIVE;
    let Some((path, magic)) = of_the_host(&fs.kind) else {
        return Err(Errno::EPERM);
    };
    let mount = clone_tree(AT_FDCWD, path, libc::AT_RECURSIVE)?;
    // In a container around us, /proc may be anything: CVE-2019-19921.
    if fstatfs(&mount)?.filesystem_type() != magic {
        return Err(Errno::ENODEV);
    }
    let attributes = Attributes {
        set: fs.attributes,
        propagation: fs
            .propagation
            .map_or(0, |propagation| propagation.kind.flag()),
        ..Attributes::default()
    };
    set_attributes(&mount, c"", recursive, attributes)?;
    Ok(mount)
}

/// Where the host has it, and the number by which its kind is known (statfs(2)).
pub(crate) fn of_the_host(kind: &CStr) -> Option<(&'static CStr, FsType)> {
    match kind.to_bytes() {
        b"proc" => Some((c"/proc", PROC_SUPER_MAGIC)),
        b"sysfs" => Some((c"/sys", SYSFS_MAGIC)),
        b"mqueue" => Some((c"/dev/mqueue", MQUEUE_MAGIC)),
        _ => None,
    }
}

// From <linux/magic.h>; `nix` does not have them.
const SYSFS_MAGIC: FsType = FsType(0x6265_6572);
const MQUEUE_MAGIC: FsType = FsType(0x1980_0202);

/// The host's device nodes, each over its empty file in `dev`, and each known by its number: a path such as
/// `/dev/null` may lead to anything, its device number says what it is.
///
/// Each is made private unless it `is_private` already: a container that may mount could else cover the host's.
pub(crate) fn bind_devices(dev: impl AsFd, is_private: bool) -> Result<(), Failure<'static>> {
    for node in &dev::NODES {
        let failed = |errno| Failure::new(hints::BIND_DEVICE, node.path.to_bytes(), errno);
        let source = openat2(AT_FDCWD, node.path, libc::O_PATH, 0, 0).map_err(failed)?;
        if !masks::is_device(&fstat(&source).map_err(failed)?, node.major, node.minor) {
            return Err(failed(Errno::ENODEV));
        }
        let mount = clone_tree(source, c"", libc::AT_EMPTY_PATH).map_err(failed)?;
        if !is_private {
            propagation::set(&mount, Propagation::RPRIVATE).map_err(failed)?;
        }
        let place = openat2(&dev, node.name(), libc::O_PATH, 0, STRICT).map_err(failed)?;
        move_mount(mount, place).map_err(failed)?;
    }
    Ok(())
}
