//! An image's configuration: how it is run, of which layers it is made, and how it came to be (OCI image
//! specification, config.md, and Docker's additions to it).

use std::collections::BTreeMap;

use jiff::Timestamp;
use kit::{Error, Result};
use layers::digest::Digest;
use layers::overlay::MAX_LAYERS;
use serde::{Deserialize, Serialize};

use crate::lenient::{self, Json};
use crate::platform::Platform;

/// The whole document. Its field names are the specification's.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Configuration {
    /// RFC 3339; kept as it was written.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub created: Option<String>,
    /// Who made it.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub author: String,
    /// In the Go language's words.
    pub architecture: String,
    /// Of the architecture.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub variant: Option<String>,
    /// `linux`.
    pub os: String,
    /// Of the operating system; Windows' images have one.
    #[serde(rename = "os.version", skip_serializing_if = "Option::is_none")]
    pub os_version: Option<String>,
    /// Docker's: what `commit` or `import` was told.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub comment: String,
    /// Docker's: which version made it.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub docker_version: String,
    /// How a container of it is run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub config: Option<Process>,
    /// Its layers.
    pub rootfs: RootFs,
    /// How it came to be.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub history: Option<Vec<Step>>,
}

/// The layers.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct RootFs {
    /// `layers`.
    #[serde(rename = "type")]
    pub kind: String,
    /// The digests of the layers, not compressed, the bottom first.
    pub diff_ids: Vec<String>,
}

/// One step of the image's making.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Step {
    /// When.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub created: Option<String>,
    /// By which command.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub created_by: Option<String>,
    /// By whom.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub author: Option<String>,
    /// Anything.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub comment: Option<String>,
    /// It changed the configuration alone.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub empty_layer: bool,
}

/// `{}`, by which Go writes a set. Whatever else stands there, the name is in the set.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Empty {}

impl<'de> Deserialize<'de> for Empty {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        serde::de::IgnoredAny::deserialize(from).map(|_| Self {})
    }
}

/// A set of words: ports, volumes.
pub type Set = BTreeMap<String, Empty>;

/// How a container is run. The fields, and which of them are left out, are as Docker writes them.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
#[expect(
    missing_docs,
    reason = "the names are Docker's, and its documentation is theirs"
)]
#[expect(clippy::struct_excessive_bools, reason = "it is Docker's document")]
pub struct Process {
    pub hostname: String,
    pub domainname: String,
    pub user: String,
    pub attach_stdin: bool,
    pub attach_stdout: bool,
    pub attach_stderr: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exposed_ports: Option<Set>,
    pub tty: bool,
    pub open_stdin: bool,
    pub stdin_once: bool,
    #[serde(serialize_with = "template::nil_slice")]
    pub env: Option<Vec<String>>,
    #[serde(serialize_with = "template::nil_slice", deserialize_with = "words")]
    pub cmd: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub healthcheck: Option<HealthCheck>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub args_escaped: bool,
    pub image: String,
    #[serde(serialize_with = "template::nil_map")]
    pub volumes: Option<Set>,
    pub working_dir: String,
    #[serde(serialize_with = "template::nil_slice", deserialize_with = "words")]
    pub entrypoint: Option<Vec<String>>,
    #[serde(serialize_with = "template::nil_slice")]
    pub on_build: Option<Vec<String>>,
    #[serde(serialize_with = "template::nil_map")]
    pub labels: Option<BTreeMap<String, String>>,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub stop_signal: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stop_timeout: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "words")]
    pub shell: Option<Vec<String>>,
}

/// How Docker finds out whether a container is well. Times are in nanoseconds.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
#[expect(
    missing_docs,
    reason = "the names are Docker's, and its documentation is theirs"
)]
pub struct HealthCheck {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub test: Option<Vec<String>>,
    #[serde(skip_serializing_if = "is_zero")]
    pub interval: i64,
    #[serde(skip_serializing_if = "is_zero")]
    pub timeout: i64,
    #[serde(skip_serializing_if = "is_zero")]
    pub start_period: i64,
    #[serde(skip_serializing_if = "is_zero")]
    pub start_interval: i64,
    #[serde(skip_serializing_if = "is_zero")]
    pub retries: i64,
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde hands out references"
)]
fn is_zero(number: &i64) -> bool {
    *number == 0
}

/// A list of words, or one word alone: Docker's type for commands takes both, since it once wrote the second.
fn words<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Option<Vec<String>>, D::Error> {
    let words = Json::deserialize(from)?;
    if let Some(word) = words.as_text() {
        return Ok(Some(vec![word.to_owned()]));
    }
    Option::deserialize(&words).map_err(serde::de::Error::custom)
}

impl Configuration {
    /// Reads a configuration.
    ///
    /// # Errors
    /// It is none, or not one of a Linux image, or has more layers than can be mounted.
    pub fn parse(bytes: &[u8]) -> Result<Self> {
        let refuse = |why: &str| {
            Error::new(format!(
                "this is not the configuration of an image that can be used here: {why}"
            ))
        };
        let mut config: Self = lenient::read(bytes).map_err(|e| refuse(&e.to_string()))?;
        config.fill_in();
        if config.rootfs.kind != "layers" {
            return Err(refuse("its rootfs is not of the type layers"));
        }
        if config.os != "linux" {
            return Err(refuse(&format!("its operating system is {:?}", config.os))
                .hint("containers run on the host's kernel, and this one is Linux"));
        }
        let count = config.diff_ids()?.len();
        if count > MAX_LAYERS {
            return Err(refuse(&format!(
                "it has {count} layers, and overlayfs takes {MAX_LAYERS}"
            )));
        }
        Ok(config)
    }

    /// What goes without saying to Docker: an image that does not say so is for this machine, and an entry point of one
    /// empty word is none.
    fn fill_in(&mut self) {
        let host = Platform::host();
        match self.os.to_lowercase() {
            os if os.is_empty() => self.os = host.os,
            os => self.os = os,
        }
        if self.architecture.is_empty() {
            self.architecture = host.architecture;
        }
        if self.rootfs.kind.is_empty() {
            self.rootfs.kind = "layers".to_owned();
        }
        if let Some(process) = &mut self.config
            && process
                .entrypoint
                .as_ref()
                .is_some_and(|words| *words == [""])
        {
            process.entrypoint = None;
        }
    }

    /// The layers' digests, the bottom first.
    ///
    /// # Errors
    /// One is not a digest.
    pub fn diff_ids(&self) -> Result<Vec<Digest>> {
        self.rootfs.diff_ids.iter().map(|id| id.parse()).collect()
    }

    /// The layers' ids in the store, the bottom first.
    ///
    /// # Errors
    /// As [`Configuration::diff_ids`].
    pub fn chain_ids(&self) -> Result<Vec<Digest>> {
        let mut chain: Option<Digest> = None;
        let diff_ids = self.diff_ids()?;
        Ok(diff_ids
            .iter()
            .map(|diff_id| {
                let id = chain.map_or(*diff_id, |below| below.chain(diff_id));
                chain = Some(id);
                id
            })
            .collect())
    }

    /// When it was made, if it says so in a form that can be read.
    pub fn created(&self) -> Option<Timestamp> {
        self.created.as_deref().and_then(time)
    }

    /// What it was made for.
    pub fn platform(&self) -> Platform {
        Platform::new(&self.os, &self.architecture, self.variant.as_deref())
    }

    /// The labels.
    pub fn labels(&self) -> impl Iterator<Item = (&String, &String)> {
        let labels = self.config.as_ref().and_then(|c| c.labels.as_ref());
        labels.into_iter().flatten()
    }

    /// The bytes to be kept, and digested.
    pub fn to_bytes(&self) -> Result<Vec<u8>> {
        serde_json::to_vec(self)
            .map_err(|e| Error::new(format!("cannot write the configuration as JSON: {e}")))
    }
}

/// RFC 3339. Go's zero time, the year 1, stands for none.
pub(crate) fn time(text: &str) -> Option<Timestamp> {
    text.parse()
        .ok()
        .filter(|time: &Timestamp| time.as_second() > -62_135_596_800)
}

#[cfg(test)]
mod tests;
