//! What becomes the root: a directory of the host, or a mount that another mechanism has made.

use std::path::{Path, PathBuf};

use crate::pinned::Pinned;

/// What the user asks for as the container's root.
#[derive(Clone, Debug)]
pub enum Root {
    /// A directory of the host.
    Directory(PathBuf),
    /// The mount that an earlier mechanism makes in the child ([`Inside::root`](namespaces::Inside::root)).
    Made,
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

/// A [`Root`] that has been looked at.
#[derive(Clone, Debug)]
pub enum FoundRoot {
    /// This directory and no other.
    Directory(Pinned),
    /// See [`Root::Made`].
    Made,
}
