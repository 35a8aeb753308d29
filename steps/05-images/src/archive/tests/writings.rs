//! The documents of an archive as other tools write them.

use super::*;

/// Each row is the `manifest.json` of an archive in another writing: what `docker load` would take is taken.
#[test]
fn dockers_manifest_is_read_as_docker_reads_it() {
    let (_one, from) = store();
    simple(&from, "app", "x", "");
    let good = files(&saved(&from, &["app"]));
    let text = String::from_utf8(good[DOCKER_MANIFEST].clone()).unwrap();
    let tags = r#""RepoTags":["app:latest"]"#;
    for (what, from, to, names) in [
        ("as it is", "", "", Some(1)),
        ("no tags", tags, r#""x":1"#, Some(0)),
        ("null tags", tags, r#""RepoTags":null"#, Some(0)),
        (
            "an empty tag",
            tags,
            r#""RepoTags":["","app:latest",null]"#,
            Some(1),
        ),
        (
            "another case",
            tags,
            r#""repotags":["app:latest"]"#,
            Some(1),
        ),
        ("a text as tags", tags, r#""RepoTags":"app:latest""#, None),
        (
            "what Podman writes too",
            tags,
            r#""Parent":"","LayerSources":null,"RepoTags":["app:latest"]"#,
            Some(1),
        ),
        ("more behind it", "", "\n[]", Some(1)),
        ("a byte order mark", "[", "\u{feff}[", Some(1)),
        ("no layers", r#""Layers":"#, r#""layer":"#, None),
        (
            "an empty layer",
            r#""Layers":["#,
            r#""Layers":["","#,
            Some(1),
        ),
        ("null for an image", "[", "[null,", None),
    ] {
        let changed = match from {
            "" => text.clone() + to,
            from => text.replacen(from, to, 1),
        };
        assert!(from.is_empty() || changed != text, "{what}: {text}");
        let mut files = good.clone();
        files.insert(DOCKER_MANIFEST.to_owned(), changed.into_bytes());
        let (_dir, to) = store();
        let loaded = read(&to, &pack(&files));
        let found = loaded.as_ref().ok().map(|images| images[0].names.len());
        assert_eq!(found, names, "{what}: {loaded:?}");
    }
}

/// The two files of an OCI layout, of which the first says nothing that is needed.
#[test]
fn a_layout_is_read_as_others_read_it() {
    let (_one, from) = store();
    simple(&from, "app", "x", "");
    let mut good = files(&saved(&from, &["app"]));
    good.remove(DOCKER_MANIFEST);
    let index = String::from_utf8(good[INDEX].clone()).unwrap();
    let replaced = |from: &str, to: &str| {
        let changed = index.replacen(from, to, 1);
        assert_ne!(changed, index, "{from}");
        changed
    };
    let cases = [
        ("no oci-layout", LAYOUT, None, true),
        ("an empty one", LAYOUT, Some(String::new()), true),
        (
            "of another version",
            LAYOUT,
            Some(r#"{"imageLayoutVersion":"2"}"#.to_owned()),
            true,
        ),
        (
            "no version",
            INDEX,
            Some(replaced("\"schemaVersion\":2", "\"x\":2")),
            true,
        ),
        (
            "null for an image",
            INDEX,
            Some(replaced("\"manifests\":[", "\"manifests\":[null,")),
            true,
        ),
        (
            "no images",
            INDEX,
            Some(r#"{"schemaVersion":2,"manifests":null}"#.to_owned()),
            false,
        ),
        (
            "a manifest",
            INDEX,
            Some(r#"{"schemaVersion":2,"config":{}}"#.to_owned()),
            false,
        ),
        ("no JSON", INDEX, Some("x".to_owned()), false),
    ];
    for (what, path, text, is_taken) in cases {
        let mut files = good.clone();
        match text {
            Some(text) => files.insert(path.to_owned(), text.into_bytes()),
            None => files.remove(path),
        };
        let (_dir, to) = store();
        let loaded = read(&to, &pack(&files));
        assert_eq!(loaded.is_ok(), is_taken, "{what}: {loaded:?}");
    }
}
