//! pivot_root, whose EINVAL has five causes.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use nix::mount::{MntFlags, MsFlags, mount, umount2};
use nix::sched::{CloneFlags, setns, unshare};
use nix::unistd::{chdir, chroot, pivot_root};

use crate::mounts::{private, tmpfs};
use crate::{FIXTURE, Fixture, fresh};

pub(crate) const FIXTURES: &[Fixture] = &[
    Fixture {
        name: "a_new_root_has_to_be_a_mount_point",
        call: "pivot_root",
        errno: "EINVAL",
        rules: &["new-root-is-no-mount"],
        induce: || {
            private();
            // Not on the root's own mount, for that would be EBUSY.
            let new = directory(&mounted(), "new");
            pivot_root(&new, &directory(&new, "old")).unwrap_err()
        },
        ..FIXTURE
    },
    Fixture {
        name: "shared_mounts_forbid_a_pivot",
        call: "pivot_root",
        errno: "EINVAL",
        rules: &["pivot-on-shared-mounts"],
        induce: || {
            unshare(CloneFlags::CLONE_NEWNS).unwrap();
            // First private, so that nothing reaches the host; then shared with nobody but ourselves.
            for flag in [MsFlags::MS_PRIVATE, MsFlags::MS_SHARED] {
                mount(
                    None::<&str>,
                    "/",
                    None::<&str>,
                    MsFlags::MS_REC | flag,
                    None::<&str>,
                )
                .unwrap();
            }
            let new = mounted();
            pivot_root(&new, &directory(&new, "old")).unwrap_err()
        },
        ..FIXTURE
    },
    Fixture {
        name: "a_chroot_is_no_root_to_pivot_from",
        call: "pivot_root",
        errno: "EINVAL",
        rules: &["root-is-no-mount"],
        induce: || {
            private();
            let root = fresh();
            tmpfs(&directory(&root, "new"), MsFlags::empty()).unwrap();
            directory(&root.join("new"), "old");
            chroot(&root).unwrap();
            chdir("/").unwrap();
            pivot_root("/new", "/new/old").unwrap_err()
        },
        ..FIXTURE
    },
    Fixture {
        name: "the_kernels_first_file_system_cannot_be_moved",
        call: "pivot_root",
        errno: "EINVAL",
        rules: &["root-on-initial-file-system"],
        induce: || {
            private();
            // A detached mount of a tmpfs to stand on, while the root above the first one is taken away.
            let namespace = File::open("/proc/self/ns/mnt").unwrap();
            umount2("/", MntFlags::MNT_DETACH).unwrap();
            // Joining our own namespace puts us at its top, which is the kernel's own now.
            setns(namespace, CloneFlags::CLONE_NEWNS).unwrap();
            let new = Path::new("/why-fixture");
            fs::create_dir(new).unwrap();
            tmpfs(new, MsFlags::empty()).unwrap();
            let errno = pivot_root(new, &directory(new, "old")).unwrap_err();
            // That file system is everybody's.
            umount2(new, MntFlags::MNT_DETACH).unwrap();
            fs::remove_dir(new).unwrap();
            errno
        },
        ..FIXTURE
    },
    Fixture {
        name: "the_old_root_has_to_go_below_the_new",
        call: "pivot_root",
        errno: "EINVAL",
        rules: &["put-old-not-below"],
        induce: || {
            private();
            pivot_root(&mounted(), &mounted()).unwrap_err()
        },
        ..FIXTURE
    },
    Fixture {
        name: "the_current_root_cannot_be_the_new",
        call: "pivot_root",
        errno: "EBUSY",
        rules: &["pivot-on-current-root"],
        induce: || {
            private();
            pivot_root("/", "/").unwrap_err()
        },
        ..FIXTURE
    },
];

/// A file system of its own.
fn mounted() -> PathBuf {
    let place = fresh();
    tmpfs(&place, MsFlags::empty()).unwrap();
    place
}

fn directory(parent: &Path, name: &str) -> PathBuf {
    let path = parent.join(name);
    fs::create_dir(&path).unwrap();
    path
}
