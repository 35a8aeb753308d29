//! The mechanism: many layers become one root file system, with one of the container's own on top to write to.

use std::fs::File;
use std::path::PathBuf;

use kit::{Error, Failure, Result};
use namespaces::{Exit, Gate, Mechanism, Plan};
use rootfs::{Handover, Root};

use crate::overlay::Overlay;
use crate::whiteout::Namespace;
use crate::writable::{self, Scratch};

/// What takes the changes that the container makes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Writable {
    /// A layer below the data root that goes when the container has ended.
    Scratch,
    /// A layer that stays.
    Kept {
        /// What is written.
        upper: PathBuf,
        /// For overlayfs alone: on the same file system, and of no other use.
        work: PathBuf,
    },
}

/// The layers of a container. It stands before the root file system in the list, and makes the mount that becomes it.
#[derive(Debug)]
pub struct Layers {
    lower: Vec<PathBuf>,
    writable: Writable,
    handover: Handover,
    ready: Option<Ready>,
}

/// What is there because of us.
#[derive(Debug)]
struct Ready {
    overlay: Overlay,
    scratch: Option<Scratch>,
    /// Two mounts that write to one layer would spoil it, and overlayfs only warns of it.
    _lock: Option<File>,
}

impl Layers {
    /// The layers in `lower`, the bottom first.
    pub fn new(lower: Vec<PathBuf>, writable: Writable) -> Self {
        Self {
            lower,
            writable,
            handover: Handover::default(),
            ready: None,
        }
    }

    /// What the mechanism of the root file system is given as its root.
    pub fn root(&self) -> Root {
        Root::Mount(self.handover.clone())
    }
}

impl Mechanism for Layers {
    fn name(&self) -> &'static str {
        "layers"
    }

    // ANCHOR: prepare
    fn prepare(&mut self, plan: &mut Plan) -> Result<()> {
        if !plan.has(libc::CLONE_NEWNS) {
            return Err(Error::new(
                "layers are mounted, which needs a mount namespace of its own",
            )
            .hint("put the namespaces, with the mount namespace among them, before the layers in the list"));
        }
        let namespace = match plan.has(libc::CLONE_NEWUSER) {
            true => Namespace::User,
            false => Namespace::here(),
        };
        let lower = writable::directories(&self.lower, namespace)?;
        let overlay = Overlay::new(&lower, namespace)?;
        self.ready = Some(match &self.writable {
            Writable::Scratch => {
                let top = lower.last().map(PathBuf::as_path);
                let scratch = Scratch::new(top)?;
                Ready {
                    overlay: overlay.writable(&scratch.upper(), &scratch.work())?,
                    scratch: Some(scratch),
                    _lock: None,
                }
            }
            Writable::Kept { upper, work } => {
                let (upper, work, lock) = writable::claim(upper, work)?;
                Ready {
                    overlay: overlay.writable(&upper, &work)?,
                    scratch: None,
                    _lock: Some(lock),
                }
            }
        });
        Ok(())
    }
    // ANCHOR_END: prepare

    // ANCHOR: enter
    /// In the child, so that the mount belongs to its mount namespace, and to its user namespace if it has one.
    fn enter(&self, _: &Gate) -> Result<(), Failure<'_>> {
        let Some(ready) = &self.ready else {
            return Ok(());
        };
        self.handover.give(ready.overlay.mount()?);
        Ok(())
    }
    // ANCHOR_END: enter

    fn finish(&mut self, _: &mut Exit) -> Result<()> {
        match self.ready.take().and_then(|ready| ready.scratch) {
            Some(scratch) => scratch.remove(),
            None => Ok(()),
        }
    }

    fn hint(&self, failure: &Failure<'_>) -> Option<String> {
        Overlay::hint(failure).map(str::to_owned)
    }
}
