//! clone, unshare, setns, and what takes privilege over a namespace.

use std::fs::{self, File};

use harness::Need;
use nix::errno::Errno;
use nix::sched::{CloneFlags, setns, unshare};
use nix::unistd::{chdir, chroot, sethostname};

use crate::{FIXTURE, Fixture, NOBODY, fresh};

pub(crate) const FIXTURES: &[Fixture] = &[
    Fixture {
        name: "a_namespace_takes_privilege",
        call: "unshare",
        errno: "EPERM",
        rules: &["namespace-without-privilege"],
        user: Some(NOBODY),
        induce: || unshare(CloneFlags::CLONE_NEWUTS).unwrap_err(),
        ..FIXTURE
    },
    Fixture {
        name: "a_chroot_allows_no_user_namespace",
        call: "unshare",
        errno: "EPERM",
        rules: &["user-namespace-in-chroot"],
        induce: || {
            chroot(&fresh()).unwrap();
            chdir("/").unwrap();
            unshare(CloneFlags::CLONE_NEWUSER).unwrap_err()
        },
        ..FIXTURE
    },
    Fixture {
        name: "the_limit_on_namespaces_is_reached",
        needs: &[Need::Root, Need::UserNamespaces],
        call: "unshare",
        errno: "ENOSPC",
        rules: &["namespace-limit"],
        around: &[
            "unshare",
            "--user",
            "--map-root-user",
            "sh",
            "-c",
            "echo 0 >/proc/sys/user/max_uts_namespaces && exec \"$@\"",
            "sh",
        ],
        induce: || unshare(CloneFlags::CLONE_NEWUTS).unwrap_err(),
        ..FIXTURE
    },
    Fixture {
        name: "user_namespaces_nest_32_deep",
        needs: &[Need::Root, Need::UserNamespaces],
        call: "unshare",
        errno: "ENOSPC",
        rules: &["namespaces-nested-too-deep"],
        induce: || {
            loop {
                if let Err(errno) = unshare(CloneFlags::CLONE_NEWUSER) {
                    return errno;
                }
                for (file, text) in [
                    ("uid_map", "0 0 1"),
                    ("setgroups", "deny"),
                    ("gid_map", "0 0 1"),
                ] {
                    fs::write(format!("/proc/self/{file}"), text).unwrap();
                }
            }
        },
        ..FIXTURE
    },
    Fixture {
        name: "threads_share_their_user_namespace",
        call: "unshare",
        errno: "EINVAL",
        rules: &["user-namespace-of-threads"],
        induce: || with_thread(|| unshare(CloneFlags::CLONE_NEWUSER).unwrap_err()),
        ..FIXTURE
    },
    Fixture {
        name: "threads_share_their_mount_namespace",
        call: "setns",
        errno: "EINVAL",
        rules: &["user-namespace-of-threads"],
        induce: || {
            let file = File::open("/proc/self/ns/mnt").unwrap();
            with_thread(|| setns(file, CloneFlags::CLONE_NEWNS).unwrap_err())
        },
        ..FIXTURE
    },
    Fixture {
        name: "ones_own_user_namespace_cannot_be_joined",
        call: "setns",
        errno: "EINVAL",
        rules: &["own-user-namespace"],
        induce: || {
            let file = File::open("/proc/self/ns/user").unwrap();
            setns(file, CloneFlags::CLONE_NEWUSER).unwrap_err()
        },
        ..FIXTURE
    },
    Fixture {
        name: "no_rule_knows_setns_to_a_namespace_of_another_kind",
        call: "setns",
        errno: "EINVAL",
        induce: || {
            let file = File::open("/proc/self/ns/uts").unwrap();
            setns(file, CloneFlags::CLONE_NEWIPC).unwrap_err()
        },
        ..FIXTURE
    },
    Fixture {
        name: "no_rule_knows_unshare_of_a_flag_that_does_not_exist",
        call: "unshare",
        errno: "EINVAL",
        induce: || unshare(CloneFlags::from_bits_retain(1)).unwrap_err(),
        ..FIXTURE
    },
    Fixture {
        name: "the_host_name_takes_privilege",
        call: "sethostname",
        errno: "EPERM",
        rules: &["host-name-without-privilege"],
        user: Some(NOBODY),
        induce: || sethostname("nobodys").unwrap_err(),
        ..FIXTURE
    },
    Fixture {
        name: "the_host_name_belongs_to_the_owner_of_its_namespace",
        needs: &[Need::Root, Need::UserNamespaces],
        call: "sethostname",
        errno: "EPERM",
        rules: &["host-name-without-privilege"],
        induce: || {
            unshare(CloneFlags::CLONE_NEWUSER).unwrap();
            sethostname("mine").unwrap_err()
        },
        ..FIXTURE
    },
    Fixture {
        name: "chroot_takes_privilege",
        call: "chroot",
        errno: "EPERM",
        rules: &["chroot-without-privilege"],
        user: Some(NOBODY),
        induce: || chroot("/").unwrap_err(),
        ..FIXTURE
    },
];

/// While another thread waits.
fn with_thread(fail: impl FnOnce() -> Errno) -> Errno {
    let (end, wait) = std::sync::mpsc::channel::<()>();
    let thread = std::thread::spawn(move || wait.recv());
    let errno = fail();
    drop(end);
    // The channel is closed, which is an error to the one who waits.
    let _ = thread.join();
    errno
}
