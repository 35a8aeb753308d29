//! The 512-byte header block.

use kit::{Error, Result};

/// The unit of everything in an archive.
pub(super) const BLOCK: usize = 512;

/// A header block whose checksum is right.
pub(super) struct Header(pub(super) [u8; BLOCK]);

/// Fields of a header: where they begin, and how long they are (tar(5)).
pub(super) mod field {
    use std::ops::Range;

    pub(in crate::tar) const NAME: Range<usize> = 0..100;
    pub(in crate::tar) const MODE: Range<usize> = 100..108;
    pub(in crate::tar) const UID: Range<usize> = 108..116;
    pub(in crate::tar) const GID: Range<usize> = 116..124;
    pub(in crate::tar) const SIZE: Range<usize> = 124..136;
    pub(in crate::tar) const MTIME: Range<usize> = 136..148;
    pub(in crate::tar) const CHECKSUM: Range<usize> = 148..156;
    pub(in crate::tar) const TYPE: usize = 156;
    pub(in crate::tar) const LINK: Range<usize> = 157..257;
    pub(in crate::tar) const MAGIC: Range<usize> = 257..265;
    pub(in crate::tar) const MAJOR: Range<usize> = 329..337;
    pub(in crate::tar) const MINOR: Range<usize> = 337..345;
    pub(in crate::tar) const PREFIX: Range<usize> = 345..500;
    pub(in crate::tar) const STAR_PREFIX: Range<usize> = 345..476;
    pub(in crate::tar) const TRAILER: Range<usize> = 508..512;
}

impl Header {
    /// `None` for a block of zeroes, which marks the end.
    pub(super) fn parse(block: [u8; BLOCK]) -> Result<Option<Self>> {
        if block.iter().all(|byte| *byte == 0) {
            return Ok(None);
        }
        let header = Self(block);
        let stated = header.number(field::CHECKSUM, "checksum").ok();
        // Old tars summed signed bytes.
        if stated != Some(header.sum(u64::from))
            && stated != Some(header.sum(|byte| i64::from(byte as i8) as u64))
        {
            return Err(Error::new("not a tar archive: a header's checksum is wrong")
                .hint("the archive is damaged or truncated, or compressed in a way that was not recognised"));
        }
        Ok(Some(header))
    }

    pub(super) fn type_flag(&self) -> u8 {
        self.0[field::TYPE]
    }

    /// A text field, up to its first NUL.
    pub(super) fn text(&self, range: std::ops::Range<usize>) -> &[u8] {
        let field = &self.0[range];
        field.split(|byte| *byte == 0).next().unwrap_or_default()
    }

    /// The name, with ustar's prefix before it, whatever version it says to be. GNU's magic has no prefix, and star's a
    /// shorter one: other things stand there.
    pub(super) fn path(&self) -> Vec<u8> {
        let prefix = match &self.0[field::TRAILER] {
            b"tar\0" => field::STAR_PREFIX,
            _ => field::PREFIX,
        };
        let (name, prefix) = (self.text(field::NAME), self.text(prefix));
        if !self.0[field::MAGIC].starts_with(b"ustar\0") || prefix.is_empty() {
            return name.to_vec();
        }
        [prefix, b"/", name].concat()
    }

    /// An unsigned number: octal digits, or GNU's base 256.
    pub(super) fn number(&self, range: std::ops::Range<usize>, what: &str) -> Result<u64> {
        self.signed(range, what)
            .and_then(|number| u64::try_from(number).map_err(|_| wrong(what)))
    }

    /// A number that may be negative, as times may be.
    pub(super) fn signed(&self, range: std::ops::Range<usize>, what: &str) -> Result<i64> {
        let field = &self.0[range];
        if field[0] & 0x80 != 0 {
            return base_256(field).ok_or_else(|| wrong(what));
        }
        octal(field).ok_or_else(|| wrong(what))
    }

    /// A user or a group: what a PAX record says, or the header.
    pub(super) fn id(&self, from_pax: Option<i64>, range: std::ops::Range<usize>) -> Result<u32> {
        let id = match from_pax {
            Some(id) => id,
            None => self.signed(range, "owner")?,
        };
        // A Mac's `nobody` is -2, which chown(2) takes as 32 bits without a sign. The largest of those means to it that
        // the owner stays as it is.
        u32::try_from(id)
            .or(i32::try_from(id).map(i32::cast_unsigned))
            .ok()
            .filter(|id| *id != u32::MAX)
            .ok_or_else(|| Error::new(format!("{id} is not a user or group id")))
    }

    pub(super) fn device(&self, range: std::ops::Range<usize>) -> Result<u32> {
        let number = self.number(range, "device")?;
        u32::try_from(number).map_err(|_| Error::new(format!("{number} is not a device number")))
    }

    pub(super) fn sum(&self, value: impl Fn(u8) -> u64) -> u64 {
        self.0
            .iter()
            .enumerate()
            // The checksum is counted as if it were spaces.
            .map(|(at, byte)| {
                if field::CHECKSUM.contains(&at) {
                    b' '
                } else {
                    *byte
                }
            })
            .fold(0, |sum: u64, byte| sum.wrapping_add(value(byte)))
    }
}

fn wrong(what: &str) -> Error {
    Error::new(format!("damaged tar header: the {what} is not a number"))
}

pub(super) fn truncated() -> Error {
    Error::new("the archive is truncated: it ends in the middle of an entry")
}

/// Digits, among spaces and NULs on both sides; an empty field is 0. Some tools have written what was negative with a
/// sign.
fn octal(field: &[u8]) -> Option<i64> {
    let is_filler = |byte: &u8| *byte == 0 || byte.is_ascii_whitespace();
    let start = field.iter().position(|byte| !is_filler(byte));
    let text = &field[start.unwrap_or(field.len())..];
    let text = text.split(|byte| *byte == 0).next()?.trim_ascii();
    if let Some(digits) = text.strip_prefix(b"-").filter(|digits| !digits.is_empty()) {
        return digits_of(digits).map(|number| -number);
    }
    digits_of(text)
}

fn digits_of(text: &[u8]) -> Option<i64> {
    text.iter().try_fold(0_i64, |number, digit| match digit {
        b'0'..=b'7' => number.checked_mul(8)?.checked_add(i64::from(digit - b'0')),
        _ => None,
    })
}

/// Two's complement, big end first; the first bit says that it is this form.
fn base_256(field: &[u8]) -> Option<i64> {
    let negative = field[0] & 0x40 != 0;
    let first = if negative { field[0] } else { field[0] & 0x7f };
    let start = if negative { -1_i128 } else { 0 };
    let number = std::iter::once(first)
        .chain(field[1..].iter().copied())
        .try_fold(start, |number: i128, byte| {
            number
                .checked_mul(256)
                .map(|number| number | i128::from(byte))
        })?;
    i64::try_from(number).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_octal_or_base_256() {
        assert_eq!(octal(b"0000644\0"), Some(0o644));
        assert_eq!(octal(b"   755 \0"), Some(0o755));
        assert_eq!(octal(b"\0\0\0\0\0\0\0\0"), Some(0));
        assert_eq!(octal(b"\0\0 644 \0"), Some(0o644));
        assert_eq!(octal(b"-0000002"), Some(-2));
        for wrong in [&b"0009\0"[..], b"-", b"--1", b"6 4", b"0x1"] {
            assert_eq!(octal(wrong), None);
        }
        assert_eq!(base_256(b"\x80\0\0\0\0\0\x01\x00"), Some(256));
        assert_eq!(base_256(&[0xff; 12]), Some(-1));
        assert_eq!(
            base_256(b"\xbf\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"),
            None
        );
    }
}
