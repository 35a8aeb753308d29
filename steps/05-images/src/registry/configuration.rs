//! What the client is told before it speaks to anybody.

use std::path::PathBuf;
use std::time::Duration;

use kit::{Error, Result};
use serde_json::{Map, Value};

use super::config_file::ConfigFile;
use super::insecure::Insecure;
use super::proxy::Proxies;
use super::url::Url;

/// What a [`Client`](super::Client) goes by.
#[derive(Clone, Debug)]
pub struct Configuration {
    /// Asked before Docker Hub, in this order: `registry-mirrors` of daemon.json.
    pub mirrors: Mirrors,
    /// Registries that need not prove who they are.
    pub insecure: Insecure,
    /// How hosts are reached.
    pub proxies: Proxies,
    /// Folders with a folder for each registry that has certificates of its own: `HOST:PORT/*.crt` are authorities,
    /// `*.cert` and `*.key` are what we show. The first folder that knows the registry counts.
    pub certificates: Vec<PathBuf>,
    /// Where the user's credentials are; none means that no registry is told who asks.
    pub credentials: Option<ConfigFile>,
    /// How long a registry is waited for.
    pub patience: Patience,
}

/// How long a registry is waited for, and how often it is asked again.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// How often the same is asked before giving up; at least once.
    pub attempts: u32,
    /// The wait before the second attempt; each further one is twice as long.
    pub first_wait: Duration,
    /// No wait is longer, also not one that the registry asks for.
    pub longest_wait: Duration,
    /// How long a connection may take to be made.
    pub connect: Duration,
    /// How long a connection may say nothing.
    pub silence: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            attempts: 5,
            first_wait: Duration::from_secs(1),
            longest_wait: Duration::from_secs(60),
            connect: Duration::from_secs(30),
            // A registry that checks a large layer before it confirms it is silent that long.
            silence: Duration::from_secs(120),
        }
    }
}

impl Patience {
    /// How long to wait after `failures` failures in a row.
    pub(crate) fn wait(&self, failures: u32) -> Duration {
        let doubled = 2u32.saturating_pow(failures.saturating_sub(1));
        self.first_wait
            .saturating_mul(doubled)
            .min(self.longest_wait)
    }
}

/// Registries that hold copies of what Docker Hub has.
#[derive(Clone, Debug, Default)]
pub struct Mirrors(pub(crate) Vec<Url>);

impl Mirrors {
    /// From addresses such as `https://mirror.example`.
    ///
    /// # Errors
    /// An entry is not the address of a host, without user, query and fragment.
    pub fn new<'a>(entries: impl IntoIterator<Item = &'a str>) -> Result<Self> {
        let parse = |entry: &str| {
            let url = Url::parse(entry).and_then(|url| match url.path.contains('?') {
                true => Err(Error::new(format!("{entry:?} has a query"))),
                false => Ok(url),
            });
            url.map_err(|error| {
                error
                    .within("a registry mirror cannot be used")
                    .hint("give an address as https://mirror.example")
            })
        };
        entries
            .into_iter()
            .map(parse)
            .collect::<Result<_>>()
            .map(Self)
    }
}

impl Default for Configuration {
    /// Nothing but the defaults: no mirror, no proxy, no credentials, Docker's folder of certificates.
    fn default() -> Self {
        Self {
            mirrors: Mirrors::default(),
            insecure: Insecure::default(),
            proxies: Proxies::none(),
            certificates: vec![
                PathBuf::from("/etc/drydock/certs.d"),
                PathBuf::from("/etc/docker/certs.d"),
            ],
            credentials: None,
            patience: Patience::default(),
        }
    }
}

impl Configuration {
    /// As a user's environment has it: proxies, and credentials in Docker's place for them.
    pub fn from_environment() -> Self {
        Self {
            proxies: Proxies::from_environment(|name| std::env::var(name).ok()),
            credentials: ConfigFile::of_user(),
            ..Self::default()
        }
    }

    /// Takes `registry-mirrors` and `insecure-registries` from the object of a daemon.json.
    ///
    /// # Errors
    /// One of the two is not a list of strings, or has an entry that cannot be used; the key is named.
    pub fn apply_daemon(&mut self, daemon: &Map<String, Value>) -> Result<()> {
        if let Some(entries) = strings(daemon, "registry-mirrors")? {
            self.mirrors = Mirrors::new(entries).map_err(|e| e.within("registry-mirrors"))?;
        }
        if let Some(entries) = strings(daemon, "insecure-registries")? {
            self.insecure = Insecure::new(entries).map_err(|e| e.within("insecure-registries"))?;
        }
        Ok(())
    }
}

/// A list that is `null` is none, and an entry that is empty or `null` says nothing.
fn strings<'a>(daemon: &'a Map<String, Value>, key: &str) -> Result<Option<Vec<&'a str>>> {
    let Some(value) = daemon.get(key).filter(|value| !value.is_null()) else {
        return Ok(None);
    };
    let list = value.as_array().and_then(|list| {
        let list = list.iter().filter(|entry| !entry.is_null());
        list.map(Value::as_str).collect::<Option<Vec<_>>>()
    });
    let list = list.ok_or_else(|| Error::new(format!("{key} is not a list of strings")))?;
    Ok(Some(
        list.into_iter().filter(|entry| !entry.is_empty()).collect(),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn applied(json: &str) -> Result<Configuration> {
        let mut configuration = Configuration::default();
        let daemon: Map<String, Value> = serde_json::from_str(json).unwrap();
        configuration.apply_daemon(&daemon)?;
        Ok(configuration)
    }

    #[test]
    fn daemon_json_names_mirrors_and_insecure_registries() {
        let configuration = applied(
            r#"{"registry-mirrors": ["https://one", "http://two:5000/prefix/"],
                "insecure-registries": ["reg:5000"], "debug": true}"#,
        )
        .unwrap();
        let mirrors: Vec<_> = configuration.mirrors.0.iter().map(Url::to_string).collect();
        assert_eq!(mirrors, ["https://one/", "http://two:5000/prefix/"]);
        assert!(configuration.insecure.covers("reg:5000"));
    }

    #[test]
    fn a_wrong_value_is_named_by_its_key() {
        for (json, want) in [
            (r#"{"registry-mirrors": "https://one"}"#, "registry-mirrors"),
            (r#"{"registry-mirrors": [1]}"#, "registry-mirrors"),
            (r#"{"registry-mirrors": ["one"]}"#, "registry-mirrors"),
            (r#"{"registry-mirrors": ["https://a/?b"]}"#, "query"),
            (r#"{"insecure-registries": {}}"#, "insecure-registries"),
            (r#"{"insecure-registries": ["a/b"]}"#, "insecure-registries"),
        ] {
            let error = applied(json).unwrap_err().to_string();
            assert!(error.contains(want), "{error}");
        }
    }

    #[test]
    fn waits_double_up_to_a_limit() {
        let patience = Patience::default();
        let waits: Vec<_> = (1..=8).map(|n| patience.wait(n).as_secs()).collect();
        assert_eq!(waits, [1, 2, 4, 8, 16, 32, 60, 60]);
        assert_eq!(patience.wait(u32::MAX), patience.longest_wait);
    }
}
