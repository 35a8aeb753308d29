//! The mechanism: how a directory becomes the root, and the host's root goes away.

use std::os::fd::{AsFd, OwnedFd};
use std::path::PathBuf;

use kit::sys::mount::{Attributes, clone_tree, move_mount, set_attributes};
use kit::{Error, Failure, Result};
use namespaces::{Gate, Mechanism, Plan};
use nix::errno::Errno;
use nix::fcntl::{OFlag, open};
use nix::mount::{MntFlags, umount2};
use nix::sys::stat::{Mode, umask};
use nix::unistd::{chdir, fchdir, pivot_root};

use crate::apply::Places;
use crate::bind::{Bind, Tmpfs};
use crate::pinned::Pinned;
use crate::plan::{MountPlan, Surroundings, plan};
use crate::source::{Handover, Root, Source};
use crate::{hints, masks, pinned};

/// What the user asks for.
#[derive(Clone, Debug)]
pub struct Options {
    /// What becomes the container's root.
    pub root: Root,
    /// Whether the root itself cannot be written to; `/dev`, binds and tmpfs can.
    pub read_only: bool,
    /// Files and directories of the host that appear in the container.
    pub binds: Vec<Bind>,
    /// Empty file systems in memory.
    pub tmpfs: Vec<Tmpfs>,
    /// Directories of the container, made if they are missing, that are mounts of their own: they can be written to
    /// also where the root cannot.
    pub volumes: Vec<PathBuf>,
    /// Directories of the container that are made if they are missing, after all that is mounted.
    pub directories: Vec<PathBuf>,
    /// Paths of the container that show as empty.
    pub masked: Vec<PathBuf>,
    /// Paths of the container that cannot be written to.
    pub read_only_paths: Vec<PathBuf>,
}

impl Options {
    /// `root` with Docker's default masks and nothing else.
    pub fn new(root: impl Into<Root>) -> Self {
        Self {
            root: root.into(),
            read_only: false,
            binds: Vec::new(),
            tmpfs: Vec::new(),
            volumes: Vec::new(),
            directories: Vec::new(),
            masked: masks::masked_by_default(),
            read_only_paths: masks::read_only_by_default(),
        }
    }

    /// Looks at the host: does everything exist that is to be mounted, and what must be mounted in these
    /// `surroundings`? Nothing is changed, and no privilege is needed.
    ///
    /// # Errors
    /// Whatever is wrong with the directory or a bind's source, and whatever [`plan`] refuses.
    pub fn plan(&self, surroundings: Surroundings) -> Result<(Source, MountPlan)> {
        let root = match &self.root {
            Root::Directory(path) => Source::Directory(pinned::root(path, !self.binds.is_empty())?),
            Root::Mount(handover) => Source::Mount(handover.clone()),
        };
        let sources = self
            .binds
            .iter()
            .map(|bind| pinned::source(&bind.source))
            .collect::<Result<Vec<_>>>()?;
        Ok((root, plan(self, &sources, surroundings)?))
    }
}

/// A root file system, as the second mechanism of a container.
///
/// It relies on the first: `namespaces` has made every mount private, so that nothing done here is seen by the host.
#[derive(Debug)]
pub struct Rootfs {
    options: Options,
    ready: Option<(Source, MountPlan)>,
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

    fn prepare(&mut self, plan: &mut Plan) -> Result<()> {
        if !plan.has(libc::CLONE_NEWNS) {
            return Err(Error::new(
                "a root file system of its own needs a mount namespace of its own",
            )
            .hint("put the namespaces, with the mount namespace among them, before the rootfs in the list"));
        }
        self.ready = Some(self.options.plan(Surroundings::of(plan))?);
        plan.new_root = true;
        Ok(())
    }

    // ANCHOR: enter
    fn enter(&self, _gate: &Gate) -> Result<(), Failure<'_>> {
        let Some((source, plan)) = &self.ready else {
            return Ok(());
        };
        // The modes in the plan are meant as they are written; the command gets back the umask it would have had.
        let umask_before = umask(Mode::empty());

        let root = match source {
            Source::Directory(directory) => mount_root(directory)?,
            Source::Mount(handover) => attach_root(handover)?,
        };
        Places::new(&root).apply(plan)?;
        if plan.read_only {
            // Last, because the mount points that an image lacks have been made in it until here.
            make_read_only(&root)?;
        }
        pivot(&root)?;

        umask(umask_before);
        Ok(())
    }
    // ANCHOR_END: enter

    fn hint(&self, failure: &Failure<'_>) -> Option<String> {
        hints::hint(failure)
    }
}

// ANCHOR: mount_root
/// Clones the directory onto itself, because pivot_root(2) takes mounts only, and a directory is seldom one.
///
/// The clone is recursive: mounts below the directory belong to the root file system, and in a user namespace a mount
/// cannot be cloned without those that are locked to it (EINVAL, mount_namespaces(7)).
fn mount_root(directory: &Pinned) -> Result<OwnedFd, Failure<'_>> {
    let place = directory.open()?;
    let root = clone_tree(&place, c"", libc::AT_EMPTY_PATH | libc::AT_RECURSIVE)
        .map_err(Failure::of(hints::CLONE_ROOT, directory.path()))?;
    move_mount(&root, &place).map_err(Failure::of(hints::MOUNT_ROOT, directory.path()))?;
    // The descriptor now stands for the attached mount: all that follows is found from it.
    Ok(root)
}
// ANCHOR_END: mount_root

// ANCHOR: attach_root
/// A mount that was made before only needs a place, for pivot_root(2) takes no detached one. On top of the old root no
/// directory has to be lent for it; and paths still begin below it, until the roots are swapped.
fn attach_root(handover: &Handover) -> Result<OwnedFd, Failure<'static>> {
    let failed = |errno| Failure::new(hints::ATTACH_ROOT, b"/", errno);
    let root = handover.take().ok_or_else(|| failed(Errno::EBADF))?;
    let flags = OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
    let place = open(c"/", flags, Mode::empty()).map_err(failed)?;
    move_mount(&root, place).map_err(failed)?;
    Ok(root)
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
fn pivot(root: impl AsFd) -> Result<(), Failure<'static>> {
    fchdir(root).map_err(Failure::of("change to the new root", b""))?;
    pivot_root(".", ".").map_err(Failure::of(hints::PIVOT, b""))?;
    // Lazily, since it is busy: our own program was executed from it. Nothing in this namespace names it any more.
    umount2(".", MntFlags::MNT_DETACH).map_err(Failure::of("detach the old root", b""))?;
    // The working directory is the new root already, but a root of ours must not depend on that.
    chdir("/").map_err(Failure::of("change to", b"/"))
}
// ANCHOR_END: pivot
