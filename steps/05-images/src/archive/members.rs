//! The files of an archive, each of which becomes a blob as it passes.

use std::collections::HashMap;
use std::io::{BufReader, Read};
use std::thread::{Scope, ScopedJoinHandle};

use kit::{Error, Result};
use layers::digest::Digest;
use layers::tar::{Kind, Reader};

use super::LIMITS;
use crate::compression::{media_type, recognise};
use crate::manifest::Blob;
use crate::store::{Lease, MAX_DOCUMENT, Nameless, Store};

/// The files of an archive: which blob each of them has become.
pub(super) struct Members<'a> {
    pub(super) store: &'a Store,
    files: HashMap<String, Member>,
    /// Older archives name a layer that two images share by a symbolic link.
    links: HashMap<String, String>,
}

#[derive(Clone, Copy)]
pub(super) struct Member {
    pub(super) digest: Digest,
    pub(super) size: u64,
}

impl<'a> Members<'a> {
    pub(super) fn read(store: &'a Store, lease: &Lease, archive: impl Read) -> Result<Self> {
        std::thread::scope(|scope| {
            let mut keeper = Keeper {
                scope,
                store,
                lease,
                last: None,
            };
            let members = Self::pass(store, archive, &mut keeper)?;
            keeper.finish()?;
            Ok(members)
        })
    }

    fn pass(store: &'a Store, archive: impl Read, keeper: &mut Keeper<'_, '_>) -> Result<Self> {
        let mut members = Self {
            store,
            files: HashMap::new(),
            links: HashMap::new(),
        };
        let mut reader = Reader::new(BufReader::with_capacity(1 << 16, archive), LIMITS);
        while let Some(entry) = reader.next_entry()? {
            // Names are keys here, and never paths of the host; one that is not text is nobody's.
            let Some(path) = std::str::from_utf8(&entry.path).ok().and_then(normal) else {
                return Err(Error::new(format!(
                    "the archive has a member {}, which leads out of it",
                    entry.path.escape_ascii()
                )));
            };
            match entry.kind {
                Kind::File { size } => {
                    let member = keeper
                        .take(&mut reader, size)
                        .map_err(|error| error.within(format!("{path} of the archive")))?;
                    if members.files.insert(path.clone(), member).is_some() {
                        return Err(Error::new(format!("the archive has {path} twice")));
                    }
                }
                Kind::Symlink { target } | Kind::HardLink { target } => {
                    let target = String::from_utf8_lossy(&target).into_owned();
                    members.links.insert(path, target);
                }
                Kind::Directory => {}
                _ => {
                    return Err(Error::new(format!(
                        "the archive has {path}, which is neither a file, a directory nor a link"
                    )));
                }
            }
        }
        Ok(members)
    }

    pub(super) fn get(&self, path: &str) -> Result<Member> {
        let missing = || Error::new(format!("the archive has no {path}"));
        let key = normal(path).ok_or_else(missing)?;
        if let Some(member) = self.files.get(&key) {
            return Ok(*member);
        }
        // One link and no more: no archive has ever had a link to a link.
        let target = self.links.get(&key).ok_or_else(missing)?;
        let beside = key.rsplit_once('/').map_or("", |(directory, _)| directory);
        let candidates = [normal(&format!("{beside}/{target}")), normal(target)];
        let found = candidates
            .iter()
            .flatten()
            .find_map(|key| self.files.get(key));
        found.copied().ok_or_else(missing)
    }

    pub(super) fn document(&self, path: &str) -> Result<Option<Vec<u8>>> {
        match self.files.get(path) {
            Some(member) if member.size > MAX_DOCUMENT => Err(Error::new(format!(
                "{path} of the archive has {} bytes, and {MAX_DOCUMENT} are enough",
                member.size
            ))),
            Some(member) => self.store.blobs().read(&member.digest).map(Some),
            None => Ok(None),
        }
    }

    /// A layer, by its path, with the media type that its first bytes tell.
    pub(super) fn layer(&self, path: &str) -> Result<Blob> {
        let member = self.get(path)?;
        let mut file = BufReader::new(self.store.blobs().open(&member.digest)?);
        let compression = recognise(&mut file).map_err(|error| error.within(path))?;
        Ok(Blob {
            media_type: media_type(compression),
            digest: member.digest,
            size: member.size,
        })
    }
}

/// The path without `.`, and with `..` taken at its word; `None` if it leads out.
fn normal(path: &str) -> Option<String> {
    let mut parts = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop()?;
            }
            part => parts.push(part),
        }
    }
    Some(parts.join("/"))
}

/// Makes blobs of the files of an archive. While one is on its way to the disk (fsync(2)), the next is read.
struct Keeper<'scope, 'env> {
    scope: &'scope Scope<'scope, 'env>,
    store: &'env Store,
    lease: &'env Lease,
    last: Option<ScopedJoinHandle<'scope, Result<()>>>,
}

impl Keeper<'_, '_> {
    fn take<R: Read>(&mut self, reader: &mut Reader<R>, size: u64) -> Result<Member> {
        let (store, lease) = (self.store, self.lease);
        let nameless = receive(store, reader, size)?;
        let digest = nameless.digest()?;
        store.lock()?.extend(lease, [digest])?;
        self.finish()?;
        let keep = move || nameless.keep(store.blobs(), lease);
        self.last = Some(self.scope.spawn(keep));
        Ok(Member { digest, size })
    }

    /// Waits until the last blob is kept.
    fn finish(&mut self) -> Result<()> {
        match self.last.take().map(ScopedJoinHandle::join) {
            None => Ok(()),
            Some(Ok(kept)) => kept,
            Some(Err(panic)) => std::panic::resume_unwind(panic),
        }
    }
}

/// One file of the archive, not yet a blob.
fn receive<R: Read>(store: &Store, reader: &mut Reader<R>, size: u64) -> Result<Nameless> {
    let mut nameless = store.blobs().nameless()?;
    let mut end = 0;
    reader.copy(|offset, bytes| {
        if offset != end {
            return Err(Error::new("it is sparse, which no archive of images needs"));
        }
        end += bytes.len() as u64;
        nameless.append(bytes)
    })?;
    if end != size {
        return Err(Error::new("it is sparse, which no archive of images needs"));
    }
    Ok(nameless)
}
