//! References: how people name images, read exactly as Docker reads them (the grammar of `distribution/reference`).
//!
//! ```text
//! reference      := name [ ":" tag ] [ "@" digest ]
//! name           := [ domain "/" ] component [ "/" component ]*
//! domain         := host [ ":" port ]
//! host           := label [ "." label ]* | "[" IPv6 "]"
//! label          := letters, digits and, not at an end, hyphens
//! component      := words of a-z and 0-9, joined by "_", "__", "." or any number of "-"
//! tag            := a letter, digit or "_", then up to 127 of these, "." and "-"
//! ```
//!
//! What stands before the first slash is a domain only if it looks like one: it has a dot, a colon or an upper-case
//! letter, or is `localhost`. Otherwise the domain is `docker.io`, where a name of one component is in `library/`.

mod grammar;
#[cfg(test)]
mod tests;

use std::fmt;
use std::str::FromStr;

use kit::{Error, Result};
use layers::digest::Digest;

/// Where a name without a domain is.
pub const DEFAULT_DOMAIN: &str = "docker.io";
/// The tag of a name that has neither tag nor digest, where one is needed.
pub const DEFAULT_TAG: &str = "latest";

/// An older name of `docker.io`, which is taken for it.
const LEGACY_DOMAIN: &str = "index.docker.io";
const OFFICIAL: &str = "library";
const MAX_PATH: usize = 255;

/// A name with its domain, and perhaps a tag or a digest.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Reference {
    domain: String,
    path: String,
    tag: Option<String>,
    digest: Option<Digest>,
}

impl Reference {
    /// The registry's host, perhaps with a port: `docker.io`, `localhost:5000`.
    pub fn domain(&self) -> &str {
        &self.domain
    }

    /// The repository in that registry: `library/alpine`.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The tag, if one was given.
    pub fn tag(&self) -> Option<&str> {
        self.tag.as_deref()
    }

    /// The digest, if one was given.
    pub fn digest(&self) -> Option<&Digest> {
        self.digest.as_ref()
    }

    /// Domain and path: `docker.io/library/alpine`.
    pub fn name(&self) -> String {
        format!("{}/{}", self.domain, self.path)
    }

    /// The name as people write it: `alpine`.
    pub fn familiar_name(&self) -> String {
        if self.domain != DEFAULT_DOMAIN {
            return self.name();
        }
        match self.path.split_once('/') {
            Some((OFFICIAL, rest)) if !rest.contains('/') => rest.to_owned(),
            _ => self.path.clone(),
        }
    }

    /// The whole reference as people write it: `alpine:3.20`.
    pub fn familiar(&self) -> String {
        self.familiar_name() + &self.suffix()
    }

    /// Whether it has neither tag nor digest.
    pub fn is_name_only(&self) -> bool {
        self.tag.is_none() && self.digest.is_none()
    }

    /// Itself, with the tag `latest` if it is only a name.
    #[must_use]
    pub fn or_latest(mut self) -> Self {
        if self.is_name_only() {
            self.tag = Some(DEFAULT_TAG.to_owned());
        }
        self
    }

    /// The same name with another tag, and no digest.
    ///
    /// # Errors
    /// It is not a tag.
    pub fn with_tag(&self, tag: &str) -> Result<Self> {
        if !grammar::is_tag(tag) {
            return Err(Error::new(format!("{tag:?} is not a tag"))
                .hint("a tag has letters, digits, _, . and -, 128 at most, and begins with none of the last two"));
        }
        Ok(Self {
            tag: Some(tag.to_owned()),
            digest: None,
            ..self.clone()
        })
    }

    /// The same name with a digest, and no tag: what a repository digest is.
    #[must_use]
    pub fn with_digest(&self, digest: Digest) -> Self {
        Self {
            tag: None,
            digest: Some(digest),
            ..self.clone()
        }
    }

    fn suffix(&self) -> String {
        let tag = self.tag.iter().map(|tag| format!(":{tag}"));
        let digest = self.digest.iter().map(|digest| format!("@{digest}"));
        tag.chain(digest).collect()
    }
}

/// In full: `docker.io/library/alpine:3.20`. Parsed, it gives the same reference.
impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.name(), self.suffix())
    }
}

impl FromStr for Reference {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        if is_whole_id(text) {
            return Err(invalid(
                text,
                "invalid repository name, cannot specify 64-byte hexadecimal strings",
            )
            .hint("64 hexadecimal digits are an image's id, and cannot be its name too"));
        }
        let (domain, rest) = split_domain(text);
        let (rest, digest) = match rest.split_once('@') {
            Some((rest, digest)) => (rest, Some(digest)),
            None => (rest.as_str(), None),
        };
        let (path, tag) = match rest.split_once(':') {
            Some((path, tag)) => (path, Some(tag)),
            None => (rest, None),
        };
        if path.chars().any(char::is_uppercase) {
            let why = "invalid reference format: repository name must be lowercase";
            return Err(invalid(text, why));
        }
        let is_well_formed = grammar::is_domain(&domain)
            && path.split('/').all(grammar::is_component)
            && tag.is_none_or(grammar::is_tag)
            && digest.is_none_or(grammar::is_digest);
        if !is_well_formed {
            return Err(invalid(text, "invalid reference format")
                .hint("the form is [REGISTRY[:PORT]/]NAME[:TAG][@DIGEST]"));
        }
        if path.len() > MAX_PATH {
            return Err(invalid(
                text,
                "repository name must not be more than 255 characters",
            ));
        }
        let digest = digest.map(str::parse).transpose();
        Ok(Self {
            domain,
            path: path.to_owned(),
            tag: tag.map(str::to_owned),
            digest: digest.map_err(|error: Error| error.within("invalid reference format"))?,
        })
    }
}

/// Whether `text` is an image's id in full, without `sha256:`.
pub fn is_whole_id(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
}

// ANCHOR: domain
/// The registry that a word names before its first slash, if it names one, and the rest of it.
pub(crate) fn split_registry(text: &str) -> (&str, &str) {
    match text.split_once('/') {
        Some((LEGACY_DOMAIN, rest)) => (DEFAULT_DOMAIN, rest),
        Some((first, rest)) if looks_like_domain(first) => (first, rest),
        _ => (DEFAULT_DOMAIN, text),
    }
}

/// The domain, and what stands after it, `library/` included.
fn split_domain(text: &str) -> (String, String) {
    let (domain, rest) = split_registry(text);
    let rest = match domain == DEFAULT_DOMAIN && !rest.contains('/') {
        true => format!("{OFFICIAL}/{rest}"),
        false => rest.to_owned(),
    };
    (domain.to_owned(), rest)
}

fn looks_like_domain(first: &str) -> bool {
    first == "localhost" || first.contains(['.', ':']) || first.chars().any(char::is_uppercase)
}
// ANCHOR_END: domain

/// Docker's words, and what they are about.
fn invalid(text: &str, why: &str) -> Error {
    Error::new(format!("{text:?}: {why}"))
}
