//! Carrying out a plan: each mount is made detached, and moved onto a place that is a descriptor.

use std::cell::OnceCell;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use kit::Failure;
use kit::sys::mount::{self, Attributes, clone_tree, move_mount, set_attributes};
use nix::errno::Errno;

use crate::inside::{Base, Stage};
use crate::masks::{self, Veils};
use crate::pinned::Pinned;
use crate::plan::{Devices, Entry, FileSystem, MountPlan, What};
use crate::{dev, hints, rootless};

/// What places are found from: the root, and the mounts of ours that others lie in.
pub(crate) struct Places<'a> {
    root: &'a OwnedFd,
    proc: OnceCell<OwnedFd>,
    dev: OnceCell<OwnedFd>,
    sys: OnceCell<OwnedFd>,
    veils: Veils,
}

impl<'a> Places<'a> {
    pub(crate) fn new(root: &'a OwnedFd) -> Self {
        Self {
            root,
            proc: OnceCell::new(),
            dev: OnceCell::new(),
            sys: OnceCell::new(),
            veils: Veils::default(),
        }
    }

    // ANCHOR: apply
    /// Carries out the whole plan, in its order.
    pub(crate) fn apply<'p>(&self, plan: &'p MountPlan) -> Result<(), Failure<'p>> {
        for entry in &plan.entries {
            let failed = |operation| Failure::of(operation, entry.target.to_bytes());
            let Some(place) = self.find(entry)? else {
                continue;
            };
            match &entry.what {
                What::FileSystem(fs) => {
                    let made = make(fs).map_err(failed(hints::mounting(fs.kind)))?;
                    if let Some(mount) = made {
                        self.attach(entry, mount, place, fs.devices)?;
                    }
                }
                What::Bind { source, read_only } => {
                    let mount = bind(source, *read_only)?;
                    self.attach(entry, mount, place, None)?;
                }
                What::Mask => self
                    .veils
                    .mask(place, self.base(Base::Dev))
                    .map_err(failed(hints::MASK))?,
                What::ReadOnly => masks::protect(place).map_err(failed(hints::PROTECT))?,
                What::Volume => {
                    let mount = clone_tree(&place, c"", libc::AT_EMPTY_PATH)
                        .map_err(failed(hints::ATTACH))?;
                    self.attach(entry, mount, place, None)?;
                }
                What::Directory => {}
            }
        }
        Ok(())
    }
    // ANCHOR_END: apply

    fn find<'p>(&self, entry: &'p Entry) -> Result<Option<OwnedFd>, Failure<'p>> {
        entry
            .place
            .find(self.base(entry.place.base))
            .map_err(|(stage, errno)| {
                let operation = match stage {
                    Stage::Find => hints::FIND_PLACE,
                    Stage::Make => hints::MAKE_PLACE,
                    Stage::Check => hints::CHECK_PLACE,
                };
                Failure::new(operation, entry.target.to_bytes(), errno)
            })
    }

    /// A plan has all three of our mounts, and before anything that lies in them.
    fn base(&self, base: Base) -> BorrowedFd<'_> {
        let mount = match base {
            Base::Root | Base::Image => None,
            Base::Proc => self.proc.get(),
            Base::Dev => self.dev.get(),
            Base::Sys => self.sys.get(),
        };
        mount.unwrap_or(self.root).as_fd()
    }

    fn attach<'p>(
        &self,
        entry: &'p Entry,
        mount: OwnedFd,
        place: OwnedFd,
        devices: Option<Devices>,
    ) -> Result<(), Failure<'p>> {
        let failed = Failure::of(hints::ATTACH, entry.target.to_bytes());
        match devices {
            // Nobody can reach a mount that is not attached yet: what is in it is what we have put there.
            Some(devices) => {
                let are_made = dev::furnish(&mount, devices)?;
                move_mount(&mount, place).map_err(failed)?;
                if !are_made {
                    rootless::bind_devices(&mount)?;
                }
            }
            None => move_mount(&mount, place).map_err(failed)?,
        }
        match entry.target.to_bytes() {
            b"/proc" => keep(&self.proc, mount),
            b"/dev" => keep(&self.dev, mount),
            b"/sys" => keep(&self.sys, mount),
            _ => {}
        }
        Ok(())
    }
}

fn keep(cell: &OnceCell<OwnedFd>, mount: OwnedFd) {
    // A plan has one mount per target, so the cell is empty.
    let _ = cell.set(mount);
}

/// `None` if these surroundings allow none, and the container can do without.
fn make(fs: &FileSystem) -> nix::Result<Option<OwnedFd>> {
    if fs.of_the_host {
        return rootless::clone_of_the_host(fs);
    }
    match new(fs, |_| true) {
        Err(errno) => rootless::second_try(fs, errno),
        Ok(mount) => Ok(Some(mount)),
    }
}

/// A new file system with those of its options that are `wanted`, as a detached mount.
pub(crate) fn new(fs: &FileSystem, wanted: impl Fn(&[u8]) -> bool) -> nix::Result<OwnedFd> {
    let context = mount::FileSystem::open(fs.kind.name())?;
    // What mountinfo shows as the source; else it would be "none".
    context.set(c"source", fs.kind.name())?;
    for (key, value) in &fs.options {
        match value {
            _ if !wanted(key.to_bytes()) => {}
            Some(value) => context.set(key, value)?,
            None => context.set_flag(key)?,
        }
    }
    context.mount(fs.attributes)
}

/// A clone of the file, read-only in all its parts if wanted. A flag of the old mount(2) would have changed the topmost
/// mount only, which left every mount below it writable.
fn bind(source: &Pinned, read_only: bool) -> Result<OwnedFd, Failure<'_>> {
    let file = source.open()?;
    let recursive = libc::AT_EMPTY_PATH | libc::AT_RECURSIVE;
    let failed = |errno: Errno| Failure::new(hints::BIND, source.path(), errno);
    let mount = clone_tree(file, c"", recursive).map_err(failed)?;
    if read_only {
        let read_only = Attributes {
            set: libc::MOUNT_ATTR_RDONLY,
            ..Attributes::default()
        };
        set_attributes(&mount, c"", recursive, read_only).map_err(failed)?;
    }
    Ok(mount)
}
