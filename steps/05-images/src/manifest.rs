//! Manifests and indexes: which blobs an image is made of (OCI image specification, manifest.md and image-index.md;
//! Docker's "schema 2" is the same under other media types).

use kit::{Error, Result};
use layers::digest::Digest;
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::Value;

use self::media::Family;
use crate::lenient::{self, Json};
use crate::platform::Platform;

pub mod media;

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

/// The parts of both documents, as far as we look at them. An OCI document need not say what it is.
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Text {
    schema_version: Option<u64>,
    media_type: String,
    config: Option<Descriptor>,
    layers: Option<Vec<Descriptor>>,
    manifests: Option<Vec<Descriptor>>,
    fs_layers: Option<IgnoredAny>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Descriptor {
    media_type: String,
    digest: String,
    size: u64,
    platform: Option<crate::platform::Text>,
    annotations: Json,
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
        let text: Text = lenient::read(bytes).map_err(|e| not_one(&e.to_string()))?;
        match text.is_index(media_type)? {
            true => Ok(Self::Index(Index::read(&text))),
            false => Manifest::read(&text).map(Self::Manifest),
        }
    }
}

impl Text {
    /// Which of the two it is: what it says, what was said of it, and which parts it has must agree.
    fn is_index(&self, delivered: Option<&str>) -> Result<bool> {
        if self.schema_version == Some(1) || self.fs_layers.is_some() {
            return Err(not_one("it is of Docker's first format")
                .hint("that has been out of use since 2016: the image must be pushed anew"));
        }
        if !matches!(self.schema_version, None | Some(0 | 2)) {
            return Err(not_one("its schemaVersion is not 2"));
        }
        let own = media::told(&self.media_type);
        let delivered = delivered.and_then(media::told);
        if let (Some(own), Some(delivered)) = (&own, &delivered)
            && own != delivered
        {
            return Err(not_one(&format!(
                "it was delivered as {delivered}, and calls itself {own}"
            )));
        }
        let is_index = match own.or(delivered) {
            Some(told) => match media::family(&told) {
                Some(family) => family == Family::Index,
                None => return Err(not_one(&format!("its media type is {told}"))),
            },
            None => self.manifests.is_some(),
        };
        let foreign = match is_index {
            true if self.config.is_some() => "config",
            true if self.layers.is_some() => "layers",
            false if self.manifests.is_some() => "manifests",
            _ => return Ok(is_index),
        };
        Err(not_one(&format!("it has {foreign:?}, and so two meanings")))
    }
}

impl Manifest {
    fn read(text: &Text) -> Result<Self> {
        let Some(config) = &text.config else {
            return Err(not_one("it has no configuration"));
        };
        let config = config.blob()?;
        if !media::is_config(&config.media_type) {
            return Err(Error::new(format!(
                "this is no container image: its configuration is of the type {}",
                config.media_type
            ))
            .hint("registries keep other things too, such as charts and signatures"));
        }
        let layers = text.layers.iter().flatten().map(Descriptor::blob);
        let layers: Vec<Blob> = layers.collect::<Result<_>>()?;
        if let Some(layer) = layers
            .iter()
            .find(|layer| !media::is_layer(&layer.media_type))
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
    /// Entries of types that we do not know, or that we cannot find, are passed over, as the specification wants it:
    /// they are for somebody else.
    fn read(text: &Text) -> Self {
        let choice = |descriptor: &Descriptor| {
            let blob = descriptor.blob().ok()?;
            let is_ours = match media::told(&blob.media_type) {
                Some(told) => media::family(&told).is_some(),
                None => true,
            };
            let name = |key: &str| descriptor.annotations.entry(key).and_then(Json::as_text);
            is_ours.then(|| Choice {
                blob,
                platform: descriptor.platform.as_ref().and_then(Platform::told),
                names: [
                    "io.containerd.image.name",
                    "org.opencontainers.image.ref.name",
                ]
                .into_iter()
                .filter_map(name)
                .filter(|name| !name.is_empty())
                .map(str::to_owned)
                .collect(),
            })
        };
        let entries = text.manifests.iter().flatten();
        Self {
            manifests: entries.filter_map(choice).collect(),
        }
    }

    /// What may be for `platform`, the best first. What does not say what it is for may be for it, and comes last.
    pub fn candidates(&self, platform: &Platform) -> Vec<&Choice> {
        let rank = |choice: &&Choice| match &choice.platform {
            Some(made_for) => platform.accepts(made_for),
            None => Some(u32::MAX),
        };
        let mut fitting: Vec<&Choice> = self
            .manifests
            .iter()
            .filter(|choice| rank(choice).is_some())
            .collect();
        // Of equals, the first: the sort is stable.
        fitting.sort_by_key(rank);
        fitting
    }

    /// What there is, for a person.
    pub(crate) fn platforms(&self) -> impl Iterator<Item = String> {
        let platforms = self.manifests.iter().filter_map(|c| c.platform.as_ref());
        platforms
            .map(ToString::to_string)
            .filter(|platform| !platform.starts_with("unknown"))
    }
}

impl Descriptor {
    fn blob(&self) -> Result<Blob> {
        Ok(Blob {
            media_type: self.media_type.clone(),
            digest: self.digest.parse()?,
            size: self.size,
        })
    }
}

/// What a manifest calls itself; one of OCI's need not.
pub(crate) fn own_media_type(manifest: &[u8]) -> String {
    let text: Text = lenient::read(manifest).unwrap_or_default();
    media::told(&text.media_type).unwrap_or_else(|| media::MANIFEST.to_owned())
}

fn not_one(why: &str) -> Error {
    Error::new(format!(
        "this is not the manifest of an image that can be used here: {why}"
    ))
}

#[cfg(test)]
mod tests;
