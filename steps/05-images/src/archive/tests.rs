use std::collections::BTreeMap;

use kit::Result;
use layers::digest::Digest;
use layers::tar::{Entry, Kind, Reader, Time, Writer};
use serde_json::json;

use super::*;
use crate::manifest::media;
use crate::platform::Platform;
use crate::source::Blind;
use crate::store::Store;
use crate::testing::{Memory, add, archive, gzip, image, simple};

fn store() -> (tempfile::TempDir, Store) {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::new(dir.path());
    (dir, store)
}

fn read(store: &Store, bytes: &[u8]) -> Result<Vec<Loaded>> {
    load(
        store,
        bytes,
        Some(&"linux/amd64".parse::<Platform>()?),
        &Blind,
    )
}

fn saved(store: &Store, words: &[&str]) -> Vec<u8> {
    let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
    let mut bytes = Vec::new();
    save(store, &words, &mut bytes).unwrap();
    bytes
}

fn names(loaded: &Loaded) -> Vec<String> {
    loaded
        .names
        .iter()
        .map(crate::reference::Reference::familiar)
        .collect()
}

/// The files of an archive, to be changed and packed again.
fn files(bytes: &[u8]) -> BTreeMap<String, Vec<u8>> {
    let mut files = BTreeMap::new();
    let mut reader = Reader::new(bytes, LIMITS);
    while let Some(entry) = reader.next_entry().unwrap() {
        if matches!(entry.kind, Kind::File { .. }) {
            let mut contents = Vec::new();
            reader
                .copy(|_, bytes| {
                    contents.extend_from_slice(bytes);
                    Ok(())
                })
                .unwrap();
            files.insert(String::from_utf8(entry.path).unwrap(), contents);
        }
    }
    files
}

fn pack(files: &BTreeMap<String, Vec<u8>>) -> Vec<u8> {
    let all: Vec<(&str, &[u8])> = files
        .iter()
        .map(|(n, c)| (n.as_str(), c.as_slice()))
        .collect();
    archive(&all)
}

#[test]
fn what_is_saved_is_loaded_as_it_was() {
    let ((_one, from), (_two, to)) = (store(), store());
    let mut source = Memory::default();
    let layers = [archive(&[("a", b"1")]), archive(&[("b", b"22")])];
    let manifest = image(&mut source, &layers, "2024-01-01T00:00:00Z");
    let installed = add(&from, &source, &manifest, &["app:1", "host.io/app:2"]);
    simple(&from, "other", "x", "");
    let bytes = saved(&from, &["app:1", "host.io/app", "other"]);
    assert_eq!(bytes, saved(&from, &["app:1", "host.io/app", "other"]));

    let loaded = read(&to, &bytes).unwrap();
    assert_eq!(loaded.len(), 2);
    assert_eq!(loaded[0].id, installed.id);
    assert_eq!(names(&loaded[0]), ["app:1", "host.io/app:2"]);
    assert_eq!(names(&loaded[1]), ["other:latest"]);
    let record = &to.catalog().unwrap().images[&installed.id];
    assert_eq!(
        (record.manifest, record.size),
        (installed.record.manifest, 3)
    );
    assert_eq!(saved(&to, &["app:1"]), saved(&from, &["app:1"]));
    // The same as gzip; and each of the two formats alone.
    for (name, without) in [
        ("docker", &[INDEX, LAYOUT][..]),
        ("oci", &[DOCKER_MANIFEST]),
    ] {
        let (_dir, to) = store();
        let mut files = files(&bytes);
        files.retain(|path, _| !without.contains(&path.as_str()));
        let loaded = read(&to, &gzip(&pack(&files))).unwrap();
        assert!(
            loaded.iter().any(|loaded| loaded.id == installed.id),
            "{name}"
        );
        assert_eq!(to.catalog().unwrap().images.len(), 2, "{name}");
        let tags = loaded.iter().flat_map(names).count();
        assert_eq!(tags, 3, "{name}");
    }
}

#[test]
fn an_id_is_saved_without_a_name() {
    let ((_one, from), (_two, to)) = (store(), store());
    let installed = simple(&from, "app", "x", "");
    let loaded = read(&to, &saved(&from, &[&installed.id.short()])).unwrap();
    assert_eq!((loaded[0].id, names(&loaded[0]).len()), (installed.id, 0));
    assert!(save(&from, &["none".to_owned()], Vec::new()).is_err());
}

/// The form that `docker save` had until version 25: plain layers in directories, and links between them.
#[test]
fn older_archives_are_read() {
    let (_dir, to) = store();
    let layer = archive(&[("file", b"text")]);
    let diff_id = Digest::of(&layer).to_string();
    let config = json!({"architecture": "amd64", "os": "linux",
        "rootfs": {"type": "layers", "diff_ids": [diff_id, diff_id]}})
    .to_string();
    let manifest = json!([{"Config": "c.json", "RepoTags": ["app:1"],
        "Layers": ["one/layer.tar", "two/layer.tar"]}])
    .to_string();
    let mut writer = Writer::new(Vec::new());
    let mut add = |path: &str, kind: Kind, contents: &[u8]| {
        let entry = Entry {
            path: path.as_bytes().to_vec(),
            kind,
            mode: 0o644,
            uid: 0,
            gid: 0,
            mtime: Time::default(),
            xattrs: BTreeMap::new(),
        };
        writer.append_file(&entry, contents).unwrap();
    };
    let file = |contents: &[u8]| Kind::File {
        size: contents.len() as u64,
    };
    add("one/layer.tar", file(&layer), &layer);
    let target = b"../one/layer.tar".to_vec();
    add("two/layer.tar", Kind::Symlink { target }, b"");
    add("c.json", file(config.as_bytes()), config.as_bytes());
    add(
        "manifest.json",
        file(manifest.as_bytes()),
        manifest.as_bytes(),
    );
    let loaded = read(&to, &writer.finish().unwrap()).unwrap();
    assert_eq!(loaded[0].id.0, Digest::of(&config));
    assert_eq!(names(&loaded[0]), ["app:1"]);
}

#[test]
fn a_digest_in_the_index_is_taken_if_it_is_true() {
    let (_one, from) = store();
    let (_two, to) = store();
    simple(&from, "app", "x", "");
    let mut files = files(&saved(&from, &["app"]));
    files.remove(DOCKER_MANIFEST);
    let index: serde_json::Value = serde_json::from_slice(&files["index.json"]).unwrap();
    let digest = index["manifests"][0]["digest"].as_str().unwrap();
    let name = format!("app@{digest}");
    let text = index
        .to_string()
        .replace("docker.io/library/app:latest", &name);
    files.insert("index.json".to_owned(), text.into());
    let loaded = read(&to, &pack(&files)).unwrap();
    assert_eq!(names(&loaded[0]), [name]);
}

/// Each is refused, with a word that says why, and leaves nothing.
#[test]
fn hostile_archives_are_refused() {
    let (_one, from) = store();
    simple(&from, "app", "x", "");
    let good = files(&saved(&from, &["app"]));
    let blob = |wanted: &str| {
        let is_it = |c: &[u8]| String::from_utf8_lossy(c).contains(wanted);
        let all = good.iter().filter(|(path, _)| path.starts_with(BLOBS));
        all.filter(|(_, c)| is_it(c))
            .map(|(path, _)| path.clone())
            .next()
            .unwrap()
    };
    let (config, manifest) = (blob("\"rootfs\""), blob("\"layers\":[{"));
    let layer = good
        .keys()
        .find(|p| p.starts_with(BLOBS) && **p != config && **p != manifest);
    let layer = layer.unwrap().clone();
    type Spoil<'a> = Box<dyn Fn(&mut BTreeMap<String, Vec<u8>>) + 'a>;
    let docker = |text: &'static str| -> Spoil<'_> {
        Box::new(move |f| drop(f.insert(DOCKER_MANIFEST.to_owned(), text.into())))
    };
    let cases: Vec<(&str, Spoil<'_>, &str)> = vec![
        (
            "empty",
            Box::new(BTreeMap::clear),
            "neither manifest.json nor index.json",
        ),
        ("no images", docker("[]"), "holds no image"),
        (
            "promises a digest",
            Box::new(|f| {
                let digest = format!("app@sha256:{}", "0".repeat(64));
                let text = String::from_utf8(f[DOCKER_MANIFEST].clone()).unwrap();
                let text = text.replace("app:latest", &digest);
                assert!(text.contains(&digest));
                f.insert(DOCKER_MANIFEST.to_owned(), text.into());
            }),
            "invalid tag",
        ),
        (
            "promises a digest in the index",
            Box::new(|f| {
                let digest = format!("app@sha256:{}", "0".repeat(64));
                let text = String::from_utf8(f["index.json"].clone()).unwrap();
                let text = text.replace("docker.io/library/app:latest", &digest);
                assert!(text.contains(&digest), "{text}");
                f.insert("index.json".to_owned(), text.into());
                f.remove(DOCKER_MANIFEST);
            }),
            "invalid tag",
        ),
        (
            "no json",
            docker("{"),
            "manifest.json of the archive is damaged",
        ),
        (
            "leads out",
            docker(r#"[{"Config":"../../etc/passwd","Layers":[]}]"#),
            "has no ../../etc/passwd",
        ),
        (
            "absolute",
            docker(r#"[{"Config":"/etc/passwd","Layers":[]}]"#),
            "has no /etc/passwd",
        ),
        (
            "bad name",
            Box::new(|f| {
                let text = String::from_utf8(f[DOCKER_MANIFEST].clone()).unwrap();
                f.insert(
                    DOCKER_MANIFEST.to_owned(),
                    text.replace("app:latest", "App!").into(),
                );
            }),
            "invalid reference",
        ),
        (
            "no layer",
            Box::new(|f| drop(f.remove(&layer))),
            "has no blobs",
        ),
        (
            "no config",
            Box::new(|f| drop(f.remove(&config))),
            "has no blobs",
        ),
        (
            "other layer",
            Box::new(|f| drop(f.insert(layer.clone(), gzip(&archive(&[("x", b"evil")]))))),
            "promised",
        ),
        (
            "layer is a file",
            Box::new(|f| drop(f.insert(layer.clone(), b"nonsense".to_vec()))),
            "layer",
        ),
        (
            "outside",
            Box::new(|f| drop(f.insert("../../x".to_owned(), vec![1]))),
            "leads out of it",
        ),
    ];
    for (name, spoil, says) in cases {
        let (dir, to) = store();
        let mut files = good.clone();
        spoil(&mut files);
        let error = read(&to, &pack(&files)).unwrap_err().to_string();
        assert!(error.contains(says), "{name}: {error}");
        assert_eq!(to.catalog().unwrap(), Default::default(), "{name}");
        for directory in [
            "images/blobs/sha256",
            "images/downloads",
            "images/leases",
            "layers",
        ] {
            let entries = std::fs::read_dir(dir.path().join(directory));
            assert_eq!(entries.map_or(0, Iterator::count), 0, "{name}: {directory}");
        }
    }
    let (_dir, to) = store();
    let bytes = pack(&good);
    for cut in [0, 1, 511, 600, bytes.len() / 3] {
        assert!(read(&to, &bytes[..cut]).is_err(), "{cut}");
    }
    assert_eq!(to.catalog().unwrap(), Default::default());
}

/// One of two images is damaged: none is there.
#[test]
fn an_archive_is_loaded_whole_or_not_at_all() {
    let ((_one, from), (_two, to)) = (store(), store());
    simple(&from, "good", "good", "");
    let bad = simple(&from, "zbad", "bad", "");
    let mut files = files(&saved(&from, &["good", "zbad"]));
    files.remove(&format!("{BLOBS}{}", bad.id.0.hex()));
    assert!(read(&to, &pack(&files)).is_err());
    assert_eq!(to.catalog().unwrap(), Default::default());
}

/// Such as a signature, which BuildKit puts beside an image.
#[test]
fn what_is_for_another_platform_is_passed_over() {
    let ((_one, from), (_two, to)) = (store(), store());
    let installed = simple(&from, "app", "x", "");
    let mut files = files(&saved(&from, &["app"]));
    files.remove(DOCKER_MANIFEST);
    let mut index: serde_json::Value = serde_json::from_slice(&files[INDEX]).unwrap();
    let mut other = index["manifests"][0].clone();
    other["digest"] = json!(Digest::of("not there").to_string());
    other["platform"] = json!({"os": "unknown", "architecture": "unknown"});
    index["manifests"].as_array_mut().unwrap().push(other);
    files.insert(INDEX.to_owned(), index.to_string().into_bytes());
    let loaded = read(&to, &pack(&files)).unwrap();
    assert_eq!(
        loaded.iter().map(|l| l.id).collect::<Vec<_>>(),
        [installed.id]
    );
    index["manifests"].as_array_mut().unwrap().remove(0);
    files.insert(INDEX.to_owned(), index.to_string().into_bytes());
    let error = read(&to, &pack(&files)).unwrap_err().to_string();
    assert!(error.contains("no matching manifest"), "{error}");
}

#[test]
fn of_an_index_in_the_index_the_platform_is_chosen() {
    let ((_one, from), (_two, to)) = (store(), store());
    let installed = simple(&from, "app", "x", "");
    let mut files = files(&saved(&from, &["app"]));
    files.remove(DOCKER_MANIFEST);
    let mut index: serde_json::Value = serde_json::from_slice(&files[INDEX]).unwrap();
    let inner = index.to_string();
    let digest = Digest::of(&inner);
    files.insert(
        format!("{BLOBS}{}", digest.hex()),
        inner.clone().into_bytes(),
    );
    index["manifests"][0] =
        json!({"mediaType": media::INDEX, "digest": digest.to_string(), "size": inner.len()});
    files.insert(INDEX.to_owned(), index.to_string().into_bytes());
    assert_eq!(read(&to, &pack(&files)).unwrap()[0].id, installed.id);
    let other: Platform = "linux/s390x".parse().unwrap();
    let error = load(&to, &pack(&files)[..], Some(&other), &Blind).unwrap_err();
    assert!(
        error.to_string().contains("no matching manifest"),
        "{error}"
    );
}

mod writings;
