//! Reading an archive.
//!
//! It comes as a stream, and its documents may stand behind what they name. So every file in it becomes a blob as it
//! passes, verified by nothing but its own digest; then the images are installed from these blobs, by the same way and
//! with the same checks as from anywhere else. What no image needs is collected afterwards.

use std::io::Read;

use kit::{Error, Result};
use layers::digest::Digest;

use super::members::Members;
use super::{DOCKER_MANIFEST, DockerImage, INDEX};
use crate::choose::{Documents, choose};
use crate::compression::decompress;
use crate::config::Configuration;
use crate::id::ImageId;
use crate::install::{Installed, install, publish};
use crate::lenient;
use crate::manifest::{Blob, Choice, Document, Manifest, media};
use crate::platform::Platform;
use crate::reference::Reference;
use crate::source::{Nowhere, Observer};
use crate::store::{MAX_DOCUMENT, Store};

/// An image that was in an archive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Loaded {
    /// Which.
    pub id: ImageId,
    /// What the archive calls it; nothing, perhaps.
    pub names: Vec<Reference>,
}

/// Loads all images of the archive `input`, which may be compressed; of an index, the image for `platform`, or for this
/// machine. If a platform is given, images for others are left out.
///
/// # Errors
/// An archive that is damaged, hostile, or holds no image that can be used. Then no image of it is there.
pub fn load(
    store: &Store,
    input: impl Read,
    platform: Option<&Platform>,
    observer: &dyn Observer,
) -> Result<Vec<Loaded>> {
    let result = load_leased(store, input, platform, observer);
    // Files that were no part of an image, or all of them if it failed. The lease is given back by now.
    let collected = store.lock()?.collect();
    let loaded = result?;
    collected?;
    Ok(loaded)
}

fn load_leased(
    store: &Store,
    input: impl Read,
    platform: Option<&Platform>,
    observer: &dyn Observer,
) -> Result<Vec<Loaded>> {
    let lease = store.lock()?.lease()?;
    let members = Members::read(store, &lease, decompress(input)?)?;
    let manifests = match (members.document(DOCKER_MANIFEST)?, members.document(INDEX)?) {
        (Some(docker), _) => from_docker(&members, &docker, platform)?,
        (None, Some(index)) => {
            let host = Platform::host();
            from_index(&members, &index, platform.unwrap_or(&host))?
        }
        (None, None) => {
            return Err(Error::new(
                "this is not an archive of images: it has neither manifest.json nor index.json",
            )
            .hint("a file system is imported, not loaded: `images import FILE NAME`"));
        }
    };
    let mut images: Vec<(Installed, Vec<Reference>)> = Vec::new();
    for (bytes, names) in manifests {
        let installed = install(store, &lease, &bytes, &Nowhere, observer)?;
        match images
            .iter_mut()
            .find(|(other, _)| other.id == installed.id)
        {
            Some((_, known)) => known.extend(names),
            None => images.push((installed, names)),
        }
    }
    if images.is_empty() {
        return Err(match platform {
            Some(platform) => Error::new(format!("the archive holds no image for {platform}")),
            None => Error::new("the archive holds no image"),
        });
    }
    publish(store, &images)?;
    let loaded = |(installed, names): (Installed, Vec<Reference>)| Loaded {
        id: installed.id,
        names,
    };
    Ok(images.into_iter().map(loaded).collect())
}

/// An image's manifest, and its names.
type Named = (Vec<u8>, Vec<Reference>);

/// `manifest.json` has no manifests in our sense: they are made.
fn from_docker(
    members: &Members<'_>,
    text: &[u8],
    platform: Option<&Platform>,
) -> Result<Vec<Named>> {
    let images: Vec<DockerImage> = lenient::read_first(text)
        .map_err(|e| Error::new(format!("manifest.json of the archive is damaged: {e}")))?;
    let manifest = |image: &DockerImage| -> Result<Named> {
        let config = members.get(&image.config)?;
        let layers = image.layers.iter();
        let layers = layers
            .filter(|path| !path.is_empty())
            .map(|path| members.layer(path));
        let manifest = Manifest {
            config: Blob {
                media_type: media::CONFIG.to_owned(),
                digest: config.digest,
                size: config.size,
            },
            layers: layers.collect::<Result<_>>()?,
        };
        let names = image.repo_tags.iter().flatten();
        let names = names.filter(|name| !name.is_empty()).map(|name| tag(name));
        Ok((original(members, &manifest)?, names.collect::<Result<_>>()?))
    };
    let mut found = Vec::new();
    for image in &images {
        if is_for(members, image, platform)? {
            found.push(manifest(image)?);
        }
    }
    Ok(found)
}

/// Only the configuration tells.
fn is_for(members: &Members<'_>, image: &DockerImage, platform: Option<&Platform>) -> Result<bool> {
    let Some(platform) = platform else {
        return Ok(true);
    };
    let config = members.get(&image.config)?;
    let config = Configuration::parse(&members.store.blobs().read(&config.digest)?)?;
    Ok(platform.accepts(&config.platform()).is_some())
}

/// If the archive is an OCI layout too and has a manifest that says the same, that one is kept: an image that is saved
/// and loaded has the digest that it had.
fn original(members: &Members<'_>, manifest: &Manifest) -> Result<Vec<u8>> {
    let same = |bytes: &[u8]| match Document::parse(bytes, None) {
        Ok(Document::Manifest(other)) => {
            let digests = |m: &Manifest| m.layers.iter().map(|l| l.digest).collect::<Vec<_>>();
            other.config.digest == manifest.config.digest && digests(&other) == digests(manifest)
        }
        _ => false,
    };
    if let Some(text) = members.document(INDEX)?
        && let Ok(Document::Index(index)) = Document::parse(&text, None)
    {
        for choice in index
            .manifests
            .iter()
            .filter(|c| c.blob.size <= MAX_DOCUMENT)
        {
            if let Ok(bytes) = members.store.blobs().read(&choice.blob.digest)
                && same(&bytes)
            {
                return Ok(bytes);
            }
        }
    }
    Ok(manifest.to_bytes())
}

fn from_index(members: &Members<'_>, text: &[u8], platform: &Platform) -> Result<Vec<Named>> {
    let Document::Index(index) = Document::parse(text, Some(media::INDEX))? else {
        return Err(Error::new("index.json of the archive is not an index"));
    };
    let (mut found, mut other) = (Vec::new(), None);
    // One image for several platforms, or several images. What is no image at all, such as a signature, is for a
    // platform that is not asked for, or turns out to be something else.
    let suits = |choice: &&Choice| {
        let made_for = choice.platform.as_ref();
        made_for.is_none_or(|made_for| platform.accepts(made_for).is_some())
    };
    for choice in index.manifests.iter().filter(suits) {
        let bytes = members.manifest(&choice.blob)?;
        let manifest = match Document::parse(&bytes, Some(&choice.blob.media_type)) {
            Ok(Document::Manifest(_)) => bytes,
            Ok(Document::Index(inner)) => choose(members, &inner, platform)?,
            Err(error) => {
                other.get_or_insert(error);
                continue;
            }
        };
        // A name in full. OCI's may be a tag alone, which without a repository names nothing.
        let full = choice.names.iter().find(|name| name.contains(['/', ':']));
        let names = full
            .map(|name| named(name, &choice.blob.digest))
            .transpose()?;
        found.push((manifest, names.into_iter().collect()));
    }
    match other {
        Some(error) if found.is_empty() => Err(error),
        None if found.is_empty() && !index.manifests.is_empty() => {
            choose(members, &index, platform).map(|_| found)
        }
        _ => Ok(found),
    }
}

impl Documents for Members<'_> {
    fn manifest(&self, blob: &Blob) -> Result<Vec<u8>> {
        // By the digest that the index promises, not by the name that the archive gives it.
        let read = self.store.blobs().read(&blob.digest);
        read.map_err(|error| {
            error.within(format!("blobs/sha256/{} of the archive", blob.digest.hex()))
        })
    }

    fn configuration(&self, blob: &Blob) -> Result<Vec<u8>> {
        self.manifest(blob)
    }
}

/// A name in the index, which may be the digest of what it stands for.
fn named(name: &str, digest: &Digest) -> Result<Reference> {
    let reference: Reference = name.parse()?;
    match reference.digest() == Some(digest) {
        true => Ok(reference.with_digest(*digest)),
        false => tag(name),
    }
}

/// A name as an archive may give it. A digest says which content is meant, and whoever runs it by that relies on it: it
/// is never taken from what merely claims it.
fn tag(name: &str) -> Result<Reference> {
    let name: Reference = name.parse()?;
    match name.digest() {
        Some(_) => Err(Error::new(format!("invalid tag {:?}", name.to_string()))
            .hint("an archive can give an image a tag; a digest comes from a registry")),
        None => Ok(name.or_latest()),
    }
}
