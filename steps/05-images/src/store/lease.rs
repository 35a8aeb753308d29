//! Leases: what somebody works with and no image names yet, or may lose its name meanwhile.
//!
//! A lease is a file that lists digests, and that its holder keeps locked (flock(2)). When the holder dies, however it
//! dies, the kernel lets go of the lock, and the next collection removes the file. A digest is added under the store's
//! lock, so that a collection either sees it or is over before the holder looks whether the content is there.

use std::collections::HashSet;
use std::fs::{File, OpenOptions};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use kit::id::Id;
use kit::{Error, Result};
use layers::digest::Digest;

use super::Locked;
use super::files::{names, remove};
use super::held::Lease;
use crate::id::ImageId;

/// A container that runs on an image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// The container.
    pub container: String,
    /// Its image.
    pub image: ImageId,
}

impl Locked<'_> {
    /// A lease on nothing yet.
    ///
    /// # Errors
    /// What the file system refuses.
    // ANCHOR: lease
    pub fn lease(&self) -> Result<Lease> {
        let path = self.leases().join(Id::random()?.short());
        let file = OpenOptions::new()
            .create_new(true)
            .append(true)
            .open(&path)
            .map_err(|e| Error::io("make the lease", &path, &e))?;
        file.lock().map_err(|e| Error::io("lock", &path, &e))?;
        Ok(Lease {
            file,
            path,
            held: Mutex::default(),
        })
    }
    // ANCHOR_END: lease

    /// Adds blobs and layers to a lease.
    ///
    /// # Errors
    /// What the file system refuses.
    pub fn extend(&self, lease: &Lease, digests: impl IntoIterator<Item = Digest>) -> Result<()> {
        let mut held = lease.held.lock().unwrap_or_else(|e| e.into_inner());
        let mut lines = String::new();
        for digest in digests {
            if held.insert(digest) {
                lines += &format!("{digest}\n");
            }
        }
        lease.write(&lines)
    }

    /// Notes that a container runs on `image`, for as long as the lease is held.
    ///
    /// # Errors
    /// What the file system refuses.
    pub fn use_image(&self, lease: &Lease, container: &str, image: ImageId) -> Result<()> {
        lease.write(&format!("container {container} {image}\n"))
    }

    /// What all leases together keep. Those of the dead are removed.
    pub(super) fn leased(&self) -> Result<HashSet<Digest>> {
        let texts = self.living_leases()?;
        let lines = texts.iter().flat_map(|text| text.lines());
        Ok(lines.filter_map(|line| line.parse().ok()).collect())
    }

    /// The containers that run on images now.
    ///
    /// # Errors
    /// The leases cannot be read.
    pub fn users(&self) -> Result<Vec<User>> {
        let texts = self.living_leases()?;
        let lines = texts.iter().flat_map(|text| text.lines());
        Ok(lines.filter_map(user).collect())
    }

    fn living_leases(&self) -> Result<Vec<String>> {
        let mut texts = Vec::new();
        for name in names(&self.leases())? {
            texts.extend(read_living(&self.leases().join(name))?);
        }
        Ok(texts)
    }

    fn leases(&self) -> PathBuf {
        self.store.root.join("leases")
    }
}

fn user(line: &str) -> Option<User> {
    let (container, image) = line.strip_prefix("container ")?.rsplit_once(' ')?;
    Some(User {
        container: container.to_owned(),
        image: image.parse().ok()?,
    })
}

/// The text of a lease whose holder lives.
// ANCHOR: living
fn read_living(path: &Path) -> Result<Option<String>> {
    let Ok(mut file) = File::open(path) else {
        // Just given back.
        return Ok(None);
    };
    if file.try_lock().is_ok() {
        remove(path)?;
        return Ok(None);
    }
    let mut text = String::new();
    file.read_to_string(&mut text)
        .map_err(|e| Error::io("read the lease", path, &e))?;
    Ok(Some(text))
}
// ANCHOR_END: living
