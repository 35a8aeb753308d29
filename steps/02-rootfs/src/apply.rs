//! Carrying out a plan: each mount is made detached, and moved onto a place that is a descriptor.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use kit::Failure;
use kit::sys::mount::{self, clone_tree, move_mount, set_attributes};
use nix::errno::Errno;

use crate::inside::{Attempt, Base};
use crate::masks::{self, Veils};
use crate::mount::{Attributes, Propagation, PropagationKind};
use crate::plan::{Devices, Entry, FileSystem, MountPlan, What};
use crate::propagation::{self, Peers};
use crate::{dev, filesystem, hints, rootless};

/// What places are found from: the root, and the mounts of ours that others lie in.
pub(crate) struct Places<'a, 'p> {
    plan: &'p MountPlan,
    root: &'a OwnedFd,
    proc: Option<OwnedFd>,
    dev: Option<OwnedFd>,
    sys: Option<OwnedFd>,
    veils: Veils,
    peers: Peers,
}

impl<'a, 'p> Places<'a, 'p> {
    pub(crate) fn new(root: &'a OwnedFd, plan: &'p MountPlan, peers: Peers) -> Self {
        Self {
            plan,
            root,
            proc: None,
            dev: None,
            sys: None,
            veils: Veils::default(),
            peers,
        }
    }

    // ANCHOR: apply
    /// Carries out the whole plan, in its order.
    pub(crate) fn apply(mut self) -> Result<(), Failure<'p>> {
        for (at, entry) in self.plan.entries.iter().enumerate() {
            let failed = |operation| Failure::of(operation, entry.target.to_bytes());
            let Some(place) = self.find(entry)? else {
                continue;
            };
            match &entry.what {
                What::FileSystem(fs) => {
                    let made = make(fs).map_err(failed(&fs.operation))?;
                    if let Some(mount) = made {
                        connect(&mount, fs.propagation, entry)?;
                        self.attach(entry, mount, place, fs.devices)?;
                    }
                }
                What::Bind {
                    source,
                    recursive,
                    attributes,
                    propagation,
                } => {
                    let mount = match self.peers.take(at) {
                        Some(peer) => peer,
                        None => propagation::clone(source, *recursive)?,
                    };
                    change(&mount, *attributes).map_err(Failure::of(hints::BIND, source.path()))?;
                    connect(&mount, *propagation, entry)?;
                    self.attach(entry, mount, place, None)?;
                }
                What::Mask => self.mask(place).map_err(failed(hints::MASK))?,
                What::ReadOnly => masks::protect(place).map_err(failed(hints::PROTECT))?,
                What::Volume { propagation } => {
                    let mount = clone_tree(&place, c"", libc::AT_EMPTY_PATH)
                        .map_err(failed(hints::ATTACH))?;
                    connect(&mount, *propagation, entry)?;
                    self.attach(entry, mount, place, None)?;
                }
                What::Directory => {}
            }
        }
        Ok(())
    }
    // ANCHOR_END: apply

    fn mask(&self, place: OwnedFd) -> nix::Result<()> {
        match &self.dev {
            Some(dev) => self.veils.mask(place, dev, c"null"),
            None => self.veils.mask(place, self.root, c"dev/null"),
        }
    }

    fn find(&self, entry: &'p Entry) -> Result<Option<OwnedFd>, Failure<'p>> {
        let failed = |operation| Failure::of(operation, entry.target.to_bytes());
        let base = self
            .base(entry.place.base)
            .ok_or(Errno::ENOENT)
            .map_err(failed(hints::FIND_PLACE))?;
        entry.place.find(base).map_err(|(attempt, errno)| {
            let operation = match attempt {
                Attempt::Find => hints::FIND_PLACE,
                Attempt::Make => hints::MAKE_PLACE,
                Attempt::Check => hints::CHECK_PLACE,
            };
            failed(operation)(errno)
        })
    }

    /// A plan names a mount of ours as a base only after it has mounted it.
    fn base(&self, base: Base) -> Option<BorrowedFd<'_>> {
        match base {
            Base::Root | Base::Image => Some(self.root.as_fd()),
            Base::Proc => self.proc.as_ref().map(AsFd::as_fd),
            Base::Dev => self.dev.as_ref().map(AsFd::as_fd),
            Base::Sys => self.sys.as_ref().map(AsFd::as_fd),
        }
    }

    fn attach(
        &mut self,
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
                    let is_private = self.plan.namespace == PropagationKind::Private;
                    rootless::bind_devices(&mount, is_private)?;
                }
            }
            None => move_mount(&mount, place).map_err(failed)?,
        }
        // A second mount on the same place covers the first, and what follows has to land in that one.
        match entry.target.to_bytes() {
            b"/proc" => self.proc = Some(mount),
            b"/dev" => self.dev = Some(mount),
            b"/sys" => self.sys = Some(mount),
            _ => {}
        }
        Ok(())
    }
}

fn connect<'p>(
    mount: &OwnedFd,
    propagation: Option<Propagation>,
    entry: &'p Entry,
) -> Result<(), Failure<'p>> {
    let Some(propagation) = propagation else {
        return Ok(());
    };
    propagation::set(mount, propagation)
        .map_err(Failure::of(hints::CONNECT, entry.target.to_bytes()))
}

/// `None` if these surroundings allow none, and the container can do without.
fn make(fs: &FileSystem) -> nix::Result<Option<OwnedFd>> {
    if fs.of_the_host {
        return rootless::clone_of_the_host(fs);
    }
    match filesystem::new(fs, |_| true) {
        Err(errno) => rootless::second_try(fs, errno),
        Ok(mount) => Ok(Some(mount)),
    }
}

/// Changes a clone, the top first and then the tree. A flag of the old mount(2) would have changed the topmost mount
/// only, which left every mount below it writable.
fn change(mount: &OwnedFd, wanted: Attributes) -> nix::Result<()> {
    for (set, clear, depth) in [
        (wanted.set, wanted.clear, 0),
        (
            wanted.recursive_set,
            wanted.recursive_clear,
            libc::AT_RECURSIVE,
        ),
    ] {
        if set | clear != 0 {
            let attributes = mount::Attributes {
                set,
                clear,
                ..mount::Attributes::default()
            };
            set_attributes(mount, c"", libc::AT_EMPTY_PATH | depth, attributes)?;
        }
    }
    Ok(())
}
