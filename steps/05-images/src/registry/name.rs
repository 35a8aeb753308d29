//! What is asked for: a repository, and in it a manifest by tag or digest.

use std::fmt;

use kit::{Error, Result};
use layers::digest::Digest;

use super::endpoint::HUB;
use super::url::Url;

/// A repository of a registry: `docker.io` and `library/busybox`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Repository {
    domain: String,
    name: String,
}

impl Repository {
    /// The repository `name` of the registry `domain`, which may have a port.
    ///
    /// # Errors
    /// One of the two is not such a name: they become parts of addresses.
    pub fn new(domain: impl Into<String>, name: impl Into<String>) -> Result<Self> {
        let (domain, name) = (domain.into(), name.into());
        let is_domain = !domain.is_empty()
            && !domain.contains(['/', '?', '#', '\\'])
            && Url::parse(&format!("https://{domain}/")).is_ok();
        if !is_domain {
            return Err(Error::new(format!("{domain:?} is not a registry's host")));
        }
        if name.len() > 255 || !name.split('/').all(is_component) {
            return Err(Error::new(format!("{name:?} is not a repository's name")).hint(
                "a name is of small letters and digits, with single dots, dashes and underscores between them, and slashes",
            ));
        }
        Ok(Self { domain, name })
    }

    /// The registry's host, as references have it.
    pub fn domain(&self) -> &str {
        &self.domain
    }

    /// The name within the registry.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What this takes at a registry: the scope of a token.
    pub(crate) fn scope(&self, actions: &str) -> String {
        format!("repository:{}:{actions}", self.name)
    }

    /// An address in it: `manifests/latest`.
    pub(crate) fn path(&self, rest: impl fmt::Display) -> String {
        format!("/v2/{}/{rest}", self.name)
    }
}

/// As people write it: what goes without saying is left out.
impl fmt::Display for Repository {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.domain == HUB {
            return f.write_str(self.name.strip_prefix("library/").unwrap_or(&self.name));
        }
        write!(f, "{}/{}", self.domain, self.name)
    }
}

/// Runs of letters and digits, with one of `.`, `_`, `__` or any number of `-` between them (the distribution
/// project's reference grammar).
fn is_component(text: &str) -> bool {
    let is_plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    let mut rest = text;
    loop {
        let separator = rest.trim_start_matches(is_plain);
        if separator.len() == rest.len() {
            return false;
        }
        if separator.is_empty() {
            return true;
        }
        rest = separator.trim_start_matches(['.', '_', '-']);
        let separator = &separator[..separator.len() - rest.len()];
        if !matches!(separator, "." | "_" | "__") && separator.contains(['.', '_']) {
            return false;
        }
    }
}

/// Whether `text` may be a tag.
pub(crate) fn is_tag(text: &str) -> bool {
    let is_word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    let bytes = text.as_bytes();
    bytes.len() <= 128
        && bytes.first().is_some_and(|first| is_word(*first))
        && bytes
            .iter()
            .all(|b| is_word(*b) || matches!(b, b'.' | b'-'))
}

/// Which manifest of a repository.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Version {
    /// What the registry now has under this name.
    Tag(String),
    /// This one.
    Digest(Digest),
}

impl Version {
    /// A tag.
    ///
    /// # Errors
    /// It cannot be one.
    pub fn tag(text: impl Into<String>) -> Result<Self> {
        let text = text.into();
        match is_tag(&text) {
            true => Ok(Self::Tag(text)),
            false => Err(Error::new(format!("{text:?} is not a tag"))),
        }
    }

    /// The digest that the content must have, if that is known.
    pub(crate) fn digest(&self) -> Option<&Digest> {
        match self {
            Self::Tag(_) => None,
            Self::Digest(digest) => Some(digest),
        }
    }

    /// `repository:tag` or `repository@digest`.
    pub(crate) fn of(&self, repository: &Repository) -> String {
        match self {
            Self::Tag(tag) => format!("{repository}:{tag}"),
            Self::Digest(digest) => format!("{repository}@{digest}"),
        }
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tag(tag) => f.write_str(tag),
            Self::Digest(digest) => digest.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_cannot_lead_elsewhere() {
        for name in ["a", "library/busybox", "a.b/c_d/e__f/g---h", "0/1"] {
            assert!(Repository::new("reg:5000", name).is_ok(), "{name}");
        }
        for name in [
            "",
            "/",
            "a/",
            "/a",
            "a//b",
            "..",
            "a/../b",
            "A",
            "a?b",
            "a#b",
            "a%2e",
            "a..b",
            "a___b",
            "-a",
            "a-",
            "a.-b",
            "a b",
            "a\r\nb",
            &"a".repeat(256),
        ] {
            assert!(Repository::new("reg:5000", name).is_err(), "{name}");
        }
        for domain in ["", "a/b", "u@h", "a b", "a?b", "a#b", "a\r\nb"] {
            assert!(Repository::new(domain, "a").is_err(), "{domain}");
        }
    }

    #[test]
    fn a_tag_is_one_word() {
        for tag in ["latest", "_", "1.2-3_4", &"a".repeat(128)] {
            assert!(Version::tag(tag).is_ok(), "{tag}");
        }
        for tag in [
            "",
            ".a",
            "-a",
            "a/b",
            "a:b",
            "a?b",
            "ä",
            "a b",
            &"a".repeat(129),
        ] {
            assert!(Version::tag(tag).is_err(), "{tag}");
        }
    }

    #[test]
    fn people_leave_out_what_goes_without_saying() {
        let shown = |domain, name| Repository::new(domain, name).unwrap().to_string();
        assert_eq!(shown("docker.io", "library/busybox"), "busybox");
        assert_eq!(shown("docker.io", "user/app"), "user/app");
        assert_eq!(
            shown("quay.io", "library/busybox"),
            "quay.io/library/busybox"
        );
    }
}
