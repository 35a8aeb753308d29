//! An image, read.

use kit::{Error, Result};
use layers::digest::Digest;

use crate::config::Configuration;
use crate::id::ImageId;
use crate::manifest::{Document, Manifest};
use crate::store::{Record, Store};

/// An image of the store, with its documents.
#[derive(Clone, Debug)]
pub struct Image {
    /// Which.
    pub id: ImageId,
    /// What the catalog says of it.
    pub record: Record,
    /// Its blobs.
    pub manifest: Manifest,
    /// What it is.
    pub config: Configuration,
    chain_ids: Vec<Digest>,
}

impl Image {
    /// Reads the documents of an image in the catalog.
    ///
    /// # Errors
    /// One is missing, or damaged.
    pub fn read(store: &Store, id: ImageId, record: &Record) -> Result<Self> {
        let manifest = store.blobs().read(&record.manifest)?;
        let Document::Manifest(manifest) = Document::parse(&manifest, None)? else {
            return Err(Error::new(format!(
                "{} is an index, and a manifest was expected",
                record.manifest
            )));
        };
        let config = Configuration::parse(&store.blobs().read(&id.0)?)?;
        Ok(Self {
            id,
            record: record.clone(),
            chain_ids: config.chain_ids()?,
            manifest,
            config,
        })
    }

    /// Its layers in the store, the bottom first.
    pub fn chain_ids(&self) -> &[Digest] {
        &self.chain_ids
    }

    /// Everything that it needs: blobs and layers.
    pub fn content(&self) -> impl Iterator<Item = Digest> {
        let layers = self.manifest.layers.iter().map(|layer| layer.digest);
        [self.record.manifest, self.id.0]
            .into_iter()
            .chain(layers)
            .chain(self.chain_ids.iter().copied())
    }
}
