//! A blob as a stream that survives a broken connection, and the check of what came out of it.

use std::fmt;
use std::io::{self, Read};

use kit::{Error, Result};
use layers::digest::{Digest, Digesting};
use ureq::BodyReader;
use ureq::http::{StatusCode, header};

use super::answer::Answer;
use super::client::{Client, pull_error};
use super::endpoint::Host;
use super::exchange::Ask;
use super::failure::{Failure, broken};
use super::name::Repository;
use super::url::Url;

/// A blob on its way. What it gives is of the right length or ends in an error; whether it is the right thing, only its
/// digest tells: see [`Verified`].
pub struct Blob {
    client: Client,
    repository: Repository,
    digest: Digest,
    size: u64,
    position: u64,
    /// Who may have it, those that failed left out.
    hosts: Vec<Host>,
    body: Option<(Url, BodyReader<'static>)>,
    failures: u32,
    /// Where the last failure was.
    failed_at: u64,
    /// Whether the end has been looked at.
    ended: bool,
}

/// So much progress makes up for the failures before it: who gives a byte and breaks off is not asked for ever.
const PROGRESS: u64 = 1 << 20;

impl Client {
    /// The blob `digest`, which has `size` bytes, from byte `offset` on. Reading goes on where it was when a
    /// connection breaks; the length is checked, and the digest by [`Verified`].
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
            let Some(host) = self.hosts.first() else {
                return Err(Failure::Wrong(Error::new("there is no registry to ask")));
            };
            match self.request(host, again) {
                Ok(body) => {
                    self.body = Some(body);
                    return Ok(());
                }
                Err(_) if host.is_mirror => drop(self.hosts.remove(0)),
                Err(failure) => return Err(failure),
            }
        }
    }

    fn request(&self, host: &Host, again: bool) -> Result<(Url, BodyReader<'static>), Failure> {
        let scopes = [self.repository.scope("pull")];
        let path = self.repository.path(format_args!("blobs/{}", self.digest));
        let whole = || Ask {
            again,
            ..Ask::get(path.clone(), &scopes)
        };
        let exchange = &self.client.exchange;
        let answer = match self.position {
            0 => exchange.ask(host, &whole())?,
            position => {
                let part = whole().header(header::RANGE, &format!("bytes={position}-"))?;
                match exchange.ask(host, &part) {
                    // What it does not give in parts it may give whole.
                    Err(failure) if failure.status() == Some(416) => {
                        exchange.ask(host, &whole())?
                    }
                    answer => answer?,
                }
            }
        };
        let url = answer.url.clone();
        let skip = self.first_byte(&answer)?;
        let mut body = answer.body.into_reader();
        // It sends all of it again: what we have is passed over. If there is less of it, the next read sees the end.
        io::copy(&mut body.by_ref().take(skip), &mut io::sink())
            .map_err(|e| broken(&url, ureq::Error::from(e)))?;
        Ok((url, body))
    }

    /// How many bytes of the answer we have already, after a look at what it says of itself.
    fn first_byte(&self, answer: &Answer) -> Result<u64, Failure> {
        let wrong =
            |what: String| Failure::Wrong(Error::new(format!("{} {what}", answer.url.shown())));
        let (start, skip) = match answer.status {
            StatusCode::PARTIAL_CONTENT => {
                let range = answer.header(header::CONTENT_RANGE).unwrap_or_default();
                let (start, total) = content_range(range)
                    .ok_or_else(|| wrong("sends a part and does not say which".to_owned()))?;
                if start != self.position || total.is_some_and(|total| total != self.size) {
                    return Err(wrong(format!(
                        "sends {range}, where bytes {} to {} are missing",
                        self.position, self.size
                    )));
                }
                (start, 0)
            }
            _ => (0, self.position),
        };
        let announced = answer.header(header::CONTENT_LENGTH);
        let announced: Option<u64> = announced.and_then(|length| length.parse().ok());
        match announced {
            Some(length) if length != self.size - start => Err(wrong(format!(
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

/// `bytes 5-9/10`: where it starts, and of how much, if that is said (RFC 9110, 14.4).
fn content_range(text: &str) -> Option<(u64, Option<u64>)> {
    let (range, total) = text.strip_prefix("bytes ")?.split_once('/')?;
    let (start, _) = range.split_once('-')?;
    let total = match total {
        "*" => None,
        total => Some(total.parse().ok()?),
    };
    Some((start.parse().ok()?, total))
}

/// A reader that ends in an error where what was read has another digest than it should.
#[derive(Debug)]
pub struct Verified<R> {
    /// Gone once the end was seen.
    input: Option<Digesting<R>>,
    expected: Digest,
}

impl<R: Read> Verified<R> {
    /// Around `input`, of which nothing has been read.
    pub fn new(input: R, expected: Digest) -> Self {
        Self {
            input: Some(Digesting::new(input)),
            expected,
        }
    }
}

impl<P: Read, R: Read> Verified<io::Chain<Beginning<P>, R>> {
    /// Around `rest`, which goes on where the first `length` bytes end, read before and now in `kept`. Only `rest` is
    /// given out; what is kept is counted in.
    ///
    /// # Errors
    /// `kept` cannot be read, or is shorter.
    pub fn resumed(kept: P, length: u64, rest: R, expected: Digest) -> io::Result<Self> {
        let kept = Beginning(kept.take(length));
        let mut input = Digesting::new(kept.chain(rest));
        io::copy(&mut input.by_ref().take(length), &mut io::sink())?;
        Ok(Self {
            input: Some(input),
            expected,
        })
    }
}

/// What was kept of a blob, which has so many bytes and no less.
#[derive(Debug)]
pub struct Beginning<P>(io::Take<P>);

impl<P: Read> Read for Beginning<P> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.0.read(buffer)? {
            0 if !buffer.is_empty() && self.0.limit() > 0 => {
                Err(io::ErrorKind::UnexpectedEof.into())
            }
            read => Ok(read),
        }
    }
}

impl<R: Read> Read for Verified<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let Some(input) = &mut self.input else {
            return Ok(0);
        };
        let read = input.read(buffer)?;
        if read > 0 || buffer.is_empty() {
            return Ok(read);
        }
        match self.input.take().map(Digesting::finish) {
            Some((digest, length)) if digest != self.expected => Err(io::Error::other(
                Error::new(format!(
                    "the {length} bytes have the digest {digest}, not {}",
                    self.expected
                ))
                .hint("it was changed on its way, or the registry's storage is damaged"),
            )),
            _ => Ok(0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_all(mut reader: impl Read) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        reader.read_to_end(&mut bytes).map(|_| bytes)
    }

    #[test]
    fn what_is_read_is_held_against_its_digest() {
        let right = Digest::of("some bytes");
        let read = |bytes: &'static str| read_all(Verified::new(bytes.as_bytes(), right));
        assert_eq!(read("some bytes").unwrap(), b"some bytes");
        for wrong in ["", "some byte", "some bytes ", "some bytez"] {
            let error = read(wrong).unwrap_err().to_string();
            assert!(error.contains("digest"), "{error}");
        }
    }

    #[test]
    fn what_was_kept_is_counted_in() {
        let right = Digest::of("some bytes");
        let resumed = |kept: &'static str, rest: &'static str| {
            read_all(Verified::resumed(
                kept.as_bytes(),
                4,
                rest.as_bytes(),
                right,
            )?)
        };
        assert_eq!(resumed("some", " bytes").unwrap(), b" bytes");
        assert_eq!(resumed("something", " bytes").unwrap(), b" bytes");
        assert!(resumed("same", " bytes").is_err());
        assert!(resumed("som", "e bytes").is_err());
        assert!(resumed("so", "m").is_err());
    }

    #[test]
    fn a_range_says_where_it_starts() {
        assert_eq!(content_range("bytes 5-9/10"), Some((5, Some(10))));
        assert_eq!(content_range("bytes 5-9/*"), Some((5, None)));
        for wrong in ["", "bytes */10", "5-9/10", "bytes 5/10", "bytes a-b/c"] {
            assert_eq!(content_range(wrong), None, "{wrong}");
        }
    }
}
