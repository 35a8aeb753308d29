//! mount, umount2, mount_setattr, and the calls by descriptor.

use std::path::Path;

use super::namespaces::{lacks, power_over};
use super::{Established, Finding, Refuted, Rule, Unknown, seen};
use crate::cmd::map::mountinfo::Mount;
use crate::cmd::map::process::Proc;
use crate::cmd::why::scene::{CAP_SYS_ADMIN, Scene};

const MOUNTING: &[&str] = &[
    "mount",
    "umount2",
    "pivot_root",
    "fsopen",
    "fsmount",
    "fspick",
    "open_tree",
    "move_mount",
    "mount_setattr",
];

pub(super) const RULES: &[Rule] = &[
    Rule {
        id: "mount-without-privilege",
        calls: MOUNTING,
        errno: "EPERM",
        cause: "mounts take CAP_SYS_ADMIN, and the process does not have it",
        how: "CapEff in /proc/PID/status lacks CAP_SYS_ADMIN",
        mend: "run it as root, or in a user and a mount namespace of its own (`unshare --user --map-root-user --mount`)",
        page: "mount(2)",
        examine: |scene| lacks(scene, CAP_SYS_ADMIN, "CAP_SYS_ADMIN", true),
    },
    Rule {
        id: "mount-namespace-of-others",
        calls: MOUNTING,
        errno: "EPERM",
        cause: "the mount namespace belongs to another user namespace, over which the process has no power",
        how: "it has CAP_SYS_ADMIN in its user namespace, but NS_GET_USERNS of its mount namespace is another",
        mend: "make a mount namespace too, together with the user namespace or after it (`unshare --user --mount`)",
        page: "mount_namespaces(7)",
        examine: |scene| {
            if !scene.may(CAP_SYS_ADMIN) {
                return Refuted("it has no CAP_SYS_ADMIN to begin with".to_owned());
            }
            power_over(scene, "mnt")
        },
    },
    Rule {
        id: "proc-is-covered",
        calls: &["mount", "fsmount"],
        errno: "EPERM",
        cause: "in a user namespace, proc and sysfs can be mounted only where a whole one is visible already, and here parts of it are covered",
        how: "it is in a user namespace with power over its mounts; each proc (or sysfs) in /proc/PID/mountinfo has mounts upon it, or is only a part, or there is none",
        mend: "mount it before anything covers the old one; in a container, have the outer engine leave /proc unmasked (`--security-opt systempaths=unconfined` with Docker)",
        page: "mount_namespaces(7)",
        examine: covered,
    },
    Rule {
        id: "locked-flag",
        calls: &["mount", "mount_setattr"],
        errno: "EPERM",
        cause: "a mount that came from a more privileged mount namespace keeps its ro, nosuid, nodev and noexec: they are locked",
        how: "it is in a user namespace with power over its mounts, and the request would take away a flag that the mount has",
        mend: "give the flags that the mount has already (a bind remount must repeat them)",
        page: "mount_namespaces(7)",
        examine: locked_flag,
    },
    Rule {
        id: "not-mounted",
        calls: &["umount2", "mount_setattr"],
        errno: "EINVAL",
        cause: "the path is not a mount point",
        how: "no mount in /proc/PID/mountinfo is at the path",
        mend: "look at `findmnt`: it may have been unmounted already, or it is below a mount point",
        page: "umount(2)",
        examine: |scene| match target(scene) {
            Some(path) => seen(
                scene.mount_at(&path).is_none(),
                format!("{} is {}", path.display(), is_mounted(scene, &path)),
            ),
            None => Unknown("the path cannot be followed".to_owned()),
        },
    },
    Rule {
        id: "locked-mount",
        calls: &["umount2"],
        errno: "EINVAL",
        cause: "the mount came with others from a more privileged mount namespace, and is locked to them: what it covers must stay covered",
        how: "the path is a mount point in /proc/PID/mountinfo, no wrong flag was given, and the mount namespace belongs to a user namespace that is not the first; umount2 has no other EINVAL for that",
        mend: "leave it, mount over it, or unmount the whole tree that it came with",
        page: "mount_namespaces(7)",
        examine: |scene| {
            let Some(path) = target(scene) else {
                return Unknown("the path cannot be followed".to_owned());
            };
            let wrong = scene.has_flag("MNT_EXPIRE") || scene.argument("flags").contains("0x");
            let inner = scene
                .owner_of("mnt")
                .is_some_and(|owner| owner != 0xEFFF_FFFD);
            seen(
                inner && !wrong && scene.mount_at(&path).is_some(),
                format!(
                    "{} is {}; its mount namespace {} to the first user namespace",
                    path.display(),
                    is_mounted(scene, &path),
                    if inner { "does not belong" } else { "belongs" }
                ),
            )
        },
    },
    Rule {
        id: "mount-in-use",
        calls: &["umount2"],
        errno: "EBUSY",
        cause: "the mount is in use",
        how: "another mount is on it, or a process has its working directory, its root or an open file there",
        mend: "unmount what is on it first, end or move the process, or detach it lazily (MNT_DETACH, `umount --lazy`)",
        page: "umount(2)",
        examine: in_use,
    },
    Rule {
        id: "no-such-file-system",
        calls: &["mount", "fsopen"],
        errno: "ENODEV",
        cause: "the kernel does not know the file system type",
        how: "/proc/filesystems does not list it",
        mend: "check the spelling; `modprobe` its module, or take a kernel that was built with it",
        page: "mount(2)",
        examine: |scene| {
            let kind = if scene.call == "mount" {
                scene.argument("filesystemtype")
            } else {
                scene.argument("fsname")
            };
            let known = std::fs::read_to_string("/proc/filesystems").unwrap_or_default();
            seen(
                !known
                    .lines()
                    .any(|line| line.split('\t').next_back() == Some(kind)),
                format!(
                    "/proc/filesystems lists {} types; asked for was {kind:?}",
                    known.lines().count()
                ),
            )
        },
    },
];

/// The path that an unmount or a change is about.
fn target(scene: &Scene) -> Option<std::path::PathBuf> {
    match scene.call.as_str() {
        "mount_setattr" if scene.argument("path").is_empty() => {
            scene.descriptor_path(scene.argument("dirfd"))
        }
        "mount_setattr" => scene.path(Some("dirfd"), "path"),
        _ => scene.path(None, "target"),
    }
}

fn is_mounted(scene: &Scene, path: &Path) -> &'static str {
    if scene.mount_at(path).is_some() {
        "a mount point"
    } else {
        "no mount point"
    }
}

fn covered(scene: &Scene) -> Finding {
    let kind = match scene.call.as_str() {
        "mount" => scene.argument("filesystemtype").to_owned(),
        _ => scene.file_system.clone().unwrap_or_default(),
    };
    if !matches!(kind.as_str(), "proc" | "sysfs") {
        return Refuted("neither proc nor sysfs is mounted here".to_owned());
    }
    if scene.is_in_first_user_namespace()
        || !scene.may(CAP_SYS_ADMIN)
        || scene.owner_of("mnt") != scene.process.namespace("user")
    {
        return Refuted("it is not in a user namespace with power over its mounts".to_owned());
    }
    let mounts = scene.mounts();
    let there: Vec<_> = mounts.iter().filter(|mount| mount.kind == kind).collect();
    let upon = |mount: &Mount| {
        mounts
            .iter()
            .filter(|other| other.parent == mount.id && !is_empty_directory(&kind, other))
            .count()
    };
    let whole: Vec<_> = there
        .iter()
        .filter(|mount| mount.is_whole() && upon(mount) == 0)
        .collect();
    let what: Vec<_> = there
        .iter()
        .map(|mount| {
            format!(
                "{} of {} with {} mounts upon it",
                mount.root,
                mount.point.display(),
                upon(mount)
            )
        })
        .collect();
    if there.is_empty() {
        return Established(format!("no {kind} is visible"));
    }
    seen(whole.is_empty(), format!("visible: {}", what.join(", ")))
}

/// A directory that is made to be mounted on (/proc/sys/fs/binfmt_misc, /sys/fs/cgroup) may be covered (is_empty_dir in the kernel's
/// mnt_already_visible).
fn is_empty_directory(kind: &str, mount: &Mount) -> bool {
    let point = mount.point.to_string_lossy();
    let made = match kind {
        "proc" => &["/sys/fs/binfmt_misc", "/fs/nfsd"][..],
        _ => &[
            "/fs/cgroup",
            "/kernel/debug",
            "/kernel/tracing",
            "/kernel/security",
            "/kernel/config",
            "/fs/bpf",
            "/fs/fuse/connections",
            "/fs/selinux",
            "/fs/pstore",
            "/firmware/efi/efivars",
        ][..],
    };
    made.iter().any(|end| point.ends_with(end))
}

/// Flags that the kernel locks, with the words of mountinfo.
const LOCKED: [(&str, &str, &str); 4] = [
    ("ro", "MS_RDONLY", "MOUNT_ATTR_RDONLY"),
    ("nosuid", "MS_NOSUID", "MOUNT_ATTR_NOSUID"),
    ("nodev", "MS_NODEV", "MOUNT_ATTR_NODEV"),
    ("noexec", "MS_NOEXEC", "MOUNT_ATTR_NOEXEC"),
];

fn locked_flag(scene: &Scene) -> Finding {
    if scene.is_in_first_user_namespace()
        || scene.owner_of("mnt") != scene.process.namespace("user")
    {
        return Refuted("it is not in a user namespace with power over its mounts".to_owned());
    }
    if scene.call == "mount" && !scene.has_flag("MS_REMOUNT") {
        return Refuted("it is no remount".to_owned());
    }
    let Some(mount) = target(scene).and_then(|path| scene.mount_at(&path)) else {
        return Unknown("the path is no mount point that can be seen".to_owned());
    };
    let cleared = scene
        .argument("attr")
        .split("attr_clr=")
        .nth(1)
        .unwrap_or_default();
    let lost: Vec<_> = LOCKED
        .iter()
        .filter(|(option, flag, attribute)| {
            let takes = if scene.call == "mount" {
                !scene.has_flag(flag)
            } else {
                cleared.contains(attribute)
            };
            mount.has(option) && takes
        })
        .map(|(option, _, _)| *option)
        .collect();
    seen(
        !lost.is_empty(),
        format!(
            "{} is {}, and the request takes away: {}",
            mount.point.display(),
            mount.options.join(","),
            if lost.is_empty() { "nothing" } else { "" }.to_owned() + &lost.join(",")
        ),
    )
}

fn in_use(scene: &Scene) -> Finding {
    let Some(mount) = target(scene).and_then(|path| scene.mount_at(&path)) else {
        return Unknown("the path is no mount point that can be seen".to_owned());
    };
    if let Some(child) = scene
        .mounts()
        .iter()
        .find(|other| other.parent == mount.id && other.id != mount.id)
    {
        return Established(format!("{} is mounted on it", child.point.display()));
    }
    let namespace = scene.process.namespace("mnt");
    for process in Proc::all()
        .into_iter()
        .filter(|process| process.namespace("mnt") == namespace)
    {
        if let Some(what) = uses(process, &mount) {
            return Established(format!(
                "process {} ({}) has {what} there",
                process.0,
                process.name()
            ));
        }
    }
    Refuted("no mount is on it, and no process that we see has its root, its working directory or a file there".to_owned())
}

fn uses(process: Proc, mount: &Mount) -> Option<String> {
    let is_there = |path: &Path| path.starts_with(&mount.point);
    for (link, name) in [
        ("cwd", "its working directory"),
        ("root", "its root"),
        ("exe", "its program"),
    ] {
        if process.link(link).is_some_and(|path| is_there(&path)) {
            return Some(name.to_owned());
        }
    }
    let files = std::fs::read_dir(process.path("fd")).ok()?;
    let mut open = files.filter_map(|file| std::fs::read_link(file.ok()?.path()).ok());
    open.find(|path| is_there(path))
        .map(|path| format!("{} open", path.display()))
}
