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
    pub fn random() -> Result<Self> {
        let mut bytes = [0; 32];
        File::open("/dev/urandom")
            .and_then(|mut file| file.read_exact(&mut bytes))
            .map_err(|e| Error::io("read", "/dev/urandom", &e))?;
        Ok(Self(bytes))
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
}
