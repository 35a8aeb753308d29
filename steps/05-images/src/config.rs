//! An image's configuration: how it is run, of which layers it is made, and how it came to be (OCI image
//! specification, config.md, and Docker's additions to it).

use std::collections::BTreeMap;

use jiff::Timestamp;
use kit::{Error, Result};
use layers::digest::Digest;
use layers::overlay::MAX_LAYERS;
use serde::{Deserialize, Serialize};

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
pub struct RootFs {
    /// `layers`.
    #[serde(rename = "type")]
    pub kind: String,
    /// The digests of the layers, not compressed, the bottom first.
    #[serde(default, deserialize_with = "null_is_empty")]
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

/// `{}`, by which Go writes a set.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Empty {}

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
    #[serde(serialize_with = "template::nil_slice")]
    pub cmd: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub healthcheck: Option<HealthCheck>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub args_escaped: bool,
    pub image: String,
    #[serde(serialize_with = "template::nil_map")]
    pub volumes: Option<Set>,
    pub working_dir: String,
    #[serde(serialize_with = "template::nil_slice")]
    pub entrypoint: Option<Vec<String>>,
    #[serde(serialize_with = "template::nil_slice")]
    pub on_build: Option<Vec<String>>,
    #[serde(serialize_with = "template::nil_map")]
    pub labels: Option<BTreeMap<String, String>>,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub stop_signal: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stop_timeout: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
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

fn null_is_empty<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Vec<String>, D::Error> {
    Ok(Option::deserialize(from)?.unwrap_or_default())
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
        let config: Self = serde_json::from_slice(bytes).map_err(|e| refuse(&e.to_string()))?;
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
mod tests {
    use super::*;

    fn text(os: &str, kind: &str, diff_ids: &str) -> String {
        format!(
            r#"{{"architecture":"amd64","os":"{os}","created":"2024-05-01T10:00:00.5Z","config":null,
            "history":null,"rootfs":{{"type":"{kind}","diff_ids":{diff_ids}}},"unknown":[1,2]}}"#
        )
    }

    #[test]
    fn nulls_and_unknown_fields_are_harmless() {
        let config = Configuration::parse(text("linux", "layers", "null").as_bytes()).unwrap();
        assert_eq!(config.chain_ids().unwrap(), []);
        assert_eq!(config.created().unwrap().as_second(), 1_714_557_600);
        assert_eq!(config.platform().to_string(), "linux/amd64");
    }

    #[test]
    fn what_cannot_run_here_is_refused() {
        let many = format!(
            "[{}]",
            vec![format!("\"{}\"", Digest::of("")); 501].join(",")
        );
        for wrong in [
            text("windows", "layers", "[]"),
            text("linux", "windows", "[]"),
            text("linux", "layers", "[\"sha256:1\"]"),
            text("linux", "layers", "[\"../../etc\"]"),
            text("linux", "layers", &many),
            String::new(),
            "[]".to_owned(),
        ] {
            assert!(Configuration::parse(wrong.as_bytes()).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_chain_id_is_of_all_layers_below() {
        let (one, two) = (Digest::of("1"), Digest::of("2"));
        let ids = format!("[\"{one}\",\"{two}\"]");
        let config = Configuration::parse(text("linux", "layers", &ids).as_bytes()).unwrap();
        assert_eq!(config.chain_ids().unwrap(), [one, one.chain(&two)]);
    }

    #[test]
    fn the_year_one_is_no_time() {
        assert_eq!(time("0001-01-01T00:00:00Z"), None);
        assert_eq!(time("yesterday"), None);
        assert!(time("1970-01-01T00:00:00Z").is_some());
    }
}
