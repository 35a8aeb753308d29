//! A lease, as its holder has it: what it lists, and the file that says so. Making and reading them is the store's.

use std::collections::HashSet;
use std::fs::File;
use std::io::Write;
use std::path::PathBuf;
use std::sync::Mutex;

use kit::{Error, Result};
use layers::digest::Digest;

use super::files::remove;

/// Keeps content from being collected, until it is dropped.
#[derive(Debug)]
pub struct Lease {
    pub(super) file: File,
    pub(super) path: PathBuf,
    pub(super) held: Mutex<HashSet<Digest>>,
}

impl Lease {
    /// Content may be written only by who keeps it from being collected at once.
    pub(super) fn demand(&self, digest: &Digest) -> Result<()> {
        let held = self.held.lock().unwrap_or_else(|e| e.into_inner());
        match held.contains(digest) {
            true => Ok(()),
            false => Err(Error::new(format!("{digest} is not in the lease"))),
        }
    }

    pub(super) fn write(&self, line: &str) -> Result<()> {
        (&self.file)
            .write_all(line.as_bytes())
            .map_err(|e| Error::io("write the lease", &self.path, &e))
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        // One that stays is removed by the next collection, since nobody holds its lock.
        let _ = remove(&self.path);
    }
}
