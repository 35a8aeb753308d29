//! Collection: everything goes that no image and no lease names.

use std::collections::HashSet;

use kit::Result;
use layers::digest::Digest;

use super::Locked;
use super::files::{names, remove};
use crate::image::Image;

/// What a collection has removed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Collected {
    /// Layers, by chain ID.
    pub layers: Vec<Digest>,
    /// Blobs.
    pub blobs: Vec<Digest>,
    /// Bytes of the files in those layers.
    pub bytes: u64,
}

impl Locked<'_> {
    /// Removes all blobs and layers that no image and no lease names. To be killed on the way is harmless: what is
    /// left is still named by nobody.
    ///
    /// # Errors
    /// An image whose manifest or configuration cannot be read: what it needs is not known, and so nothing is removed.
    // ANCHOR: collect
    pub fn collect(&self) -> Result<Collected> {
        let mut needed = self.leased()?;
        for (id, record) in &self.catalog()?.images {
            let image = Image::read(self, *id, record).map_err(|error| {
                error
                    .within(format!(
                        "nothing is removed, since image {} is damaged",
                        id.short()
                    ))
                    .hint(format!("remove it by its id, {}", id.short()))
            })?;
            needed.extend(image.content());
        }
        let mut collected = Collected::default();
        self.collect_layers(&needed, &mut collected)?;
        self.collect_sizes(&needed)?;
        self.collect_temporaries()?;
        self.sweep_dead()?;
        for digest in self.blobs.list()? {
            if !needed.contains(&digest) {
                self.blobs.delete(&digest)?;
                collected.blobs.push(digest);
            }
        }
        Ok(collected)
    }
    // ANCHOR_END: collect

    /// Removes downloads that nobody continues, and what killed processes have left.
    ///
    /// # Errors
    /// What the file system refuses.
    pub fn sweep(&self) -> Result<()> {
        self.blobs.sweep()?;
        self.layers()?.sweep()
    }

    /// The same, without downloads that can be continued: what was interrupted again and again does not fill the disk.
    ///
    /// # Errors
    /// What the file system refuses.
    pub fn sweep_dead(&self) -> Result<()> {
        self.blobs.sweep_nameless()?;
        self.layers()?.sweep()
    }

    /// Small files are written under the lock that we hold.
    fn collect_temporaries(&self) -> Result<()> {
        for directory in ["", "blobs/sha256"] {
            let directory = self.root.join(directory);
            for name in names(&directory)? {
                if name.starts_with(".tmp-") {
                    remove(&directory.join(name))?;
                }
            }
        }
        Ok(())
    }

    fn collect_layers(&self, needed: &HashSet<Digest>, collected: &mut Collected) -> Result<()> {
        let layers = self.layers()?;
        for chain in layers.list()? {
            if needed.contains(&chain) {
                continue;
            }
            collected.bytes += self.layer_size(&chain).unwrap_or(0);
            layers.delete(&chain)?;
            collected.layers.push(chain);
        }
        Ok(())
    }
}
