//! What a registry is asked for: manifests, tags (OCI distribution specification, "Pull" and "Content
//! Discovery"). Pushing stands in `push`.

use std::collections::HashSet;
use std::sync::Arc;

use kit::{Error, Result};
use layers::digest::Digest;
use ureq::http::{Method, header};

use super::configuration::Configuration;
use super::endpoint::Host;
use super::exchange::{Ask, Exchange, Target};
use super::failure::Failure;
use super::link;
use super::manifest::{self, LARGEST, Manifest, Told};
use super::name::{Repository, Version, is_tag};
use crate::lenient::Json;

/// A client of registries. It remembers tokens and keeps connections open; clones share both.
#[derive(Clone, Debug)]
pub struct Client {
    pub(crate) exchange: Arc<Exchange>,
}

/// What a registry says of a manifest without sending it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Described {
    /// What it is.
    pub media_type: String,
    /// Its digest. Only the bytes themselves prove it.
    pub digest: Digest,
    /// Its length in bytes.
    pub size: u64,
}

pub(crate) const CONTENT_DIGEST: &str = "docker-content-digest";
/// A list of tags is read page by page, and a page is no larger than a manifest. So many pages are a loop.
const MOST_PAGES: usize = 10_000;

impl Client {
    /// A client that goes by `configuration`. Nobody is spoken to yet.
    pub fn new(configuration: Configuration) -> Self {
        Self {
            exchange: Arc::new(Exchange::new(configuration)),
        }
    }

    /// The manifest or index of `version`, which must be of one of the media types `accept`.
    ///
    /// # Errors
    /// The registry cannot be reached or refuses; what it sends is too long, of another type or another digest.
    pub fn manifest(
        &self,
        repository: &Repository,
        version: &Version,
        accept: &[&str],
    ) -> Result<Manifest> {
        let scopes = [repository.scope("pull")];
        let ask = Ask::get(
            repository.path(format_args!("manifests/{version}")),
            &scopes,
        )
        .header(header::ACCEPT, &accept.join(", "));
        let ask = ask.map_err(Failure::into_error)?;
        let found = self.first(repository, |host| {
            let mut whole = self.exchange.ask_whole(host, &ask, LARGEST)?;
            let bytes = std::mem::take(&mut whole.bytes);
            let told = Told {
                content_type: whole.header(header::CONTENT_TYPE),
                digest: whole.header(CONTENT_DIGEST),
            };
            Ok(manifest::check(bytes, version, accept, &told)?)
        });
        found.map_err(|failure| manifest_error(failure, repository, version))
    }

    /// What the registry says of `version`, without its bytes: Docker Hub does not count this as a pull. None if the
    /// registry answers without saying it; then [`Client::manifest`] has to be asked.
    ///
    /// # Errors
    /// The registry cannot be reached or refuses.
    pub fn describe(
        &self,
        repository: &Repository,
        version: &Version,
        accept: &[&str],
    ) -> Result<Option<Described>> {
        let scopes = [repository.scope("pull")];
        let ask = Ask::get(
            repository.path(format_args!("manifests/{version}")),
            &scopes,
        )
        .method(Method::HEAD)
        .header(header::ACCEPT, &accept.join(", "));
        let ask = ask.map_err(Failure::into_error)?;
        let answer = match self.first(repository, |host| self.exchange.ask(host, &ask)) {
            Ok(answer) => answer,
            // A question that not every server understands.
            Err(failure) if matches!(failure.status(), Some(400 | 405 | 406 | 415 | 501)) => {
                return Ok(None);
            }
            Err(failure) => return Err(manifest_error(failure, repository, version)),
        };
        let described = || {
            // Then its length is another one.
            if answer.is_packed() {
                return None;
            }
            Some(Described {
                media_type: answer.header(header::CONTENT_TYPE)?.to_owned(),
                digest: answer.header(CONTENT_DIGEST)?.parse().ok()?,
                size: answer.header(header::CONTENT_LENGTH)?.parse().ok()?,
            })
        };
        Ok(described())
    }

    /// All tags of `repository`, as the registry orders them. Mirrors are not asked: they have what they were asked
    /// for before.
    ///
    /// # Errors
    /// The registry cannot be reached, refuses, names what is no tag, or leads elsewhere or round in its pages.
    pub fn tags(&self, repository: &Repository) -> Result<Vec<String>> {
        let host = Host::origin(repository.domain(), self.exchange.configuration());
        let scopes = [repository.scope("pull")];
        let mut ask = Ask::get(repository.path("tags/list"), &scopes);
        let mut tags = Vec::new();
        let mut seen = HashSet::new();
        loop {
            let whole = self
                .exchange
                .ask_whole(&host, &ask, LARGEST)
                .map_err(|failure| pull_error(failure, repository))?;
            let wrong = |what: &str| Error::new(format!("{} {what}", whole.url.shown()));
            let page =
                page(&whole.bytes).ok_or_else(|| wrong("does not answer with a list of tags"))?;
            if !page.iter().all(|tag| is_tag(tag)) {
                return Err(wrong("lists what cannot be a tag"));
            }
            tags.extend(page);
            let links = whole.headers.get_all(header::LINK);
            let Some(next) = link::next(links.iter().filter_map(|link| link.to_str().ok())) else {
                return Ok(tags);
            };
            let next = whole.url.onward(&next)?;
            if !next.same_origin(&whole.url) {
                return Err(wrong("continues its list of tags on another host"));
            }
            if !seen.insert(next.clone()) || seen.len() > MOST_PAGES {
                return Err(wrong("continues its list of tags without end"));
            }
            ask.target = Target::At(next);
        }
    }

    /// Asks the mirrors and then the registry. Whatever is wrong with a mirror, the next is asked; the registry has the
    /// last word.
    pub(crate) fn first<T>(
        &self,
        repository: &Repository,
        mut ask: impl FnMut(&Host) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        let hosts = Host::for_pull(repository.domain(), self.exchange.configuration());
        let mut last = None;
        for host in &hosts {
            match ask(host) {
                Ok(found) => return Ok(found),
                Err(failure) => last = Some(failure),
            }
        }
        Err(last.unwrap_or_else(|| Failure::Wrong(Error::new("there is no registry to ask"))))
    }
}

/// The tags of a page: one that has none may say `null`, or nothing.
fn page(bytes: &[u8]) -> Option<Vec<String>> {
    let page = Json::parse_first(bytes).ok()?;
    let Json::Object(_) = page else {
        return None;
    };
    let Some(tags) = page.get("tags") else {
        return Some(Vec::new());
    };
    let tags = tags.as_list()?.iter();
    let tags = tags.filter(|tag| !matches!(tag, Json::Null) && tag.as_text() != Some(""));
    tags.map(|tag| tag.as_text().map(str::to_owned)).collect()
}

fn manifest_error(failure: Failure, repository: &Repository, version: &Version) -> Error {
    let of = version.of(repository);
    match failure.status() {
        Some(404) => failure
            .into_error()
            .within(format_args!("manifest for {of} not found"))
            .hint("check the name and the tag"),
        _ => pull_error(failure, repository).within(of),
    }
}

/// In Docker's words where people know them.
pub(super) fn pull_error(failure: Failure, repository: &Repository) -> Error {
    match failure.status() {
        Some(401 | 403) => failure.into_error().within(format_args!(
            "pull access denied for {repository}, repository does not exist or may require 'drydock login'"
        )),
        _ => failure.into_error(),
    }
}
