//! Whether mounts made on one side appear on the other (mount_namespaces(7), "SHARED SUBTREES").
//!
//! Without a word from the user, nothing does: `namespaces` has made every mount private. Who asks for `rslave` or
//! `rshared` gets a mount namespace in which the host's mounts are still connected with their copies, and then each step
//! of the way to the new root has to keep what is done here from the host.

use std::os::fd::{AsFd, AsRawFd, OwnedFd};

use kit::sys::mount::{Attributes, clone_tree, set_attributes};
use kit::{Error, Failure, Result};
use nix::fcntl::{OFlag, open};
use nix::sys::stat::Mode;

use crate::hints;
use crate::mount::{Mount, Propagation, PropagationKind};
use crate::pinned::Pinned;
use crate::plan::{MountPlan, What};

/// Sets it on the mount that `mount` stands for.
pub(crate) fn set(mount: impl AsFd, propagation: Propagation) -> nix::Result<()> {
    let recursive = match propagation.recursive {
        true => libc::AT_RECURSIVE,
        false => 0,
    };
    let attributes = Attributes {
        propagation: propagation.kind.flag(),
        ..Attributes::default()
    };
    set_attributes(mount, c"", libc::AT_EMPTY_PATH | recursive, attributes)
}

/// Clones of the binds that stay connected with the host, for a namespace whose mounts are the host's peers. They are
/// made first, because the mount at `/` is made private before the new root goes onto it, and what is cloned from it
/// after that has no peers.
#[derive(Debug, Default)]
pub(crate) struct Peers(Vec<(usize, OwnedFd)>);

impl Peers {
    pub(crate) fn of(plan: &MountPlan) -> Result<Self, Failure<'_>> {
        let mut peers = Vec::new();
        if plan.namespace != PropagationKind::Shared {
            return Ok(Self(peers));
        }
        for (at, entry) in plan.entries.iter().enumerate() {
            if let What::Bind {
                source,
                recursive,
                propagation: Some(propagation),
                ..
            } = &entry.what
                && matches!(
                    propagation.kind,
                    PropagationKind::Slave | PropagationKind::Shared
                )
            {
                peers.push((at, clone(source, *recursive)?));
            }
        }
        Ok(Self(peers))
    }

    /// The clone for the entry at this place in the plan, if it was made.
    pub(crate) fn take(&mut self, at: usize) -> Option<OwnedFd> {
        let found = self.0.iter().position(|(entry, _)| *entry == at)?;
        Some(self.0.swap_remove(found).1)
    }
}

/// A detached clone of the file's mount, by which it still propagates as the original does.
pub(crate) fn clone(source: &Pinned, recursive: bool) -> Result<OwnedFd, Failure<'_>> {
    let flags = match recursive {
        true => libc::AT_EMPTY_PATH | libc::AT_RECURSIVE,
        false => libc::AT_EMPTY_PATH,
    };
    clone_tree(source.open()?, c"", flags).map_err(Failure::of(hints::BIND, source.path()))
}

// ANCHOR: keep_apart
/// Before the new `root` goes onto `place`, the old one: nothing may propagate from where it is attached, or it would
/// appear on the host, and pivot_root(2) would refuse it (EINVAL). Only that one mount is made private, because binds are
/// still to be cloned from others.
pub(crate) fn keep_apart(
    root: impl AsFd,
    place: impl AsFd,
    plan: &MountPlan,
) -> Result<(), Failure<'static>> {
    if plan.namespace == PropagationKind::Private {
        return Ok(());
    }
    let failed = |path| Failure::of(hints::CONNECT, path);
    let kind = match plan.propagation.kind {
        // Slaves never pass on what is mounted in them.
        PropagationKind::Slave => PropagationKind::Slave,
        _ => PropagationKind::Private,
    };
    set(root, Propagation::new(kind, true)).map_err(failed(b"the new root"))?;
    if plan.namespace == PropagationKind::Shared {
        let private = Propagation::new(PropagationKind::Private, false);
        set(place, private).map_err(failed(b"/"))?;
    }
    Ok(())
}
// ANCHOR_END: keep_apart

/// The old root, if something has to be done to it once it is no longer the root: then no path leads to it.
pub(crate) fn old_root(plan: &MountPlan) -> Result<Option<OwnedFd>, Failure<'static>> {
    if plan.namespace != PropagationKind::Shared {
        return Ok(None);
    }
    let flags = OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
    open(c"/", flags, Mode::empty())
        .map(Some)
        .map_err(Failure::of(hints::DISCONNECT, b"/"))
}

/// With the roots swapped: detaching the old one must not unmount anything on the host, and the new one can be shared,
/// which pivot_root(2) does not allow before.
pub(crate) fn after_pivot(
    old: Option<OwnedFd>,
    root: impl AsFd,
    plan: &MountPlan,
) -> Result<(), Failure<'static>> {
    if let Some(old) = old {
        // Slaves, as in runc, and not private: the two differ in nothing for a mount that is about to go.
        set(old, Propagation::new(PropagationKind::Slave, true))
            .map_err(Failure::of(hints::DISCONNECT, b"/"))?;
    }
    match plan.propagation.kind {
        PropagationKind::Private | PropagationKind::Slave => Ok(()),
        PropagationKind::Shared | PropagationKind::Unbindable => {
            set(root, plan.propagation).map_err(Failure::of(hints::CONNECT, b"/"))
        }
    }
}

/// Looks whether the source of a bind is on a mount that can do what is asked for, as runc does: else the user would wait
/// for mounts that never come.
pub(crate) fn check_source(mount: &Mount, source: &Pinned) -> Result<()> {
    if !mount.follows_the_host() {
        return Ok(());
    }
    let read = |path: String| {
        std::fs::read_to_string(&path).map_err(|error| Error::io("read", path, &error))
    };
    let file = source.open().map_err(Failure::to_error)?;
    let info = read(format!("/proc/self/fdinfo/{}", file.as_raw_fd()))?;
    let id = info
        .lines()
        .find_map(|line| line.strip_prefix("mnt_id:"))
        .unwrap_or_default()
        .trim();
    let table = read("/proc/self/mountinfo".to_owned())?;
    let host = HostMount::find(&table, id).ok_or_else(|| {
        Error::new(format!(
            "cannot find the mount that {} is on",
            String::from_utf8_lossy(source.path())
        ))
        .hint("it is not among those in /proc/self/mountinfo, and cannot be bound")
    })?;
    let path = String::from_utf8_lossy(source.path());
    let wants_shared = mount
        .propagation
        .is_some_and(|wanted| wanted.kind == PropagationKind::Shared);
    if host.is_shared || (host.is_slave && !wants_shared) {
        return Ok(());
    }
    let kind = match wants_shared {
        true => "a shared",
        false => "a shared or slave",
    };
    Err(Error::new(format!(
        "path {path} is mounted on {} but it is not {kind} mount",
        host.place
    ))
    .hint(format!(
        "`mount --make-rshared {}` on the host makes it one",
        host.place
    )))
}

/// A line of mountinfo, as far as it tells about propagation (proc_pid_mountinfo(5)).
#[derive(Debug, PartialEq, Eq)]
struct HostMount<'t> {
    place: &'t str,
    is_shared: bool,
    is_slave: bool,
}

impl<'t> HostMount<'t> {
    fn find(table: &'t str, id: &str) -> Option<Self> {
        table.lines().find_map(|line| {
            let mut fields = line.split(' ');
            if fields.next() != Some(id) {
                return None;
            }
            let place = fields.nth(3)?;
            let optional: Vec<&str> = fields.skip(1).take_while(|field| *field != "-").collect();
            let has = |prefix: &str| optional.iter().any(|field| field.starts_with(prefix));
            Some(Self {
                place,
                is_shared: has("shared:"),
                is_slave: has("master:"),
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mount_is_found_by_its_number() {
        let table = "\
            22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw\n\
            2 22 0:5 / /a rw - tmpfs shared:9 rw\n\
            30 22 0:6 / /b rw master:1 - tmpfs none rw\n\
            31 22 0:7 / /c rw shared:4 master:1 propagate_from:2 - tmpfs none rw\n";
        for (id, expected) in [
            ("22", Some(("/", true, false))),
            ("2", Some(("/a", false, false))),
            ("30", Some(("/b", false, true))),
            ("31", Some(("/c", true, true))),
            ("1", None),
            ("", None),
        ] {
            let found = HostMount::find(table, id);
            let found = found.map(|mount| (mount.place, mount.is_shared, mount.is_slave));
            assert_eq!(found, expected, "{id:?}");
        }
    }
}
