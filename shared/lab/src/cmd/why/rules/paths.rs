//! Paths that must not be followed: openat2, and symlinks that go round.

use std::fs;
use std::path::{Component, Path, PathBuf};

use super::{Established, Finding, Refuted, Rule, Unknown, seen};
use crate::cmd::why::scene::Scene;

pub(super) const RULES: &[Rule] = &[
    Rule {
        id: "path-leaves-its-root",
        calls: &["openat2"],
        errno: "EXDEV",
        cause: "the path leads out of the directory that it must stay beneath",
        how: "resolve has RESOLVE_BENEATH, and the path is absolute or has a `..` or a symlink that leads above it",
        mend: "give a path that stays inside, or RESOLVE_IN_ROOT, which takes the directory for the root",
        page: "openat2(2)",
        examine: leaves,
    },
    Rule {
        id: "path-crosses-mount",
        calls: &["openat2"],
        errno: "EXDEV",
        cause: "the path crosses into another mount, which RESOLVE_NO_XDEV forbids",
        how: "the mounts of the directory and of the path in /proc/PID/mountinfo are not the same",
        mend: "leave RESOLVE_NO_XDEV out, if mounts inside are wanted",
        page: "openat2(2)",
        examine: |scene| {
            if !scene.has_flag("RESOLVE_NO_XDEV") {
                return Refuted("RESOLVE_NO_XDEV was not given".to_owned());
            }
            let mounts = (
                base(scene).and_then(|path| scene.mount_of(&path)),
                scene
                    .path(Some("dirfd"), "pathname")
                    .and_then(|path| scene.mount_of(&path)),
            );
            match mounts {
                (Some(from), Some(to)) => seen(
                    from.id != to.id,
                    format!(
                        "the directory is on {}, the path on {}",
                        from.point.display(),
                        to.point.display()
                    ),
                ),
                _ => Unknown(UNFOLLOWED.to_owned()),
            }
        },
    },
    Rule {
        id: "symlink-forbidden",
        calls: &["openat2"],
        errno: "ELOOP",
        cause: "the path goes through a symlink, which RESOLVE_NO_SYMLINKS forbids",
        how: "a component of the path is a symlink",
        mend: "give the path that the symlink stands for; in a hostile tree, take it for an attack",
        page: "openat2(2)",
        examine: |scene| {
            if !scene.has_flag("RESOLVE_NO_SYMLINKS") {
                return Refuted("RESOLVE_NO_SYMLINKS was not given".to_owned());
            }
            match base(scene).and_then(|base| first_symlink(scene, &base)) {
                Some(link) => Established(format!("{} is a symlink", link.display())),
                None => Refuted("no component that we see is a symlink".to_owned()),
            }
        },
    },
    Rule {
        id: "symlink-loop",
        calls: &[
            "openat", "open", "openat2", "execve", "mount", "chdir", "chroot",
        ],
        errno: "ELOOP",
        cause: "the path is a symlink that leads to itself, or to more than 40 others",
        how: "following it comes to no end",
        mend: "`readlink` step by step shows the loop",
        page: "path_resolution(7)",
        examine: |scene| {
            let name = ["pathname", "target", "path"]
                .into_iter()
                .find(|name| !scene.argument(name).is_empty());
            let directory = (!scene.argument("dirfd").is_empty()).then_some("dirfd");
            let is_endless = name.is_some_and(|name| scene.path(directory, name).is_none());
            seen(is_endless, "symlinks followed up to 40 times")
        },
    },
];

const UNFOLLOWED: &str = "the path cannot be followed";

/// The directory that the path of openat2 begins at.
fn base(scene: &Scene) -> Option<PathBuf> {
    let directory = scene.argument("dirfd");
    if directory.contains('<') {
        scene.descriptor_path(directory)
    } else {
        scene.process.link("cwd")
    }
}

/// The first component below `base` that is a symlink.
fn first_symlink(scene: &Scene, base: &Path) -> Option<PathBuf> {
    let text = Path::new(scene.argument("pathname"));
    let mut path = if text.is_absolute() {
        PathBuf::from("/")
    } else {
        base.to_owned()
    };
    for component in text.components() {
        match component {
            Component::Normal(name) => path.push(name),
            Component::ParentDir => {
                path.pop();
            }
            _ => {}
        }
        if fs::symlink_metadata(scene.our_path(&path)).is_ok_and(|file| file.is_symlink()) {
            return Some(path);
        }
    }
    None
}

fn leaves(scene: &Scene) -> Finding {
    if !scene.has_flag("RESOLVE_BENEATH") {
        return Refuted("RESOLVE_BENEATH was not given".to_owned());
    }
    let text = scene.argument("pathname");
    if text.starts_with('/') {
        return Established("the path is absolute".to_owned());
    }
    match (base(scene), scene.path(Some("dirfd"), "pathname")) {
        (Some(base), Some(path)) => {
            let link = first_symlink(scene, &base)
                .and_then(|link| fs::read_link(scene.our_path(&link)).ok());
            let by_link = link.as_ref().is_some_and(|target| target.is_absolute());
            seen(
                by_link || !path.starts_with(&base),
                format!(
                    "the directory is {}, the path leads to {}",
                    base.display(),
                    path.display()
                ),
            )
        }
        _ => Unknown(UNFOLLOWED.to_owned()),
    }
}
