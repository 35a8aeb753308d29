//! What each step is called when it fails, and what a failure most likely means.

use std::ffi::CStr;

use kit::Failure;
use nix::errno::Errno;

pub(crate) const OPEN_SOURCE: &str = "find again, in the container's mount namespace,";
pub(crate) const CLONE_ROOT: &str = "clone the root file system";
pub(crate) const MOUNT_ROOT: &str = "mount on itself the root file system";
pub(crate) const ATTACH_ROOT: &str = "mount the root file system that was made before on";
pub(crate) const FIND_PLACE: &str = "find the mount point";
pub(crate) const MAKE_PLACE: &str = "make the mount point";
pub(crate) const CHECK_PLACE: &str = "use as a mount point";
pub(crate) const ATTACH: &str = "mount on";
pub(crate) const BIND: &str = "bind";
pub(crate) const MAKE_DEVICE: &str = "make";
pub(crate) const BIND_DEVICE: &str = "bind the host's";
pub(crate) const MASK: &str = "mask";
pub(crate) const PROTECT: &str = "make read-only";
pub(crate) const CONNECT: &str = "set the propagation of";
pub(crate) const DISCONNECT: &str = "cut off from the host's mounts";
pub(crate) const PIVOT: &str = "make the new root the root (pivot_root)";

/// What mounting a file system of this type is called.
pub(crate) fn mounting(kind: &CStr) -> String {
    format!("mount {} on", kind.to_string_lossy())
}

/// The type of the file system that could not be mounted.
fn mounted(operation: &str) -> Option<&str> {
    operation.strip_prefix("mount ")?.strip_suffix(" on")
}

/// The likely cause, with its mend.
pub(crate) fn hint(failure: &Failure<'_>) -> Option<String> {
    let hint = match failure.operation {
        PIVOT => at_pivot(failure.errno),
        FIND_PLACE | MAKE_PLACE | CHECK_PLACE => at_place(failure),
        ATTACH | ATTACH_ROOT => at_attach(failure.errno),
        OPEN_SOURCE | BIND | CLONE_ROOT | MOUNT_ROOT => at_source(failure.errno),
        MASK => at_mask(failure.errno),
        BIND_DEVICE | MAKE_DEVICE => at_device(failure.errno),
        operation => mounted(operation).and_then(|kind| at_mount(kind, failure.errno)),
    };
    hint.or_else(|| anywhere(failure.errno)).map(str::to_owned)
}

fn at_pivot(errno: Errno) -> Option<&'static str> {
    Some(match errno {
        Errno::EINVAL => {
            "pivot_root takes a mount point whose parent is private, and it cannot leave the kernel's first root: \
             on an initramfs (`findmnt /` shows rootfs), switch to a real root file system first"
        }
        Errno::EBUSY => {
            "the new root is the root already: it has to be a mount of its own, not the one that the process stands on"
        }
        Errno::EPERM => {
            "pivot_root needs CAP_SYS_ADMIN in the user namespace that owns the mount namespace"
        }
        _ => return None,
    })
}

fn at_place(failure: &Failure<'_>) -> Option<&'static str> {
    Some(match (failure.operation, failure.errno) {
        (_, Errno::ELOOP) => {
            "a symbolic link in the root file system is in the way: /proc, /dev and /sys must be directories, nothing \
             below them is reached through a link, and links may not lead in a circle"
        }
        (_, Errno::EROFS) => {
            "this mount point is missing, and the file system that should hold it cannot be written to: make it in the \
             image beforehand (below /sys none can be made)"
        }
        (_, Errno::ENOTDIR) => {
            "a directory can be mounted on a directory only, and in the root file system there is a file"
        }
        (_, Errno::EISDIR) => {
            "a file can be mounted on a file only, and in the root file system there is a directory"
        }
        (CHECK_PLACE, Errno::EBUSY) => {
            "the target leads, through links in the root file system, to the root itself"
        }
        (CHECK_PLACE, Errno::EPERM) => {
            "the target leads, through links in the root file system, into /proc, where nothing may be mounted over \
             what the kernel says"
        }
        (_, Errno::EACCES) => {
            "in a user namespace root is root over its own files only: a directory there belongs to somebody who is \
             not mapped (`ls -ln` shows whom), or has no permission for you"
        }
        (MAKE_PLACE, Errno::EPERM | Errno::ENOENT) => {
            "there it cannot be made (sysfs takes no new files): the target has to exist already"
        }
        (_, Errno::EAGAIN) => {
            "the machine renames or mounts without pause, and the path could not be walked safely"
        }
        _ => return None,
    })
}

fn at_mount(kind: &str, errno: Errno) -> Option<&'static str> {
    Some(match (kind, errno) {
        ("proc", Errno::EPERM) => {
            "in a user namespace the kernel mounts a new /proc only where a whole one is visible already (\"mount too \
             revealing\"): around us somebody has covered parts of it, as Docker and Podman do"
        }
        (_, Errno::EPERM) => {
            "mounting needs CAP_SYS_ADMIN in the user namespace that owns the mount namespace, and for this file system \
             in the one that owns what it shows (user_namespaces(7)): run it with sudo, or add --userns"
        }
        (_, Errno::ENODEV) => {
            "the kernel was built without this file system (/proc/filesystems lists what it has), or, in a container, \
             what is mounted there is not what it should be"
        }
        (_, Errno::EINVAL) => {
            "the kernel does not take one of the options: `dmesg | tail` may say which"
        }
        (_, Errno::ENOTBLK | Errno::ENOENT | Errno::ENXIO) => {
            "this file system is on a device, and its source is none: `lsblk` lists those of this machine"
        }
        _ => return None,
    })
}

fn at_attach(errno: Errno) -> Option<&'static str> {
    Some(match errno {
        Errno::EINVAL => {
            "the mount and its target must both lie in the container's mount namespace"
        }
        Errno::ELOOP => "the mount would lie below itself",
        Errno::EBADF => {
            "no mechanism before the root file system has made it: the list is in the wrong order"
        }
        _ => return None,
    })
}

fn at_source(errno: Errno) -> Option<&'static str> {
    Some(match errno {
        Errno::ESTALE | Errno::ELOOP | Errno::ENOENT => {
            "it was there when the container was prepared, and has been replaced since: somebody else works on that path"
        }
        Errno::EINVAL => {
            "a mount below it is locked to it or marked unbindable, and cannot be cloned (mount_namespaces(7))"
        }
        Errno::EACCES => {
            "root in a user namespace may not search a directory whose owner is not mapped into it"
        }
        _ => return None,
    })
}

fn at_mask(errno: Errno) -> Option<&'static str> {
    match errno {
        Errno::ENOENT => Some(
            "it is covered with the container's own /dev/null, which is missing: is something bound over /dev?",
        ),
        errno => at_device(errno),
    }
}

fn at_device(errno: Errno) -> Option<&'static str> {
    Some(match errno {
        Errno::ENODEV => {
            "what is there is not the device that its name promises, so it was not used"
        }
        Errno::ENOENT => "the device does not exist where it is taken from: is /dev whole?",
        Errno::ELOOP => "a symbolic link stands where a device or a kernel file should be",
        _ => return None,
    })
}

/// What can happen to any of these calls.
fn anywhere(errno: Errno) -> Option<&'static str> {
    Some(match errno {
        Errno::ENOSPC => {
            "a mount namespace may hold so many mounts, /proc/sys/fs/mount-max, or the file system is full: `df` and \
             `findmnt` show which"
        }
        Errno::ENOSYS => {
            "mounting by descriptor needs Linux 5.12, and a seccomp filter around us that lets it through"
        }
        Errno::ENOMEM => "the kernel has no memory left for another mount",
        Errno::EPERM => {
            "this needs root or, with --userns, a user namespace; a security module may also forbid it"
        }
        Errno::EMFILE | Errno::ENFILE => "too many open files: `ulimit -n`",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_errno_that_a_learner_meets_has_a_hint_of_its_own() {
        use Errno::*;
        let mut seen = std::collections::HashSet::new();
        for (operation, errno) in [
            (PIVOT, EINVAL),
            (PIVOT, EBUSY),
            (PIVOT, EPERM),
            ("mount proc on", EPERM),
            ("mount sysfs on", EPERM),
            ("mount tmpfs on", EINVAL),
            ("mount mqueue on", ENODEV),
            ("mount ext4 on", ENOTBLK),
            (FIND_PLACE, ELOOP),
            (MAKE_PLACE, EROFS),
            (FIND_PLACE, ENOTDIR),
            (FIND_PLACE, EACCES),
            (CHECK_PLACE, EPERM),
            (CHECK_PLACE, EBUSY),
            (FIND_PLACE, EISDIR),
            (ATTACH, EINVAL),
            (ATTACH_ROOT, EBADF),
            (OPEN_SOURCE, ESTALE),
            (CLONE_ROOT, EINVAL),
            (MASK, ENODEV),
            (MASK, ENOENT),
            (ATTACH, ENOSPC),
            (CLONE_ROOT, ENOSYS),
        ] {
            let hint = hint(&Failure::new(operation, b"/x", errno));
            let hint = hint.unwrap_or_else(|| panic!("{operation}: {errno} has no hint"));
            assert!(
                seen.insert(hint),
                "{operation}: {errno} has the hint of another"
            );
        }
        assert_eq!(hint(&Failure::new(ATTACH, b"/x", EXDEV)), None);
    }
}
