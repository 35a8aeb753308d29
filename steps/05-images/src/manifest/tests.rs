use super::*;

fn digest(of: &str) -> String {
    Digest::of(of).to_string()
}

fn manifest(media_type: &str, config: &str, layer: &str) -> Vec<u8> {
    format!(
        r#"{{"schemaVersion":2,"mediaType":"{media_type}",
           "config":{{"mediaType":"{config}","digest":"{}","size":7}},
           "layers":[{{"mediaType":"{layer}","digest":"{}","size":9}}]}}"#,
        digest("config"),
        digest("layer")
    )
    .into_bytes()
}

#[test]
fn both_families_of_media_types_are_read() {
    for (kind, config, layer) in [
        (
            media::MANIFEST,
            media::CONFIG,
            "application/vnd.oci.image.layer.v1.tar+gzip",
        ),
        (
            media::DOCKER_MANIFEST,
            media::DOCKER_CONFIG,
            "application/vnd.docker.image.rootfs.diff.tar.gzip",
        ),
    ] {
        let bytes = manifest(kind, config, layer);
        for delivered in [None, Some(kind)] {
            let Document::Manifest(manifest) = Document::parse(&bytes, delivered).unwrap() else {
                panic!("it is a manifest");
            };
            assert_eq!(manifest.config.digest, Digest::of("config"));
            assert_eq!(manifest.layers[0].size, 9);
            let again = Document::parse(&manifest.to_bytes(), None).unwrap();
            assert_eq!(again, Document::Manifest(manifest));
        }
        assert!(Document::parse(&bytes, Some(media::INDEX)).is_err());
    }
}

#[test]
fn what_is_no_image_is_refused() {
    let good = manifest(media::MANIFEST, media::CONFIG, media::LAYER);
    assert!(Document::parse(&good, None).is_ok());
    let text = String::from_utf8(good).unwrap();
    for (what, from, to) in [
        ("version", "\"schemaVersion\":2", "\"schemaVersion\":1"),
        ("both", "\"layers\"", "\"manifests\":[],\"layers\""),
        ("old", "\"layers\"", "\"fsLayers\":[],\"layers\""),
        ("kind", media::MANIFEST, "application/vnd.x+json"),
        (
            "chart",
            media::CONFIG,
            "application/vnd.cncf.helm.config.v1+json",
        ),
        ("layer", media::LAYER, "application/zip"),
        ("digest", "sha256:", "md5:"),
        ("size", "\"size\":7", "\"size\":-7"),
    ] {
        let wrong = text.replacen(from, to, 1);
        assert_ne!(wrong, text, "{what}");
        assert!(Document::parse(wrong.as_bytes(), None).is_err(), "{what}");
    }
    for nonsense in ["", "null", "[]", "{}", "{\"schemaVersion\":2}"] {
        assert!(Document::parse(nonsense.as_bytes(), None).is_err());
    }
}

fn index(entries: &str) -> Index {
    let text = format!(
        r#"{{"schemaVersion":2,"mediaType":"{}","manifests":{entries}}}"#,
        media::INDEX
    );
    match Document::parse(text.as_bytes(), None).unwrap() {
        Document::Index(index) => index,
        Document::Manifest(_) => panic!("it is an index"),
    }
}

fn entry(of: &str, rest: &str) -> String {
    format!(
        r#"{{"mediaType":"{}","digest":"{}","size":1{rest}}}"#,
        media::MANIFEST,
        digest(of)
    )
}

#[test]
fn an_index_offers_the_best_of_what_fits() {
    let of = |of: &str, platform: &str| entry(of, &format!(",\"platform\":{platform}"));
    let index = index(&format!(
        "[{}]",
        [
            of("any", "null"),
            of("amd64", r#"{"os":"linux","architecture":"amd64"}"#),
            of(
                "v6",
                r#"{"os":"linux","architecture":"arm","variant":"v6"}"#
            ),
            of(
                "v7",
                r#"{"os":"linux","architecture":"arm","variant":"v7"}"#
            ),
            of("none", r#"{"os":"unknown","architecture":"unknown"}"#),
        ]
        .join(",")
    ));
    for (platform, chosen) in [
        ("linux/amd64", &["amd64", "any"][..]),
        ("linux/arm/v7", &["v7", "v6", "any"]),
        ("linux/arm/v8", &["v7", "v6", "any"]),
        ("linux/arm/v6", &["v6", "any"]),
        ("linux/arm/v5", &["any"]),
        ("linux/s390x", &["any"]),
    ] {
        let found = index.candidates(&platform.parse().unwrap());
        let found: Vec<_> = found.iter().map(|choice| choice.blob.digest).collect();
        let expected: Vec<_> = chosen.iter().map(Digest::of).collect();
        assert_eq!(found, expected, "{platform}");
    }
    let offered: Vec<_> = index.platforms().collect();
    assert_eq!(offered, ["linux/amd64", "linux/arm/v6", "linux/arm/v7"]);
}

/// Each row is a part of a manifest in another writing, and whether it is an image then.
#[test]
fn a_manifest_is_read_as_go_reads_it() {
    let good = manifest(media::MANIFEST, media::CONFIG, media::LAYER);
    let good = String::from_utf8(good).unwrap();
    let version = "\"schemaVersion\":2,";
    let own = format!("\"mediaType\":\"{}\",", media::MANIFEST);
    let config_type = format!("\"mediaType\":\"{}\"", media::CONFIG);
    let layer_type = format!("\"mediaType\":\"{}\"", media::LAYER);
    for (what, from, to, is_taken) in [
        ("no version", version, "", true),
        ("a null version", version, "\"schemaVersion\":null,", true),
        ("a version of 2.0", version, "\"schemaVersion\":2.0,", true),
        ("the first version", version, "\"schemaVersion\":1,", false),
        ("the third version", version, "\"schemaVersion\":3,", false),
        (
            "a version as a text",
            version,
            "\"schemaVersion\":\"2\",",
            false,
        ),
        ("no type", &own, "", true),
        ("a null type", &own, "\"mediaType\":null,", true),
        ("an empty type", &own, "\"mediaType\":\"\",", true),
        (
            "a type in capitals",
            &own,
            &own.to_uppercase().replace("MEDIATYPE", "MediaType"),
            true,
        ),
        (
            "a type of plain files",
            &own,
            "\"mediaType\":\"text/plain\",",
            true,
        ),
        ("a number as a type", &own, "\"mediaType\":1,", false),
        (
            "a type of something else",
            &own,
            "\"mediaType\":\"application/vnd.x+json\",",
            false,
        ),
        ("keys in capitals", "\"config\"", "\"Config\"", true),
        (
            "unknown keys",
            "\"config\"",
            "\"annotations\":{\"a\":1},\"subject\":[],\"config\"",
            true,
        ),
        (
            "a null list of manifests",
            "\"config\"",
            "\"manifests\":null,\"config\"",
            true,
        ),
        (
            "two lists of layers",
            "\"layers\":[",
            "\"layers\":[{}],\"layers\":[",
            true,
        ),
        (
            "null in the layers",
            "\"layers\":[",
            "\"layers\":[null,",
            false,
        ),
        ("no layers", "\"layers\"", "\"layer\"", true),
        (
            "layers as an object",
            "\"layers\":[",
            "\"layers\":{},\"x\":[",
            false,
        ),
        ("no configuration", "\"config\":", "\"conf\":", false),
        (
            "a null configuration",
            "\"config\":",
            "\"config\":null,\"x\":",
            false,
        ),
        (
            "a configuration without a type",
            &config_type,
            "\"x\":1",
            true,
        ),
        ("of a null type", &config_type, "\"mediaType\":null", true),
        (
            "of octets",
            &config_type,
            "\"mediaType\":\"application/octet-stream\"",
            true,
        ),
        (
            "of JSON",
            &config_type,
            "\"mediaType\":\"application/json\"",
            true,
        ),
        ("of HTML", &config_type, "\"mediaType\":\"text/html\"", true),
        (
            "a chart",
            &config_type,
            "\"mediaType\":\"application/vnd.cncf.helm.config.v1+json\"",
            false,
        ),
        (
            "nothing",
            &config_type,
            "\"mediaType\":\"application/vnd.oci.empty.v1+json\"",
            false,
        ),
        ("a layer without a type", &layer_type, "\"x\":1", true),
        (
            "a foreign layer",
            &layer_type,
            "\"mediaType\":\"application/vnd.oci.image.layer.nondistributable.v1.tar+gzip\"",
            true,
        ),
        (
            "an encrypted layer",
            &layer_type,
            "\"mediaType\":\"application/vnd.oci.image.layer.v1.tar+gzip+encrypted\"",
            false,
        ),
        (
            "a layer of something",
            &layer_type,
            "\"mediaType\":\"application/vnd.in-toto+json\"",
            false,
        ),
        ("a size of 9.0", "\"size\":9", "\"size\":9.0", true),
        ("a size as a text", "\"size\":9", "\"size\":\"9\"", false),
        ("a half size", "\"size\":9", "\"size\":8.5", false),
        ("no digest", "\"digest\"", "\"d\"", false),
    ] {
        let text = good.replacen(from, to, 1);
        assert_ne!(text, good, "{what}");
        let read = Document::parse(text.as_bytes(), None);
        let is_image = matches!(read, Ok(Document::Manifest(_)));
        assert_eq!(is_image, is_taken, "{what}: {text}: {read:?}");
    }
    for delivered in [
        "text/plain",
        "",
        "application/json; charset=utf-8",
        "application/VND.oci.image.manifest.v1+json;charset=x",
    ] {
        assert!(
            Document::parse(good.as_bytes(), Some(delivered)).is_ok(),
            "{delivered}"
        );
    }
}

#[test]
fn an_index_is_read_as_go_reads_it() {
    let host = Platform::host();
    let taken = |entries: &str| {
        let index = index(entries);
        index
            .candidates(&host)
            .first()
            .map(|choice| choice.names.clone())
    };
    for (what, entries, is_taken) in [
        ("null", "null".to_owned(), false),
        ("null in the list", "[null]".to_owned(), false),
        ("no platform", format!("[{}]", entry("x", "")), true),
        (
            "a null platform",
            format!("[{}]", entry("x", ",\"platform\":null")),
            true,
        ),
        (
            "an empty platform",
            format!(
                "[{}]",
                entry("x", ",\"platform\":{\"os\":\"\",\"architecture\":null}")
            ),
            true,
        ),
        (
            "no system",
            format!(
                "[{}]",
                entry(
                    "x",
                    &format!(
                        ",\"platform\":{{\"architecture\":\"{}\"}}",
                        host.architecture
                    )
                )
            ),
            true,
        ),
        (
            "no architecture",
            format!("[{}]", entry("x", ",\"platform\":{\"OS\":\"Linux\"}")),
            true,
        ),
        (
            "another system",
            format!("[{}]", entry("x", ",\"platform\":{\"os\":\"windows\"}")),
            false,
        ),
        (
            "an unknown one",
            format!(
                "[{}]",
                entry(
                    "x",
                    ",\"platform\":{\"os\":\"unknown\",\"architecture\":\"unknown\"}"
                )
            ),
            false,
        ),
        (
            "numbers as annotations",
            format!("[{}]", entry("x", ",\"annotations\":{\"a\":1}")),
            true,
        ),
        (
            "null as annotations",
            format!("[{}]", entry("x", ",\"annotations\":null")),
            true,
        ),
        (
            "an unknown type",
            format!(
                "[{}]",
                entry("x", "").replace(media::MANIFEST, "application/vnd.x+json")
            ),
            false,
        ),
        (
            "no type",
            format!("[{}]", entry("x", "").replace(media::MANIFEST, "")),
            true,
        ),
        (
            "another digest",
            format!("[{}]", entry("x", "").replace("sha256:", "sha512:")),
            false,
        ),
        (
            "one beside another",
            format!("[{{}},{}]", entry("x", "")),
            true,
        ),
    ] {
        assert_eq!(taken(&entries).is_some(), is_taken, "{what}");
    }
    let named = |annotations: &str| {
        taken(&format!(
            "[{}]",
            entry("x", &format!(",\"annotations\":{annotations}"))
        ))
        .unwrap()
    };
    let key = "org.opencontainers.image.ref.name";
    assert_eq!(named(&format!("{{\"{key}\":\"a:1\"}}")), ["a:1"]);
    for none in [
        format!("{{\"{key}\":\"\"}}"),
        format!("{{\"{key}\":null}}"),
        format!("{{\"{key}\":1}}"),
        format!("{{\"{}\":\"a\"}}", key.to_uppercase()),
    ] {
        assert_eq!(named(&none), [""; 0], "{none}");
    }
}
