//! What the tests share: a client that does not wait long, and an image.

use std::io::Read;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use images::registry::{Client, ConfigFile, Configuration, Patience, Repository, Version};
use layers::digest::Digest;

use crate::server::{Reply, Server};

pub(crate) const IMAGE: &str = "application/vnd.oci.image.manifest.v1+json";
/// A manifest, of no layers.
pub(crate) const MANIFEST: &str = r#"{"schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json", "layers": []}"#;
/// A blob.
pub(crate) const BLOB: &str = "the bytes of a layer, which are some dozens";

/// Nothing of this machine: no proxy, no credentials, no certificates. Failures are tried again at once.
pub(crate) fn configuration() -> Configuration {
    Configuration {
        certificates: Vec::new(),
        patience: Patience {
            attempts: 3,
            first_wait: Duration::from_millis(1),
            longest_wait: Duration::from_secs(2),
            ..Patience::default()
        },
        ..Configuration::default()
    }
}

pub(crate) fn client() -> Client {
    Client::new(configuration())
}

/// The repository `app` at `domain`.
pub(crate) fn app(domain: &str) -> Repository {
    Repository::new(domain, "app").unwrap()
}

pub(crate) fn latest() -> Version {
    Version::tag("latest").unwrap()
}

/// A config.json with this text.
pub(crate) fn config_file(text: &str) -> ConfigFile {
    let path = harness::directory().join("config.json");
    std::fs::write(&path, text).unwrap();
    ConfigFile::at(path)
}

/// The manifest `latest` of `app` at `domain`.
pub(crate) fn manifest(client: &Client, domain: &str) -> kit::Result<Vec<u8>> {
    let manifest = client.manifest(&app(domain), &latest(), &[IMAGE])?;
    Ok(manifest.bytes)
}

/// The blob of `app` at `domain`, from byte `offset` on.
pub(crate) fn blob(client: &Client, domain: &str, offset: u64) -> Result<Vec<u8>, String> {
    let digest = Digest::of(BLOB);
    let mut blob = client
        .blob(&app(domain), &digest, BLOB.len() as u64, offset)
        .map_err(|e| e.to_string())?;
    let mut bytes = Vec::new();
    blob.read_to_end(&mut bytes).map_err(|e| e.to_string())?;
    Ok(bytes)
}

/// `text` is in the error, which has a hint.
#[track_caller]
pub(crate) fn assert_error<T: std::fmt::Debug>(result: kit::Result<T>, text: &str) -> kit::Error {
    let error = result.expect_err("it must fail");
    assert!(error.to_string().contains(text), "{error}");
    error
}

/// A registry whose answer to the n-th request is the n-th of `replies`, and the last one from then on.
pub(crate) fn scripted(replies: Vec<Reply>) -> Server {
    let asked = AtomicUsize::new(0);
    Server::new(move |_| {
        let number = asked.fetch_add(1, Ordering::SeqCst);
        replies[number.min(replies.len() - 1)].clone()
    })
}
