//! The mechanism: how a directory becomes the root, and the host's root goes away.

use std::os::fd::{AsFd, OwnedFd};

use kit::sys::mount::{Attributes, clone_tree, move_mount, set_attributes};
use kit::{Error, Failure, Result};
use namespaces::{Inside, Mechanism, Plan, Stage};
use nix::fcntl::{OFlag, open};
use nix::mount::{MntFlags, umount2};
use nix::sys::stat::{Mode, umask};
use nix::unistd::{chdir, fchdir, pivot_root};

use crate::apply::Places;
use crate::mount::{PropagationKind, Source};
use crate::options::{Options, namespace_propagation};
use crate::pinned::Pinned;
use crate::plan::{MountPlan, Surroundings, plan};
use crate::propagation::{self, Peers};
use crate::source::{FoundRoot, Root};
use crate::{hints, pinned};

/// A root file system, as the second mechanism of a container.
///
/// It relies on the first: `namespaces` has set the propagation of every mount as [`namespace_propagation`] says, so that
/// nothing done here is seen by the host.
#[derive(Debug)]
pub struct Rootfs {
    options: Options,
    ready: Option<(FoundRoot, MountPlan)>,
}

impl Rootfs {
    /// A mechanism that does what `options` say.
    pub fn new(options: Options) -> Self {
        Self {
            options,
            ready: None,
        }
    }
}

impl Mechanism for Rootfs {
    fn name(&self) -> &'static str {
        "rootfs"
    }

    fn stages(&self) -> &'static [Stage] {
        &[Stage::Mounts, Stage::Pivot]
    }

    fn prepare(&mut self, plan: &mut Plan) -> Result<()> {
        if !plan.own_mounts {
            return Err(Error::new(
                "a root file system of its own needs a mount namespace of its own",
            )
            .hint("put the namespaces, with the mount namespace among them, on the list too"));
        }
        self.ready = Some(self.options.plan(Surroundings::of(plan))?);
        plan.propagation = namespace_propagation(&self.options).flag();
        plan.new_root = true;
        Ok(())
    }

    // ANCHOR: enter
    /// In two pieces: between them all is mounted, and the host's files can still be reached.
    fn enter(&self, stage: Stage, inside: &mut Inside<'_>) -> Result<(), Failure<'_>> {
        let Some((source, plan)) = &self.ready else {
            return Ok(());
        };
        if stage == Stage::Mounts {
            inside.root = Some(mount(source, plan, inside)?);
            return Ok(());
        }
        let root = inside
            .take_root()
            .map_err(Failure::of(hints::PIVOT, b"/"))?;
        if plan.read_only {
            // Last, because the mount points that an image lacks have been made in it until here.
            make_read_only(&root)?;
        }
        pivot(root, plan)
    }
    // ANCHOR_END: enter

    fn hint(&self, failure: &Failure<'_>) -> Option<String> {
        hints::hint(failure)
    }
}

impl Options {
    /// Looks at the host: does everything exist that is to be mounted, and what must be mounted in these
    /// `surroundings`? Nothing is changed, and no privilege is needed.
    ///
    /// # Errors
    /// Whatever is wrong with the directory or a bind's source, and whatever [`plan`] refuses.
    pub fn plan(&self, surroundings: Surroundings) -> Result<(FoundRoot, MountPlan)> {
        let binds = self.mounts.iter().filter_map(|mount| match &mount.source {
            Source::Bind { path, .. } => Some((mount, path)),
            Source::FileSystem { .. } | Source::Itself => None,
        });
        let may_be_empty = binds.clone().next().is_some();
        let root = match &self.root {
            Root::Directory(path) => FoundRoot::Directory(pinned::root(path, may_be_empty)?),
            Root::Made => FoundRoot::Made,
        };
        let mut sources = Vec::new();
        for (mount, path) in binds {
            let source = pinned::source(path)?;
            propagation::check_source(mount, &source)?;
            sources.push(source);
        }
        Ok((root, plan(self, &sources, surroundings)?))
    }
}

// ANCHOR: mount
/// Mounts the root, and everything below it.
fn mount<'p>(
    source: &'p FoundRoot,
    plan: &'p MountPlan,
    inside: &mut Inside<'_>,
) -> Result<OwnedFd, Failure<'p>> {
    // The modes in the plan are meant as they are written. The command gets a umask of its own before it is executed.
    umask(Mode::empty());
    let peers = Peers::of(plan)?;
    let root = match source {
        FoundRoot::Directory(directory) => mount_root(directory, plan)?,
        FoundRoot::Made => attach_root(inside, plan)?,
    };
    Places::new(&root, plan, peers).apply()?;
    Ok(root)
}
// ANCHOR_END: mount

// ANCHOR: mount_root
/// Clones the directory onto itself, because pivot_root(2) takes mounts only, and a directory is seldom one.
///
/// The clone is recursive: mounts below the directory belong to the root file system, and in a user namespace a mount
/// cannot be cloned without those that are locked to it (EINVAL, mount_namespaces(7)).
fn mount_root<'p>(directory: &'p Pinned, plan: &MountPlan) -> Result<OwnedFd, Failure<'p>> {
    let place = directory.open()?;
    let root = clone_tree(&place, c"", libc::AT_EMPTY_PATH | libc::AT_RECURSIVE)
        .map_err(Failure::of(hints::CLONE_ROOT, directory.path()))?;
    if plan.namespace != PropagationKind::Private {
        attach_on_top(&root, plan)?;
        return Ok(root);
    }
    move_mount(&root, &place).map_err(Failure::of(hints::MOUNT_ROOT, directory.path()))?;
    // The descriptor now stands for the attached mount: all that follows is found from it.
    Ok(root)
}
// ANCHOR_END: mount_root

// ANCHOR: attach_root
/// A mount that was made before only needs a place, for pivot_root(2) takes no detached one. On top of the old root no
/// directory has to be lent for it; and paths still begin below it, until the roots are swapped.
fn attach_root(inside: &mut Inside<'_>, plan: &MountPlan) -> Result<OwnedFd, Failure<'static>> {
    let root = inside
        .take_root()
        .map_err(Failure::of(hints::ATTACH_ROOT, b"/"))?;
    attach_on_top(&root, plan)?;
    Ok(root)
}

fn attach_on_top(root: &OwnedFd, plan: &MountPlan) -> Result<(), Failure<'static>> {
    let failed = |errno| Failure::new(hints::ATTACH_ROOT, b"/", errno);
    let flags = OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
    let place = open(c"/", flags, Mode::empty()).map_err(failed)?;
    propagation::keep_apart(root, &place, plan)?;
    move_mount(root, place).map_err(failed)
}
// ANCHOR_END: attach_root

/// Only the root's own mount, as runc does: mounts that were below the directory keep what they had.
fn make_read_only(root: impl AsFd) -> Result<(), Failure<'static>> {
    let read_only = Attributes {
        set: libc::MOUNT_ATTR_RDONLY,
        ..Attributes::default()
    };
    set_attributes(root, c"", libc::AT_EMPTY_PATH, read_only)
        .map_err(Failure::of("make read-only", b"/"))
}

// ANCHOR: pivot
/// Swaps the roots. With "." for both, the old root ends up mounted over the new one, and is taken off from there: no
/// directory for it has to exist in the image (pivot_root(2), "pivot_root(".", ".")").
fn pivot(root: impl AsFd, plan: &MountPlan) -> Result<(), Failure<'static>> {
    let old = propagation::old_root(plan)?;
    fchdir(&root).map_err(Failure::of("change to the new root", b""))?;
    pivot_root(".", ".").map_err(Failure::of(hints::PIVOT, b""))?;
    propagation::after_pivot(old, &root, plan)?;
    // Lazily, since it is busy: our own program was executed from it. Nothing in this namespace names it any more.
    umount2(".", MntFlags::MNT_DETACH).map_err(Failure::of("detach the old root", b""))?;
    // The working directory is the new root already, but a root of ours must not depend on that.
    chdir("/").map_err(Failure::of("change to", b"/"))
}
// ANCHOR_END: pivot
