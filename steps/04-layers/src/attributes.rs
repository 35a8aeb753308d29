//! Extended attributes (xattr(7)): reading them all, and choosing those that mean something elsewhere.

use std::collections::BTreeMap;
use std::ffi::CStr;
use std::os::fd::{BorrowedFd, RawFd};

use nix::errno::Errno;
use rustix::buffer::spare_capacity;

use crate::whiteout::{Namespace, is_overlays_own};

/// Names and values.
pub(crate) type Attributes = BTreeMap<Vec<u8>, Vec<u8>>;

/// Those of an open file.
pub(crate) fn of_descriptor(file: BorrowedFd<'_>) -> nix::Result<Attributes> {
    collect(
        |names| rustix::fs::flistxattr(file, spare_capacity(names)),
        |name, value| rustix::fs::fgetxattr(file, name, spare_capacity(value)),
    )
}

/// Those of `name` in an open directory, not followed; for what cannot be opened without side effects.
pub(crate) fn of_name(directory: RawFd, name: &CStr) -> nix::Result<Attributes> {
    let directory = format!("/proc/self/fd/{directory}/");
    let path = [directory.as_bytes(), name.to_bytes()].concat();
    collect(
        |names| rustix::fs::llistxattr(&path[..], spare_capacity(names)),
        |name, value| rustix::fs::lgetxattr(&path[..], name, spare_capacity(value)),
    )
}

/// Whether a directory hides those below it.
pub(crate) fn is_opaque(directory: BorrowedFd<'_>, namespace: Namespace) -> nix::Result<bool> {
    let mut value = [0_u8; 2];
    match rustix::fs::fgetxattr(directory, namespace.opaque(), &mut value[..]) {
        Ok(length) => Ok(value[..length] == *b"y"),
        Err(rustix::io::Errno::NODATA | rustix::io::Errno::NOTSUP | rustix::io::Errno::RANGE) => {
            Ok(false)
        }
        Err(errno) => Err(to_nix(errno)),
    }
}

/// Without those that belong to this host: overlayfs' own, SELinux' labels, NFS' access lists.
pub(crate) fn portable(mut attributes: Attributes) -> Attributes {
    attributes.retain(|name, _| {
        !is_overlays_own(name) && !matches!(&name[..], b"security.selinux" | b"system.nfs4_acl")
    });
    attributes
}

type Answer = rustix::io::Result<usize>;

fn collect(
    list: impl Fn(&mut Vec<u8>) -> Answer,
    get: impl Fn(&[u8], &mut Vec<u8>) -> Answer,
) -> nix::Result<Attributes> {
    let names = match grow(&list) {
        Ok(names) => names,
        // A file system that has no attributes.
        Err(Errno::ENOTSUP) => return Ok(Attributes::new()),
        Err(errno) => return Err(errno),
    };
    let mut attributes = Attributes::new();
    for name in names
        .split(|byte| *byte == 0)
        .filter(|name| !name.is_empty())
    {
        match grow(&|value: &mut Vec<u8>| get(name, value)) {
            Ok(value) => drop(attributes.insert(name.to_vec(), value)),
            // Removed since it was listed.
            Err(Errno::ENODATA) => {}
            Err(errno) => return Err(errno),
        }
    }
    Ok(attributes)
}

/// Asks with room for most, and again with room for all: the kernel's limit is 64 KiB for each.
fn grow(ask: &impl Fn(&mut Vec<u8>) -> Answer) -> nix::Result<Vec<u8>> {
    let mut buffer = Vec::with_capacity(256);
    match ask(&mut buffer) {
        Err(rustix::io::Errno::RANGE) => {
            buffer.reserve(64 * 1024);
            ask(&mut buffer).map_err(to_nix)?;
        }
        other => drop(other.map_err(to_nix)?),
    }
    Ok(buffer)
}

fn to_nix(errno: rustix::io::Errno) -> Errno {
    Errno::from_raw(errno.raw_os_error())
}
