//! Proxies, as the environment names them: HTTP_PROXY, HTTPS_PROXY and NO_PROXY, read as Docker reads them.
//!
//! A proxy is asked for a tunnel (CONNECT) for both schemes.

use std::net::IpAddr;

use kit::{Error, Result};

use super::network::Cidr;
use super::url::{Scheme, Url, host_of, is_loopback};

/// Which hosts are reached through which proxy.
#[derive(Clone, Debug, Default)]
pub struct Proxies {
    http: Option<String>,
    https: Option<String>,
    without: Vec<Exception>,
}

/// One entry of NO_PROXY, with the port it may be limited to.
#[derive(Clone, Debug)]
struct Exception {
    hosts: Hosts,
    port: Option<String>,
}

#[derive(Clone, Debug)]
enum Hosts {
    All,
    Range(Cidr),
    Address(IpAddr),
    /// A name and all below it.
    Domain(String),
    /// What is below a name, without it: `.example.com`.
    Below(String),
}

impl Proxies {
    /// None: every host is spoken to directly.
    pub fn none() -> Self {
        Self::default()
    }

    /// What the environment says, `variable` being how to ask it. A name in capitals goes before the same in small
    /// letters, and what is empty counts as not given.
    pub fn from_environment(variable: impl Fn(&str) -> Option<String>) -> Self {
        let either = |name: &str| {
            variable(name)
                .filter(|value| !value.is_empty())
                .or_else(|| variable(&name.to_ascii_lowercase()))
                .filter(|value| !value.is_empty())
        };
        Self {
            // A CGI program's HTTP_PROXY is what a client sent as its header `Proxy` (CVE-2016-5386).
            http: either("HTTP_PROXY").filter(|_| variable("REQUEST_METHOD").is_none()),
            https: either("HTTPS_PROXY"),
            without: either("NO_PROXY")
                .unwrap_or_default()
                .split(',')
                .filter_map(|entry| Exception::parse(entry.trim()))
                .collect(),
        }
    }

    /// The proxy for `url`, if there is one. The machine itself is never reached through a proxy.
    pub(crate) fn proxy_for(&self, url: &Url) -> Result<Option<ureq::Proxy>> {
        let (proxy, port) = match url.scheme {
            Scheme::Http => (&self.http, "80"),
            Scheme::Https => (&self.https, "443"),
        };
        let Some(proxy) = proxy else { return Ok(None) };
        let host = url.host();
        let port = port_of(&url.authority).unwrap_or(port);
        if is_loopback(host) || self.without.iter().any(|e| e.covers(host, port)) {
            return Ok(None);
        }
        usable(proxy).map(Some).map_err(|why| {
            // The value may hold a password, so it is not shown.
            Error::new(format!("the proxy for {} cannot be used: {why}", url.shown()))
                .hint("correct HTTP_PROXY and HTTPS_PROXY: http://HOST:PORT, with USER:PASSWORD@ before the host if it asks for them")
        })
    }
}

fn usable(proxy: &str) -> std::result::Result<ureq::Proxy, String> {
    let proxy = ureq::Proxy::new(proxy).map_err(|error| error.to_string())?;
    match proxy.protocol() {
        ureq::ProxyProtocol::Http | ureq::ProxyProtocol::Https => Ok(proxy),
        // ureq would know it and go past it.
        other => Err(format!("{other} is not spoken")),
    }
}

impl Exception {
    fn parse(entry: &str) -> Option<Self> {
        let entry = entry.to_ascii_lowercase();
        if entry.is_empty() {
            return None;
        }
        if let Ok(range) = entry.parse() {
            return Some(Self::without_port(Hosts::Range(range)));
        }
        if let Ok(address) = entry.parse() {
            return Some(Self::without_port(Hosts::Address(address)));
        }
        let name = host_of(&entry);
        let hosts = match name {
            "*" => Hosts::All,
            name => match (
                name.parse(),
                name.strip_prefix("*.").or(name.strip_prefix('.')),
            ) {
                (Ok(address), _) => Hosts::Address(address),
                (_, Some(rest)) => Hosts::Below(format!(".{rest}")),
                (_, None) => Hosts::Domain(name.to_owned()),
            },
        };
        Some(Self {
            hosts,
            port: port_of(&entry).map(str::to_owned),
        })
    }

    fn without_port(hosts: Hosts) -> Self {
        Self { hosts, port: None }
    }

    fn covers(&self, host: &str, port: &str) -> bool {
        if self.port.as_deref().is_some_and(|mine| mine != port) {
            return false;
        }
        let address = host.parse::<IpAddr>().ok();
        match &self.hosts {
            Hosts::All => true,
            Hosts::Range(range) => address.is_some_and(|address| range.contains(address)),
            Hosts::Address(mine) => address == Some(*mine),
            Hosts::Below(domain) => host.ends_with(domain.as_str()),
            Hosts::Domain(domain) => {
                host == domain
                    || host
                        .strip_suffix(domain.as_str())
                        .is_some_and(|rest| rest.ends_with('.'))
            }
        }
    }
}

fn port_of(authority: &str) -> Option<&str> {
    let after = authority
        .rsplit_once(']')
        .map_or(authority, |(_, port)| port);
    after.rsplit_once(':').map(|(_, port)| port)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proxies(no_proxy: &str) -> Proxies {
        Proxies::from_environment(|name| match name {
            "HTTP_PROXY" => Some("http://plain.proxy:3128".into()),
            "https_proxy" => Some("http://user:word@tls.proxy:3129".into()),
            "NO_PROXY" => Some(no_proxy.into()),
            _ => None,
        })
    }

    fn host(proxies: &Proxies, url: &str) -> Option<String> {
        let proxy = proxies.proxy_for(&Url::parse(url).unwrap()).unwrap();
        proxy.map(|proxy| proxy.host().to_owned())
    }

    #[test]
    fn each_scheme_has_its_proxy() {
        let proxies = proxies("");
        assert_eq!(host(&proxies, "https://a/").as_deref(), Some("tls.proxy"));
        assert_eq!(host(&proxies, "http://a/").as_deref(), Some("plain.proxy"));
        assert_eq!(host(&Proxies::none(), "https://a/"), None);
    }

    #[test]
    fn the_machine_itself_is_reached_directly() {
        for url in [
            "http://localhost:5000/",
            "https://127.8.8.8/",
            "https://[::1]:5000/",
        ] {
            assert_eq!(host(&proxies(""), url), None, "{url}");
        }
    }

    #[test]
    fn exceptions_are_names_addresses_and_ranges() {
        for (without, url, direct) in [
            ("*", "https://a.example/", true),
            ("example.com", "https://example.com/", true),
            ("Example.com", "https://a.example.com/", true),
            ("example.com", "https://anexample.com/", false),
            (".example.com", "https://a.example.com/", true),
            (".example.com", "https://example.com/", false),
            ("*.example.com", "https://a.example.com/", true),
            ("a, example.com:5000", "https://example.com:5000/", true),
            ("example.com:5000", "https://example.com/", false),
            ("example.com:443", "https://example.com/", true),
            ("10.0.0.0/8", "https://10.1.2.3:5000/", true),
            ("10.0.0.0/8", "https://11.1.2.3/", false),
            ("10.1.2.3", "https://10.1.2.3/", true),
            ("[fd00::1]:5000", "https://[fd00::1]:5000/", true),
            ("fd00::1", "https://[fd00::1]/", true),
        ] {
            let found = host(&proxies(without), url);
            assert_eq!(found.is_none(), direct, "{without} {url}");
        }
    }

    #[test]
    fn a_cgi_program_takes_no_proxy_from_its_client() {
        let proxies = Proxies::from_environment(|name| match name {
            "HTTP_PROXY" => Some("http://evil:1".into()),
            "REQUEST_METHOD" => Some("GET".into()),
            _ => None,
        });
        assert_eq!(host(&proxies, "http://a/"), None);
    }

    #[test]
    fn a_bad_proxy_is_an_error_that_keeps_its_password() {
        for proxy in [
            "gopher://user:secret@host",
            "socks5://user:secret@host",
            "http://user:secret@",
        ] {
            let proxies =
                Proxies::from_environment(|name| (name == "HTTPS_PROXY").then(|| proxy.to_owned()));
            let error = proxies
                .proxy_for(&Url::parse("https://a/").unwrap())
                .unwrap_err();
            assert!(!error.to_string().contains("secret"), "{error}");
            assert!(
                error
                    .hint_text()
                    .is_some_and(|hint| hint.contains("HTTPS_PROXY"))
            );
        }
    }
}
