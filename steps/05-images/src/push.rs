//! Pushing: an image of the store into a registry, its layers as they were packed.

use std::collections::HashSet;
use std::io::{self, Read};

use kit::{Error, Result};
use layers::digest::Digest;

use crate::id::ImageId;
use crate::image::Image;
use crate::manifest::Blob;
use crate::reference::Reference;
use crate::registry::{Client, Manifest, Pushed, Repository, Version};
use crate::store::{Catalog, Store};

/// What was pushed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Done {
    /// The manifest, by which the registry now has it.
    pub digest: Digest,
    /// Its bytes.
    pub size: u64,
}

/// A layer that is pushed.
#[derive(Clone, Debug)]
pub struct Layer {
    /// What it is, however it is packed.
    pub diff_id: Digest,
    /// As it is packed.
    pub blob: Blob,
    /// Another repository of the registry that has it.
    from: Option<Repository>,
}

/// What has happened to a layer that is pushed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event<'a> {
    /// It will have its turn.
    Preparing,
    /// It is not among the first to have it.
    Waiting,
    /// So many bytes of it have been read, to be sent.
    Sending(u64),
    /// It was there.
    Already,
    /// It was taken over from this repository.
    Mounted(&'a Repository),
    /// It was sent.
    Sent,
}

/// Who hears of the layers.
pub type Told<'a> = dyn FnMut(&Layer, Event<'_>) -> Result<()> + 'a;

/// So many layers Docker begins with at once, and does not say of them that they wait.
const AT_ONCE: usize = 5;

/// Refuses what no push can be of: a name with a digest.
///
/// # Errors
/// That.
pub fn check(reference: &Reference) -> Result<()> {
    match reference.digest() {
        Some(_) => Err(Error::new("cannot push a digest reference")),
        None => Ok(()),
    }
}

/// Pushes the image that has the name `reference`, by default with the tag `latest`. `told` hears of each layer, all of
/// them first, the top one before the others. The image then has the name by which the registry knows it.
///
/// # Errors
/// There is no such image here; the registry cannot be reached or refuses.
pub fn push(
    store: &Store,
    client: &Client,
    reference: &Reference,
    told: &mut Told<'_>,
) -> Result<Done> {
    check(reference)?;
    let reference = reference.clone().or_latest();
    let repository = Repository::new(reference.domain(), reference.path())?;
    let locked = store.lock()?;
    let catalog = locked.catalog()?;
    let id = catalog.get(&reference).ok_or_else(|| {
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

    let layers = layers_of(store, &catalog, &image, &repository)?;
    for layer in &layers {
        told(layer, Event::Preparing)?;
    }
    for layer in layers.iter().skip(AT_ONCE) {
        told(layer, Event::Waiting)?;
    }
    let mut pushed = HashSet::new();
    for layer in &layers {
        // An image may have the same layer twice.
        if pushed.insert(layer.blob.digest) {
            push_layer(store, client, &repository, layer, told)?;
        }
    }
    let mut config = store.blobs().open(&id.0)?;
    client.upload_blob(&repository, &id.0, None, &mut config)?;
    let done = push_manifest(store, client, &repository, &reference, &image)?;
    known_as(store, &reference.with_digest(done.digest), id)?;
    Ok(done)
}

/// The layers, the top one first, as they are shown.
fn layers_of(
    store: &Store,
    catalog: &Catalog,
    image: &Image,
    repository: &Repository,
) -> Result<Vec<Layer>> {
    let others = others(store, catalog, repository);
    let layers = image.manifest.layers.iter().zip(image.config.diff_ids()?);
    let layers = layers.map(|(blob, diff_id)| Layer {
        diff_id,
        blob: blob.clone(),
        from: others
            .iter()
            .find(|(_, image)| {
                image
                    .manifest
                    .layers
                    .iter()
                    .any(|l| l.digest == blob.digest)
            })
            .map(|(other, _)| other.clone()),
    });
    let mut layers: Vec<Layer> = layers.collect();
    layers.reverse();
    Ok(layers)
}

/// The other repositories of the registry, and what of theirs is here. A name with a digest is one that the registry
/// has, or had: it was pulled, or pushed. That is no promise, and one that cannot be read is none at all.
fn others(store: &Store, catalog: &Catalog, repository: &Repository) -> Vec<(Repository, Image)> {
    let known = catalog.all_references().filter(|(name, _)| {
        name.digest().is_some()
            && name.domain() == repository.domain()
            && name.path() != repository.name()
    });
    known
        .filter_map(|(name, id)| {
            let other = Repository::new(name.domain(), name.path()).ok()?;
            let image = Image::read(store, id, catalog.images.get(&id)?).ok()?;
            Some((other, image))
        })
        .collect()
}

fn push_layer(
    store: &Store,
    client: &Client,
    repository: &Repository,
    layer: &Layer,
    told: &mut Told<'_>,
) -> Result<()> {
    let from = layer.from.as_ref();
    let mut reader = Counted {
        inner: store.blobs().open(&layer.blob.digest)?,
        read: 0,
        layer,
        told,
    };
    let pushed = client.upload_blob(repository, &layer.blob.digest, from, &mut reader)?;
    let event = match (pushed, from) {
        (Pushed::Already, _) => Event::Already,
        (Pushed::Mounted, Some(from)) => Event::Mounted(from),
        (Pushed::Mounted, None) | (Pushed::Sent(_), _) => Event::Sent,
    };
    told(layer, event)
}

/// A layer as it is read, and told of.
struct Counted<'a, 'b, R> {
    inner: R,
    read: u64,
    layer: &'a Layer,
    told: &'a mut Told<'b>,
}

impl<R: Read> Read for Counted<'_, '_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        self.read += read as u64;
        (self.told)(self.layer, Event::Sending(self.read)).map_err(io::Error::other)?;
        Ok(read)
    }
}

fn push_manifest(
    store: &Store,
    client: &Client,
    repository: &Repository,
    reference: &Reference,
    image: &Image,
) -> Result<Done> {
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
    let version = Version::tag(reference.tag().unwrap_or_default())?;
    client.put_manifest(repository, &version, &manifest)?;
    Ok(done)
}

/// Notes that the registry has the image, by its digest; unless it was removed here meanwhile.
fn known_as(store: &Store, name: &Reference, id: ImageId) -> Result<()> {
    let locked = store.lock()?;
    let mut catalog = locked.catalog()?;
    if catalog.get(name) == Some(id) || !catalog.images.contains_key(&id) {
        return Ok(());
    }
    catalog.name(name, id);
    locked.put(&catalog)
}
