//! Blobs: files named by their digest, written once.

use std::fs::File;
use std::io::{ErrorKind, Read, Write};
use std::path::{Path, PathBuf};

use kit::{Error, Result};
use layers::digest::Digest;
use sha2::{Digest as _, Sha256};

use super::files::{names, remove, sync_directory, unwritten};
use super::held::Lease;
use super::partial::{Partial, Received};

/// Bytes that a manifest or a configuration may have: more than any registry takes, and little enough to hold.
pub const MAX_DOCUMENT: u64 = 8 << 20;

/// How the files begin that have no digest yet.
const NAMELESS: &str = ".tmp-";

/// Content by its digest.
#[derive(Debug)]
pub struct Blobs {
    whole: PathBuf,
    downloads: PathBuf,
}

impl Blobs {
    pub(super) fn new(root: &Path) -> Self {
        Self {
            whole: root.join("blobs/sha256"),
            downloads: root.join("downloads"),
        }
    }

    /// How many bytes the blob has, if it is here, whole.
    pub fn size(&self, digest: &Digest) -> Option<u64> {
        std::fs::metadata(self.path(digest)).ok().map(|m| m.len())
    }

    /// The blob as a stream. It was verified when it was written; who must be sure reads it through
    /// [`Digesting`](layers::digest::Digesting).
    ///
    /// # Errors
    /// It is not here.
    pub fn open(&self, digest: &Digest) -> Result<File> {
        let path = self.path(digest);
        File::open(&path).map_err(|e| match e.kind() {
            ErrorKind::NotFound => Error::new(format!("the store has no blob {digest}")),
            _ => Error::io("open the blob", &path, &e),
        })
    }

    /// A manifest or a configuration, verified again.
    ///
    /// # Errors
    /// It is not here, is larger than [`MAX_DOCUMENT`], or has been changed.
    pub fn read(&self, digest: &Digest) -> Result<Vec<u8>> {
        let mut bytes = Vec::new();
        self.open(digest)?
            .take(MAX_DOCUMENT + 1)
            .read_to_end(&mut bytes)
            .map_err(|e| Error::io("read the blob", self.path(digest), &e))?;
        if bytes.len() as u64 > MAX_DOCUMENT {
            return Err(Error::new(format!(
                "{digest} has more than {MAX_DOCUMENT} bytes, which no manifest or configuration has"
            )));
        }
        if Digest::of(&bytes) != *digest {
            return Err(Error::new(format!(
                "{} is damaged: its contents are not those of {digest}",
                self.path(digest).display()
            ))
            .hint("remove the image that it belongs to, and fetch it again"));
        }
        Ok(bytes)
    }

    /// For a stream of which the digest is not known before its end; it is a blob once [`Nameless::keep`] is called.
    ///
    /// # Errors
    /// What the file system refuses.
    pub fn nameless(&self) -> Result<Nameless> {
        let fails = |e: &std::io::Error| Error::io("make a temporary file in", &self.downloads, e);
        loop {
            let file = tempfile::NamedTempFile::with_prefix_in(NAMELESS, &self.downloads)
                .map_err(|e| fails(&e))?;
            // As with a download, the lock tells a sweep that somebody is at work.
            file.as_file().lock().map_err(|e| fails(&e))?;
            if file.path().exists() {
                return Ok(Nameless {
                    file,
                    hasher: Sha256::new(),
                });
            }
        }
    }

    /// What has come of a blob so far, to be continued. Whoever else fetches the same blob is waited for.
    ///
    /// # Errors
    /// What the file system refuses.
    pub fn receive(&self, lease: &Lease, digest: &Digest) -> Result<Received> {
        lease.demand(digest)?;
        Partial::open(&self.downloads.join(digest.hex()), self.path(digest))
    }

    /// The digests of all blobs, in order.
    pub(super) fn list(&self) -> Result<Vec<Digest>> {
        Ok(names(&self.whole)?
            .iter()
            .filter_map(|name| format!("sha256:{name}").parse().ok())
            .collect())
    }

    /// Removes a blob that nobody needs; returns its size.
    pub(super) fn delete(&self, digest: &Digest) -> Result<u64> {
        let size = self.size(digest).unwrap_or(0);
        remove(&self.path(digest))?;
        Ok(size)
    }

    /// Removes what is left of downloads that nobody continues.
    pub(super) fn sweep(&self) -> Result<()> {
        self.sweep_those(|_| true)
    }

    /// The same of those that nobody can continue, since it is not known what they were to be.
    pub(super) fn sweep_nameless(&self) -> Result<()> {
        self.sweep_those(|name| name.starts_with(NAMELESS))
    }

    fn sweep_those(&self, wanted: impl Fn(&str) -> bool) -> Result<()> {
        for name in names(&self.downloads)? {
            if !wanted(&name) {
                continue;
            }
            let path = self.downloads.join(&name);
            let is_idle = File::open(&path).is_ok_and(|file| file.try_lock().is_ok());
            if is_idle {
                remove(&path)?;
            }
        }
        Ok(())
    }

    pub(super) fn path(&self, digest: &Digest) -> PathBuf {
        self.whole.join(digest.hex())
    }
}

/// A stream in the making; dropped, it is gone.
#[derive(Debug)]
pub struct Nameless {
    file: tempfile::NamedTempFile,
    hasher: Sha256,
}

impl Nameless {
    /// The digest of what has been written.
    pub fn digest(&self) -> Result<Digest> {
        format!("sha256:{:x}", self.hasher.clone().finalize()).parse()
    }

    /// Adds `bytes`.
    ///
    /// # Errors
    /// What the file system refuses.
    pub fn append(&mut self, bytes: &[u8]) -> Result<()> {
        self.file
            .as_file_mut()
            .write_all(bytes)
            .map_err(|e| unwritten(self.file.path(), &e))?;
        self.hasher.update(bytes);
        Ok(())
    }

    /// Shows it as a blob.
    ///
    /// # Errors
    /// What the file system refuses.
    pub fn keep(self, blobs: &Blobs, lease: &Lease) -> Result<()> {
        let digest = self.digest()?;
        lease.demand(&digest)?;
        if blobs.size(&digest).is_some() {
            return Ok(());
        }
        let path = blobs.path(&digest);
        let fails = |e: &std::io::Error| Error::io("keep the blob", &path, e);
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o644);
        let file = self.file.as_file();
        file.set_permissions(mode)
            .and_then(|()| file.sync_all())
            .map_err(|e| fails(&e))?;
        self.file.persist(&path).map_err(|e| fails(&e.error))?;
        sync_directory(&blobs.whole)
    }
}
