//! Questions to a namespace, through a descriptor of its file in `/proc/PID/ns` (ioctl_nsfs(2)).

use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd, RawFd};

use nix::errno::Errno;

/// The user namespace that owns this one (NS_GET_USERNS, Linux 4.9).
///
/// # Errors
/// EPERM if it is out of our own user namespace's reach.
pub fn owner(namespace: impl AsFd) -> nix::Result<OwnedFd> {
    ask(namespace, NS_GET_USERNS)
}

/// The parent of a PID or user namespace (NS_GET_PARENT, Linux 4.9).
///
/// # Errors
/// EPERM if there is none, or if it is out of reach; EINVAL for the other kinds, which have no parents.
pub fn parent(namespace: impl AsFd) -> nix::Result<OwnedFd> {
    ask(namespace, NS_GET_PARENT)
}

/// Which kind of namespace it is, one of `libc::CLONE_NEW*` (NS_GET_NSTYPE, Linux 4.11).
///
/// # Errors
/// ENOTTY if it is none.
pub fn kind(namespace: impl AsFd) -> nix::Result<libc::c_int> {
    // SAFETY: the request takes no argument and returns a number.
    Errno::result(unsafe { libc::ioctl(namespace.as_fd().as_raw_fd(), NS_GET_NSTYPE as _) })
}

fn ask(namespace: impl AsFd, request: libc::c_ulong) -> nix::Result<OwnedFd> {
    // SAFETY: both requests take no argument and return a new descriptor, close-on-exec by rule.
    let fd: RawFd =
        Errno::result(unsafe { libc::ioctl(namespace.as_fd().as_raw_fd(), request as _) })?;
    // SAFETY: the kernel has just returned it and nobody else owns it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

// From <linux/nsfs.h>: _IO(0xb7, 1) to _IO(0xb7, 3).
const NS_GET_USERNS: libc::c_ulong = 0xb701;
const NS_GET_PARENT: libc::c_ulong = 0xb702;
const NS_GET_NSTYPE: libc::c_ulong = 0xb703;
