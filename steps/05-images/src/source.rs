//! Where blobs come from: a registry, an archive. What is done with them is the same for all.

use std::io::Read;

use kit::{Error, Result};

use crate::manifest::Blob;

/// Something that has blobs.
pub trait BlobSource: Sync {
    /// Opens a blob, if possible from `offset` on; the answer says where it begins.
    ///
    /// # Errors
    /// The source does not have it, or cannot be reached.
    fn open(&self, blob: &Blob, offset: u64) -> Result<Stream>;
}

/// A blob on its way. It is not to be trusted: whoever reads it verifies it.
pub struct Stream {
    /// The bytes.
    pub reader: Box<dyn Read + Send>,
    /// Where they begin: where it was asked for, or at 0.
    pub offset: u64,
}

impl std::fmt::Debug for Stream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Stream")
            .field("offset", &self.offset)
            .finish_non_exhaustive()
    }
}

/// For what must be in the store already.
#[derive(Clone, Copy, Debug)]
pub struct Nowhere;

impl BlobSource for Nowhere {
    fn open(&self, blob: &Blob, _offset: u64) -> Result<Stream> {
        Err(Error::new(format!("the blob {} is missing", blob.digest))
            .hint("the archive is incomplete: it was cut, or made without all of its layers"))
    }
}

/// What is told of an installation, as it goes on; from several threads at once.
pub trait Observer: Sync {
    /// Something has happened to a layer.
    fn layer(&self, layer: &Blob, event: Event);
}

/// What has happened to a layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// It is to be fetched, and waits for its turn.
    Waiting,
    /// It is in the store.
    AlreadyExists,
    /// So many bytes of it have come, and been unpacked.
    Received(u64),
    /// It is verified, and in the store.
    Complete,
}

/// An observer that does not look.
#[derive(Clone, Copy, Debug)]
pub struct Blind;

impl Observer for Blind {
    fn layer(&self, _layer: &Blob, _event: Event) {}
}
