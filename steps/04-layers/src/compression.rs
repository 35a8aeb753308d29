//! Layers come compressed; which way, their first bytes say.

use std::io::{BufRead, BufReader, Read};

use kit::{Error, Result};

/// How an archive is compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compression {
    /// Not at all.
    None,
    /// gzip (RFC 1952), several members one after the other included.
    Gzip,
    /// Zstandard (RFC 8878), several frames included.
    Zstd,
}

impl Compression {
    /// By the magic number at the beginning.
    pub fn of(beginning: &[u8]) -> Self {
        match beginning {
            [0x1f, 0x8b, ..] => Self::Gzip,
            [0x28, 0xb5, 0x2f, 0xfd, ..] => Self::Zstd,
            // A frame to be skipped, which may stand first (RFC 8878, 3.1.2).
            [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => Self::Zstd,
            _ => Self::None,
        }
    }
}

/// `input` as it was before it was compressed. How much may come out of it is for the reader of the archive to limit: a
/// few bytes can be made to stand for any number.
///
/// # Errors
/// Nothing can be read, or a frame begins that asks for more memory than there should be.
pub fn decompress<'a>(input: impl Read + 'a) -> Result<Box<dyn Read + 'a>> {
    let mut input = BufReader::with_capacity(1 << 16, input);
    let fails = |e| Error::io("read", "the archive", &e);
    let compression = Compression::of(input.fill_buf().map_err(fails)?);
    Ok(match compression {
        Compression::None => Box::new(input),
        Compression::Gzip => Box::new(flate2::bufread::MultiGzDecoder::new(input)),
        Compression::Zstd => {
            // Its own bound holds: a frame that asks for a window of more than 128 MiB is refused.
            Box::new(zstd::Decoder::with_buffer(input).map_err(fails)?)
        }
    })
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn gzip(text: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(text).unwrap();
        encoder.finish().unwrap()
    }

    fn plain(input: &[u8]) -> std::io::Result<Vec<u8>> {
        let mut text = Vec::new();
        decompress(input)
            .unwrap()
            .read_to_end(&mut text)
            .map(|_| text)
    }

    #[test]
    fn what_was_compressed_comes_out_again() {
        let zstd = |text: &[u8]| zstd::encode_all(text, 1).unwrap();
        assert_eq!(plain(b"as it is").unwrap(), b"as it is");
        assert_eq!(plain(b"").unwrap(), b"");
        assert_eq!(plain(&gzip(b"text")).unwrap(), b"text");
        assert_eq!(plain(&zstd(b"text")).unwrap(), b"text");
        assert_eq!(
            plain(&[gzip(b"one"), gzip(b"two")].concat()).unwrap(),
            b"onetwo"
        );
        assert_eq!(
            plain(&[zstd(b"one"), zstd(b"two")].concat()).unwrap(),
            b"onetwo"
        );
    }

    /// As pzstd begins, and as zstd:chunked ends, whose list of files stands in such a frame.
    #[test]
    fn frames_to_be_skipped_are_skipped() {
        let text = zstd::encode_all(&b"text"[..], 1).unwrap();
        for magic in [0x50, 0x5f] {
            let skipped = [magic, 0x2a, 0x4d, 0x18, 4, 0, 0, 0, b'm', b'o', b'r', b'e'];
            let all = [&skipped[..], &text, &skipped, &text, &skipped].concat();
            assert_eq!(plain(&all).unwrap(), b"texttext");
        }
    }

    #[test]
    fn what_is_cut_short_or_followed_by_something_else_is_an_error() {
        let (gzip, zstd) = (gzip(b"text"), zstd::encode_all(&b"text"[..], 1).unwrap());
        for whole in [gzip, zstd] {
            assert!(plain(&whole[..whole.len() - 3]).is_err());
            assert!(plain(&[&whole[..], b"more"].concat()).is_err());
        }
    }
}
