//! A blob as a stream that survives a broken connection.

use std::fmt;
use std::io::{self, Read};

use kit::{Error, Result};
use layers::compression::gunzip;
use layers::digest::Digest;
use ureq::http::{StatusCode, header};

use super::answer::Answer;
use super::client::{Client, pull_error};
use super::endpoint::Host;
use super::exchange::Ask;
use super::failure::{Failure, broken};
use super::name::Repository;
use super::url::Url;

/// A blob on its way. What it gives is of the right length or ends in an error; whether it is the right thing, only its
/// digest tells: see [`Verified`](super::Verified).
pub struct Blob {
    client: Client,
    repository: Repository,
    digest: Digest,
    size: u64,
    position: u64,
    /// Who may have it, those that failed left out.
    hosts: Vec<Host>,
    body: Option<Body>,
    /// Whether to ask for what is missing alone. Who does not give that is asked for all of it, from then on.
    by_parts: bool,
    failures: u32,
    /// Where the last failure was.
    failed_at: u64,
    /// Whether the end has been looked at.
    ended: bool,
}

/// Who answers, and what he sends.
type Body = (Url, Box<dyn Read + Send>);

/// So much progress makes up for the failures before it: who gives a byte and breaks off is not asked for ever.
const PROGRESS: u64 = 1 << 20;

impl Client {
    /// The blob `digest`, which has `size` bytes, from byte `offset` on. Reading goes on where it was when a
    /// connection breaks; the length is checked, and the digest by [`Verified`](super::Verified).
    ///
    /// # Errors
    /// The registry cannot be reached, refuses, or has a blob of another length. Addresses that a descriptor names
    /// beside the registry (foreign layers) are never asked (CVE-2020-15157).
    pub fn blob(
        &self,
        repository: &Repository,
        digest: &Digest,
        size: u64,
        offset: u64,
    ) -> Result<Blob> {
        Blob::open(self, repository, digest, size, offset).map_err(|failure| {
            pull_error(failure, repository).within(format_args!("blob {digest}"))
        })
    }
}

impl Blob {
    fn open(
        client: &Client,
        repository: &Repository,
        digest: &Digest,
        size: u64,
        offset: u64,
    ) -> Result<Self, Failure> {
        if offset > size {
            return Err(Failure::Wrong(Error::new(format!(
                "byte {offset} is asked for, of {size}"
            ))));
        }
        let configuration = client.exchange.configuration();
        let mut blob = Self {
            client: client.clone(),
            repository: repository.clone(),
            digest: *digest,
            size,
            position: offset,
            hosts: Host::for_pull(repository.domain(), configuration),
            body: None,
            by_parts: true,
            failures: 0,
            failed_at: 0,
            ended: false,
        };
        blob.connect(true)?;
        Ok(blob)
    }

    /// The length of the whole, in bytes.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Asks for what is missing. A mirror that fails is not asked again.
    fn connect(&mut self, again: bool) -> Result<(), Failure> {
        if self.position == self.size {
            // Nothing is missing, and a range cannot be empty.
            self.ended = true;
            return Ok(());
        }
        loop {
            let Some(host) = self.hosts.first().cloned() else {
                return Err(Failure::Wrong(Error::new("there is no registry to ask")));
            };
            match self.request(&host, again) {
                Ok(body) => {
                    self.body = Some(body);
                    return Ok(());
                }
                Err(_) if host.is_mirror => {
                    self.hosts.remove(0);
                    self.by_parts = true;
                }
                Err(failure) => return Err(failure),
            }
        }
    }

    /// From where we are, if the host gives parts; whatever is wrong with its part, it may give the whole. To ask for it
    /// again and again would be to fail for ever: what was kept stays kept.
    fn request(&mut self, host: &Host, again: bool) -> Result<Body, Failure> {
        if self.position > 0 && self.by_parts {
            match self.ask(host, again, self.position) {
                Err(failure) if may_give_all(&failure) => self.by_parts = false,
                answered => return answered,
            }
        }
        self.ask(host, again, 0)
    }

    fn ask(&self, host: &Host, again: bool, from: u64) -> Result<Body, Failure> {
        let scopes = [self.repository.scope("pull")];
        let path = self.repository.path(format_args!("blobs/{}", self.digest));
        let mut ask = Ask {
            again,
            ..Ask::get(path, &scopes)
        };
        if from > 0 {
            ask = ask.header(header::RANGE, &format!("bytes={from}-"))?;
        }
        let answer = self.client.exchange.ask(host, &ask)?;
        let url = answer.url.clone();
        let is_packed = self.is_packed(&answer);
        let skip = self.first_byte(&answer, from, is_packed)?;
        let body = answer.body.into_reader();
        let mut body: Box<dyn Read + Send> = match is_packed {
            true => Box::new(gunzip(body)),
            false => Box::new(body),
        };
        // It sends all of it again: what we have is passed over. If there is less of it, the next read sees the end.
        io::copy(&mut body.by_ref().take(skip), &mut io::sink())
            .map_err(|e| broken(&url, ureq::Error::from(e)))?;
        Ok((url, body))
    }

    /// Whether the blob was packed once more on its way. Many a layer, packed as it is, is called so too: there the
    /// length is right, or nothing is said of it.
    fn is_packed(&self, answer: &Answer) -> bool {
        let encoding = answer.header(header::CONTENT_ENCODING).unwrap_or_default();
        let is_gzip = matches!(
            encoding.trim().to_ascii_lowercase().as_str(),
            "gzip" | "x-gzip"
        );
        is_gzip
            && answer.status != StatusCode::PARTIAL_CONTENT
            && announced(answer).is_some_and(|length| length != self.size)
    }

    /// How many bytes of the answer we have already, after a look at what it says of itself.
    fn first_byte(&self, answer: &Answer, from: u64, is_packed: bool) -> Result<u64, Failure> {
        let wrong =
            |what: String| Failure::Wrong(Error::new(format!("{} {what}", answer.url.shown())));
        let (start, skip) = match answer.status {
            StatusCode::PARTIAL_CONTENT => {
                let range = answer.header(header::CONTENT_RANGE).unwrap_or_default();
                let (start, total) = content_range(range)
                    .ok_or_else(|| wrong("sends a part and does not say which".to_owned()))?;
                if start != from || total.is_some_and(|total| total != self.size) {
                    return Err(wrong(format!(
                        "sends {range}, where bytes {from} to {} are missing",
                        self.size
                    )));
                }
                (start, self.position - start)
            }
            _ => (0, self.position),
        };
        match announced(answer) {
            Some(length) if length != self.size - start && !is_packed => Err(wrong(format!(
                "sends {length} bytes, where the manifest says {}",
                self.size - start
            ))),
            _ => Ok(skip),
        }
    }

    /// Reads, or says why not; 0 is the end.
    fn advance(&mut self, buffer: &mut [u8]) -> Result<usize, Failure> {
        if self.body.is_none() {
            // Who waits between the attempts is the reader.
            self.connect(false)?;
        }
        let Some((url, body)) = &mut self.body else {
            return Ok(0);
        };
        let missing = usize::try_from(self.size - self.position).unwrap_or(usize::MAX);
        if missing == 0 {
            return self.look_at_end();
        }
        let length = buffer.len().min(missing);
        match body.read(&mut buffer[..length]) {
            Ok(0) => {
                let url = url.clone();
                Err(self.cut_short(&url, self.position))
            }
            Ok(read) => {
                self.position += read as u64;
                Ok(read)
            }
            Err(error) => Err(broken(url, ureq::Error::from(error))),
        }
    }

    /// All is there. One byte more is a lie; an end that does not come is of no interest.
    fn look_at_end(&mut self) -> Result<usize, Failure> {
        self.ended = true;
        let Some((url, mut body)) = self.body.take() else {
            return Ok(0);
        };
        match body.read(&mut [0]) {
            Ok(more) if more > 0 => Err(Failure::Wrong(Error::new(format!(
                "{} sends more than the {} bytes of the manifest",
                url.shown(),
                self.size
            )))),
            _ => Ok(0),
        }
    }

    fn cut_short(&self, url: &Url, at: u64) -> Failure {
        Failure::Broken {
            error: Error::new(format!(
                "{} breaks off after {at} of {} bytes",
                url.shown(),
                self.size
            )),
            passing: true,
        }
    }

    /// Makes up its mind whether `failure` is the last: `Ok` is to go on.
    fn recover(&mut self, failure: Failure) -> Result<(), Failure> {
        self.body = None;
        if self.position - self.failed_at >= PROGRESS {
            self.failures = 0;
        }
        self.failures += 1;
        self.failed_at = self.position;
        let is_mirror = self.hosts.first().is_some_and(|host| host.is_mirror);
        if is_mirror && failure.is_passing() {
            self.hosts.remove(0);
            self.by_parts = true;
            return Ok(());
        }
        self.client.exchange.wait(self.failures, failure)
    }
}

impl fmt::Debug for Blob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            digest,
            position,
            size,
            ..
        } = self;
        write!(f, "Blob {digest} at {position} of {size}")
    }
}

impl Read for Blob {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() || self.ended {
            return Ok(0);
        }
        loop {
            let failure = match self.advance(buffer) {
                Ok(read) => return Ok(read),
                Err(failure) => failure,
            };
            self.recover(failure)
                .map_err(|failure| io::Error::other(failure.into_error()))?;
        }
    }
}

/// Whether who has refused a part, or sent another, may still send all of it. Not who is not there, does not know the
/// blob or us, or is asked too often.
fn may_give_all(failure: &Failure) -> bool {
    match failure {
        Failure::Broken { .. } => false,
        Failure::Refused(_) => !matches!(failure.status(), Some(401 | 404 | 429)),
        Failure::Wrong(_) => true,
    }
}

fn announced(answer: &Answer) -> Option<u64> {
    let length = answer.header(header::CONTENT_LENGTH)?;
    length.trim().parse().ok()
}

/// `bytes 5-9/10`: where it starts, and of how much, if that is said (RFC 9110, 14.4).
fn content_range(text: &str) -> Option<(u64, Option<u64>)> {
    let (unit, range) = text.trim().split_at_checked("bytes".len())?;
    if !unit.eq_ignore_ascii_case("bytes") {
        return None;
    }
    let range = range.trim_start_matches([' ', '\t', '=', ':']);
    // Of how much is left out by some.
    let (range, total) = range.split_once('/').unwrap_or((range, "*"));
    let (start, _) = range.split_once('-')?;
    let total = match total.trim() {
        "*" => None,
        total => Some(total.parse().ok()?),
    };
    Some((start.trim().parse().ok()?, total))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_says_where_it_starts() {
        for text in [
            "bytes 5-9/10",
            "Bytes 5-9/10",
            "bytes=5-9/10",
            " bytes  5 - 9 / 10 ",
        ] {
            assert_eq!(content_range(text), Some((5, Some(10))), "{text}");
        }
        for text in ["bytes 5-9/*", "bytes 5-9", "bytes 5-/*"] {
            assert_eq!(content_range(text), Some((5, None)), "{text}");
        }
        for wrong in [
            "",
            "bytes */10",
            "5-9/10",
            "bytes 5/10",
            "bytes a-b/c",
            "items 5-9/10",
            "bytes 5-9/x",
        ] {
            assert_eq!(content_range(wrong), None, "{wrong}");
        }
    }
}
