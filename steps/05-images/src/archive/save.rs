//! Writing an archive.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read, Write};

use kit::{Error, Result};
use layers::digest::{Digest, Digesting};
use layers::tar::{Entry, Kind, Time, Writer};
use serde_json::json;

use super::{BLOBS, DOCKER_MANIFEST, DockerImage, FULL_NAME, INDEX, LAYOUT, REF_NAME};
use crate::find::{Found, find};
use crate::id::ImageId;
use crate::image::Image;
use crate::manifest::{media, own_media_type};
use crate::reference::Reference;
use crate::store::{Lease, Store};

/// Writes the images that `words` mean to `output`. An image that is named keeps that name; a name without a tag means
/// all tags of the repository, and one by its id is saved without a name.
///
/// # Errors
/// There is no such image, or its content is damaged, or `output` cannot be written.
pub fn save(store: &Store, words: &[String], output: impl Write) -> Result<()> {
    let (images, _lease) = images(store, words)?;
    let mut writer = Writer::new(output);
    let add = |writer: &mut Writer<_>, path: &str, text: String| {
        let contents = text.as_bytes();
        writer.append_file(&file(path, contents.len() as u64), contents)
    };
    for name in ["blobs", "blobs/sha256"] {
        writer.append(&entry(name, Kind::Directory, 0o755))?;
    }
    for digest in blobs(&images) {
        add_blob(store, &mut writer, &digest)?;
    }
    let index: Vec<_> = images.iter().flat_map(index_entries).collect();
    let index = json!({"schemaVersion": 2, "mediaType": media::INDEX, "manifests": index});
    let docker: Vec<DockerImage> = images.iter().map(docker_entry).collect();
    add(&mut writer, INDEX, index.to_string())?;
    add(&mut writer, DOCKER_MANIFEST, json!(docker).to_string())?;
    let layout = json!({"imageLayoutVersion": "1.0.0"});
    add(&mut writer, LAYOUT, layout.to_string())?;
    writer
        .finish()?
        .flush()
        .map_err(|e| Error::io("write", "the archive", &e))
}

struct Saved {
    image: Image,
    names: Vec<Reference>,
    manifest_type: String,
    manifest_size: u64,
}

/// What is to be saved, and a lease, so that nobody removes it meanwhile.
fn images(store: &Store, words: &[String]) -> Result<(Vec<Saved>, Lease)> {
    let locked = store.lock()?;
    let catalog = locked.catalog()?;
    let mut wanted: Vec<(ImageId, BTreeSet<Reference>)> = Vec::new();
    let mut want = |id: ImageId, name: Option<Reference>| {
        let at = wanted.iter().position(|(other, _)| *other == id);
        let at = at.unwrap_or_else(|| {
            wanted.push((id, BTreeSet::new()));
            wanted.len() - 1
        });
        wanted[at].1.extend(name);
    };
    for word in words {
        let name: Option<Reference> = word.parse().ok();
        let repository = name.filter(Reference::is_name_only);
        let tags: Vec<_> = catalog
            .all_references()
            .filter(|(other, _)| other.tag().is_some())
            .filter(|(other, _)| {
                repository
                    .as_ref()
                    .is_some_and(|r| r.name() == other.name())
            })
            .collect();
        if !tags.is_empty() {
            for (name, id) in tags {
                want(id, Some(name));
            }
            continue;
        }
        match find(&catalog, word)? {
            Found::Name(name, id) => want(id, name.tag().is_some().then_some(name)),
            Found::Id(id) => want(id, None),
        }
    }
    let lease = locked.lease()?;
    let mut images = Vec::new();
    for (id, names) in wanted {
        let image = Image::read(store, id, &catalog.images[&id])?;
        locked.extend(&lease, image.content())?;
        let manifest = store.blobs().read(&image.record.manifest)?;
        images.push(Saved {
            image,
            names: names.into_iter().collect(),
            manifest_type: own_media_type(&manifest),
            manifest_size: manifest.len() as u64,
        });
    }
    Ok((images, lease))
}

/// Each once, in order.
fn blobs(images: &[Saved]) -> BTreeSet<Digest> {
    let of = |saved: &Saved| {
        let manifest = &saved.image.manifest;
        let layers = manifest.layers.iter().map(|layer| layer.digest);
        let documents = [saved.image.record.manifest, manifest.config.digest];
        documents.into_iter().chain(layers).collect::<Vec<_>>()
    };
    images.iter().flat_map(of).collect()
}

/// Verified while it is copied: a damaged store must not become a damaged archive.
fn add_blob(store: &Store, writer: &mut Writer<impl Write>, digest: &Digest) -> Result<()> {
    let size = store.blobs().size(digest).unwrap_or(0);
    let mut contents = Digesting::new(store.blobs().open(digest)?);
    let path = format!("{BLOBS}{}", digest.hex());
    writer.append_file(&file(&path, size), contents.by_ref())?;
    match contents.finish().0 {
        same if same == *digest => Ok(()),
        _ => Err(Error::new(format!("the store's blob {digest} is damaged"))
            .hint("remove the image, and fetch it again")),
    }
}

/// One for each name, as containerd and Docker write it.
fn index_entries(saved: &Saved) -> Vec<serde_json::Value> {
    let Image { record, config, .. } = &saved.image;
    let platform = config.platform();
    let mut words = BTreeMap::from([("os", platform.os), ("architecture", platform.architecture)]);
    words.extend(platform.variant.map(|variant| ("variant", variant)));
    let entry = |annotations: Option<BTreeMap<&str, String>>| {
        let mut entry = json!({
            "mediaType": saved.manifest_type,
            "digest": record.manifest.to_string(),
            "size": saved.manifest_size,
            "platform": words,
        });
        if let Some(annotations) = annotations {
            entry["annotations"] = json!(annotations);
        }
        entry
    };
    let named = |name: &Reference| {
        entry(Some(BTreeMap::from([
            (FULL_NAME, name.to_string()),
            (REF_NAME, name.tag().unwrap_or_default().to_owned()),
        ])))
    };
    match saved.names[..] {
        [] => vec![entry(None)],
        _ => saved.names.iter().map(named).collect(),
    }
}

fn docker_entry(saved: &Saved) -> DockerImage {
    let path = |digest: &Digest| format!("{BLOBS}{}", digest.hex());
    let names = saved.names.iter().map(Reference::familiar);
    DockerImage {
        config: path(&saved.image.id.0),
        repo_tags: (!saved.names.is_empty()).then(|| names.collect()),
        layers: saved
            .image
            .manifest
            .layers
            .iter()
            .map(|layer| path(&layer.digest))
            .collect(),
    }
}

fn file(path: &str, size: u64) -> Entry {
    entry(path, Kind::File { size }, 0o644)
}

/// Always the same, so that the same images are the same archive.
fn entry(path: &str, kind: Kind, mode: u32) -> Entry {
    Entry {
        path: path.as_bytes().to_vec(),
        kind,
        mode,
        uid: 0,
        gid: 0,
        mtime: Time::default(),
        xattrs: BTreeMap::new(),
    }
}
