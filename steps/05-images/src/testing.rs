//! Images for tests, made in memory.

use std::collections::HashMap;
use std::io::{self, Read, Write};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use kit::{Error, Result};
use layers::digest::Digest;
use layers::tar::{Entry, Kind, Time, Writer};

use crate::compression::media_type;
use crate::install::{Installed, install, publish};
use crate::manifest::{Blob, Manifest, media};
use crate::source::{Blind, BlobSource, Stream};
use crate::store::Store;

/// A source with blobs, and faults.
#[derive(Default)]
pub(crate) struct Memory {
    pub(crate) blobs: HashMap<Digest, Vec<u8>>,
    /// Bytes after which a stream breaks; 0 is never.
    pub(crate) breaks_after: usize,
    /// It answers from the beginning, whatever it is asked for.
    pub(crate) cannot_resume: bool,
    /// How often it was opened, and from where the last time.
    pub(crate) opened: AtomicUsize,
    pub(crate) offsets: Mutex<Vec<u64>>,
}

impl Memory {
    pub(crate) fn add(&mut self, media_type: &str, bytes: Vec<u8>) -> Blob {
        let blob = Blob {
            media_type: media_type.to_owned(),
            digest: Digest::of(&bytes),
            size: bytes.len() as u64,
        };
        self.blobs.insert(blob.digest, bytes);
        blob
    }
}

impl BlobSource for Memory {
    fn open(&self, blob: &Blob, offset: u64) -> Result<Stream> {
        self.opened.fetch_add(1, Ordering::Relaxed);
        self.offsets.lock().unwrap().push(offset);
        let bytes = self.blobs.get(&blob.digest);
        let bytes = bytes.ok_or_else(|| Error::new("no such blob"))?;
        let offset = if self.cannot_resume { 0 } else { offset };
        let rest = bytes[offset as usize..].to_vec();
        let breaks = self.breaks_after > 0 && rest.len() > self.breaks_after;
        let reader: Box<dyn Read + Send> = match breaks {
            true => {
                let part = rest[..self.breaks_after].to_vec();
                Box::new(io::Cursor::new(part).chain(Broken))
            }
            false => Box::new(io::Cursor::new(rest)),
        };
        Ok(Stream { reader, offset })
    }
}

struct Broken;

impl Read for Broken {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        Err(io::Error::from(io::ErrorKind::ConnectionReset))
    }
}

/// An archive of files, by name and contents.
pub(crate) fn archive(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut writer = Writer::new(Vec::new());
    for (path, contents) in files {
        let entry = Entry {
            path: path.as_bytes().to_vec(),
            kind: Kind::File {
                size: contents.len() as u64,
            },
            mode: 0o644,
            uid: 0,
            gid: 0,
            mtime: Time::default(),
            xattrs: Default::default(),
        };
        writer.append_file(&entry, *contents).unwrap();
    }
    writer.finish().unwrap()
}

pub(crate) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// Puts an image of these archives into `source`; returns its manifest.
pub(crate) fn image(source: &mut Memory, archives: &[Vec<u8>], created: &str) -> Vec<u8> {
    let diff_ids: Vec<String> = archives.iter().map(|a| Digest::of(a).to_string()).collect();
    let config = serde_json::json!({
        "architecture": "amd64", "os": "linux", "created": created,
        "config": {"Cmd": ["sh"], "Labels": {"made": created}},
        "rootfs": {"type": "layers", "diff_ids": diff_ids},
        "history": [{"created": created, "created_by": "ADD file in /"}],
    });
    let gzip_type = media_type(layers::compression::Compression::Gzip);
    Manifest {
        config: source.add(media::CONFIG, config.to_string().into_bytes()),
        layers: archives
            .iter()
            .map(|archive| source.add(&gzip_type, gzip(archive)))
            .collect(),
    }
    .to_bytes()
}

/// Installs an image, under names.
pub(crate) fn add(store: &Store, source: &Memory, manifest: &[u8], names: &[&str]) -> Installed {
    let lease = store.lock().unwrap().lease().unwrap();
    let installed = install(store, &lease, manifest, source, &Blind).unwrap();
    let names = names.iter().map(|name| name.parse().unwrap()).collect();
    publish(store, &[(installed.clone(), names)]).unwrap();
    installed
}

/// An image of one file, named.
pub(crate) fn simple(store: &Store, name: &str, contents: &str, created: &str) -> Installed {
    let mut source = Memory::default();
    let archive = archive(&[("file", contents.as_bytes())]);
    let manifest = image(&mut source, &[archive], created);
    let names: &[&str] = if name.is_empty() { &[] } else { &[name] };
    add(store, &source, &manifest, names)
}
