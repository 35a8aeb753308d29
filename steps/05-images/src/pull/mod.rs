//! Pulling: from a registry's answer to an image in the store.

mod shown;

use std::io::Read;

use kit::{Error, Result};
use layers::digest::Digest;

pub(crate) use self::shown::Pull;
use crate::choose::{Documents, choose};
use crate::id::ImageId;
use crate::install::{install, publish};
use crate::manifest::{Blob, Document, media};
use crate::platform::Platform;
use crate::reference::Reference;
use crate::registry::{Client, Manifest, Repository, Verified, Version};
use crate::source::{Blind, BlobSource, Observer, Stream};
use crate::store::{MAX_DOCUMENT, Store};

/// What is asked for.
const ACCEPT: [&str; 4] = [
    media::MANIFEST,
    media::DOCKER_MANIFEST,
    media::INDEX,
    media::DOCKER_INDEX,
];

/// An image that was pulled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pulled {
    /// Which.
    pub id: ImageId,
    /// What the registry has under its name: the digest of the index, if it is one.
    pub digest: Digest,
    /// Whether the name meant another image before, or none.
    pub is_new: bool,
}

/// Pulls what `reference` means in its registry; of an index, the image for `platform`.
///
/// # Errors
/// The registry cannot be reached or refuses, has no such image, or delivers another than it promised.
pub fn pull(
    store: &Store,
    client: &Client,
    reference: &Reference,
    platform: &Platform,
    observer: &dyn Observer,
) -> Result<Pulled> {
    let reference = reference.clone().or_latest();
    let repository = Repository::new(reference.domain(), reference.path())?;
    let named = client.manifest(&repository, &version(&reference)?, &ACCEPT)?;
    let source = FromRegistry {
        client,
        repository: &repository,
    };
    let manifest = source.of_platform(&named, platform)?;

    let lease = store.lock()?.lease()?;
    // As in Docker, an image that is there is looked through in silence.
    let observer = match is_there(store, &manifest)? {
        true => &Blind,
        false => observer,
    };
    let installed = install(store, &lease, &manifest, &source, observer)?;
    let id = installed.id;
    let by_digest = reference.with_digest(named.digest);
    let mut names = vec![by_digest];
    // A tag beside a digest says nothing: who asks so wants that content, whatever it is called today.
    if reference.digest().is_none() {
        names.push(reference);
    }
    let catalog = store.catalog()?;
    let is_new = names.iter().any(|name| catalog.get(name) != Some(id));
    publish(store, &[(installed, names)])?;
    Ok(Pulled {
        id,
        digest: named.digest,
        is_new,
    })
}

fn is_there(store: &Store, manifest: &[u8]) -> Result<bool> {
    Ok(match Document::parse(manifest, None)? {
        Document::Manifest(manifest) => {
            let id = ImageId(manifest.config.digest);
            store.catalog()?.images.contains_key(&id)
        }
        Document::Index(_) => false,
    })
}

fn version(reference: &Reference) -> Result<Version> {
    match (reference.digest(), reference.tag()) {
        (Some(digest), _) => Ok(Version::Digest(*digest)),
        (None, Some(tag)) => Version::tag(tag),
        (None, None) => Err(Error::new("a name without a tag is no version")),
    }
}

struct FromRegistry<'a> {
    client: &'a Client,
    repository: &'a Repository,
}

impl FromRegistry<'_> {
    /// The manifest for `platform`, be it the one that was named or one of an index.
    fn of_platform(&self, named: &Manifest, platform: &Platform) -> Result<Vec<u8>> {
        match Document::parse(&named.bytes, Some(&named.media_type))? {
            Document::Manifest(_) => Ok(named.bytes.clone()),
            Document::Index(index) => choose(self, &index, platform),
        }
    }
}

impl Documents for FromRegistry<'_> {
    fn manifest(&self, blob: &Blob) -> Result<Vec<u8>> {
        let version = Version::Digest(blob.digest);
        let manifest = self.client.manifest(self.repository, &version, &ACCEPT)?;
        Ok(manifest.bytes)
    }

    fn configuration(&self, blob: &Blob) -> Result<Vec<u8>> {
        let stream = self.open(blob, 0)?;
        let mut bytes = Vec::new();
        Verified::new(stream.reader.take(MAX_DOCUMENT), blob.digest)
            .read_to_end(&mut bytes)
            .map_err(|e| Error::io("read", "the configuration", &e))?;
        Ok(bytes)
    }
}

impl BlobSource for FromRegistry<'_> {
    fn open(&self, blob: &Blob, offset: u64) -> Result<Stream> {
        let reader = self
            .client
            .blob(self.repository, &blob.digest, blob.size, offset)?;
        Ok(Stream {
            reader: Box::new(reader),
            offset,
        })
    }
}
