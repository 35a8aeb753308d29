//! One member of an archive, whatever header format it came in.

use std::collections::BTreeMap;

/// A file, directory, link or device, without its contents.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// As the archive has it: it may be absolute, hold `..`, or not be UTF-8. Whoever extracts must not trust it.
    pub path: Vec<u8>,
    /// What it is.
    pub kind: Kind,
    /// Permissions with setuid, setgid and sticky: the low twelve bits.
    pub mode: u32,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Last modification.
    pub mtime: Time,
    /// Extended attributes, by name (`security.capability`, `user.x`).
    pub xattrs: BTreeMap<Vec<u8>, Vec<u8>>,
}

/// What an entry is, with what only that kind has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A regular file of this many bytes, holes included.
    File {
        /// Its size.
        size: u64,
    },
    /// A directory.
    Directory,
    /// A symbolic link, and its target: any bytes.
    Symlink {
        /// Where it points.
        target: Vec<u8>,
    },
    /// Another name of an entry that came before, by its path in the archive.
    HardLink {
        /// The earlier name.
        target: Vec<u8>,
    },
    /// A character device.
    CharacterDevice {
        /// The driver.
        major: u32,
        /// The device.
        minor: u32,
    },
    /// A block device.
    BlockDevice {
        /// The driver.
        major: u32,
        /// The device.
        minor: u32,
    },
    /// A named pipe.
    Fifo,
}

/// Seconds since 1970, possibly before it, and nanoseconds after those seconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Time {
    /// May be negative.
    pub seconds: i64,
    /// 0 to 999,999,999.
    pub nanoseconds: u32,
}
