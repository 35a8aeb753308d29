//! Layers come compressed; which way, their first bytes say.

use std::io::{self, BufRead, BufReader, Cursor, Read};

use flate2::bufread::GzDecoder;
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
            // A frame to be skipped, which pzstd begins with.
            [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => Self::Zstd,
            _ => Self::None,
        }
    }
}

/// A compression that image layers do not come in, by its magic number.
fn foreign(beginning: &[u8]) -> Option<&'static str> {
    Some(match beginning {
        [0xfd, b'7', b'z', b'X', b'Z', 0, ..] => "xz",
        [
            b'B',
            b'Z',
            b'h',
            b'1'..=b'9',
            b'1',
            b'A',
            b'Y',
            b'&',
            b'S',
            b'Y',
        ] => "bzip2",
        [0x04, 0x22, 0x4d, 0x18, ..] => "lz4",
        _ => return None,
    })
}

/// Refuses what the program `name` has compressed.
pub fn unsupported(name: &str) -> Error {
    Error::new(format!(
        "it is compressed with {name}, which is not supported"
    ))
    .hint(format!("decompress it first: {name} -dc FILE | …"))
}

/// So many bytes tell which it is.
const MAGIC: u64 = 10;

/// `input` as it was before it was compressed. How much may come out of it is for the reader of the archive to limit: a
/// few bytes can be made to stand for any number.
///
/// # Errors
/// Nothing can be read, or it is compressed in another way.
pub fn decompress<'a>(mut input: impl Read + 'a) -> Result<Box<dyn Read + 'a>> {
    let fails = |e| Error::io("read", "the archive", &e);
    // A pipe or a connection may give them one by one.
    let mut beginning = Vec::new();
    let taken = input.by_ref().take(MAGIC).read_to_end(&mut beginning);
    taken.map_err(fails)?;
    if let Some(name) = foreign(&beginning) {
        return Err(unsupported(name));
    }
    let compression = Compression::of(&beginning);
    let input = BufReader::with_capacity(1 << 16, Cursor::new(beginning).chain(input));
    Ok(match compression {
        Compression::None => Box::new(input),
        Compression::Gzip => Box::new(Members(Some(GzDecoder::new(input)))),
        Compression::Zstd => {
            // Its own bound holds: a frame that asks for a window of more than 128 MiB is refused.
            Box::new(zstd::Decoder::with_buffer(input).map_err(fails)?)
        }
    })
}

/// What gzip has made of something, as it was.
pub fn gunzip<R: Read>(input: R) -> impl Read + use<R> {
    Members(Some(GzDecoder::new(BufReader::new(input))))
}

/// The members of a gzip file, one after the other, as one stream. What comes after the last and does not begin as a
/// member does is passed over, as gzip(1) and pigz(1) do it: tools have padded their blocks with zeroes. It is read all
/// the same, for the blob's digest covers it.
struct Members<R>(Option<GzDecoder<R>>);

impl<R: BufRead> Read for Members<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while let Some(member) = &mut self.0 {
            let got = member.read(buffer)?;
            if got > 0 || buffer.is_empty() {
                return Ok(got);
            }
            let Some(mut rest) = self.0.take().map(GzDecoder::into_inner) else {
                break;
            };
            match rest.fill_buf()? {
                // Its second byte may still be on the way.
                [0x1f] | [0x1f, 0x8b, ..] => self.0 = Some(GzDecoder::new(rest)),
                _ => drop(io::copy(&mut rest, &mut io::sink())?),
            }
        }
        Ok(0)
    }
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

    /// As pzstd writes it: a frame that says how long the next one is.
    #[test]
    fn a_frame_to_be_skipped_may_come_first() {
        let skipped = [&b"\x50\x2a\x4d\x18\x04\0\0\0abcd"[..]].concat();
        let whole = [skipped, zstd::encode_all(&b"text"[..], 1).unwrap()].concat();
        assert_eq!(plain(&whole).unwrap(), b"text");
    }

    /// A pipe gives what there is, be it a single byte.
    #[test]
    fn the_beginning_may_come_in_pieces() {
        for whole in [
            gzip(b"text"),
            zstd::encode_all(&b"text"[..], 1).unwrap(),
            b"text".to_vec(),
        ] {
            let mut text = String::new();
            let pieces = (&whole[..1]).chain(&whole[1..3]).chain(&whole[3..]);
            let mut plain = decompress(pieces).unwrap();
            plain.read_to_string(&mut text).unwrap();
            assert_eq!(text, "text");
        }
    }

    #[test]
    fn what_is_known_and_not_taken_is_named() {
        for (beginning, name) in [
            (&b"\xfd7zXZ\0\0"[..], "xz"),
            (b"BZh91AY&SY", "bzip2"),
            (b"\x04\x22\x4d\x18rest", "lz4"),
        ] {
            let error = decompress(beginning).err().unwrap().to_string();
            assert!(error.contains(name), "{error}");
        }
        assert!(decompress(&b"BZh"[..]).is_ok());
    }

    #[test]
    fn what_is_cut_short_is_an_error() {
        let (gzip, zstd) = (gzip(b"text"), zstd::encode_all(&b"text"[..], 1).unwrap());
        assert!(plain(&[&zstd[..], b"more"].concat()).is_err());
        for whole in [gzip, zstd] {
            assert!(plain(&whole[..whole.len() - 3]).is_err());
        }
    }

    #[test]
    fn what_follows_the_last_member_is_passed_over() {
        let one = gzip(b"one");
        for rest in [&b"\0\0\0\0"[..], b"more", b"\n"] {
            assert_eq!(plain(&[&one[..], rest].concat()).unwrap(), b"one");
            let two = [&one[..], &one, rest].concat();
            assert_eq!(plain(&two).unwrap(), b"oneone");
        }
        // A second one that is cut short is no leftover.
        for length in 1..one.len() {
            assert!(plain(&[&one[..], &one[..length]].concat()).is_err());
        }
        // A decoder reads to the end, so that whoever counts the bytes has all of them.
        let mut input = &[&one[..], &[0; 100_000]].concat()[..];
        decompress(&mut input)
            .unwrap()
            .read_to_end(&mut Vec::new())
            .unwrap();
        assert!(input.is_empty());
    }
}
