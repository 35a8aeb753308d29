//! How a layer says that something is *gone*, in the two languages it is said in.
//!
//! | | on the wire (OCI image specification, "Whiteouts") | on disk (overlayfs) |
//! |---|---|---|
//! | `name` was removed | an empty file `.wh.name` | a character device 0:0 called `name` |
//! | the directory hides all that is below it | an empty file `.wh..wh..opq` in it | the attribute `trusted.overlay.opaque` = `y` |
//!
//! In a user namespace the attribute is `user.overlay.opaque` (mount option `userxattr`), because `trusted.` needs
//! CAP_SYS_ADMIN of the host.

use nix::sys::stat::{FileStat, SFlag, makedev};

/// What an entry's name means on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whiteout<'a> {
    /// The sibling of this name is gone.
    Gone(&'a [u8]),
    /// The directory that the entry is in is opaque.
    Opaque,
    /// Bookkeeping of AUFS, the first file system that had whiteouts: ignored by everyone.
    Bookkeeping,
}

/// What marks a whiteout on the wire.
pub const PREFIX: &[u8] = b".wh.";
/// The name that makes a directory opaque on the wire.
pub const OPAQUE: &[u8] = b".wh..wh..opq";
const BOOKKEEPING: &[u8] = b".wh..wh.";

impl<'a> Whiteout<'a> {
    /// `None` if `name`, the last component of a path, is an ordinary name.
    pub fn parse(name: &'a [u8]) -> Option<Self> {
        let gone = name.strip_prefix(PREFIX)?;
        Some(if name == OPAQUE {
            Self::Opaque
        } else if name.starts_with(BOOKKEEPING) {
            Self::Bookkeeping
        } else {
            Self::Gone(gone)
        })
    }
}

/// Where overlayfs keeps its own attributes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Namespace {
    /// `trusted.overlay.`, as the host's root.
    Trusted,
    /// `user.overlay.`, in a user namespace.
    User,
}

impl Namespace {
    /// That of whoever mounts without a user namespace of his own: `trusted.` needs CAP_SYS_ADMIN of the host, which even
    /// root does not have inside a user namespace.
    pub fn here() -> Self {
        let is_initial = std::fs::read_to_string("/proc/self/uid_map")
            .is_ok_and(|map| map.split_whitespace().eq(["0", "0", "4294967295"]));
        match is_initial && nix::unistd::geteuid().is_root() {
            true => Self::Trusted,
            false => Self::User,
        }
    }

    /// The attribute that makes a directory opaque if its value is `y`.
    pub fn opaque(self) -> &'static str {
        match self {
            Self::Trusted => "trusted.overlay.opaque",
            Self::User => "user.overlay.opaque",
        }
    }

    /// The attributes that make a file or directory show what is in a layer below.
    pub fn pointers(self) -> [&'static str; 2] {
        match self {
            Self::Trusted => ["trusted.overlay.metacopy", "trusted.overlay.redirect"],
            Self::User => ["user.overlay.metacopy", "user.overlay.redirect"],
        }
    }
}

/// Whether an attribute belongs to overlayfs. One that came in an archive would be obeyed: `redirect` and `metacopy` can
/// make a file show the contents of another, outside its layer.
pub fn is_overlays_own(attribute: &[u8]) -> bool {
    attribute.starts_with(b"trusted.overlay.") || attribute.starts_with(b"user.overlay.")
}

/// Whether a file of a layer on disk says that what has its name below is gone.
pub(crate) fn is_whiteout(stat: &FileStat) -> bool {
    stat.st_mode & SFlag::S_IFMT.bits() == SFlag::S_IFCHR.bits() && stat.st_rdev == makedev(0, 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_on_the_wire() {
        let cases: [(&[u8], Option<Whiteout<'_>>); 7] = [
            (b"file", None),
            (b".wh", None),
            (b".wh.file", Some(Whiteout::Gone(b"file"))),
            (b".wh..wh..opq", Some(Whiteout::Opaque)),
            (b".wh..wh.plnk", Some(Whiteout::Bookkeeping)),
            (b".wh.", Some(Whiteout::Gone(b""))),
            (b".wh..", Some(Whiteout::Gone(b"."))),
        ];
        for (name, expected) in cases {
            assert_eq!(Whiteout::parse(name), expected, "{}", name.escape_ascii());
        }
    }
}
