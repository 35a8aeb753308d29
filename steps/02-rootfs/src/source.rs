//! What becomes the root: a directory of the host, or a mount that another mechanism has made.

use std::cell::RefCell;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use crate::pinned::Pinned;

/// What the user asks for as the container's root.
#[derive(Clone, Debug)]
pub enum Root {
    /// A directory of the host.
    Directory(PathBuf),
    /// A mount that a mechanism before this one makes in the child.
    Mount(Handover),
}

impl From<PathBuf> for Root {
    fn from(directory: PathBuf) -> Self {
        Self::Directory(directory)
    }
}

impl From<&Path> for Root {
    fn from(directory: &Path) -> Self {
        Self::Directory(directory.to_owned())
    }
}

impl From<&str> for Root {
    fn from(directory: &str) -> Self {
        Self::Directory(directory.into())
    }
}

/// Hands a detached mount from one mechanism's `enter` to the next one's. Both have held it since before the child was
/// there; in the parent it stays empty.
#[derive(Clone, Debug, Default)]
pub struct Handover(Rc<RefCell<Option<OwnedFd>>>);

impl Handover {
    /// Leaves a mount.
    pub fn give(&self, mount: OwnedFd) {
        self.0.replace(Some(mount));
    }

    /// Takes it away, so that no descriptor of it stays open.
    pub(crate) fn take(&self) -> Option<OwnedFd> {
        self.0.take()
    }
}

/// A [`Root`] that has been looked at.
#[derive(Clone, Debug)]
pub enum FoundRoot {
    /// This directory and no other.
    Directory(Pinned),
    /// See [`Root::Mount`].
    Mount(Handover),
}
