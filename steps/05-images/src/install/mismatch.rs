//! The failure that every part of an image may end in.

use kit::Error;
use layers::digest::Digest;

/// What was delivered is not what was promised.
pub(super) fn mismatch(what: &str, promised: Digest, got: Digest) -> Error {
    Error::new(format!(
        "{what} is not what was promised: its digest is {got} instead of {promised}"
    ))
    .hint("it was damaged on the way, or somebody has changed it; nothing of it was kept")
}
