//! Compressed layers: gzip, zstd or plain, told apart by their first bytes, and bounded against bombs.

use std::cell::Cell;
use std::io::{self, BufRead, BufReader, Read};
use std::rc::Rc;

use kit::{Error, Result};
use layers::compression::{Compression, unsupported};

use crate::manifest::media;

/// How many bytes a compressed layer may become: this many, and [`MAX_RATIO`] for each of its own.
const MAX_SMALL: u64 = 4 << 30;
/// Above the first gigabytes, no honest layer is compressed better than this.
const MAX_RATIO: u64 = 100;

/// The media type of a layer that is compressed so.
pub fn media_type(compression: Compression) -> String {
    let suffix = match compression {
        Compression::None => "",
        Compression::Gzip => "+gzip",
        Compression::Zstd => "+zstd",
    };
    media::LAYER.to_owned() + suffix
}

/// How `input` is compressed, by its first bytes, which are not taken.
///
/// # Errors
/// It cannot be read, or is compressed in a way that is not supported.
pub fn recognise(input: &mut impl BufRead) -> Result<Compression> {
    let first = input
        .fill_buf()
        .map_err(|e| Error::io("read", "the archive", &e))?;
    let other = match first {
        [b'B', b'Z', b'h', ..] => "bzip2",
        [0xfd, b'7', b'z', b'X', b'Z', 0, ..] => "xz",
        _ => return Ok(Compression::of(first)),
    };
    Err(unsupported(other))
}

/// Decompresses `input`, whatever it is. A stream that grows beyond all reason ends in an error that says so.
///
/// # Errors
/// As [`recognise`].
pub fn decompress<'a>(input: impl Read + 'a) -> Result<Box<dyn Read + 'a>> {
    let taken = Rc::new(Cell::new(0));
    let counted = Counted {
        input,
        taken: Rc::clone(&taken),
    };
    let mut input = BufReader::with_capacity(1 << 16, counted);
    recognise(&mut input)?;
    Ok(Box::new(Bounded {
        decoder: layers::compression::decompress(input)?,
        given: 0,
        taken,
        small: MAX_SMALL,
    }))
}

/// Counts what is taken from the compressed stream.
struct Counted<R> {
    input: R,
    taken: Rc<Cell<u64>>,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = self.input.read(buffer)?;
        self.taken.set(self.taken.get() + length as u64);
        Ok(length)
    }
}

struct Bounded<R> {
    decoder: R,
    given: u64,
    taken: Rc<Cell<u64>>,
    small: u64,
}

impl<R: Read> Read for Bounded<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = self.decoder.read(buffer)?;
        self.given += length as u64;
        let most = self.small + MAX_RATIO * self.taken.get();
        if self.given > most {
            return Err(io::Error::other(format!(
                "{} compressed bytes have become {}, and the limit against decompression bombs is {most}",
                self.taken.get(),
                self.given
            )));
        }
        Ok(length)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn read(bytes: &[u8]) -> io::Result<Vec<u8>> {
        let mut out = Vec::new();
        decompress(bytes)
            .map_err(io::Error::other)?
            .read_to_end(&mut out)?;
        Ok(out)
    }

    #[test]
    fn all_three_are_told_apart() {
        let text = b"a layer".repeat(1000);
        let zstd = zstd::encode_all(&text[..], 1).unwrap();
        assert_eq!(read(&text).unwrap(), text);
        assert_eq!(read(&gzip(&text)).unwrap(), text);
        assert_eq!(read(&zstd).unwrap(), text);
        // Some tools write one layer as several members.
        assert_eq!(
            read(&[gzip(&text), gzip(b"more")].concat()).unwrap(),
            [&text[..], b"more"].concat()
        );
        assert_eq!(read(b"").unwrap(), b"");
    }

    #[test]
    fn damaged_streams_and_foreign_ones_are_errors() {
        let whole = gzip(&b"a layer".repeat(1000));
        assert!(read(&whole[..whole.len() - 1]).is_err());
        let zstd = zstd::encode_all(&whole[..], 1).unwrap();
        assert!(read(&[&zstd[..], b"garbage"].concat()).is_err());
        let mut flipped = whole.clone();
        flipped[20] ^= 1;
        assert!(read(&flipped).is_err());
        let error = read(b"BZh91AY").unwrap_err().to_string();
        assert!(error.contains("bzip2"), "{error}");
        assert!(read(b"\xfd7zXZ\0").is_err());
    }

    #[test]
    fn a_bomb_is_named_before_it_goes_off() {
        let bomb = zstd::encode_all(&vec![0; 3_000_000][..], 3).unwrap();
        let taken = Rc::new(Cell::new(bomb.len() as u64));
        let mut bounded = Bounded {
            decoder: zstd::stream::read::Decoder::with_buffer(&bomb[..]).unwrap(),
            given: 0,
            taken,
            small: 1000,
        };
        let error = io::copy(&mut bounded, &mut io::sink()).unwrap_err();
        assert!(error.to_string().contains("decompression bombs"), "{error}");
        assert!(bounded.given < 2_900_000);
    }
}
