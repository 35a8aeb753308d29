use std::cell::Cell;
use std::collections::HashMap;

use layers::digest::Digest;
use serde_json::{Value, json};

use super::*;
use crate::manifest::media;

/// Documents in memory, and how often one was asked for.
#[derive(Default)]
struct Memory {
    blobs: HashMap<Digest, Vec<u8>>,
    asked: Cell<usize>,
}

impl Documents for Memory {
    fn manifest(&self, blob: &Blob) -> Result<Vec<u8>> {
        self.asked.set(self.asked.get() + 1);
        let found = self.blobs.get(&blob.digest).cloned();
        found.ok_or_else(|| Error::new("there is no such document"))
    }

    fn configuration(&self, blob: &Blob) -> Result<Vec<u8>> {
        self.manifest(blob)
    }
}

impl Memory {
    /// Keeps a document; returns its descriptor.
    fn add(&mut self, media_type: &str, document: &Value) -> Value {
        let bytes = document.to_string().into_bytes();
        let digest = Digest::of(&bytes);
        let size = bytes.len();
        self.blobs.insert(digest, bytes);
        json!({"mediaType": media_type, "digest": digest.to_string(), "size": size})
    }

    fn image(&mut self, architecture: &str) -> Value {
        let config = json!({"os": "linux", "architecture": architecture});
        let config = self.add(media::CONFIG, &config);
        self.add(
            media::MANIFEST,
            &json!({"schemaVersion": 2, "config": config, "layers": []}),
        )
    }

    fn index(&mut self, entries: &[Value]) -> Value {
        self.add(
            media::INDEX,
            &json!({"schemaVersion": 2, "manifests": entries}),
        )
    }

    /// What is chosen of these: its digest, or the error.
    fn chosen(&self, entries: &[Value]) -> Result<String> {
        let text = json!({"schemaVersion": 2, "manifests": entries}).to_string();
        let Document::Index(index) = Document::parse(text.as_bytes(), None).unwrap() else {
            panic!("it is an index");
        };
        let chosen = choose(self, &index, &"linux/amd64".parse().unwrap())?;
        Ok(Digest::of(chosen).to_string())
    }
}

/// An entry that says what it is for.
fn on(mut entry: Value, architecture: &str) -> Value {
    entry["platform"] = json!({"os": "linux", "architecture": architecture});
    entry
}

#[test]
fn an_image_is_found_through_indexes_and_what_does_not_say_what_it_is_for() {
    let mut memory = Memory::default();
    let (amd, arm) = (memory.image("amd64"), memory.image("arm64"));
    let unsaid = memory.image("");
    let both = memory.index(&[on(arm.clone(), "arm64"), on(amd.clone(), "amd64")]);
    let only_arm = memory.index(&[on(arm.clone(), "arm64")]);
    let bare = memory.index(&[arm.clone(), amd.clone()]);
    let chart = json!({"mediaType": "application/vnd.cncf.helm.config.v1+json",
        "digest": Digest::of("").to_string(), "size": 0});
    let chart = memory.add(
        media::MANIFEST,
        &json!({"schemaVersion": 2, "config": chart}),
    );
    let deep = (0..MOST_LEVELS).fold(amd.clone(), |inner, _| memory.index(&[inner]));
    for (what, entries) in [
        (
            "for each platform",
            vec![on(arm.clone(), "arm64"), on(amd.clone(), "amd64")],
        ),
        ("in an index", vec![both.clone()]),
        (
            "in an index for it",
            vec![on(only_arm.clone(), "arm64"), on(both.clone(), "amd64")],
        ),
        ("in the second index", vec![only_arm.clone(), both.clone()]),
        ("without platforms", vec![arm.clone(), amd.clone()]),
        ("in an index without platforms", vec![bare]),
        ("beside a chart", vec![chart.clone(), amd.clone()]),
        (
            "beside a chart for it",
            vec![on(chart.clone(), "amd64"), amd.clone()],
        ),
        (
            "what says so before what does not",
            vec![unsaid.clone(), on(amd.clone(), "amd64")],
        ),
        ("deep inside", vec![deep.clone()]),
    ] {
        assert_eq!(memory.chosen(&entries).unwrap(), amd["digest"], "{what}");
    }
    assert_eq!(
        memory.chosen(std::slice::from_ref(&unsaid)).unwrap(),
        unsaid["digest"]
    );

    let error = memory.chosen(&[only_arm, arm.clone()]).unwrap_err();
    assert!(
        error
            .to_string()
            .contains("no matching manifest for linux/amd64")
    );
    assert_eq!(error.hint_text(), Some("it has linux/arm64"));
    let error = memory.chosen(&[chart]).unwrap_err().to_string();
    assert!(error.contains("no container image"), "{error}");
    assert!(memory.chosen(&[]).unwrap_err().hint_text().is_some());
    let deeper = memory.index(&[deep]);
    let error = memory.chosen(&[deeper]).unwrap_err().to_string();
    assert!(error.contains("lie in one another"), "{error}");
    let missing =
        json!({"mediaType": media::MANIFEST, "digest": Digest::of("?").to_string(), "size": 1});
    assert!(memory.chosen(&[on(missing, "amd64"), amd]).is_err());
}

#[test]
fn nobody_is_asked_without_end() {
    let mut memory = Memory::default();
    let arm = memory.image("arm64");
    let error = memory.chosen(&vec![arm; 1000]).unwrap_err().to_string();
    assert!(error.contains("none of the first 64"), "{error}");
    assert_eq!(memory.asked.get(), 2 * MOST_DOCUMENTS);
}
