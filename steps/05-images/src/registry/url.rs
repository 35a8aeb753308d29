//! Addresses, as far as a registry's answers hold them (RFC 3986), and what makes two of them the same place.

use std::fmt;
use std::net::IpAddr;

use kit::{Error, Result};
use ureq::http::Uri;

/// How a host is spoken to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Scheme {
    /// Over TLS.
    Https,
    /// In the clear, which only an insecure registry is.
    Http,
}

impl Scheme {
    fn port(self) -> &'static str {
        match self {
            Self::Https => "443",
            Self::Http => "80",
        }
    }
}

impl fmt::Display for Scheme {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Https => "https",
            Self::Http => "http",
        })
    }
}

/// An absolute address of http or https, without user and fragment.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Url {
    /// http or https.
    pub(crate) scheme: Scheme,
    /// Host and port in lower case, without a port that is the scheme's own.
    pub(crate) authority: String,
    /// From the first slash on.
    pub(crate) path: String,
}

impl Url {
    /// Reads an absolute address.
    pub(crate) fn parse(text: &str) -> Result<Self> {
        let refuse = |why: &str| Error::new(format!("{text:?} is not an address: {why}"));
        let uri: Uri = text.parse().map_err(|e| refuse(&format!("{e}")))?;
        let scheme = match uri.scheme_str() {
            Some("https") => Scheme::Https,
            Some("http") => Scheme::Http,
            _ => return Err(refuse("it must begin with https:// or http://")),
        };
        let authority = uri.authority().ok_or_else(|| refuse("it names no host"))?;
        if authority.as_str().contains('@') {
            return Err(refuse("it holds a user's name"));
        }
        let path = uri.path_and_query().map_or("/", |path| path.as_str());
        Ok(Self::new(scheme, authority.as_str(), path))
    }

    /// From its parts; `path` begins with a slash.
    pub(crate) fn new(scheme: Scheme, authority: &str, path: &str) -> Self {
        let authority = authority.to_ascii_lowercase();
        let suffix = format!(":{}", scheme.port());
        Self {
            scheme,
            authority: authority
                .strip_suffix(&suffix)
                .unwrap_or(&authority)
                .to_owned(),
            path: path.to_owned(),
        }
    }

    /// Where `reference`, found in an answer from here, leads (RFC 3986, 5.2).
    pub(crate) fn join(&self, reference: &str) -> Result<Self> {
        if reference.contains("://") && !reference.starts_with(['/', '?']) {
            return Self::parse(reference);
        }
        if let Some(rest) = reference.strip_prefix("//") {
            return Self::parse(&format!("{}://{rest}", self.scheme));
        }
        let bare = self.path.split('?').next().unwrap_or("/");
        let path = match reference.as_bytes().first() {
            Some(b'/') => reference.to_owned(),
            Some(b'?') => format!("{bare}{reference}"),
            _ => {
                let folder = &bare[..=bare.rfind('/').unwrap_or(0)];
                format!("{folder}{reference}")
            }
        };
        Self::parse(&format!("{}://{}{path}", self.scheme, self.authority))
    }

    /// The same of where an answer sends us. A registry behind a proxy that ends TLS does not know that it is spoken to
    /// over TLS, and calls itself `http://`: the same host is asked in the way in which it was found.
    pub(crate) fn onward(&self, reference: &str) -> Result<Self> {
        let next = self.join(reference.trim())?;
        let is_same = next.authority == self.authority && self.scheme == Scheme::Https;
        Ok(match is_same {
            true => Self {
                scheme: Scheme::Https,
                ..next
            },
            false => next,
        })
    }

    /// Whether what may be told to one may be told to the other: the same host and port, spoken to in the same way.
    pub(crate) fn same_origin(&self, other: &Self) -> bool {
        self.scheme == other.scheme && self.authority == other.authority
    }

    /// With `parameters` added to the query, escaped.
    pub(crate) fn with_query(mut self, parameters: &[(&str, &str)]) -> Self {
        for (name, value) in parameters {
            self.path
                .push(if self.path.contains('?') { '&' } else { '?' });
            self.path.push_str(name);
            self.path.push('=');
            self.path.push_str(&escape(value));
        }
        self
    }

    /// The host alone.
    pub(crate) fn host(&self) -> &str {
        host_of(&self.authority)
    }

    /// The address without its query, which may hold a signature: for messages.
    pub(crate) fn shown(&self) -> String {
        let bare = self.path.split('?').next().unwrap_or("/");
        format!("{}://{}{bare}", self.scheme, self.authority)
    }
}

impl fmt::Display for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}{}", self.scheme, self.authority, self.path)
    }
}

/// The host of `host:port`, an IPv6 address without its brackets.
pub(crate) fn host_of(authority: &str) -> &str {
    if let Some((host, _)) = authority
        .strip_prefix('[')
        .and_then(|rest| rest.split_once(']'))
    {
        return host;
    }
    authority
        .split_once(':')
        .map_or(authority, |(host, _)| host)
}

/// Whether this is the machine itself, by its address or by the name that always means it (RFC 6761, 6.3).
pub(crate) fn is_loopback(host: &str) -> bool {
    host.eq_ignore_ascii_case("localhost")
        || host
            .parse::<IpAddr>()
            .is_ok_and(|address| address.is_loopback())
}

/// A value for a query or a form: all but the unreserved characters as `%XX` (RFC 3986, 2.3).
pub(crate) fn escape(value: &str) -> String {
    let mut escaped = String::with_capacity(value.len());
    for byte in value.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                escaped.push(byte as char);
            }
            _ => escaped.push_str(&format!("%{byte:02X}")),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_read_in_one_form() {
        for (text, want) in [
            ("https://Host.Example:443", "https://host.example/"),
            ("http://host:80/v2/?a=b#part", "http://host/v2/?a=b"),
            ("http://host:443/", "http://host:443/"),
            ("https://[::1]:5000/v2/", "https://[::1]:5000/v2/"),
        ] {
            assert_eq!(Url::parse(text).unwrap().to_string(), want, "{text}");
        }
        for wrong in [
            "",
            "/v2/",
            "host/v2/",
            "ftp://host/",
            "file:///etc/passwd",
            "https://",
            "https://user:word@host/",
            "https://host/\r\nX: y",
        ] {
            assert!(Url::parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_reference_leads_from_where_it_was_found() {
        let base = Url::parse("https://a:5000/v2/x/blobs/uploads/?n=1").unwrap();
        for (reference, want) in [
            ("https://b/blob?sig=1", "https://b/blob?sig=1"),
            ("//b/blob", "https://b/blob"),
            ("/v2/y", "https://a:5000/v2/y"),
            ("/to?at=http://c/", "https://a:5000/to?at=http://c/"),
            ("?last=2", "https://a:5000/v2/x/blobs/uploads/?last=2"),
            ("uuid?s=2", "https://a:5000/v2/x/blobs/uploads/uuid?s=2"),
        ] {
            assert_eq!(
                base.join(reference).unwrap().to_string(),
                want,
                "{reference}"
            );
        }
        assert!(base.join("file:///etc/passwd").is_err());
    }

    #[test]
    fn a_host_that_does_not_know_of_its_tls_is_asked_as_before() {
        for (base, reference, want) in [
            ("https://a/x", "http://a/y", "https://a/y"),
            ("https://a/x", "http://A:80/y", "https://a/y"),
            ("https://a/x", " /y ", "https://a/y"),
            ("https://a:5000/x", "http://a:5000/y", "https://a:5000/y"),
            ("https://a/x", "http://b/y", "http://b/y"),
            ("https://a/x", "http://a:5000/y", "http://a:5000/y"),
            ("http://a/x", "https://a/y", "https://a/y"),
            ("http://a/x", "http://a/y", "http://a/y"),
        ] {
            let next = Url::parse(base).unwrap().onward(reference).unwrap();
            assert_eq!(next.to_string(), want, "{base} {reference}");
        }
    }

    #[test]
    fn another_port_or_scheme_is_another_place() {
        let url = |text| Url::parse(text).unwrap();
        let here = url("https://a/x");
        assert!(here.same_origin(&url("https://A:443/y")));
        for other in ["https://b/", "http://a/", "https://a:444/", "https://a.b/"] {
            assert!(!here.same_origin(&url(other)), "{other}");
        }
    }

    #[test]
    fn a_query_is_escaped() {
        let url = Url::parse("https://a/token?x=1").unwrap();
        let url = url.with_query(&[("scope", "repository:a/b:pull"), ("s", "ä&=")]);
        assert_eq!(
            url.to_string(),
            "https://a/token?x=1&scope=repository%3Aa%2Fb%3Apull&s=%C3%A4%26%3D"
        );
        assert_eq!(url.shown(), "https://a/token");
    }
}
