//! Which registries may be spoken to without proof of who they are: `insecure-registries` of daemon.json.

use std::net::{IpAddr, ToSocketAddrs};

use kit::{Error, Result};

use super::network::Cidr;
use super::url::{Scheme, Url, host_of, is_loopback};

/// Registries whose certificate is not checked, and which may have none.
///
/// The machine itself always is one, as Docker has it: what is sent there crosses no wire.
#[derive(Clone, Debug, Default)]
pub struct Insecure {
    hosts: Vec<String>,
    ranges: Vec<Cidr>,
}

impl Insecure {
    /// From a list of `host`, `host:port` and ranges as `10.0.0.0/8`.
    ///
    /// # Errors
    /// An entry is none of these.
    pub fn new<'a>(entries: impl IntoIterator<Item = &'a str>) -> Result<Self> {
        let mut insecure = Self::default();
        for entry in entries {
            // Docker takes an address for the host that it names.
            let host = entry
                .strip_prefix("http://")
                .or(entry.strip_prefix("https://"))
                .unwrap_or(entry);
            let host = host.strip_suffix('/').unwrap_or(host);
            if let Ok(range) = host.parse() {
                insecure.ranges.push(range);
            } else if is_authority(host) {
                insecure.hosts.push(host.to_ascii_lowercase());
            } else {
                return Err(Error::new(format!(
                    "insecure registry {entry:?} is no host and no range of addresses"
                ))
                .hint("give HOST, HOST:PORT, or a range as 10.0.0.0/8"));
            }
        }
        Ok(insecure)
    }

    /// Whether `authority`, a host with or without a port, is one. A name is looked up only if there are ranges for
    /// it to be in: to believe a name server that a name is this machine would let it switch the checks off.
    pub(crate) fn covers(&self, authority: &str) -> bool {
        let host = host_of(authority);
        if is_loopback(host) || self.hosts.iter().any(|h| h.eq_ignore_ascii_case(authority)) {
            return true;
        }
        let in_range = |address: IpAddr| self.ranges.iter().any(|range| range.contains(address));
        match host.parse() {
            Ok(address) => in_range(address),
            Err(_) if self.ranges.is_empty() => false,
            Err(_) => (host, 443)
                .to_socket_addrs()
                .is_ok_and(|mut addresses| addresses.any(|address| in_range(address.ip()))),
        }
    }

    /// The same of an address, whose port may be the scheme's own.
    pub(crate) fn covers_url(&self, url: &Url) -> bool {
        let port = match url.scheme {
            Scheme::Https => 443,
            Scheme::Http => 80,
        };
        self.covers(&url.authority) || self.covers(&format!("{}:{port}", url.authority))
    }
}

fn is_authority(text: &str) -> bool {
    !text.contains('/') && Url::parse(&format!("https://{text}/")).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_and_ranges_are_covered_and_nothing_else() {
        let insecure = Insecure::new(["Reg.example:5000", "10.0.0.0/8", "http://plain"]).unwrap();
        for (authority, covered) in [
            ("reg.example:5000", true),
            ("reg.example", false),
            ("reg.example:5001", false),
            ("plain", true),
            ("plain.example", false),
            ("10.9.8.7:5000", true),
            ("11.9.8.7:5000", false),
            ("localhost:5000", true),
            ("127.9.9.9", true),
            ("[::1]:5000", true),
            ("[fd00::1]:5000", false),
            ("localhost.example", false),
        ] {
            assert_eq!(insecure.covers(authority), covered, "{authority}");
        }
    }

    #[test]
    fn a_port_that_goes_without_saying_may_be_said() {
        let insecure = Insecure::new(["plain:80"]).unwrap();
        assert!(insecure.covers_url(&Url::parse("http://plain/").unwrap()));
        assert!(!insecure.covers_url(&Url::parse("https://plain/").unwrap()));
    }

    #[test]
    fn what_is_no_registry_is_refused() {
        for wrong in ["", "10.0.0.0/40", "host/path", "user@host"] {
            let error = Insecure::new([wrong]).unwrap_err();
            assert!(error.hint_text().is_some(), "{wrong}");
        }
    }
}
