//! Importing: a file system in an archive becomes an image of one layer.

use std::io::{BufRead, BufReader, ErrorKind, Read};

use jiff::Timestamp;
use kit::{Error, Result};

use crate::change::Change;
use crate::compression::{decompress, media_type, recognise};
use crate::config::{Configuration, Process, RootFs, Step};
use crate::id::ImageId;
use crate::install::{install, publish};
use crate::manifest::{Blob, Manifest, media};
use crate::platform::Platform;
use crate::reference::Reference;
use crate::source::{Blind, Nowhere};
use crate::store::{Nameless, Store};

/// What an imported image is to be.
#[derive(Clone, Debug)]
pub struct Import {
    /// Its name, perhaps.
    pub name: Option<Reference>,
    /// Changes to its configuration.
    pub changes: Vec<Change>,
    /// A comment for its history.
    pub message: String,
    /// What it is for.
    pub platform: Platform,
}

/// Makes an image of the archive `input`, which may be compressed. The archive is kept as it is.
///
/// # Errors
/// It is not an archive, or a hostile one.
pub fn import(store: &Store, input: impl Read, options: &Import) -> Result<ImageId> {
    let result = import_leased(store, input, options);
    match result {
        Ok(id) => Ok(id),
        Err(error) => {
            // What came of it. The lease is given back by now, and the first error is the one to tell.
            let _ = store.lock().and_then(|locked| locked.collect());
            Err(error)
        }
    }
}

fn import_leased(store: &Store, input: impl Read, options: &Import) -> Result<ImageId> {
    let lease = store.lock()?.lease()?;
    let (archive, blob) = receive(store, input)?;
    store.lock()?.extend(&lease, [blob.digest])?;
    archive.keep(store.blobs(), &lease)?;
    let diff_id = diff_id(store, &blob)?;

    let config = configuration(options, &diff_id)?.to_bytes()?;
    let config_blob = Blob {
        media_type: media::CONFIG.to_owned(),
        digest: layers::digest::Digest::of(&config),
        size: config.len() as u64,
    };
    let locked = store.lock()?;
    locked.extend(&lease, [config_blob.digest])?;
    locked.put_blob(&lease, &config)?;
    drop(locked);
    let manifest = Manifest {
        config: config_blob,
        layers: vec![blob],
    };
    let installed = install(store, &lease, &manifest.to_bytes(), &Nowhere, &Blind)?;
    let id = installed.id;
    let names: Vec<Reference> = options.name.iter().cloned().collect();
    publish(store, &[(installed, names)])?;
    Ok(id)
}

fn receive(store: &Store, input: impl Read) -> Result<(Nameless, Blob)> {
    let mut input = BufReader::with_capacity(1 << 16, input);
    let compression = recognise(&mut input)?;
    let mut nameless = store.blobs().nameless()?;
    let mut size = 0;
    loop {
        let bytes = match input.fill_buf() {
            Err(e) if e.kind() == ErrorKind::Interrupted => continue,
            bytes => bytes.map_err(|e| Error::io("read", "the archive", &e))?,
        };
        let length = bytes.len();
        if length == 0 {
            break;
        }
        nameless.append(bytes)?;
        input.consume(length);
        size += length as u64;
    }
    if size == 0 {
        return Err(Error::new("the archive is empty"));
    }
    let blob = Blob {
        media_type: media_type(compression),
        digest: nameless.digest()?,
        size,
    };
    Ok((nameless, blob))
}

/// Of what is in the store as it came.
fn diff_id(store: &Store, blob: &Blob) -> Result<String> {
    let mut archive =
        layers::digest::Digesting::new(decompress(store.blobs().open(&blob.digest)?)?);
    std::io::copy(&mut archive, &mut std::io::sink())
        .map_err(|e| Error::io("read", "the archive", &e))?;
    Ok(archive.finish().0.to_string())
}

fn configuration(options: &Import, diff_id: &str) -> Result<Configuration> {
    let now = Some(Timestamp::now().to_string());
    let mut process = Process::default();
    for change in &options.changes {
        change.apply(&mut process)?;
    }
    Ok(Configuration {
        created: now.clone(),
        architecture: options.platform.architecture.clone(),
        variant: options.platform.variant.clone(),
        os: options.platform.os.clone(),
        comment: options.message.clone(),
        config: Some(process),
        rootfs: RootFs {
            kind: "layers".to_owned(),
            diff_ids: vec![diff_id.to_owned()],
        },
        history: Some(vec![Step {
            created: now,
            comment: Some(options.message.clone()),
            ..Step::default()
        }]),
        ..Configuration::default()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::Image;
    use crate::testing::{archive, gzip};

    fn options() -> Import {
        Import {
            name: Some("fs:1".parse().unwrap()),
            changes: vec!["CMD [\"sh\"]".parse().unwrap()],
            message: "Imported from -".to_owned(),
            platform: Platform::host(),
        }
    }

    #[test]
    fn an_archive_becomes_an_image() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::new(dir.path());
        let plain = archive(&[("etc/x", b"text")]);
        let mut chains = Vec::new();
        for bytes in [plain.clone(), gzip(&plain)] {
            let id = import(&store, &bytes[..], &options()).unwrap();
            let catalog = store.catalog().unwrap();
            assert_eq!(catalog.get(&"fs:1".parse().unwrap()), Some(id));
            let image = Image::read(&store, id, &catalog.images[&id]).unwrap();
            assert_eq!(
                image.config.config.as_ref().unwrap().cmd.as_ref().unwrap(),
                &["sh"]
            );
            assert_eq!(image.record.size, 4);
            chains.push(image.chain_ids().to_vec());
        }
        assert_eq!(chains[0], chains[1]);
    }

    #[test]
    fn what_is_no_archive_leaves_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::new(dir.path());
        let evil = archive(&[("../x", b"")]);
        for bytes in [&b""[..], b"nonsense", b"BZh9", &evil] {
            assert!(import(&store, bytes, &options()).is_err());
        }
        assert_eq!(store.catalog().unwrap(), Default::default());
        for directory in ["images/blobs/sha256", "images/downloads", "layers"] {
            let entries = std::fs::read_dir(dir.path().join(directory));
            assert_eq!(entries.map_or(0, Iterator::count), 0, "{directory}");
        }
    }
}
