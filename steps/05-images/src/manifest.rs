//! Manifests and indexes: which blobs an image is made of (OCI image specification, manifest.md and image-index.md;
//! Docker's "schema 2" is the same under other media types).

use kit::{Error, Result};
use layers::digest::Digest;
use oci_spec::image::{Descriptor, ImageIndex, ImageManifest};
use serde_json::Value;

use crate::platform::Platform;

/// The media types of this specification and of Docker's.
pub mod media {
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

    pub(super) const LAYERS: [&str; 7] = [
        LAYER,
        "application/vnd.oci.image.layer.v1.tar+gzip",
        "application/vnd.oci.image.layer.v1.tar+zstd",
        "application/vnd.docker.image.rootfs.diff.tar",
        "application/vnd.docker.image.rootfs.diff.tar.gzip",
        "application/vnd.docker.image.rootfs.diff.tar.zstd",
        "application/vnd.docker.container.image.rootfs.diff+x-gtar",
    ];
}

/// A blob as a manifest names it: the specification's descriptor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Blob {
    /// What it is.
    pub media_type: String,
    /// Which it is.
    pub digest: Digest,
    /// Its bytes.
    pub size: u64,
}

/// One image for one platform.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Manifest {
    /// The configuration, whose digest is the image's id.
    pub config: Blob,
    /// The layers, the bottom first.
    pub layers: Vec<Blob>,
}

/// One image for several platforms, or several images.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Index {
    /// The manifests.
    pub manifests: Vec<Choice>,
}

/// A manifest in an index.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Choice {
    /// Where it is.
    pub blob: Blob,
    /// What it is for, if the index says so.
    pub platform: Option<Platform>,
    /// `org.opencontainers.image.ref.name` and `io.containerd.image.name`, by which archives name images.
    pub names: Vec<String>,
}

/// What a manifest's bytes turned out to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Document {
    /// One image.
    Manifest(Manifest),
    /// A choice.
    Index(Index),
}

impl Document {
    /// Reads a document. `media_type` is what whoever delivered it calls it, if he does.
    ///
    /// The same bytes must not be a manifest to one reader and an index to another (CVE-2021-41190): what has the
    /// parts of both is refused, and so is what calls itself by another name than it was delivered under.
    ///
    /// # Errors
    /// It is not a manifest or an index of a supported kind.
    pub fn parse(bytes: &[u8], media_type: Option<&str>) -> Result<Self> {
        let value: Value = serde_json::from_slice(bytes).map_err(|e| not_one(&e.to_string()))?;
        let has = |key: &str| value.get(key).is_some_and(|part| !part.is_null());
        let own = value.get("mediaType").and_then(Value::as_str);
        if let (Some(own), Some(delivered)) = (own, media_type)
            && own != delivered
        {
            return Err(not_one(&format!(
                "it was delivered as {delivered}, and calls itself {own}"
            )));
        }
        if value.get("schemaVersion").and_then(Value::as_u64) != Some(2) {
            return Err(not_one("its schemaVersion is not 2")
                .hint("Docker's first format has been out of use since 2016: the image must be pushed anew"));
        }
        let is_index = match own.or(media_type) {
            Some(media::MANIFEST | media::DOCKER_MANIFEST) => false,
            Some(media::INDEX | media::DOCKER_INDEX) => true,
            Some(other) => return Err(not_one(&format!("its media type is {other}"))),
            None => has("manifests"),
        };
        let foreign: &[&str] = match is_index {
            true => &["config", "layers", "fsLayers"],
            false => &["manifests", "fsLayers"],
        };
        if let Some(key) = foreign.iter().find(|key| has(key)) {
            return Err(not_one(&format!("it has {key:?}, and so two meanings")));
        }
        match is_index {
            true => Index::parse(bytes).map(Self::Index),
            false => Manifest::parse(bytes).map(Self::Manifest),
        }
    }
}

impl Manifest {
    fn parse(bytes: &[u8]) -> Result<Self> {
        let manifest: ImageManifest =
            serde_json::from_slice(bytes).map_err(|e| not_one(&e.to_string()))?;
        let config = blob(manifest.config())?;
        if ![media::CONFIG, media::DOCKER_CONFIG].contains(&config.media_type.as_str()) {
            return Err(Error::new(format!(
                "this is no container image: its configuration is of the type {}",
                config.media_type
            ))
            .hint("registries keep other things too, such as charts and signatures"));
        }
        let layers: Vec<Blob> = manifest.layers().iter().map(blob).collect::<Result<_>>()?;
        if let Some(layer) = layers
            .iter()
            .find(|layer| !media::LAYERS.contains(&layer.media_type.as_str()))
        {
            return Err(Error::new(format!(
                "layer {} is of the type {}, which is not supported",
                layer.digest, layer.media_type
            )));
        }
        Ok(Self { config, layers })
    }

    /// The bytes of an OCI manifest that says this.
    pub fn to_bytes(&self) -> Vec<u8> {
        let descriptor = |blob: &Blob| {
            serde_json::json!({
                "mediaType": blob.media_type,
                "digest": blob.digest.to_string(),
                "size": blob.size,
            })
        };
        let layers: Vec<Value> = self.layers.iter().map(descriptor).collect();
        let manifest = serde_json::json!({
            "schemaVersion": 2,
            "mediaType": media::MANIFEST,
            "config": descriptor(&self.config),
            "layers": layers,
        });
        manifest.to_string().into_bytes()
    }
}

impl Index {
    fn parse(bytes: &[u8]) -> Result<Self> {
        let index: ImageIndex =
            serde_json::from_slice(bytes).map_err(|e| not_one(&e.to_string()))?;
        let choice = |descriptor: &Descriptor| -> Result<Choice> {
            let annotations = descriptor.annotations().as_ref();
            let name = |key: &str| annotations.and_then(|all| all.get(key)).cloned();
            Ok(Choice {
                blob: blob(descriptor)?,
                platform: descriptor.platform().as_ref().map(Platform::from_oci),
                names: [
                    "io.containerd.image.name",
                    "org.opencontainers.image.ref.name",
                ]
                .into_iter()
                .filter_map(name)
                .collect(),
            })
        };
        let manifests = index
            .manifests()
            .iter()
            .map(choice)
            .collect::<Result<_>>()?;
        Ok(Self { manifests })
    }

    /// The manifest for `platform`.
    ///
    /// # Errors
    /// There is none; the message lists those that there are.
    pub fn choose(&self, platform: &Platform) -> Result<&Choice> {
        let rank = |choice: &&Choice| choice.platform.as_ref().and_then(|p| platform.accepts(p));
        let best = self
            .manifests
            .iter()
            .filter(|choice| rank(choice).is_some())
            .min_by_key(rank);
        best.ok_or_else(|| {
            let offered: Vec<String> = self
                .manifests
                .iter()
                .filter_map(|choice| Some(choice.platform.as_ref()?.to_string()))
                .filter(|platform| !platform.starts_with("unknown"))
                .collect();
            let error = Error::new(format!(
                "no matching manifest for {platform} in the manifest list entries"
            ));
            match offered[..] {
                [] => error.hint("it says of no manifest for which platform it is"),
                _ => error.hint(format!("it has {}", offered.join(", "))),
            }
        })
    }
}

fn blob(descriptor: &Descriptor) -> Result<Blob> {
    Ok(Blob {
        media_type: descriptor.media_type().to_string(),
        digest: descriptor.digest().to_string().parse()?,
        size: descriptor.size(),
    })
}

/// What a manifest calls itself; one of OCI's need not.
pub(crate) fn own_media_type(manifest: &[u8]) -> String {
    let value: Value = serde_json::from_slice(manifest).unwrap_or_default();
    let own = value.get("mediaType").and_then(Value::as_str);
    own.unwrap_or(media::MANIFEST).to_owned()
}

fn not_one(why: &str) -> Error {
    Error::new(format!(
        "this is not the manifest of an image that can be used here: {why}"
    ))
}

#[cfg(test)]
mod tests {
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
            (media::MANIFEST, media::CONFIG, media::LAYERS[1]),
            (
                media::DOCKER_MANIFEST,
                media::DOCKER_CONFIG,
                media::LAYERS[4],
            ),
        ] {
            let bytes = manifest(kind, config, layer);
            for delivered in [None, Some(kind)] {
                let Document::Manifest(manifest) = Document::parse(&bytes, delivered).unwrap()
                else {
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
            ("kind", media::MANIFEST, "application/json"),
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

    #[test]
    fn an_index_offers_the_best_of_what_fits() {
        let entry = |of: &str, platform: &str| {
            format!(
                r#"{{"mediaType":"{}","digest":"{}","size":1,"platform":{platform}}}"#,
                media::MANIFEST,
                digest(of)
            )
        };
        let entries = [
            entry("amd64", r#"{"os":"linux","architecture":"amd64"}"#),
            entry(
                "v6",
                r#"{"os":"linux","architecture":"arm","variant":"v6"}"#,
            ),
            entry(
                "v7",
                r#"{"os":"linux","architecture":"arm","variant":"v7"}"#,
            ),
            entry("none", r#"{"os":"unknown","architecture":"unknown"}"#),
        ];
        let text = format!(
            r#"{{"schemaVersion":2,"mediaType":"{}","manifests":[{}]}}"#,
            media::INDEX,
            entries.join(",")
        );
        let Document::Index(index) = Document::parse(text.as_bytes(), None).unwrap() else {
            panic!("it is an index");
        };
        for (platform, chosen) in [
            ("linux/amd64", "amd64"),
            ("linux/arm/v7", "v7"),
            ("linux/arm/v8", "v7"),
            ("linux/arm/v6", "v6"),
        ] {
            let platform: Platform = platform.parse().unwrap();
            let choice = index.choose(&platform).unwrap();
            assert_eq!(choice.blob.digest, Digest::of(chosen), "{platform}");
        }
        let error = index.choose(&"linux/s390x".parse().unwrap()).unwrap_err();
        let hint = error.hint_text().unwrap();
        assert_eq!(hint, "it has linux/amd64, linux/arm/v6, linux/arm/v7");
        let index = Index { manifests: vec![] };
        let error = index.choose(&"linux/amd64".parse().unwrap()).unwrap_err();
        let hint = error.hint_text().unwrap();
        assert_eq!(hint, "it says of no manifest for which platform it is");
        assert!(index.choose(&"linux/arm/v5".parse().unwrap()).is_err());
    }
}
