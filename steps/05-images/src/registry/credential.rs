//! Who a user is to a registry.

use std::fmt;

use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use base64::prelude::{BASE64_STANDARD, Engine};

/// Words that were written by hand lack the signs at their end.
const UNPADDED: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// What a user shows to a registry.
#[derive(Clone, PartialEq, Eq)]
pub enum Credential {
    /// A name and a password, or an access token in a password's place.
    Password {
        /// The user's name.
        username: String,
        /// Their password.
        password: String,
    },
    /// A token that a registry gave at login in the password's stead, good for fetching others (OAuth 2's refresh
    /// token).
    IdentityToken {
        /// The user's name; may be empty.
        username: String,
        /// The token.
        token: String,
    },
}

impl Credential {
    /// A name and a password.
    pub fn password(username: impl Into<String>, password: impl Into<String>) -> Self {
        Self::Password {
            username: username.into(),
            password: password.into(),
        }
    }

    /// The user's name.
    pub fn username(&self) -> &str {
        match self {
            Self::Password { username, .. } | Self::IdentityToken { username, .. } => username,
        }
    }
}

/// Basic authentication's one word (RFC 7617), which is also what config.json holds under `auth`.
pub(crate) fn basic(username: &str, password: &str) -> String {
    BASE64_STANDARD.encode(format!("{username}:{password}"))
}

/// The name and the password of [`basic`]'s word.
pub(crate) fn from_basic(word: &str) -> Option<(String, String)> {
    let word: String = word.split_whitespace().collect();
    let text = String::from_utf8(UNPADDED.decode(word).ok()?).ok()?;
    let (username, password) = text.split_once(':')?;
    // Docker of old padded with NUL.
    Some((username.to_owned(), password.trim_matches('\0').to_owned()))
}

/// A secret is not written to a log because somebody printed what holds it.
impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Credential of {:?}", self.username())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_may_hold_a_colon() {
        assert_eq!(
            basic("Aladdin", "open sesame"),
            "QWxhZGRpbjpvcGVuIHNlc2FtZQ=="
        );
        let pair = from_basic(&basic("user", "a:b")).unwrap();
        assert_eq!(pair, ("user".into(), "a:b".into()));
        for word in ["dXNlcjphOmI=", "dXNlcjphOmI", " dXNl\r\ncjphOmI=\n"] {
            assert_eq!(from_basic(word).unwrap().1, "a:b", "{word}");
        }
        for wrong in ["", "%", "bm9jb2xvbg=="] {
            assert!(from_basic(wrong).is_none(), "{wrong}");
        }
    }

    #[test]
    fn a_secret_is_not_printed() {
        let shown = format!("{:?}", Credential::password("user", "secret"));
        assert!(!shown.contains("secret"), "{shown}");
    }
}
