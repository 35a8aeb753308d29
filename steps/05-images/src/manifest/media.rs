//! The media types of the OCI image specification and of Docker, and what else is sent in their place.

/// An OCI manifest.
pub const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
/// Docker's manifest.
pub const DOCKER_MANIFEST: &str = "application/vnd.docker.distribution.manifest.v2+json";
/// An OCI index.
pub const INDEX: &str = "application/vnd.oci.image.index.v1+json";
/// Docker's index.
pub const DOCKER_INDEX: &str = "application/vnd.docker.distribution.manifest.list.v2+json";
/// An OCI image's configuration.
pub const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
/// A Docker image's configuration.
pub const DOCKER_CONFIG: &str = "application/vnd.docker.container.image.v1+json";
/// A layer that is not compressed; with `+gzip` or `+zstd`, one that is.
pub const LAYER: &str = "application/vnd.oci.image.layer.v1.tar";

/// Which of the two documents a type is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Family {
    Manifest,
    Index,
}

/// The type alone, in small letters and without parameters (`; charset=utf-8`), if it tells anything: servers of plain
/// files call whatever they do not know `text/plain` or `application/octet-stream`.
pub(crate) fn told(media_type: &str) -> Option<String> {
    let essence = media_type.split(';').next().unwrap_or_default().trim();
    let essence = essence.to_ascii_lowercase();
    essence.starts_with("application/vnd.").then_some(essence)
}

/// Of a type as [`told`] gives it.
pub(crate) fn family(told: &str) -> Option<Family> {
    match told {
        MANIFEST | DOCKER_MANIFEST => Some(Family::Manifest),
        INDEX | DOCKER_INDEX => Some(Family::Index),
        _ => None,
    }
}

/// What Docker takes for the type of an image's configuration. Registries of 2016 wrote what they did not know over it.
pub(super) fn is_config(media_type: &str) -> bool {
    match told(media_type) {
        Some(told) => told == CONFIG || told == DOCKER_CONFIG,
        None => [
            "",
            "application/octet-stream",
            "application/json",
            "text/html",
        ]
        .contains(&media_type),
    }
}

/// Whether it is a layer that we can unpack. How it is compressed its first bytes tell, better than its type.
pub(super) fn is_layer(media_type: &str) -> bool {
    match told(media_type) {
        Some(told) => {
            let is_known = [
                "application/vnd.oci.image.layer.",
                "application/vnd.docker.image.rootfs.",
                "application/vnd.docker.container.image.rootfs.",
            ]
            .iter()
            .any(|family| told.starts_with(family));
            is_known && !told.contains("encrypted")
        }
        None => [
            "",
            "application/octet-stream",
            "application/x-tar",
            "application/gzip",
            "application/x-gzip",
        ]
        .contains(&media_type),
    }
}
