//! How an archive is to be unpacked, and which attributes that lets through.

use crate::tar::{Entry, Kind, Limits};
use crate::whiteout::{Namespace, is_overlays_own};

/// How an archive is to be unpacked.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Where overlayfs will look for its attributes.
    pub namespace: Namespace,
    /// Whether owners are kept, and the attributes that root alone may set (`security.*`, `trusted.*`); if not,
    /// everything is ours, which is all that an ordinary user can do.
    pub keep_owners: bool,
    /// What the archive may ask for.
    pub limits: Limits,
}

/// Attributes that may be set from an archive. Capabilities that are empty the kernel takes, and then refuses to give
/// back (EINVAL) and to execute the file: nobody could copy or pack it again.
pub(super) fn attributes(entry: &Entry, options: Options) -> impl Iterator<Item = (&[u8], &[u8])> {
    entry
        .xattrs
        .iter()
        .map(|(name, value)| (&name[..], &value[..]))
        .filter(|(name, value)| !(*name == b"security.capability" && value.is_empty()))
        .filter(move |(name, _)| !is_overlays_own(name) && can_have(&entry.kind, name, options))
}

/// What no file has on Linux (xattr(7)) comes from another system, such as a Mac's `com.apple.provenance`: it means
/// nothing here, and nobody's tar stumbles over it.
fn can_have(kind: &Kind, attribute: &[u8], options: Options) -> bool {
    let is_in = |namespace: &[u8]| attribute.starts_with(namespace);
    if is_in(b"security.") || is_in(b"trusted.") {
        return options.keep_owners;
    }
    let takes_user = matches!(kind, Kind::File { .. } | Kind::Directory);
    is_in(b"system.") || (takes_user && is_in(b"user."))
}
