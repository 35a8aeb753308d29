//! Where layers are kept, and how: the one interface behind which it may change.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use kit::Result;

use crate::digest::Digest;
use crate::extract::Unpacked;
use crate::remove::remove_tree;

/// A way to keep layers. Each has an id, which is its chain ID, and is never changed once it is there.
pub trait LayerStore: Send + Sync {
    /// Unpacks the archive `input` where nobody sees it. The caller compares what it has read with what was promised.
    ///
    /// # Errors
    /// Whatever [`extract`](crate::extract::extract) refuses; then nothing is left.
    fn stage(&self, input: &mut dyn Read) -> Result<Staged>;

    /// Shows the layer under its id. If another process has been faster, that one stays, since it is the same.
    ///
    /// # Errors
    /// What the file system refuses.
    fn keep(&self, staged: Staged, id: &Digest) -> Result<()>;

    /// The layer as a directory for overlayfs, for as long as the answer is held.
    ///
    /// # Errors
    /// It is not there.
    fn open(&self, id: &Digest) -> Result<Opened>;

    /// What the layer takes.
    ///
    /// # Errors
    /// It is not there, or cannot be read.
    fn measure(&self, id: &Digest) -> Result<Usage>;

    /// Removes the layer, for a caller who knows that nobody uses it. One that is not there is no error.
    ///
    /// # Errors
    /// What the file system refuses.
    fn delete(&self, id: &Digest) -> Result<()>;

    /// The ids of all layers, in order.
    ///
    /// # Errors
    /// The store cannot be listed.
    fn list(&self) -> Result<Vec<Digest>>;

    /// Removes what stages have left whose process was killed.
    ///
    /// # Errors
    /// The store cannot be listed, or a remnant not removed.
    fn sweep(&self) -> Result<()>;
}

/// A layer that is whole, and not yet shown. Dropped, it is removed.
#[derive(Debug)]
pub struct Staged {
    path: PathBuf,
    /// Locked for as long as somebody works on it: how a sweep knows the remnants of the dead.
    _lock: File,
    is_kept: bool,
    /// What was unpacked.
    pub unpacked: Unpacked,
}

impl Staged {
    /// What is at `path` is a layer in the making; `lock` holds its lock.
    pub(crate) fn new(path: PathBuf, lock: File) -> Self {
        Self {
            path,
            _lock: lock,
            is_kept: false,
            unpacked: Unpacked::default(),
        }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// It has another name now.
    pub(crate) fn forget(mut self) {
        self.is_kept = true;
    }
}

impl Drop for Staged {
    fn drop(&mut self) {
        if !self.is_kept {
            // What cannot be removed now is left to the next sweep.
            let _ = remove_tree(&self.path);
        }
    }
}

/// A layer that overlayfs may use.
#[derive(Debug)]
pub struct Opened {
    path: PathBuf,
}

impl Opened {
    pub(crate) fn new(path: PathBuf) -> Self {
        Self { path }
    }

    /// The lower directory, absolute.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

/// What a layer takes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Bytes on disk, blocks as they are allocated, each inode once.
    pub bytes: u64,
    /// Inodes.
    pub inodes: u64,
}
