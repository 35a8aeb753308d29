//! The sizes of layers, as Docker counts them: bytes of files, which a directory alone does not tell cheaply.

use std::collections::HashSet;

use kit::Result;
use layers::digest::Digest;

use super::blobs::{names, remove};
use super::{Locked, Store};

impl Store {
    /// Bytes of the files in a layer, by its chain ID.
    ///
    /// # Errors
    /// The layer is not there.
    pub fn layer_size(&self, chain: &Digest) -> Result<u64> {
        let noted = std::fs::read_to_string(self.size_path(chain)).ok();
        match noted.and_then(|text| text.parse().ok()) {
            Some(size) => Ok(size),
            // Another step has made it: what it takes on disk is near enough.
            None => Ok(self.layers()?.measure(chain)?.bytes),
        }
    }

    fn size_path(&self, chain: &Digest) -> std::path::PathBuf {
        self.sizes().join(chain.hex())
    }

    fn sizes(&self) -> std::path::PathBuf {
        self.root.join("sizes")
    }
}

impl Locked<'_> {
    /// Notes the size of a layer that is about to be shown.
    pub(crate) fn note_size(&self, chain: &Digest, size: u64) -> Result<()> {
        kit::fs::write_atomically(&self.size_path(chain), size.to_string().as_bytes())
    }

    /// Forgets the sizes of layers that nobody needs.
    pub(super) fn collect_sizes(&self, needed: &HashSet<Digest>) -> Result<()> {
        for name in names(&self.sizes())? {
            let is_needed = format!("sha256:{name}")
                .parse()
                .is_ok_and(|chain| needed.contains(&chain));
            if !is_needed {
                remove(&self.sizes().join(name))?;
            }
        }
        Ok(())
    }
}
