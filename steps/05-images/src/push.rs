//! Pushing: an image of the store into a registry, its layers as they were packed.

use kit::{Error, Result};
use layers::digest::Digest;

use crate::image::Image;
use crate::manifest::Blob;
use crate::reference::Reference;
use crate::registry::{Client, Manifest, Pushed, Repository, Version};
use crate::store::Store;

/// What was pushed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Done {
    /// The manifest, by which the registry now has it.
    pub digest: Digest,
    /// Its bytes.
    pub size: u64,
}

/// Pushes the image that has the name `reference`, a tag. `told` hears of each layer.
///
/// # Errors
/// There is no such image here; the registry cannot be reached or refuses.
pub fn push(
    store: &Store,
    client: &Client,
    reference: &Reference,
    mut told: impl FnMut(&Blob, Pushed) -> Result<()>,
) -> Result<Done> {
    let tag = reference
        .tag()
        .filter(|_| reference.digest().is_none())
        .ok_or_else(|| Error::new("cannot push a digest reference"))?;
    let repository = Repository::new(reference.domain(), reference.path())?;
    let locked = store.lock()?;
    let catalog = locked.catalog()?;
    let id = catalog.get(reference).ok_or_else(|| {
        Error::new(format!(
            "An image does not exist locally with the tag: {}",
            reference.familiar_name()
        ))
        .hint("give it that name first: `images tag IMAGE NAME`")
    })?;
    let image = Image::read(store, id, &catalog.images[&id])?;
    let lease = locked.lease()?;
    locked.extend(&lease, image.content())?;
    drop(locked);

    for layer in &image.manifest.layers {
        let mut blob = store.blobs().open(&layer.digest)?;
        told(
            layer,
            client.upload_blob(&repository, &layer.digest, None, &mut blob)?,
        )?;
    }
    let mut config = store.blobs().open(&id.0)?;
    client.upload_blob(&repository, &id.0, None, &mut config)?;
    let bytes = store.blobs().read(&image.record.manifest)?;
    let done = Done {
        digest: image.record.manifest,
        size: bytes.len() as u64,
    };
    let manifest = Manifest {
        media_type: crate::manifest::own_media_type(&bytes),
        digest: done.digest,
        bytes,
    };
    client.put_manifest(&repository, &Version::tag(tag)?, &manifest)?;
    Ok(done)
}
