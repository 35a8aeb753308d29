//! The mount API by descriptor (Linux 5.2, mount_setattr 5.12): a mount is made detached, and moved to a place that is
//! itself a descriptor. No path is looked up twice, so there is nothing to race.

use std::ffi::CStr;
use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd, RawFd};

use super::check;

/// A file system that is being configured.
#[derive(Debug)]
pub struct FileSystem(OwnedFd);

impl FileSystem {
    /// `fsopen(2)`: begins a new instance of the file system type `name` (`c"proc"`).
    pub fn open(name: &CStr) -> nix::Result<Self> {
        // SAFETY: `name` ends in NUL and outlives the call.
        check(unsafe { libc::syscall(libc::SYS_fsopen, name.as_ptr(), FSOPEN_CLOEXEC) })
            // SAFETY: a new descriptor that nobody else owns.
            .map(|fd| Self(unsafe { owned(fd) }))
    }

    /// `fsconfig(2)`, FSCONFIG_SET_STRING: an option with a value (`mode=755`).
    pub fn set(&self, key: &CStr, value: &CStr) -> nix::Result<()> {
        self.config(FSCONFIG_SET_STRING, Some(key), Some(value))
    }

    /// `fsconfig(2)`, FSCONFIG_SET_FLAG: an option without a value (`newinstance`).
    pub fn set_flag(&self, key: &CStr) -> nix::Result<()> {
        self.config(FSCONFIG_SET_FLAG, Some(key), None)
    }

    /// Makes the instance and a detached mount of it with `attributes` (`MOUNT_ATTR_*`; fsmount(2)).
    pub fn mount(self, attributes: u64) -> nix::Result<OwnedFd> {
        self.config(FSCONFIG_CMD_CREATE, None, None)?;
        // SAFETY: integers only.
        check(unsafe {
            libc::syscall(
                libc::SYS_fsmount,
                self.0.as_raw_fd(),
                FSMOUNT_CLOEXEC,
                attributes,
            )
        })
        // SAFETY: a new descriptor that nobody else owns.
        .map(|fd| unsafe { owned(fd) })
    }

    fn config(&self, command: u32, key: Option<&CStr>, value: Option<&CStr>) -> nix::Result<()> {
        let pointer = |text: Option<&CStr>| text.map_or(std::ptr::null(), CStr::as_ptr);
        // SAFETY: both strings are null or end in NUL, and outlive the call.
        check(unsafe {
            libc::syscall(
                libc::SYS_fsconfig,
                self.0.as_raw_fd(),
                command,
                pointer(key),
                pointer(value),
                0,
            )
        })
        .map(drop)
    }
}

/// `open_tree(2)` with OPEN_TREE_CLONE: a detached copy of the mount at `path` below `directory`, which is what a bind
/// mount is. `flags` may add AT_RECURSIVE, AT_EMPTY_PATH, AT_SYMLINK_NOFOLLOW.
pub fn clone_tree(directory: impl AsFd, path: &CStr, flags: libc::c_int) -> nix::Result<OwnedFd> {
    let flags = flags as u32 | OPEN_TREE_CLONE | libc::O_CLOEXEC as u32;
    // SAFETY: `path` ends in NUL and outlives the call.
    check(unsafe {
        libc::syscall(
            libc::SYS_open_tree,
            directory.as_fd().as_raw_fd(),
            path.as_ptr(),
            flags,
        )
    })
    // SAFETY: a new descriptor that nobody else owns.
    .map(|fd| unsafe { owned(fd) })
}

/// `move_mount(2)`: attaches the detached `mount` at `target`; both are descriptors, so no path is looked up.
pub fn move_mount(mount: impl AsFd, target: impl AsFd) -> nix::Result<()> {
    // SAFETY: the two paths are empty strings, which the flags tell the kernel to expect.
    check(unsafe {
        libc::syscall(
            libc::SYS_move_mount,
            mount.as_fd().as_raw_fd(),
            c"".as_ptr(),
            target.as_fd().as_raw_fd(),
            c"".as_ptr(),
            MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH,
        )
    })
    .map(drop)
}

/// What [`set_attributes`] changes.
#[derive(Clone, Copy, Debug, Default)]
pub struct Attributes {
    /// `MOUNT_ATTR_*` to set.
    pub set: u64,
    /// `MOUNT_ATTR_*` to clear.
    pub clear: u64,
    /// `MS_PRIVATE`, `MS_SLAVE`, `MS_SHARED`, or 0 to leave the propagation as it is.
    pub propagation: u64,
}

/// `mount_setattr(2)`: changes the mount at `path` below `directory`, with AT_RECURSIVE in `flags` the whole tree at
/// once, all or nothing.
pub fn set_attributes(
    directory: impl AsFd,
    path: &CStr,
    flags: libc::c_int,
    attributes: Attributes,
) -> nix::Result<()> {
    let request = libc::mount_attr {
        attr_set: attributes.set,
        attr_clr: attributes.clear,
        propagation: attributes.propagation,
        userns_fd: 0,
    };
    // SAFETY: `path` ends in NUL, `request` is valid for the length given, and both outlive the call.
    check(unsafe {
        libc::syscall(
            libc::SYS_mount_setattr,
            directory.as_fd().as_raw_fd(),
            path.as_ptr(),
            flags,
            &request,
            size_of::<libc::mount_attr>(),
        )
    })
    .map(drop)
}

/// # Safety
/// `fd` is a descriptor that a system call has just returned.
unsafe fn owned(fd: libc::c_long) -> OwnedFd {
    // SAFETY: the caller's promise.
    unsafe { OwnedFd::from_raw_fd(fd as RawFd) }
}

// From <linux/mount.h>; `libc` does not have them for every target.
const FSOPEN_CLOEXEC: u32 = 1;
const FSMOUNT_CLOEXEC: u32 = 1;
const FSCONFIG_SET_FLAG: u32 = 0;
const FSCONFIG_SET_STRING: u32 = 1;
const FSCONFIG_CMD_CREATE: u32 = 6;
const OPEN_TREE_CLONE: u32 = 1;
const MOVE_MOUNT_F_EMPTY_PATH: u32 = 0x4;
const MOVE_MOUNT_T_EMPTY_PATH: u32 = 0x40;
