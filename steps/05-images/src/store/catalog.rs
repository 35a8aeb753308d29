//! The catalog: which images there are, and what they are called. It is one small file, so that to list a thousand
//! images is to read one.

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::path::Path;

use kit::{Error, Result};
use layers::digest::Digest;
use serde::{Deserialize, Serialize};

use crate::id::ImageId;
use crate::reference::Reference;

/// The images, and their names.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Catalog {
    /// Every image.
    pub images: BTreeMap<ImageId, Record>,
    /// Which image a reference in full means: `docker.io/library/alpine:latest`, or a repository digest.
    references: BTreeMap<String, ImageId>,
}

/// What a list shows of an image.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// The manifest from which it was installed, whose layers are as they were packed.
    #[serde(with = "crate::id::digest")]
    pub manifest: Digest,
    /// When it was made, in seconds since 1970; an image need not say.
    pub created: Option<i64>,
    /// Bytes of all files in all layers.
    pub size: u64,
    /// When it last got a tag, in seconds since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tagged: Option<i64>,
    /// The image it was built on here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<ImageId>,
}

impl Catalog {
    pub(super) fn read(path: &Path) -> Result<Self> {
        let text = match std::fs::read(path) {
            Err(e) if e.kind() == ErrorKind::NotFound => return Ok(Self::default()),
            text => text.map_err(|e| Error::io("read the catalog", path, &e))?,
        };
        serde_json::from_slice(&text)
            .map_err(|e| Error::new(format!("the catalog {} is damaged: {e}", path.display())))
    }

    pub(super) fn write(&self, path: &Path) -> Result<()> {
        let text = serde_json::to_vec(self)
            .map_err(|e| Error::new(format!("cannot write the catalog as JSON: {e}")))?;
        kit::fs::write_atomically(path, &text)
    }

    /// The image that `reference` means.
    pub fn get(&self, reference: &Reference) -> Option<ImageId> {
        self.references.get(&reference.to_string()).copied()
    }

    /// Makes `reference`, by default with the tag `latest`, mean `id`. Returns what it meant before, if that was another image.
    pub fn name(&mut self, reference: &Reference, id: ImageId) -> Option<ImageId> {
        let before = self
            .references
            .insert(reference.clone().or_latest().to_string(), id);
        before.filter(|before| *before != id)
    }

    /// Takes a name away.
    pub fn unname(&mut self, reference: &Reference) -> Option<ImageId> {
        self.references.remove(&reference.to_string())
    }

    /// The names of `id`, tags and digests, in order.
    pub fn references(&self, id: ImageId) -> Vec<Reference> {
        self.all_references()
            .filter(|(_, of)| *of == id)
            .map(|(reference, _)| reference)
            .collect()
    }

    /// Every name, and what it means.
    pub fn all_references(&self) -> impl Iterator<Item = (Reference, ImageId)> {
        self.references
            .iter()
            .filter_map(|(text, id)| Some((text.parse().ok()?, *id)))
    }

    /// The images that were built on `id`.
    pub fn children(&self, id: ImageId) -> impl Iterator<Item = ImageId> {
        self.images
            .iter()
            .filter(move |(_, record)| record.parent == Some(id))
            .map(|(child, _)| *child)
    }
}
