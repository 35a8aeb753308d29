//! `daemon.json`: what the administrator of a machine has decided, in Docker's own format. Of registries it names the
//! mirrors of Docker Hub and those that need not prove who they are; the rest belongs to other programs.

use std::io::{ErrorKind, Read};
use std::path::Path;

use kit::{Error, Result};
use serde_json::{Map, Value};

use super::configuration::Configuration;

/// Where it is.
pub const DAEMON_FILE: &str = "/etc/drydock/daemon.json";

/// All keys that the file may have. Another is a mistake in writing, which would go unnoticed.
const KEYS: [&str; 20] = [
    "bip",
    "data-root",
    "debug",
    "default-address-pools",
    "default-runtime",
    "default-ulimits",
    "dns",
    "dns-opts",
    "dns-search",
    "exec-root",
    "insecure-registries",
    "labels",
    "live-restore",
    "log-driver",
    "log-level",
    "log-opts",
    "registry-mirrors",
    "runtimes",
    "storage-driver",
    "userns-remap",
];

/// No configuration is larger; what is, is another file.
const LARGEST: u64 = 1 << 20;

impl Configuration {
    /// Takes `registry-mirrors` and `insecure-registries` from the file `path`, or from [`DAEMON_FILE`], which need not
    /// exist.
    ///
    /// # Errors
    /// The file cannot be read, is no object of JSON, or has a key that nobody knows or a value that cannot be used.
    pub fn apply_daemon_file(&mut self, path: Option<&Path>) -> Result<()> {
        let is_named = path.is_some();
        let path = path.unwrap_or(Path::new(DAEMON_FILE));
        let mut text = String::new();
        match std::fs::File::open(path)
            .and_then(|file| file.take(LARGEST).read_to_string(&mut text))
        {
            Err(e) if e.kind() == ErrorKind::NotFound && !is_named => return Ok(()),
            Err(e) => return Err(Error::io("read the configuration file", path, &e)),
            Ok(_) => {}
        }
        self.apply_daemon_text(&text)
            .map_err(|e| e.within(format_args!("the configuration file {}", path.display())))
    }

    fn apply_daemon_text(&mut self, text: &str) -> Result<()> {
        let daemon: Map<String, Value> = match text.trim() {
            "" => Map::new(),
            text => serde_json::from_str(text)
                .map_err(|e| Error::new(format!("it is not an object of JSON: {e}")))?,
        };
        if let Some(key) = daemon.keys().find(|key| !KEYS.contains(&key.as_str())) {
            return Err(Error::new(format!("it has an unknown key {key:?}"))
                .hint(format!("the keys are {}", KEYS.join(", "))));
        }
        self.apply_daemon(&daemon)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn applied(text: &str) -> Result<Configuration> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("daemon.json");
        std::fs::write(&path, text).unwrap();
        let mut configuration = Configuration::default();
        configuration.apply_daemon_file(Some(&path))?;
        Ok(configuration)
    }

    #[test]
    fn the_keys_of_other_programs_stand_beside_ours() {
        let text = r#"{"debug": true, "registry-mirrors": ["https://one"], "bip": "10.0.0.1/24"}"#;
        assert_eq!(applied(text).unwrap().mirrors.0.len(), 1);
        assert!(applied("").unwrap().mirrors.0.is_empty());
        assert!(applied("{}\n").is_ok());
    }

    #[test]
    fn a_mistake_is_named() {
        for (text, words) in [
            ("[]", "not an object of JSON"),
            ("{\"debug\": true", "not an object of JSON"),
            (
                r#"{"registry-mirror": []}"#,
                "unknown key \"registry-mirror\"",
            ),
            (r#"{"registry-mirrors": [1]}"#, "registry-mirrors"),
            (r#"{"insecure-registries": "x"}"#, "insecure-registries"),
        ] {
            let error = applied(text).unwrap_err().to_string();
            assert!(
                error.contains(words) && error.contains("daemon.json"),
                "{error}"
            );
        }
    }

    #[test]
    fn only_a_file_that_was_named_must_be_there() {
        let mut configuration = Configuration::default();
        let missing = Path::new("/nonexistent/daemon.json");
        assert!(configuration.apply_daemon_file(Some(missing)).is_err());
    }
}
