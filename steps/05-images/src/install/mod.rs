//! Installing an image: its blobs into the store, its layers unpacked, its name into the catalog, in that order.
//!
//! `pull` and `load` differ in where the blobs come from, and in nothing else.

mod fetch;
mod layer;
mod mismatch;
#[cfg(test)]
mod tests;

use std::io::Read;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use jiff::Timestamp;
use kit::{Error, Result};
use layers::digest::Digest;

use self::layer::{Job, install_layer};
use self::mismatch::mismatch;
use crate::config::Configuration;
use crate::id::ImageId;
use crate::manifest::{Document, Manifest};
use crate::reference::Reference;
use crate::source::{BlobSource, Observer};
use crate::store::{Lease, MAX_DOCUMENT, Record, Store};

/// How many layers come at once: Docker's number.
const WORKERS: usize = 3;

/// An image whose content is in the store, and that the catalog does not know yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Installed {
    /// Which.
    pub id: ImageId,
    /// What the catalog will say.
    pub record: Record,
}

/// Brings everything into the store that the manifest in `bytes` names. `lease` keeps it until it has a name.
///
/// # Errors
/// The manifest is not one of an image that can be used, the source fails, or what it delivers is not what was
/// promised. What has come is kept for the next attempt; nothing of it is visible.
pub fn install(
    store: &Store,
    lease: &Lease,
    bytes: &[u8],
    source: &dyn BlobSource,
    observer: &dyn Observer,
) -> Result<Installed> {
    let manifest = match Document::parse(bytes, None)? {
        Document::Manifest(manifest) => manifest,
        Document::Index(_) => {
            return Err(Error::new("an index is no image: choose one of its own"));
        }
    };
    let content = [Digest::of(bytes), manifest.config.digest];
    let blobs = manifest.layers.iter().map(|layer| layer.digest);
    let locked = store.lock()?;
    locked.extend(lease, content.into_iter().chain(blobs))?;
    locked.sweep_dead()?;
    drop(locked);

    let digest = store.lock()?.put_blob(lease, bytes)?;
    let config = configuration(store, lease, &manifest, source)?;
    let (diff_ids, chain_ids) = (config.diff_ids()?, config.chain_ids()?);
    if diff_ids.len() != manifest.layers.len() {
        return Err(Error::new(format!(
            "the manifest has {} layers, and the configuration {}",
            manifest.layers.len(),
            diff_ids.len()
        )));
    }
    store.lock()?.extend(lease, chain_ids.iter().copied())?;

    let jobs: Vec<Job<'_>> = manifest
        .layers
        .iter()
        .zip(diff_ids)
        .zip(&chain_ids)
        .map(|((blob, diff_id), chain_id)| Job {
            blob,
            diff_id,
            chain_id: *chain_id,
        })
        .collect();
    install_layers(store, lease, &jobs, source, observer)?;
    let mut size = 0;
    for chain_id in &chain_ids {
        size += store.layer_size(chain_id)?;
    }
    Ok(Installed {
        id: ImageId(manifest.config.digest),
        record: Record {
            manifest: digest,
            created: config.created().map(Timestamp::as_second),
            size,
            tagged: None,
            parent: None,
        },
    })
}

/// Shows installed images under their names. It is the last thing to be done, in one write.
///
/// # Errors
/// What the file system refuses.
// ANCHOR: publish
pub fn publish(store: &Store, images: &[(Installed, Vec<Reference>)]) -> Result<()> {
    sync(store)?;
    let locked = store.lock()?;
    let mut catalog = locked.catalog()?;
    for (installed, names) in images {
        let record = catalog
            .images
            .entry(installed.id)
            .or_insert_with(|| installed.record.clone());
        if !names.is_empty() {
            record.tagged = Some(Timestamp::now().as_second());
        }
        for name in names {
            catalog.name(name, installed.id);
        }
    }
    locked.put(&catalog)
}
// ANCHOR_END: publish

/// The layers' files are written before the catalog names them (syncfs(2)): once for all, not once a file.
fn sync(store: &Store) -> Result<()> {
    let path = store.data();
    let directory = std::fs::File::open(path).map_err(|e| Error::io("open", path, &e))?;
    nix::unistd::syncfs(std::os::fd::AsFd::as_fd(&directory))
        .map_err(|errno| Error::sys("write everything to", path, errno))
}

fn configuration(
    store: &Store,
    lease: &Lease,
    manifest: &Manifest,
    source: &dyn BlobSource,
) -> Result<Configuration> {
    let blob = &manifest.config;
    if store.blobs().size(&blob.digest).is_some() {
        return Configuration::parse(&store.blobs().read(&blob.digest)?);
    }
    if blob.size > MAX_DOCUMENT {
        return Err(Error::new(format!(
            "a configuration of {} bytes is refused: {MAX_DOCUMENT} are enough",
            blob.size
        )));
    }
    let mut bytes = Vec::new();
    source
        .open(blob, 0)?
        .reader
        .take(blob.size + 1)
        .read_to_end(&mut bytes)
        .map_err(|e| Error::io("read", "the configuration", &e))?;
    let config = verify(&bytes, blob.digest).and_then(|()| Configuration::parse(&bytes))?;
    store.lock()?.put_blob(lease, &bytes)?;
    Ok(config)
}

fn verify(bytes: &[u8], promised: Digest) -> Result<()> {
    let got = Digest::of(bytes);
    match got == promised {
        true => Ok(()),
        false => Err(mismatch("the configuration", promised, got)),
    }
}

/// Several at once. The first failure stops all.
fn install_layers(
    store: &Store,
    lease: &Lease,
    jobs: &[Job<'_>],
    source: &dyn BlobSource,
    observer: &dyn Observer,
) -> Result<()> {
    let (next, stop) = (AtomicUsize::new(0), AtomicBool::new(false));
    let failure = Mutex::new(None);
    let context = layer::Context {
        store,
        lease,
        source,
        observer,
        stop: &stop,
    };
    let work = || {
        while let Some(job) = jobs.get(next.fetch_add(1, Ordering::Relaxed)) {
            if stop.load(Ordering::Relaxed) {
                return;
            }
            if let Err(error) = install_layer(&context, job) {
                stop.store(true, Ordering::Relaxed);
                let mut first = failure.lock().unwrap_or_else(PoisonError::into_inner);
                first.get_or_insert(error);
            }
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..WORKERS.min(jobs.len()) {
            scope.spawn(work);
        }
    });
    let failure = failure.into_inner();
    failure
        .unwrap_or_else(PoisonError::into_inner)
        .map_or(Ok(()), Err)
}
