//! The mechanism: many layers become one root file system, with one of the container's own on top to write to.

use std::path::PathBuf;

use kit::{Error, Failure, Result};
use namespaces::{Exit, Inside, Leftover, Mechanism, Plan, Stage, Undo};
use rootfs::Root;
use serde::{Deserialize, Serialize};

use crate::overlay::Overlay;
use crate::whiteout::Namespace;
use crate::writable::{self, Kept, Scratch};

const NAME: &str = "layers";

// ANCHOR: undo
/// How what this step leaves of a container is undone: its writable layer goes.
pub const UNDO: Undo = Undo {
    sweep: Some(writable::sweep_all),
    ..Undo::new(NAME, |leftover, _| leftover.read::<Left>()?.undo())
};
// ANCHOR_END: undo

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

/// The layers of a container: it makes the mount that becomes the root file system.
#[derive(Debug)]
pub struct Layers {
    lower: Vec<PathBuf>,
    writable: Writable,
    ready: Option<Ready>,
    /// What a container that is left to itself has been given.
    detached: Option<Left>,
}

/// What is there because of us.
#[derive(Debug)]
struct Ready {
    overlay: Overlay,
    scratch: Option<Scratch>,
    /// One that the user keeps.
    kept: Option<Kept>,
}

/// The same, in a form that can be written down.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Left {
    /// A writable layer that goes with the container.
    Scratch(PathBuf),
    /// One that the user keeps: its work directory, and what the mark in there says.
    Kept(PathBuf, String),
}

impl Left {
    fn undo(&self) -> Result<()> {
        match self {
            Self::Scratch(path) => writable::undo(path),
            Self::Kept(work, id) => writable::unmark(work, id),
        }
    }
}

impl Ready {
    fn left(&self) -> Option<Left> {
        match (&self.scratch, &self.kept) {
            (Some(scratch), _) => Some(Left::Scratch(scratch.path().to_owned())),
            (None, Some(kept)) => Some(Left::Kept(kept.work.clone(), kept.id.clone())),
            (None, None) => None,
        }
    }
}

impl Layers {
    /// The layers in `lower`, the bottom first.
    pub fn new(lower: Vec<PathBuf>, writable: Writable) -> Self {
        Self {
            lower,
            writable,
            ready: None,
            detached: None,
        }
    }

    /// What the mechanism of the root file system is given as its root.
    pub fn root(&self) -> Root {
        Root::Made
    }
}

impl Mechanism for Layers {
    fn name(&self) -> &'static str {
        NAME
    }

    fn stages(&self) -> &'static [Stage] {
        &[Stage::Root]
    }

    // ANCHOR: prepare
    fn prepare(&mut self, plan: &mut Plan) -> Result<()> {
        if !plan.own_mounts {
            return Err(
                Error::new("layers are mounted, which needs a mount namespace of its own").hint(
                    "put the namespaces, with the mount namespace among them, on the list too",
                ),
            );
        }
        let namespace = match plan.own_user {
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
                    kept: None,
                }
            }
            Writable::Kept { upper, work } => {
                let kept = Kept::claim(upper, work)?;
                Ready {
                    overlay: overlay.writable(&kept.upper, &kept.work)?,
                    scratch: None,
                    kept: Some(kept),
                }
            }
        });
        Ok(())
    }
    // ANCHOR_END: prepare

    // ANCHOR: enter
    /// In the child, so that the mount belongs to its mount namespace, and to its user namespace if it has one.
    fn enter(&self, _: Stage, inside: &mut Inside<'_>) -> Result<(), Failure<'_>> {
        if let Some(ready) = &self.ready {
            inside.root = Some(ready.overlay.mount()?);
        }
        Ok(())
    }
    // ANCHOR_END: enter

    fn leftover(&self) -> Option<Leftover> {
        Leftover::new(NAME, &self.ready.as_ref()?.left()?).ok()
    }

    fn detach(&mut self) -> Result<()> {
        let Some(ready) = self.ready.take() else {
            return Ok(());
        };
        self.detached = ready.left();
        if let Some(scratch) = ready.scratch {
            scratch.detach()?;
        }
        ready.kept.map_or(Ok(()), Kept::detach)
    }

    fn undo(&mut self, _: &mut Exit) -> Result<()> {
        let scratch = self.ready.take().and_then(|ready| ready.scratch);
        match (scratch, self.detached.take()) {
            (Some(scratch), _) => scratch.remove(),
            (None, Some(left)) => left.undo(),
            (None, None) => Ok(()),
        }
    }

    fn hint(&self, failure: &Failure<'_>) -> Option<String> {
        Overlay::hint(failure).map(str::to_owned)
    }
}
