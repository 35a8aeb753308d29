//! `daemon.json`: what the administrator of a machine has decided, in Docker's own format. Of registries it names the
//! mirrors of Docker Hub and those that need not prove who they are; the rest belongs to other programs.

use std::io::{ErrorKind, Read};
use std::path::Path;

use kit::{Error, Result};

use super::configuration::Configuration;
use crate::lenient;

/// Where it is.
pub const DAEMON_FILE: &str = "/etc/drydock/daemon.json";

/// All keys that the file may have: Docker's, of all its versions. Another is a mistake in writing, which would go
/// unnoticed.
const KEYS: &str = "\
    allow-direct-routing allow-nondistributable-artifacts api-cors-header authorization-plugins bip bip6 \
    bridge bridge-accept-fwmark builder cdi-spec-dirs cgroup-parent cluster-advertise cluster-store \
    cluster-store-opts containerd containerd-namespace containerd-plugin-namespace cpu-rt-period \
    cpu-rt-runtime data-root debug default-address-pools default-cgroupns-mode default-gateway \
    default-gateway-v6 default-ipc-mode default-network-opts default-runtime default-shm-size default-ulimits \
    deprecated-key-path dns dns-opts dns-search exec-opts exec-root experimental features firewall-backend \
    fixed-cidr fixed-cidr-v6 graph group host-gateway-ip host-gateway-ips hosts http-proxy https-proxy icc \
    init init-path insecure-registries ip ip-forward ip-forward-no-drop ip-masq ip6tables iptables ipv6 labels \
    live-restore log-driver log-format log-level log-opts max-concurrent-downloads max-concurrent-uploads \
    max-download-attempts metrics-addr min-api-version mtu network-control-plane-mtu no-new-privileges \
    no-proxy node-generic-resources oom-score-adjust pidfile proxies raw-logs registry-mirrors rootless \
    runtimes seccomp-profile selinux-enabled shutdown-timeout storage-driver storage-opts \
    swarm-default-advertise-addr tls tlscacert tlscert tlskey tlsverify userland-proxy userland-proxy-path \
    userns-remap validate";

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
        let mut text = Vec::new();
        match std::fs::File::open(path).and_then(|file| file.take(LARGEST).read_to_end(&mut text)) {
            Err(e) if e.kind() == ErrorKind::NotFound && !is_named => return Ok(()),
            Err(e) => return Err(Error::io("read the configuration file", path, &e)),
            Ok(_) => {}
        }
        self.apply_daemon_text(&text)
            .map_err(|e| e.within(format_args!("the configuration file {}", path.display())))
    }

    fn apply_daemon_text(&mut self, text: &[u8]) -> Result<()> {
        let daemon = lenient::read_object(text)
            .map_err(|e| Error::new(format!("it is not an object of JSON: {e}")))?
            .unwrap_or_default();
        let is_known = |key: &str| KEYS.split_whitespace().any(|known| known == key);
        if let Some(key) = daemon.keys().find(|key| !is_known(key)) {
            return Err(Error::new(format!("it has an unknown key {key:?}"))
                .hint("the keys are those of Docker's daemon.json; we go by registry-mirrors and insecure-registries"));
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
        for text in [
            r#"{"registry-mirrors": null, "insecure-registries": null}"#,
            r#"{"registry-mirrors": [], "insecure-registries": [""]}"#,
            "\u{feff}{\"registry-mirrors\": [null]}",
            r#"{"storage-opts": ["a=b"], "features": {"containerd-snapshotter": true}}"#,
            r#"{"max-concurrent-downloads": 3, "hosts": ["fd://"], "ipv6": false}"#,
        ] {
            assert!(applied(text).unwrap().mirrors.0.is_empty(), "{text}");
        }
        let one =
            r#"{"registry-mirrors": ["https://one/"], "registry-mirrors": ["", "https://two"]}"#;
        assert_eq!(applied(one).unwrap().mirrors.0[0].authority, "two");
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
            (
                r#"{"Registry-Mirrors": []}"#,
                "unknown key \"Registry-Mirrors\"",
            ),
            (r#"{"registry-mirrors": [1]}"#, "registry-mirrors"),
            (r#"{"registry-mirrors": {}}"#, "registry-mirrors"),
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
