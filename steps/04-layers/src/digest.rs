//! Digests: content named by what it is (OCI image specification, descriptor.md, "Digests").

use std::fmt;
use std::io::Read;
use std::str::FromStr;

use kit::{Error, Result};
use sha2::{Digest as _, Sha256};

/// A SHA-256 digest, written `sha256:` and 64 lower-case hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest([u8; 32]);

/// What stands before the digits.
const ALGORITHM: &str = "sha256";

impl Digest {
    /// The digest of `bytes`.
    pub fn of(bytes: impl AsRef<[u8]>) -> Self {
        Self(Sha256::digest(bytes).into())
    }

    /// The 64 digits alone: a safe name for a file.
    pub fn hex(&self) -> String {
        // A list of a thousand images asks for as many: a `format!` for each byte was most of its time.
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let mut hex = String::with_capacity(64);
        for byte in self.0 {
            hex.push(DIGITS[usize::from(byte >> 4)].into());
            hex.push(DIGITS[usize::from(byte & 15)].into());
        }
        hex
    }

    /// The chain ID of a layer that lies on the layers of chain ID `self` (OCI image specification, config.md, "Layer
    /// ChainID"): a layer is what it is only on top of what it was made for.
    pub fn chain(&self, diff_id: &Self) -> Self {
        Self::of(format!("{self} {diff_id}"))
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{ALGORITHM}:{}", self.hex())
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Digest {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let refuse = |why| Error::new(format!("{text:?} is not a digest: {why}"));
        let (algorithm, digits) = text
            .split_once(':')
            .ok_or_else(|| refuse("it has no colon"))?;
        if algorithm != ALGORITHM {
            return Err(refuse("sha256 is the algorithm that is supported"));
        }
        let is_digit = |byte: &u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
        let bytes = digits.as_bytes();
        if bytes.len() != 64 || !bytes.iter().all(is_digit) {
            return Err(refuse("64 lower-case hexadecimal digits are needed"));
        }
        let value = |digit: u8| (digit as char).to_digit(16).unwrap_or_default() as u8;
        let mut digest = [0; 32];
        for (byte, pair) in digest.iter_mut().zip(bytes.chunks_exact(2)) {
            *byte = value(pair[0]) << 4 | value(pair[1]);
        }
        Ok(Self(digest))
    }
}

/// A reader that knows the digest of what has passed through it.
#[derive(Debug)]
pub struct Digesting<R> {
    input: R,
    hasher: Sha256,
    length: u64,
}

impl<R: Read> Digesting<R> {
    /// Around `input`, of which nothing has been read.
    pub fn new(input: R) -> Self {
        Self {
            input,
            hasher: Sha256::new(),
            length: 0,
        }
    }

    /// The digest of what has been read, and how many bytes that was.
    pub fn finish(self) -> (Digest, u64) {
        (Digest(self.hasher.finalize().into()), self.length)
    }
}

impl<R: Read> Read for Digesting<R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let length = self.input.read(buffer)?;
        self.hasher.update(&buffer[..length]);
        self.length += length as u64;
        Ok(length)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EMPTY: &str = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    #[test]
    fn a_digest_is_read_as_it_is_written() {
        assert_eq!(Digest::of("").to_string(), EMPTY);
        assert_eq!(EMPTY.parse::<Digest>().unwrap(), Digest::of(""));
        for wrong in [
            "",
            "e3b0c442",
            "sha512:00",
            "sha256:",
            &EMPTY[..70],
            &EMPTY.to_uppercase(),
            &EMPTY.replace('e', "g"),
            "sha256:../../../../../../../../../../../../../../../../../etc/passwd",
        ] {
            assert!(wrong.parse::<Digest>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_reader_knows_what_has_passed() {
        let mut reader = Digesting::new(&b"some bytes"[..]);
        std::io::copy(&mut reader, &mut std::io::sink()).unwrap();
        assert_eq!(reader.finish(), (Digest::of("some bytes"), 10));
    }

    /// The example's form: the chain of one layer is the layer, that of two the digest of both names.
    #[test]
    fn a_chain_is_of_all_layers_below() {
        let (one, two) = (Digest::of("1"), Digest::of("2"));
        assert_eq!(one.chain(&two), Digest::of(format!("{one} {two}")));
    }
}
