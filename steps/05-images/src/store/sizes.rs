//! What is noted of layers: their size as Docker counts it, bytes of files, which a directory alone does not tell
//! cheaply; and the blobs of which it was verified that they are this layer, packed.

use std::collections::HashSet;

use kit::Result;
use layers::digest::Digest;

use super::files::{names, remove};
use super::{Locked, Store};

impl Store {
    /// Bytes of the files in a layer, by its chain ID.
    ///
    /// # Errors
    /// The layer is not there.
    pub fn layer_size(&self, chain: &Digest) -> Result<u64> {
        let noted = self.noted(chain);
        match noted.lines().next().and_then(|size| size.parse().ok()) {
            Some(size) => Ok(size),
            // Another step has made it: what it takes on disk is near enough.
            None => Ok(self.layers()?.measure(chain)?.bytes),
        }
    }

    /// Whether the layer is there, and `blob` is known to be what it was unpacked from. A manifest may name any blob
    /// beside any configuration; that both are here does not say that they belong together.
    pub(crate) fn has_layer(&self, chain: &Digest, blob: &Digest) -> Result<bool> {
        let blob = blob.to_string();
        let is_noted = self.noted(chain).lines().skip(1).any(|line| line == blob);
        Ok(is_noted && self.layers()?.open(chain).is_ok())
    }

    /// A line with the size, then one for each blob; empty if nothing is noted.
    fn noted(&self, chain: &Digest) -> String {
        std::fs::read_to_string(self.size_path(chain)).unwrap_or_default()
    }

    fn size_path(&self, chain: &Digest) -> std::path::PathBuf {
        self.sizes().join(chain.hex())
    }

    fn sizes(&self) -> std::path::PathBuf {
        self.root.join("sizes")
    }
}

impl Locked<'_> {
    /// Notes the size of a layer that is about to be shown, and one more blob that it was verified against.
    pub(crate) fn note_layer(&self, chain: &Digest, size: u64, blob: &Digest) -> Result<()> {
        let noted = self.noted(chain);
        let known = noted.lines().skip(1).filter(|line| !line.is_empty());
        let mut blobs: Vec<String> = known.map(str::to_owned).collect();
        blobs.push(blob.to_string());
        blobs.sort_unstable();
        blobs.dedup();
        let text = format!("{size}\n{}\n", blobs.join("\n"));
        kit::fs::write_atomically(&self.size_path(chain), text.as_bytes())
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
