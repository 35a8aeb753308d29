//! pivot_root, which has more reasons to fail than errnos.

use std::path::PathBuf;

use super::{Finding, Rule, Unknown, seen};
use crate::cmd::why::scene::Scene;

pub(super) const RULES: &[Rule] = &[
    Rule {
        id: "new-root-is-no-mount",
        calls: &["pivot_root"],
        errno: "EINVAL",
        cause: "new_root is not a mount point",
        how: "no mount in /proc/PID/mountinfo is at new_root",
        mend: "bind mount the directory on itself first: `mount --bind DIR DIR`; it need not be another file system",
        page: "pivot_root(2)",
        examine: |scene| match scene.path(None, "new_root") {
            Some(path) => seen(
                scene.mount_at(&path).is_none(),
                format!(
                    "{} is {}",
                    path.display(),
                    if scene.mount_at(&path).is_some() {
                        "a mount point"
                    } else {
                        "no mount point"
                    }
                ),
            ),
            None => Unknown("new_root cannot be followed".to_owned()),
        },
    },
    Rule {
        id: "pivot-on-shared-mounts",
        calls: &["pivot_root"],
        errno: "EINVAL",
        cause: "a mount that pivot_root would change is shared, and the change would spread to its peers",
        how: "in /proc/PID/mountinfo, the parent of new_root's mount, the parent of the current root, or put_old's mount is shared:N",
        mend: "make the mounts private first: mount(NULL, \"/\", NULL, MS_REC|MS_PRIVATE, NULL), `mount --make-rprivate /`",
        page: "pivot_root(2)",
        examine: shared,
    },
    Rule {
        id: "root-is-no-mount",
        calls: &["pivot_root"],
        errno: "EINVAL",
        cause: "the current root directory is not a mount point: the process is in a chroot",
        how: "/proc/PID/root is a directory that no mount in its mountinfo is at",
        mend: "pivot before any chroot, or bind mount the root on itself and enter it again",
        page: "pivot_root(2)",
        examine: |scene| match root(scene) {
            Some(root) => {
                let is_mount = root.as_os_str() == "/" || scene.mount_at("/".as_ref()).is_some();
                seen(!is_mount, format!("its root is {}", root.display()))
            }
            None => Unknown("its root cannot be read".to_owned()),
        },
    },
    Rule {
        id: "root-on-initial-file-system",
        calls: &["pivot_root"],
        errno: "EINVAL",
        cause: "the current root is the kernel's first file system (the initramfs), which has no parent and cannot be moved",
        how: "the mount at / in /proc/PID/mountinfo is of type rootfs",
        mend: "boot with a root file system and switch_root to it, or start from a tmpfs that the initramfs is copied to",
        page: "pivot_root(2)",
        examine: |scene| match scene.mount_at("/".as_ref()) {
            Some(mount) => seen(
                mount.kind == "rootfs",
                format!("/ is of type {}", mount.kind),
            ),
            None => Unknown("its mounts do not show a root".to_owned()),
        },
    },
    Rule {
        id: "put-old-not-below",
        calls: &["pivot_root"],
        errno: "EINVAL",
        cause: "put_old is not at or below new_root",
        how: "the path of put_old does not begin with that of new_root",
        mend: "name a directory in the new root, or change into it and give \".\" for both",
        page: "pivot_root(2)",
        examine: |scene| match (scene.path(None, "new_root"), scene.path(None, "put_old")) {
            (Some(new), Some(old)) => seen(
                !old.starts_with(&new),
                format!("new_root is {}, put_old {}", new.display(), old.display()),
            ),
            _ => Unknown("the paths cannot be followed".to_owned()),
        },
    },
    Rule {
        id: "pivot-on-current-root",
        calls: &["pivot_root"],
        errno: "EBUSY",
        cause: "new_root or put_old is on the mount that is the root now",
        how: "the mount of new_root or put_old in /proc/PID/mountinfo is the one at /",
        mend: "bind mount the new root on itself, and have put_old in it",
        page: "pivot_root(2)",
        examine: |scene| {
            let mounts = ["new_root", "put_old"].map(|name| {
                scene
                    .path(None, name)
                    .and_then(|path| scene.mount_of(&path))
            });
            match (scene.mount_at("/".as_ref()), mounts) {
                (Some(root), [Some(new), Some(old)]) => seen(
                    new.id == root.id || old.id == root.id,
                    format!(
                        "new_root is on mount {}, put_old on {}, the root is {}",
                        new.id, old.id, root.id
                    ),
                ),
                _ => Unknown("the paths cannot be followed".to_owned()),
            }
        },
    },
];

/// The process's root, as seen from the top of its mount namespace.
fn root(scene: &Scene) -> Option<PathBuf> {
    scene.process.link("root")
}

fn shared(scene: &Scene) -> Finding {
    let new = scene
        .path(None, "new_root")
        .and_then(|path| scene.mount_of(&path));
    let old = scene
        .path(None, "put_old")
        .and_then(|path| scene.mount_of(&path));
    let root = scene.mount_at("/".as_ref());
    let candidates = [
        (
            "the parent of new_root's mount",
            new.as_ref().and_then(|mount| scene.parent_of(mount)),
        ),
        (
            "the parent of the current root",
            root.as_ref().and_then(|mount| scene.parent_of(mount)),
        ),
        ("put_old's mount", old),
    ];
    let words: Vec<_> = candidates
        .iter()
        .filter_map(|(name, mount)| {
            Some(format!(
                "{name}, {}, is {}",
                mount.as_ref()?.point.display(),
                mount.as_ref()?.propagation.join(" ")
            ))
        })
        .collect();
    let is_shared = candidates
        .iter()
        .any(|(_, mount)| mount.as_ref().is_some_and(|mount| mount.is_shared()));
    if words.is_empty() {
        return Unknown("no mount could be found for the paths".to_owned());
    }
    seen(is_shared, words.join("; "))
}
