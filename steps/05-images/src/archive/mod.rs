//! Archives of images, in two formats at once: the OCI image layout (OCI image specification, image-layout.md), and what
//! `docker save` has written since 2013, a `manifest.json` that names a configuration and layers by their paths.
//!
//! What is written is both, since they can share their blobs. Of what is read, either will do.

mod load;
mod members;
mod save;
#[cfg(test)]
mod tests;

use layers::tar::Limits;

pub use load::{Loaded, load};
pub use save::save;

/// The files of both formats.
const LAYOUT: &str = "oci-layout";
const INDEX: &str = "index.json";
const DOCKER_MANIFEST: &str = "manifest.json";
const BLOBS: &str = "blobs/sha256/";

/// What the index says is an image's name, in full (containerd) and its tag alone (OCI).
const FULL_NAME: &str = "io.containerd.image.name";
const REF_NAME: &str = "org.opencontainers.image.ref.name";

/// An archive of images has few members, and they are large.
const LIMITS: Limits = Limits {
    header: 1 << 20,
    entries: 100_000,
    data: 256 << 30,
};

/// One entry of `manifest.json`.
#[derive(Clone, Debug, Default, serde::Serialize, serde::Deserialize)]
#[serde(default, rename_all = "PascalCase")]
struct DockerImage {
    config: String,
    repo_tags: Option<Vec<String>>,
    layers: Vec<String>,
}
