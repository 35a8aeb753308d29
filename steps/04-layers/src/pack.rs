//! From a layer's directory, as overlayfs keeps it, to an archive, as OCI wants it.
//!
//! The same tree gives the same bytes, whatever order the file system lists it in: a directory, then what is in it and is
//! not a directory, by name, then its subdirectories, by name.

use std::collections::{BTreeMap, HashMap};
use std::ffi::CStr;
use std::fs::File;
use std::io::Write;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::path::Path;

use kit::{Error, Result};
use nix::errno::Errno;
use nix::fcntl::{AtFlags, OFlag, open, openat, readlinkat};
use nix::sys::stat::{FileStat, Mode, SFlag, fstat, fstatat, major, minor};

use crate::attributes::{self, Attributes};
use crate::names::{open_below, sorted_names};
use crate::tar::{Entry, Kind, Time, Writer};
use crate::whiteout::{Namespace, OPAQUE, PREFIX, Whiteout};

/// What was packed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Packed {
    /// Entries, whiteouts included.
    pub entries: u64,
    /// Sockets, which no archive can hold: they belong to a process, not to a layer.
    pub sockets: u64,
}

/// Writes the tree below `directory` to `output`, with overlayfs' marks, of the given `namespace`, as whiteouts.
///
/// # Errors
/// What cannot be read, or changes while it is read; a name that would be taken for a whiteout.
pub fn pack(directory: &Path, namespace: Namespace, output: impl Write) -> Result<Packed> {
    let flags = OFlag::O_DIRECTORY | OFlag::O_RDONLY | OFlag::O_CLOEXEC;
    let root = open(directory, flags, Mode::empty())
        .map_err(|errno| Error::sys("open the layer's directory", directory, errno))?;
    let mut packing = Packing {
        root: &root,
        namespace,
        writer: Writer::new(output),
        links: HashMap::new(),
        packed: Packed::default(),
    };
    let mut directories = vec![Vec::new()];
    while let Some(path) = directories.pop() {
        let mut below = packing.directory(&path)?;
        below.sort_unstable_by(|one, other| other.cmp(one));
        directories.append(&mut below);
    }
    packing
        .writer
        .finish()?
        .flush()
        .map_err(|e| Error::io("write", "the archive", &e))?;
    Ok(packing.packed)
}

struct Packing<'a, W: Write> {
    root: &'a OwnedFd,
    namespace: Namespace,
    writer: Writer<W>,
    /// The first name of each inode that has several.
    links: HashMap<(u64, u64), Vec<u8>>,
    packed: Packed,
}

impl<W: Write> Packing<'_, W> {
    /// Packs a directory and what is in it; returns its subdirectories.
    fn directory(&mut self, path: &[u8]) -> Result<Vec<Vec<u8>>> {
        let fails = |errno| failed("open the directory", path, errno);
        let directory = open_below(self.root, path).map_err(fails)?;
        let stat = fstat(&directory).map_err(fails)?;
        let mut entry = entry(path, Kind::Directory, &stat);
        if path.is_empty() {
            entry.path = b"./".to_vec();
        }
        let all = attributes::of_descriptor(directory.as_fd())
            .map_err(|errno| failed("read the attributes of", path, errno))?;
        let is_opaque = all
            .get(self.namespace.opaque().as_bytes())
            .is_some_and(|value| value == b"y");
        check_whole(&all, self.namespace, path)?;
        entry.xattrs = attributes::portable(all);
        self.add(&entry)?;
        if is_opaque {
            self.add(&mark(below(path, OPAQUE)))?;
        }
        let mut subdirectories = Vec::new();
        for name in sorted_names(&directory).map_err(fails)? {
            let child = below(path, name.to_bytes());
            let stat = fstatat(&directory, name.as_c_str(), AtFlags::AT_SYMLINK_NOFOLLOW)
                .map_err(|errno| failed("look at", &child, errno))?;
            if is_directory(&stat) {
                check_name(&name, &child)?;
                subdirectories.push(child);
            } else {
                self.child(directory.as_fd(), &name, child, &stat)?;
            }
        }
        Ok(subdirectories)
    }

    fn child(
        &mut self,
        parent: BorrowedFd<'_>,
        name: &CStr,
        path: Vec<u8>,
        stat: &FileStat,
    ) -> Result<()> {
        let Some(kind) =
            kind(parent, name, stat).map_err(|errno| failed("look at", &path, errno))?
        else {
            self.packed.sockets += 1;
            return Ok(());
        };
        if matches!(kind, Kind::CharacterDevice { major: 0, minor: 0 }) {
            let directory = &path[..path.len() - name.to_bytes().len()];
            return self.add(&mark([directory, PREFIX, name.to_bytes()].concat()));
        }
        check_name(name, &path)?;
        if stat.st_nlink > 1 {
            if let Some(first) = self.links.get(&(stat.st_dev, stat.st_ino)) {
                let target = first.clone();
                return self.add(&entry(&path, Kind::HardLink { target }, stat));
            }
            self.links.insert((stat.st_dev, stat.st_ino), path.clone());
        }
        let mut entry = entry(&path, kind, stat);
        if let Kind::File { .. } = entry.kind {
            return self.file(parent, name, entry, stat);
        }
        entry.xattrs = attributes::of_name(parent.as_raw_fd(), name)
            .map(attributes::portable)
            .map_err(|errno| failed("read the attributes of", &path, errno))?;
        self.add(&entry)
    }

    fn file(
        &mut self,
        parent: BorrowedFd<'_>,
        name: &CStr,
        mut entry: Entry,
        stat: &FileStat,
    ) -> Result<()> {
        let fails = |errno| failed("read", &entry.path, errno);
        let flags = OFlag::O_RDONLY | OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK | OFlag::O_CLOEXEC;
        let file = openat(parent, name, flags, Mode::empty()).map_err(fails)?;
        let opened = fstat(&file).map_err(fails)?;
        if (opened.st_dev, opened.st_ino) != (stat.st_dev, stat.st_ino) {
            return Err(Error::new(format!(
                "{} was replaced while it was read",
                entry.path.escape_ascii()
            )));
        }
        let all = attributes::of_descriptor(file.as_fd()).map_err(fails)?;
        check_whole(&all, self.namespace, &entry.path)?;
        entry.xattrs = attributes::portable(all);
        self.packed.entries += 1;
        self.writer.append_file(&entry, File::from(file))
    }

    fn add(&mut self, entry: &Entry) -> Result<()> {
        self.packed.entries += 1;
        self.writer.append(entry)
    }
}

fn entry(path: &[u8], kind: Kind, stat: &FileStat) -> Entry {
    Entry {
        path: path.to_vec(),
        kind,
        mode: stat.st_mode & 0o7777,
        uid: stat.st_uid,
        gid: stat.st_gid,
        mtime: Time {
            seconds: stat.st_mtime,
            nanoseconds: stat.st_mtime_nsec.try_into().unwrap_or(0),
        },
        xattrs: BTreeMap::new(),
    }
}

/// A whiteout on the wire: an empty file, always the same, because what is gone has no time and no owner.
fn mark(path: Vec<u8>) -> Entry {
    Entry {
        path,
        kind: Kind::File { size: 0 },
        mode: 0,
        uid: 0,
        gid: 0,
        mtime: Time::default(),
        xattrs: BTreeMap::new(),
    }
}

/// `None` for a socket.
fn kind(parent: BorrowedFd<'_>, name: &CStr, stat: &FileStat) -> nix::Result<Option<Kind>> {
    let (major, minor) = (major(stat.st_rdev) as u32, minor(stat.st_rdev) as u32);
    Ok(Some(
        match SFlag::from_bits_truncate(stat.st_mode & SFlag::S_IFMT.bits()) {
            SFlag::S_IFREG => Kind::File {
                size: stat.st_size.try_into().unwrap_or(0),
            },
            SFlag::S_IFLNK => Kind::Symlink {
                target: std::os::unix::ffi::OsStringExt::into_vec(readlinkat(parent, name)?),
            },
            SFlag::S_IFCHR => Kind::CharacterDevice { major, minor },
            SFlag::S_IFBLK => Kind::BlockDevice { major, minor },
            SFlag::S_IFIFO => Kind::Fifo,
            SFlag::S_IFDIR => Kind::Directory,
            _ => return Ok(None),
        },
    ))
}

fn is_directory(stat: &FileStat) -> bool {
    stat.st_mode & SFlag::S_IFMT.bits() == SFlag::S_IFDIR.bits()
}

fn below(directory: &[u8], name: &[u8]) -> Vec<u8> {
    if directory.is_empty() {
        return name.to_vec();
    }
    [directory, b"/", name].concat()
}

/// We mount without `metacopy` and `redirect_dir`; others do not, and what they have written shows what is not in it.
fn check_whole(all: &Attributes, namespace: Namespace, path: &[u8]) -> Result<()> {
    match namespace
        .pointers()
        .iter()
        .find(|name| all.contains_key(name.as_bytes()))
    {
        None => Ok(()),
        Some(name) => Err(Error::new(format!(
            "cannot pack {}: part of it is in a layer below ({name})",
            path.escape_ascii()
        ))
        .hint("the layer was written with overlayfs' metacopy or redirect_dir on: write it with both off")),
    }
}

fn check_name(name: &CStr, path: &[u8]) -> Result<()> {
    match Whiteout::parse(name.to_bytes()) {
        None => Ok(()),
        Some(_) => Err(Error::new(format!("{} cannot be in a layer", path.escape_ascii()))
            .hint("in an OCI layer a name that begins with .wh. says that a file was removed: rename it")),
    }
}

fn failed(operation: &str, path: &[u8], errno: Errno) -> Error {
    use std::os::unix::ffi::OsStrExt;
    let path = if path.is_empty() { b"." } else { path };
    let error = Error::sys(
        operation,
        Path::new(std::ffi::OsStr::from_bytes(path)),
        errno,
    );
    match errno {
        Errno::EACCES => error.hint(
            "its mode keeps even its owner out: pack the layer as root, or in a user namespace (`unshare -r`)",
        ),
        Errno::ELOOP => error.hint("it was replaced by a symbolic link while the layer was read"),
        _ => error,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As overlayfs leaves it where others mount it with these options, Podman on some systems among them.
    #[test]
    fn what_is_in_a_lower_layer_is_missed() {
        for (attribute, is_file) in [
            ("user.overlay.metacopy", true),
            ("user.overlay.redirect", false),
        ] {
            let scratch = tempfile::tempdir().unwrap();
            let path = scratch.path().join("name");
            if is_file {
                std::fs::write(&path, "").unwrap();
            } else {
                std::fs::create_dir(&path).unwrap();
            }
            pack(scratch.path(), Namespace::User, std::io::sink()).unwrap();
            let flags = rustix::fs::XattrFlags::empty();
            rustix::fs::setxattr(&path, attribute, b"", flags).unwrap();
            let error = pack(scratch.path(), Namespace::User, std::io::sink()).unwrap_err();
            let sentence =
                format!("cannot pack name: part of it is in a layer below ({attribute})");
            assert_eq!(error.to_string(), sentence);
        }
    }
}
