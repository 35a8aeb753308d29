//! One layer: digest, decompression, unpacking and diff ID in one pass over the bytes as they come.

use std::io::{self, Read};
use std::sync::atomic::AtomicBool;

use kit::{Error, Result};
use layers::digest::{Digest, Digesting};
use layers::store::Staged;
use nix::errno::Errno;

use super::fetch::Fetch;
use super::mismatch::mismatch;
use crate::compression::decompress;
use crate::manifest::Blob;
use crate::source::{BlobSource, Event, Observer};
use crate::store::{Lease, Received, Store};

/// What all layers of an installation have in common.
pub(super) struct Context<'a> {
    pub(super) store: &'a Store,
    pub(super) lease: &'a Lease,
    pub(super) source: &'a dyn BlobSource,
    pub(super) observer: &'a dyn Observer,
    pub(super) stop: &'a AtomicBool,
}

/// A layer, and what it is to become.
pub(super) struct Job<'a> {
    pub(super) blob: &'a Blob,
    pub(super) diff_id: Digest,
    pub(super) chain_id: Digest,
}

pub(super) fn install_layer(context: &Context<'_>, job: &Job<'_>) -> Result<()> {
    let Context {
        store, observer, ..
    } = *context;
    let has_layer = || store.has_layer(&job.chain_id, &job.blob.digest);
    if has_layer()? && store.blobs().size(&job.blob.digest).is_some() {
        observer.layer(job.blob, Event::AlreadyExists);
        return Ok(());
    }
    observer.layer(job.blob, Event::Waiting);
    match store.blobs().receive(context.lease, &job.blob.digest)? {
        // Another layer with the same contents, or another process, has brought it meanwhile.
        Received::Whole if has_layer()? => {}
        Received::Whole => {
            let blob = store.blobs().open(&job.blob.digest)?;
            keep(store, job, unpack_whole(store, blob, job)?)?;
        }
        Received::Partial(partial) => {
            let is_resumed = partial.length() > 0;
            let mut fetch = Fetch::new(partial, job.blob, context.source, observer, context.stop);
            let mut staged = unpack(store, &mut fetch, job);
            if is_resumed && matches!(staged, Err(Failed::WrongBytes(_))) {
                // What an earlier attempt has left may be at fault: once more, from the beginning.
                fetch.partial.clear()?;
                staged = unpack(store, &mut fetch, job);
            }
            let staged = match (staged, fetch.error) {
                (Ok(staged), _) => staged,
                (Err(_), Some(error)) => return Err(error),
                (Err(Failed::WrongBytes(error)), None) => {
                    // They are no beginning for the next attempt.
                    fetch.partial.clear()?;
                    return Err(error);
                }
                (Err(Failed::Otherwise(error)), None) => return Err(error),
            };
            fetch.partial.keep()?;
            keep(store, job, staged)?;
        }
    }
    observer.layer(job.blob, Event::Complete);
    Ok(())
}

/// Why a layer could not be unpacked.
enum Failed {
    /// All bytes of the blob came, and they are not those that were promised.
    WrongBytes(Error),
    /// Anything else.
    Otherwise(Error),
}

impl From<Error> for Failed {
    fn from(error: Error) -> Self {
        Self::Otherwise(error)
    }
}

impl From<Failed> for Error {
    fn from(failed: Failed) -> Self {
        match failed {
            Failed::WrongBytes(error) | Failed::Otherwise(error) => error,
        }
    }
}

/// Shows the layer, with what is noted of it.
fn keep(store: &Store, job: &Job<'_>, staged: Staged) -> Result<()> {
    store
        .lock()?
        .note_layer(&job.chain_id, staged.unpacked.size, &job.blob.digest)?;
    store.layers()?.keep(staged, &job.chain_id)
}

/// Unpacks the blob that `input` delivers, where nobody sees it, and verifies both digests on the way: that of the
/// blob, which the manifest promises, and that of the archive in it, which the configuration promises.
// ANCHOR: unpack
fn unpack(store: &Store, input: impl Read, job: &Job<'_>) -> Result<Staged, Failed> {
    let mut blob = Digesting::new(input);
    let unpacked = stage(store, &mut blob);
    // To the end, also after an error: bytes that were not promised explain whatever else is wrong with them.
    let rest = io::copy(&mut blob, &mut io::sink());
    let (digest, length) = blob.finish();
    if rest.is_ok() && length >= job.blob.size && digest != job.blob.digest {
        let error = mismatch("a layer", job.blob.digest, digest);
        return Err(Failed::WrongBytes(error));
    }
    let (staged, diff_id) =
        unpacked.map_err(|error| error.within(format!("layer {}", job.blob.digest)))?;
    rest.map_err(|e| Error::io("read the layer", job.blob.digest.to_string(), &e))?;
    if length != job.blob.size {
        let error = Error::new(format!(
            "layer {} has {length} bytes, and the manifest says {}",
            job.blob.digest, job.blob.size
        ));
        return Err(error.into());
    }
    if diff_id != job.diff_id {
        return Err(mismatch("the archive in a layer", job.diff_id, diff_id).into());
    }
    Ok(staged)
}

/// The archive, where nobody sees it, and its digest.
fn stage(store: &Store, blob: impl Read) -> Result<(Staged, Digest)> {
    let mut archive = Digesting::new(decompress(blob)?);
    let staged = store.layers()?.stage(&mut archive);
    let staged = staged.map_err(|error| if_full(store, error))?;
    Ok((staged, archive.finish().0))
}
// ANCHOR_END: unpack

/// The error's own words name a file of the image: where the disk is full, it matters which disk.
fn if_full(store: &Store, error: Error) -> Error {
    match error.errno() {
        Some(Errno::ENOSPC | Errno::EDQUOT) => {
            error.within(format!("cannot unpack into {}", store.data().display()))
        }
        _ => error,
    }
}

/// The same of a blob that is in the store. Its own digest was verified when it was written; that of the archive in it
/// tells whether it is still the same.
fn unpack_whole(store: &Store, blob: impl Read, job: &Job<'_>) -> Result<Staged> {
    let (staged, diff_id) =
        stage(store, blob).map_err(|error| error.within(format!("layer {}", job.blob.digest)))?;
    match diff_id == job.diff_id {
        true => Ok(staged),
        false => Err(mismatch("the archive in a layer", job.diff_id, diff_id)),
    }
}
