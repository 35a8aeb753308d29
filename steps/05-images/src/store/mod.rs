//! The content store: blobs by their digest, layers by their chain ID, and a catalog that says which images there are.
//!
//! ```text
//! DATA/layers/HEX              a layer, unpacked; shared by all images that begin with the same layers
//! DATA/images/blobs/sha256/HEX manifests, configurations and packed layers, never changed once they are there
//! DATA/images/downloads/HEX    a blob of which a part has come
//! DATA/images/sizes/HEX        the size of a layer, as Docker counts it, and the blobs that it is
//! DATA/images/leases/ID        what somebody works with, locked by whoever that is
//! DATA/images/catalog.json     the images, and their names
//! DATA/images/lock             held while the catalog is changed, or leases are
//! ```
//!
//! An image exists once the catalog says so, and the catalog is written last: whoever is killed before that leaves
//! content that nobody names, which the next collection removes. What is not in the catalog yet, a *lease* keeps.

mod blobs;
mod catalog;
mod collect;
mod files;
mod held;
mod lease;
mod partial;
mod sizes;
#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use kit::fs::Lock;
use kit::{Error, Result};
use layers::digest::Digest;
use layers::directories::Directories;
use layers::extract::Options;
use layers::store::LayerStore;
use layers::tar::Limits;
use layers::whiteout::Namespace;

pub use blobs::{Blobs, MAX_DOCUMENT, Nameless};
pub use catalog::{Catalog, Record};
pub use collect::Collected;
pub use held::Lease;
pub use lease::User;
pub use partial::{Partial, Received};

/// Images below a data root.
#[derive(Debug)]
pub struct Store {
    data: PathBuf,
    root: PathBuf,
    blobs: Blobs,
    layers: OnceLock<Directories>,
}

impl Store {
    /// The store below `data`. Nothing is made until something is written.
    pub fn new(data: &Path) -> Self {
        let root = data.join("images");
        Self {
            data: data.to_owned(),
            blobs: Blobs::new(&root),
            layers: OnceLock::new(),
            root,
        }
    }

    /// The blobs.
    pub fn blobs(&self) -> &Blobs {
        &self.blobs
    }

    /// The layers.
    ///
    /// # Errors
    /// Their directory cannot be made.
    pub fn layers(&self) -> Result<&dyn LayerStore> {
        if self.layers.get().is_none() {
            let is_root = nix::unistd::geteuid().is_root();
            let options = Options {
                namespace: match is_root {
                    true => Namespace::Trusted,
                    false => Namespace::User,
                },
                keep_owners: is_root,
                limits: Limits::default(),
            };
            let layers = Directories::new(&self.data.join("layers"), options)?;
            // Another thread may have been faster; theirs is the same.
            let _ = self.layers.set(layers);
        }
        self.layers
            .get()
            .map(|layers| layers as &dyn LayerStore)
            .ok_or_else(|| Error::new("the layers' directory is not open"))
    }

    /// What images there are. One file is read, however many there are.
    ///
    /// # Errors
    /// The file cannot be read, or is damaged.
    pub fn catalog(&self) -> Result<Catalog> {
        Catalog::read(&self.catalog_path())
    }

    /// The store for whoever changes it: one at a time, and not for long.
    ///
    /// # Errors
    /// The store cannot be made, or locked.
    pub fn lock(&self) -> Result<Locked<'_>> {
        for directory in ["blobs/sha256", "downloads", "sizes", "leases"] {
            let path = self.root.join(directory);
            std::fs::create_dir_all(&path).map_err(|e| {
                Error::io("make the directory", &path, &e).hint(
                    "the images are kept below DRYDOCK_ROOT, which only its owner may write to",
                )
            })?;
        }
        Ok(Locked {
            store: self,
            _lock: Lock::exclusive(&self.root.join("lock"))?,
        })
    }

    /// Below which everything is.
    pub fn data(&self) -> &Path {
        &self.data
    }

    fn catalog_path(&self) -> PathBuf {
        self.root.join("catalog.json")
    }
}

/// The store, locked: only so is its catalog changed, a small file written, a lease made or extended, and garbage
/// collected. Hence a temporary file that a collection finds is nobody's: its writer was killed.
#[derive(Debug)]
pub struct Locked<'a> {
    store: &'a Store,
    _lock: Lock,
}

impl std::ops::Deref for Locked<'_> {
    type Target = Store;

    fn deref(&self) -> &Store {
        self.store
    }
}

impl Locked<'_> {
    /// Replaces the catalog, whole.
    ///
    /// # Errors
    /// What the file system refuses.
    pub fn put(&self, catalog: &Catalog) -> Result<()> {
        catalog.write(&self.catalog_path())
    }

    /// Keeps a small blob that is at hand.
    ///
    /// # Errors
    /// What the file system refuses.
    pub fn put_blob(&self, lease: &Lease, bytes: &[u8]) -> Result<Digest> {
        let digest = Digest::of(bytes);
        lease.demand(&digest)?;
        if self.blobs.size(&digest).is_none() {
            kit::fs::write_atomically(&self.blobs.path(&digest), bytes)?;
        }
        Ok(digest)
    }
}
