//! Putting images into a registry (OCI distribution specification, "Push").
//!
//! A blob is announced first: the registry may have it, or may take it over from another repository. Then it is sent,
//! a small one at once, a large one in pieces, and the piece at which a connection breaks is all that is sent again.

use std::io::Read;

use kit::{Error, Result};
use layers::digest::{Digest, Digesting};
use ureq::http::{Method, StatusCode, header};

use super::answer::Answer;
use super::client::{CONTENT_DIGEST, Client};
use super::endpoint::Host;
use super::exchange::{Ask, Exchange, Target};
use super::failure::Failure;
use super::manifest::Manifest;
use super::name::{Repository, Version};
use super::url::{Url, escape};

/// How a blob came into a repository.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pushed {
    /// It was there.
    Already,
    /// Taken over from another repository of the registry.
    Mounted,
    /// Sent: so many bytes.
    Sent(u64),
}

/// What is sent at once: it is held in memory, so that it can be sent again. Object stores want at least 5 MiB.
const PIECE: u64 = 8 << 20;
/// The largest piece that a registry may insist on.
const LARGEST_PIECE: u64 = 256 << 20;

impl Client {
    /// Whether `repository` has the blob `digest`.
    ///
    /// # Errors
    /// The registry cannot be reached or refuses.
    pub fn has_blob(&self, repository: &Repository, digest: &Digest) -> Result<bool> {
        self.pushing(repository)
            .has(digest)
            .map_err(|failure| push_error(failure, repository))
    }

    /// Puts the blob `digest` into `repository`, reading it from `reader` if it has to be sent. If `mount_from`, a
    /// repository of the same registry, has it, no byte is sent.
    ///
    /// # Errors
    /// The registry cannot be reached or refuses; `reader` fails or gives something else than `digest` says.
    pub fn upload_blob(
        &self,
        repository: &Repository,
        digest: &Digest,
        mount_from: Option<&Repository>,
        reader: &mut dyn Read,
    ) -> Result<Pushed> {
        // Another registry's blobs are none of this one's business, not even their names.
        let mount_from = mount_from.filter(|from| from.domain() == repository.domain());
        self.pushing(repository)
            .upload(digest, mount_from, reader)
            .map_err(|failure| {
                push_error(failure, repository).within(format_args!("blob {digest}"))
            })
    }

    /// Puts `manifest` into `repository` as `version`; all that it names has to be there.
    ///
    /// # Errors
    /// The registry cannot be reached or refuses, or has understood something else.
    pub fn put_manifest(
        &self,
        repository: &Repository,
        version: &Version,
        manifest: &Manifest,
    ) -> Result<()> {
        let of = version.of(repository);
        if version
            .digest()
            .is_some_and(|digest| *digest != manifest.digest)
        {
            return Err(Error::new(format!(
                "{of} cannot be put there: the manifest has the digest {}",
                manifest.digest
            )));
        }
        let pushing = self.pushing(repository);
        let put = || {
            let path = repository.path(format_args!("manifests/{version}"));
            let ask = Ask {
                body: Some(&manifest.bytes),
                ..Ask::get(path, &pushing.scopes).method(Method::PUT)
            };
            let ask = ask.header(header::CONTENT_TYPE, &manifest.media_type)?;
            pushing.exchange.ask(&pushing.host, &ask)
        };
        let answer = put().map_err(|failure| push_error(failure, repository).within(&of))?;
        let theirs: Option<Digest> = answer.header(CONTENT_DIGEST).and_then(|d| d.parse().ok());
        match theirs {
            Some(theirs) if theirs != manifest.digest => Err(Error::new(format!(
                "{of}: the registry has stored {theirs}, where {} was sent",
                manifest.digest
            ))),
            _ => Ok(()),
        }
    }

    fn pushing<'a>(&'a self, repository: &'a Repository) -> Pushing<'a> {
        Pushing {
            exchange: &self.exchange,
            // A mirror is read, never written.
            host: Host::origin(repository.domain(), self.exchange.configuration()),
            repository,
            scopes: [repository.scope("pull,push")],
        }
    }
}

/// A repository that is written to.
struct Pushing<'a> {
    exchange: &'a Exchange,
    host: Host,
    repository: &'a Repository,
    scopes: [String; 1],
}

impl Pushing<'_> {
    fn has(&self, digest: &Digest) -> Result<bool, Failure> {
        let path = self.repository.path(format_args!("blobs/{digest}"));
        let ask = Ask::get(path, &self.scopes).method(Method::HEAD);
        match self.exchange.ask(&self.host, &ask) {
            Ok(_) => Ok(true),
            // Who does not understand the question may have it or not: to send it once more does no harm.
            Err(failure) if matches!(failure.status(), Some(400 | 404 | 405 | 501)) => Ok(false),
            Err(failure) => Err(failure),
        }
    }

    fn upload(
        &self,
        digest: &Digest,
        mount_from: Option<&Repository>,
        reader: &mut dyn Read,
    ) -> Result<Pushed, Failure> {
        if self.has(digest)? {
            return Ok(Pushed::Already);
        }
        let mounted = mount_from.map(|from| self.mount(digest, from));
        let answer = match mounted {
            Some(Ok(answer)) => answer,
            // Who may not read the other repository may still write this one.
            Some(Err(failure)) if !matches!(failure.status(), Some(400..=405)) => {
                return Err(failure);
            }
            _ => self.start("", &self.scopes)?,
        };
        if answer.status == StatusCode::CREATED {
            return Ok(Pushed::Mounted);
        }
        self.send(digest, reader, &answer).map(Pushed::Sent)
    }

    /// Asks that `digest` be taken over from the repository `from`. A registry that does not do that begins an upload.
    fn mount(&self, digest: &Digest, from: &Repository) -> Result<Answer, Failure> {
        // Leave for the other repository is asked for here alone: who refuses it refuses only this.
        let scopes = [&self.scopes[..], &[from.scope("pull")]].concat();
        let (digest, name) = (escape(&digest.to_string()), escape(from.name()));
        self.start(&format!("?mount={digest}&from={name}"), &scopes)
    }

    /// Begins an upload.
    fn start(&self, query: &str, scopes: &[String]) -> Result<Answer, Failure> {
        let path = self.repository.path(format_args!("blobs/uploads/{query}"));
        let ask = Ask {
            body: Some(&[]),
            ..Ask::get(path, scopes).method(Method::POST)
        };
        self.exchange.ask(&self.host, &ask)
    }

    /// Sends all of `reader` to where `started` says; how many bytes those were.
    fn send(
        &self,
        digest: &Digest,
        reader: &mut dyn Read,
        started: &Answer,
    ) -> Result<u64, Failure> {
        let mut location = self.location(started)?;
        let piece = piece_size(started)?;
        let mut reader = Digesting::new(reader);
        let mut sent = 0;
        let mut bytes = next_piece(&mut reader, piece)?;
        while bytes.len() as u64 == piece {
            location = self.patch(location, &bytes, sent)?;
            sent += piece;
            bytes = next_piece(&mut reader, piece)?;
        }
        let (found, length) = reader.finish();
        if found != *digest {
            self.cancel(location);
            return Err(Failure::Wrong(Error::new(format!(
                "what was to be sent as {digest} has the digest {found}"
            ))));
        }
        if sent > 0 && !bytes.is_empty() {
            location = self.patch(location, &bytes, sent)?;
            bytes.clear();
        }
        self.finish(location, digest, &bytes)?;
        Ok(length)
    }

    /// Sends a piece that begins at byte `start` of the blob; where the next goes.
    fn patch(&self, mut location: Url, piece: &[u8], start: u64) -> Result<Url, Failure> {
        let mut failures = 0;
        let mut sent = 0;
        loop {
            let rest = &piece[sent..];
            let first = start + sent as u64;
            let last = start + piece.len() as u64 - 1;
            let ask = self
                .at(location.clone(), Method::PATCH, Some(rest))
                .header(header::CONTENT_TYPE, "application/octet-stream")?
                .header(header::CONTENT_RANGE, &format!("{first}-{last}"))?;
            let failure = match self.exchange.ask(&self.host, &ask) {
                Ok(answer) => return self.location(&answer),
                Err(failure) => failure,
            };
            failures += 1;
            // The registry and we differ about where we are: it is to be asked, and there is nothing to wait for.
            if failure.status() != Some(416) || failures >= self.attempts() {
                self.exchange.wait(failures, failure)?;
            }
            let mut status = self.at(location.clone(), Method::GET, None);
            status.again = true;
            let answer = self.exchange.ask(&self.host, &status)?;
            location = self.location(&answer)?;
            let has = received(&answer);
            sent = usize::try_from(has.saturating_sub(start)).unwrap_or(usize::MAX);
            if has < start || sent > piece.len() {
                return Err(Failure::Wrong(Error::new(format!(
                    "{} has {has} bytes, where it should have {start} to {}",
                    answer.url.shown(),
                    last + 1
                ))));
            }
            if sent == piece.len() {
                return Ok(location);
            }
        }
    }

    fn attempts(&self) -> u32 {
        self.exchange.configuration().patience.attempts
    }

    /// Ends the upload with its last bytes and its name.
    fn finish(&self, location: Url, digest: &Digest, bytes: &[u8]) -> Result<(), Failure> {
        let target = location.with_query(&[("digest", &digest.to_string())]);
        let ask = self
            .at(target, Method::PUT, Some(bytes))
            .header(header::CONTENT_TYPE, "application/octet-stream")?;
        let mut failures = 0;
        loop {
            let failure = match self.exchange.ask(&self.host, &ask) {
                Ok(_) => return Ok(()),
                Err(failure) => failure,
            };
            // The answer may be what was lost, not the blob: then the upload is no more, and the blob is there.
            let lost = failures > 0 && failure.status() == Some(404);
            if (lost || failure.is_passing()) && self.has(digest)? {
                return Ok(());
            }
            failures += 1;
            self.exchange.wait(failures, failure)?;
        }
    }

    /// Gives an upload up. The registry would forget it by itself, so that a failure here changes nothing.
    fn cancel(&self, location: Url) {
        let _forgotten_later = self
            .exchange
            .ask(&self.host, &self.at(location, Method::DELETE, None));
    }

    fn at<'b>(&'b self, location: Url, method: Method, body: Option<&'b [u8]>) -> Ask<'b> {
        Ask {
            target: Target::At(location),
            body,
            again: false,
            ..Ask::get("", &self.scopes).method(method)
        }
    }

    /// Where the upload goes on: each answer may name another place.
    fn location(&self, answer: &Answer) -> Result<Url, Failure> {
        let location = answer.header(header::LOCATION).ok_or_else(|| {
            Error::new(format!("{} does not say where to send", answer.url.shown()))
        })?;
        let next = answer.url.onward(location)?;
        self.exchange.check_redirect(&answer.url, &next)?;
        Ok(next)
    }
}

/// Reads a piece; a shorter one is the last.
fn next_piece(reader: &mut impl Read, size: u64) -> Result<Vec<u8>, Failure> {
    let mut piece = Vec::new();
    reader
        .take(size)
        .read_to_end(&mut piece)
        .map_err(|e| Error::io("read", "what is to be pushed", &e))?;
    Ok(piece)
}

/// How large pieces are: as the registry wants them at least.
fn piece_size(started: &Answer) -> Result<u64, Failure> {
    let least = started.header("oci-chunk-min-length");
    let least: u64 = least.and_then(|least| least.parse().ok()).unwrap_or(0);
    if least > LARGEST_PIECE {
        return Err(Failure::Wrong(Error::new(format!(
            "{} wants pieces of at least {least} bytes, which is more than is held in memory",
            started.url.shown()
        ))));
    }
    Ok(least.max(PIECE))
}

/// How many bytes of an upload the registry has: `Range: 0-4` is five.
fn received(answer: &Answer) -> u64 {
    let range = answer.header(header::RANGE).unwrap_or_default();
    let range = range.strip_prefix("bytes=").unwrap_or(range);
    let last: Option<u64> = range
        .split_once('-')
        .and_then(|(_, last)| last.parse().ok());
    // An empty upload has `0-0` too: nothing tells it from one byte, but no piece is one byte.
    last.filter(|last| *last > 0)
        .map_or(0, |last| last.saturating_add(1))
}

fn push_error(failure: Failure, repository: &Repository) -> Error {
    match failure.status() {
        Some(401 | 403) => failure.into_error().within(format_args!(
            "push access denied for {repository}, repository does not exist or may require 'drydock login'"
        )),
        _ => failure.into_error(),
    }
}
