//! The check of what came out of a stream.

use std::io::{self, Read};

use kit::Error;
use layers::digest::{Digest, Digesting};

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
}
