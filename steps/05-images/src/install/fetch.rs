//! A blob as one stream: first what an earlier attempt has left, then what the source has. What comes is kept as it
//! passes, and a connection that breaks is made again where it broke.

use std::io::{self, Read};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use kit::Error;

use crate::manifest::Blob;
use crate::source::{BlobSource, Event, Observer, Stream};
use crate::store::Partial;

/// How often a source may fail in a row before it is given up: Docker's number.
const ATTEMPTS: u32 = 5;

/// The stream.
pub(super) struct Fetch<'a> {
    pub(super) partial: Partial,
    blob: &'a Blob,
    source: &'a dyn BlobSource,
    observer: &'a dyn Observer,
    stop: &'a AtomicBool,
    stream: Option<Stream>,
    failures: u32,
    /// What the source, or our own disk, has said last, which an `io::Error` has no room for.
    pub(super) error: Option<Error>,
}

impl<'a> Fetch<'a> {
    pub(super) fn new(
        partial: Partial,
        blob: &'a Blob,
        source: &'a dyn BlobSource,
        observer: &'a dyn Observer,
        stop: &'a AtomicBool,
    ) -> Self {
        Self {
            partial,
            blob,
            source,
            observer,
            stop,
            stream: None,
            failures: 0,
            error: None,
        }
    }

    fn receive(&mut self, buffer: &mut [u8]) -> Result<usize, Error> {
        let have = self.partial.length();
        let left = usize::try_from(self.blob.size - have).unwrap_or(usize::MAX);
        let length = buffer.len().min(left);
        let mut stream = match self.stream.take() {
            Some(stream) => stream,
            // One that does not open would not open the next time either: who opens has tried what can be tried.
            None => match self.open(have) {
                Ok(stream) => stream,
                Err(error) => {
                    self.failures = ATTEMPTS - 1;
                    return Err(error);
                }
            },
        };
        let got = match stream.reader.read(&mut buffer[..length]) {
            Err(e) if e.kind() == io::ErrorKind::Interrupted => 0,
            Err(e) => {
                return Err(Error::io(
                    "fetch the blob",
                    self.blob.digest.to_string(),
                    &e,
                ));
            }
            Ok(0) => {
                return Err(Error::new(format!(
                    "the source of the blob {} ended after {have} of {} bytes",
                    self.blob.digest, self.blob.size
                )));
            }
            Ok(got) => got,
        };
        self.stream = Some(stream);
        Ok(got)
    }

    /// At `have`; a source that can only begin at the beginning is skipped forward.
    fn open(&self, have: u64) -> Result<Stream, Error> {
        let mut stream = self.source.open(self.blob, have)?;
        let skip = have.checked_sub(stream.offset).ok_or_else(|| {
            Error::new(format!(
                "the source of the blob {} began at {} instead of {have}",
                self.blob.digest, stream.offset
            ))
        })?;
        io::copy(&mut stream.reader.by_ref().take(skip), &mut io::sink())
            .map_err(|e| Error::io("fetch the blob", self.blob.digest.to_string(), &e))?;
        Ok(stream)
    }
}

impl Read for Fetch<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let old = self.partial.read(buffer)?;
        if old > 0 || buffer.is_empty() {
            return Ok(old);
        }
        // A source that goes on after the promised size is not read further: the digest shows what is wrong.
        while self.partial.length() < self.blob.size {
            if self.stop.load(Ordering::Relaxed) {
                return Err(io::Error::other("another layer has failed"));
            }
            if let Some(error) = &self.error {
                return Err(io::Error::other(error.to_string()));
            }
            match self.receive(buffer) {
                Ok(0) => {}
                Ok(got) => {
                    self.failures = 0;
                    if let Err(error) = self.partial.append(&buffer[..got]) {
                        let told = io::Error::other(error.to_string());
                        self.error = Some(error);
                        return Err(told);
                    }
                    let event = Event::Received(self.partial.length());
                    self.observer.layer(self.blob, event);
                    return Ok(got);
                }
                Err(error) => {
                    self.failures += 1;
                    if self.failures == ATTEMPTS {
                        self.error = Some(error);
                        continue;
                    }
                    std::thread::sleep(Duration::from_millis(50 << self.failures));
                }
            }
        }
        Ok(0)
    }
}
