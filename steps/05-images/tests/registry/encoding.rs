//! A server, or a cache before it, that packs what it sends although nobody has asked for that.

use std::io::Write;

use checks::server::Reply;
use harness::{Test, test};

use crate::fixtures::{IMAGE, MANIFEST, app, assert_error, client, latest, manifest, scripted};

pub(crate) fn tests() -> Vec<Test> {
    vec![
        test("a_packed_manifest_is_unpacked", &[], a_packed_manifest),
        test(
            "a_packed_manifest_has_its_limit_too",
            &[],
            a_packed_manifest_has_its_limit,
        ),
    ]
}

fn packed(bytes: &[u8]) -> Reply {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    Reply::ok(encoder.finish().unwrap())
        .header("Content-Type", IMAGE)
        .header("Content-Encoding", "gzip")
}

fn a_packed_manifest() {
    let registry = scripted(vec![packed(MANIFEST.as_bytes())]);
    let found = manifest(&client(), &registry.authority()).unwrap();
    assert_eq!(found, MANIFEST.as_bytes());
    assert_eq!(
        registry.log()[0].header("accept-encoding"),
        Some("identity")
    );
    // Its length is that of the packed bytes: it does not describe the manifest.
    let digest = layers::digest::Digest::of(MANIFEST);
    let registry = scripted(vec![
        packed(MANIFEST.as_bytes()).header("Docker-Content-Digest", digest),
    ]);
    let repository = app(&registry.authority());
    let described = client().describe(&repository, &latest(), &[IMAGE]);
    assert_eq!(described.unwrap(), None);
}

fn a_packed_manifest_has_its_limit() {
    let registry = scripted(vec![packed(&vec![b' '; 5 << 20])]);
    assert_error(
        manifest(&client(), &registry.authority()),
        "more than 4194304 bytes",
    );
}
