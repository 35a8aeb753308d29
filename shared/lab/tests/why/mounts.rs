//! Mounts. Each fixture works in a mount namespace of its own, whose mounts are private.

use std::fs;
use std::path::Path;
use std::process::Command;

use harness::Need;
use kit::sys::mount::{Attributes, set_attributes};
use nix::errno::Errno;
use nix::fcntl::AT_FDCWD;
use nix::mount::{MntFlags, MsFlags, mount, umount2};
use nix::sched::{CloneFlags, unshare};

use crate::{FIXTURE, Fixture, NOBODY, fresh};

const USER: &[Need] = &[Need::Root, Need::UserNamespaces];

pub(crate) const FIXTURES: &[Fixture] = &[
    Fixture {
        name: "a_mount_takes_privilege",
        call: "mount",
        errno: "EPERM",
        rules: &["mount-without-privilege"],
        user: Some(NOBODY),
        induce: || tmpfs(Path::new("/mnt"), MsFlags::empty()).unwrap_err(),
        ..FIXTURE
    },
    Fixture {
        name: "the_mount_namespace_is_somebody_elses",
        needs: USER,
        call: "mount",
        errno: "EPERM",
        rules: &["mount-namespace-of-others"],
        induce: || {
            unshare(CloneFlags::CLONE_NEWUSER).unwrap();
            tmpfs(Path::new("/mnt"), MsFlags::empty()).unwrap_err()
        },
        ..FIXTURE
    },
    Fixture {
        name: "a_covered_proc_forbids_another",
        needs: USER,
        call: "mount",
        errno: "EPERM",
        rules: &["proc-is-covered"],
        induce: || {
            private();
            tmpfs(Path::new("/proc/irq"), MsFlags::empty()).unwrap();
            // A PID namespace takes a fork: unshare(1) does it, and runs this program once more.
            let status = Command::new("unshare")
                .args(["--user", "--map-root-user", "--mount", "--pid", "--fork"])
                .arg(std::env::current_exe().unwrap())
                .env("WHY_FIXTURE", "no_rule_knows_a_proc_of_somebody_elses_pids")
                .status()
                .unwrap();
            assert!(status.success(), "{status}");
            Errno::EPERM
        },
        ..FIXTURE
    },
    Fixture {
        name: "no_rule_knows_a_proc_of_somebody_elses_pids",
        needs: USER,
        call: "mount",
        errno: "EPERM",
        around: &["unshare", "--user", "--map-root-user", "--mount"],
        induce: proc,
        ..FIXTURE
    },
    Fixture {
        name: "a_remount_cannot_take_away_a_locked_flag",
        needs: USER,
        call: "mount",
        errno: "EPERM",
        rules: &["locked-flag"],
        induce: || {
            let place = read_only_in_user_namespace();
            let flags = MsFlags::MS_REMOUNT | MsFlags::MS_BIND | MsFlags::MS_NOSUID;
            mount(None::<&str>, &place, None::<&str>, flags, None::<&str>).unwrap_err()
        },
        ..FIXTURE
    },
    Fixture {
        name: "mount_setattr_cannot_clear_a_locked_flag",
        needs: USER,
        call: "mount_setattr",
        errno: "EPERM",
        rules: &["locked-flag"],
        induce: || {
            let place = read_only_in_user_namespace();
            let request = Attributes {
                clear: libc::MOUNT_ATTR_RDONLY,
                ..Attributes::default()
            };
            set_attributes(AT_FDCWD, &c_path(&place), 0, request).unwrap_err()
        },
        ..FIXTURE
    },
    Fixture {
        name: "what_is_not_mounted_cannot_be_unmounted",
        call: "umount2",
        errno: "EINVAL",
        rules: &["not-mounted"],
        induce: || umount2(&fresh(), MntFlags::empty()).unwrap_err(),
        ..FIXTURE
    },
    Fixture {
        name: "an_inherited_mount_is_locked",
        needs: USER,
        call: "umount2",
        errno: "EINVAL",
        rules: &["locked-mount"],
        induce: || {
            let place = read_only_in_user_namespace();
            umount2(&place, MntFlags::empty()).unwrap_err()
        },
        ..FIXTURE
    },
    Fixture {
        name: "no_rule_knows_flags_that_contradict_each_other",
        call: "umount2",
        errno: "EINVAL",
        induce: || {
            private();
            let place = fresh();
            tmpfs(&place, MsFlags::empty()).unwrap();
            umount2(&place, MntFlags::MNT_EXPIRE | MntFlags::MNT_DETACH).unwrap_err()
        },
        ..FIXTURE
    },
    Fixture {
        name: "a_working_directory_keeps_a_mount_busy",
        call: "umount2",
        errno: "EBUSY",
        rules: &["mount-in-use"],
        induce: || {
            private();
            let place = fresh();
            tmpfs(&place, MsFlags::empty()).unwrap();
            std::env::set_current_dir(&place).unwrap();
            umount2(&place, MntFlags::empty()).unwrap_err()
        },
        ..FIXTURE
    },
    Fixture {
        name: "a_mount_on_it_keeps_a_mount_busy",
        call: "umount2",
        errno: "EBUSY",
        rules: &["mount-in-use"],
        induce: || {
            private();
            let place = fresh();
            tmpfs(&place, MsFlags::empty()).unwrap();
            let inner = place.join("inner");
            fs::create_dir(&inner).unwrap();
            tmpfs(&inner, MsFlags::empty()).unwrap();
            umount2(&place, MntFlags::empty()).unwrap_err()
        },
        ..FIXTURE
    },
    Fixture {
        name: "a_file_system_has_to_be_known",
        call: "mount",
        errno: "ENODEV",
        rules: &["no-such-file-system"],
        induce: || {
            mount(
                None::<&str>,
                "/mnt",
                Some("nosuchfs"),
                MsFlags::empty(),
                None::<&str>,
            )
            .unwrap_err()
        },
        ..FIXTURE
    },
];

/// A mount namespace whose mounts nobody else sees.
pub(crate) fn private() {
    unshare(CloneFlags::CLONE_NEWNS).unwrap();
    let flags = MsFlags::MS_REC | MsFlags::MS_PRIVATE;
    mount(None::<&str>, "/", None::<&str>, flags, None::<&str>).unwrap();
}

pub(crate) fn tmpfs(place: &Path, flags: MsFlags) -> Result<(), Errno> {
    mount(Some("none"), place, Some("tmpfs"), flags, None::<&str>)
}

fn proc() -> Errno {
    mount(
        Some("proc"),
        &fresh(),
        Some("proc"),
        MsFlags::empty(),
        None::<&str>,
    )
    .unwrap_err()
}

/// A read-only mount that comes from outside the user namespace that we are then root of.
fn read_only_in_user_namespace() -> std::path::PathBuf {
    private();
    let place = fresh();
    tmpfs(&place, MsFlags::MS_RDONLY | MsFlags::MS_NOSUID).unwrap();
    unshare(CloneFlags::CLONE_NEWUSER | CloneFlags::CLONE_NEWNS).unwrap();
    fs::write("/proc/self/uid_map", "0 0 1").unwrap();
    place
}

fn c_path(path: &Path) -> std::ffi::CString {
    let text = path
        .to_str()
        .expect("a temporary directory has a plain name");
    std::ffi::CString::new(text).expect("it has no NUL")
}
