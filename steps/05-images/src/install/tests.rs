use std::sync::atomic::Ordering;

use layers::digest::Digest;

use super::*;
use crate::image::Image;
use crate::manifest::Blob;
use crate::source::{Blind, Event};
use crate::testing::{Memory, add, archive, gzip, image};

fn try_install(store: &Store, source: &Memory, manifest: &[u8]) -> Result<Installed> {
    let lease = store.lock()?.lease()?;
    install(store, &lease, manifest, source, &Blind)
}

fn noise(length: usize) -> Vec<u8> {
    let mut state = 1u32;
    let next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    };
    std::iter::repeat_with(next).take(length).collect()
}

#[test]
fn an_image_is_there_with_its_layers_under_its_name() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::new(dir.path());
    let mut source = Memory::default();
    let same = archive(&[("same", b"same")]);
    let layers = [archive(&[("file", b"text")]), same.clone(), same];
    let manifest = image(&mut source, &layers, "2024-01-01T00:00:00Z");
    let installed = add(&store, &source, &manifest, &["alpine:3"]);

    let catalog = store.catalog().unwrap();
    assert_eq!(
        catalog.get(&"alpine:3".parse().unwrap()),
        Some(installed.id)
    );
    let record = &catalog.images[&installed.id];
    assert_eq!((record.size, record.created), (12, Some(1_704_067_200)));
    let image = Image::read(&store, installed.id, record).unwrap();
    let chain = image.chain_ids();
    assert_eq!(chain.len(), 3);
    let file = store.layers().unwrap().open(&chain[0]).unwrap();
    assert_eq!(std::fs::read(file.path().join("file")).unwrap(), b"text");
    assert!(store.lock().unwrap().collect().unwrap().layers.is_empty());

    // Once more, and nothing is asked for.
    let before = source.opened.load(Ordering::Relaxed);
    assert_eq!(
        try_install(&store, &source, &manifest).unwrap().id,
        installed.id
    );
    assert_eq!(source.opened.load(Ordering::Relaxed), before);
}

#[test]
fn a_broken_connection_goes_on_where_it_broke() {
    for cannot_resume in [false, true] {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::new(dir.path());
        let mut source = Memory::default();
        let noise = noise(300_000);
        let manifest = image(&mut source, &[archive(&[("noise", &noise)])], "");
        source.breaks_after = 140_000;
        source.cannot_resume = cannot_resume;
        let result = try_install(&store, &source, &manifest);
        let offsets = source.offsets.lock().unwrap().clone();
        if cannot_resume {
            // It always breaks at the same place: given up, and what came is kept.
            let error = result.unwrap_err().to_string();
            assert!(
                error.contains("ECONNRESET") || error.contains("reset"),
                "{error}"
            );
            source.breaks_after = 0;
            try_install(&store, &source, &manifest).unwrap();
        } else {
            result.unwrap();
            assert_eq!(offsets, [0, 0, 140_000, 280_000]);
        }
        assert_eq!(
            std::fs::read_dir(dir.path().join("images/downloads"))
                .unwrap()
                .count(),
            0
        );
    }
}

#[test]
fn what_is_left_of_an_attempt_is_used_and_verified() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::new(dir.path());
    let mut source = Memory::default();
    let noise = noise(100_000);
    let manifest = image(&mut source, &[archive(&[("noise", &noise)])], "");
    let layer = match Document::parse(&manifest, None).unwrap() {
        Document::Manifest(manifest) => manifest.layers[0].clone(),
        Document::Index(_) => unreachable!(),
    };
    drop(store.lock().unwrap());
    let partial = dir.path().join("images/downloads").join(layer.digest.hex());
    // Of the right bytes, only the rest is asked for. Of wrong ones, everything, in the end.
    let right = source.blobs[&layer.digest][..60_000].to_vec();
    let mut wrong = right.clone();
    wrong[50_000] ^= 1;
    for (left, asked) in [(right, vec![60_000]), (wrong, vec![60_000, 0])] {
        std::fs::write(&partial, left).unwrap();
        source.offsets.lock().unwrap().clear();
        try_install(&store, &source, &manifest).unwrap();
        let mut offsets = source.offsets.lock().unwrap().clone();
        offsets.retain(|offset| *offset > 0 || asked.len() > 1);
        assert!(offsets.ends_with(&asked), "{offsets:?}");
        assert!(!partial.exists());
        store.lock().unwrap().collect().unwrap();
    }
}

/// Each is wrong in one way, is refused with a word that says in which, and leaves nothing that could be seen.
#[test]
fn what_was_not_promised_is_not_kept() {
    let good = archive(&[("file", b"text")]);
    let other = archive(&[("file", b"evil")]);
    type Spoil = fn(&mut Memory, &Blob, &[u8]);
    let cases: [(&str, Spoil, &str); 5] = [
        (
            "other bytes",
            |s, l, other| drop(s.blobs.insert(l.digest, gzip(other))),
            "promised",
        ),
        (
            "cut",
            |s, l, _| s.blobs.get_mut(&l.digest).unwrap().truncate(20),
            "ended after 20",
        ),
        (
            "gone",
            |s, l, _| drop(s.blobs.remove(&l.digest)),
            "no such blob",
        ),
        (
            "flipped",
            |s, l, _| s.blobs.get_mut(&l.digest).unwrap()[30] ^= 1,
            "promised",
        ),
        (
            "no gzip",
            |s, l, _| s.blobs.get_mut(&l.digest).unwrap()[0] = 0,
            "promised",
        ),
    ];
    for (name, spoil, says) in cases {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::new(dir.path());
        let mut source = Memory::default();
        let manifest = image(&mut source, std::slice::from_ref(&good), "");
        let Document::Manifest(parsed) = Document::parse(&manifest, None).unwrap() else {
            unreachable!()
        };
        spoil(&mut source, &parsed.layers[0], &other);
        let error = try_install(&store, &source, &manifest)
            .unwrap_err()
            .to_string();
        assert!(error.contains(says), "{name}: {error}");
        assert_eq!(store.catalog().unwrap(), Default::default());
        store.lock().unwrap().collect().unwrap();
        assert!(store.layers().unwrap().list().unwrap().is_empty(), "{name}");
        let blobs = dir.path().join("images/blobs/sha256");
        assert_eq!(std::fs::read_dir(blobs).unwrap().count(), 0, "{name}");
    }
}

#[test]
fn a_layer_that_is_not_the_configurations_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::new(dir.path());
    let mut source = Memory::default();
    let (one, two) = (archive(&[("a", b"1")]), archive(&[("b", b"2")]));
    let manifest = image(&mut source, &[one, two], "");
    let Document::Manifest(mut parsed) = Document::parse(&manifest, None).unwrap() else {
        unreachable!()
    };
    parsed.layers.swap(0, 1);
    let error = try_install(&store, &source, &parsed.to_bytes()).unwrap_err();
    assert!(
        error.to_string().contains("the archive in a layer"),
        "{error}"
    );
    parsed.layers.pop();
    let error = try_install(&store, &source, &parsed.to_bytes()).unwrap_err();
    assert!(error.to_string().contains("has 1 layers"), "{error}");
    // A blob that is hostile, and exactly what was promised.
    let manifest = image(&mut source, &[archive(&[("../evil", b"")])], "");
    let error = try_install(&store, &source, &manifest).unwrap_err();
    assert!(error.to_string().contains("../evil"), "{error}");
    assert!(!dir.path().join("layers/evil").exists());
    assert_eq!(store.layers().unwrap().list().unwrap(), []);
}

/// All of it is in the store already, and it does not belong together.
#[test]
fn a_blob_of_another_layer_is_refused_though_both_are_here() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::new(dir.path());
    let mut source = Memory::default();
    let parse = |bytes: &[u8]| match Document::parse(bytes, None).unwrap() {
        Document::Manifest(manifest) => manifest,
        Document::Index(_) => unreachable!(),
    };
    let one = image(&mut source, &[archive(&[("a", b"1")])], "");
    let two = image(&mut source, &[archive(&[("b", b"2")])], "");
    add(&store, &source, &one, &["one"]);
    add(&store, &source, &two, &["two"]);
    let mut mixed = parse(&one);
    mixed.layers = parse(&two).layers;
    let error = try_install(&store, &source, &mixed.to_bytes()).unwrap_err();
    assert!(
        error.to_string().contains("the archive in a layer"),
        "{error}"
    );
    // The same layer, packed in another way, is the same layer.
    let mut plain = parse(&one);
    plain.layers = vec![source.add(crate::manifest::media::LAYER, archive(&[("a", b"1")]))];
    try_install(&store, &source, &plain.to_bytes()).unwrap();
    assert_eq!(store.layers().unwrap().list().unwrap().len(), 2);
}

/// What is being installed is not collected; what was given up is.
#[test]
fn a_lease_keeps_what_no_image_names() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::new(dir.path());
    let mut source = Memory::default();
    let manifest = image(&mut source, &[archive(&[("a", b"1")])], "");
    let lease = store.lock().unwrap().lease().unwrap();
    let installed = install(&store, &lease, &manifest, &source, &Blind).unwrap();
    // Another process would look through another store.
    let other = Store::new(dir.path());
    let collected = other.lock().unwrap().collect().unwrap();
    assert_eq!((collected.layers.len(), collected.blobs.len()), (0, 0));
    drop(lease);
    let collected = other.lock().unwrap().collect().unwrap();
    assert_eq!((collected.layers.len(), collected.blobs.len()), (1, 3));
    assert_eq!(collected.bytes, 1);
    assert!(store.blobs().size(&installed.id.0).is_none());
}

#[test]
fn an_observer_sees_each_layer_to_its_end() {
    struct Watch(std::sync::Mutex<Vec<(Digest, Event)>>);
    impl Observer for Watch {
        fn layer(&self, layer: &Blob, event: Event) {
            self.0.lock().unwrap().push((layer.digest, event));
        }
    }
    let dir = tempfile::tempdir().unwrap();
    let store = Store::new(dir.path());
    let mut source = Memory::default();
    let manifest = image(&mut source, &[archive(&[("a", b"1")])], "");
    let watch = Watch(std::sync::Mutex::default());
    let lease = store.lock().unwrap().lease().unwrap();
    install(&store, &lease, &manifest, &source, &watch).unwrap();
    install(&store, &lease, &manifest, &source, &watch).unwrap();
    let events: Vec<Event> = watch.0.lock().unwrap().iter().map(|(_, e)| *e).collect();
    assert!(matches!(
        events[..],
        [
            Event::Waiting,
            Event::Received(_),
            Event::Complete,
            Event::AlreadyExists
        ]
    ));
}
