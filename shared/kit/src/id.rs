//! Identifiers as Docker has them: 64 hex digits, of which people type the first few.

use std::fmt;
use std::fs::File;
use std::io::Read;

use crate::error::{Error, Result};

/// 32 random bytes, shown as 64 hex digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Id([u8; 32]);

impl Id {
    /// A new random identifier from the kernel's generator (random(4)).
    ///
    /// One of its first 12 digits is a letter: as a host name, which it becomes, a number is taken for an address by
    /// some, and Docker avoids it too.
    pub fn random() -> Result<Self> {
        loop {
            let mut bytes = [0; 32];
            File::open("/dev/urandom")
                .and_then(|mut file| file.read_exact(&mut bytes))
                .map_err(|e| Error::io("read", "/dev/urandom", &e))?;
            let id = Self(bytes);
            if id.has_letter() {
                return Ok(id);
            }
        }
    }

    fn has_letter(&self) -> bool {
        self.short()
            .bytes()
            .any(|digit| digit.is_ascii_alphabetic())
    }

    /// The first 12 digits, which is what a person is shown.
    pub fn short(&self) -> String {
        self.to_string()[..12].to_owned()
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Id({})", self.short())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_64_hex_digits_and_never_the_same() {
        let (one, two) = (Id::random().unwrap(), Id::random().unwrap());
        assert_eq!(one.to_string().len(), 64);
        assert!(one.to_string().starts_with(&one.short()));
        assert_ne!(one, two);
    }

    #[test]
    fn a_number_is_no_id() {
        let id = |bytes: [u8; 6]| {
            let mut all = [0xab; 32];
            all[..6].copy_from_slice(&bytes);
            Id(all)
        };
        assert!(!id([0x07, 0x92, 0x91, 0x39, 0x30, 0x63]).has_letter());
        assert!(id([0x07, 0x92, 0x91, 0x39, 0x30, 0x6f]).has_letter());
        for _ in 0..2000 {
            assert!(Id::random().unwrap().has_letter());
        }
    }
}
