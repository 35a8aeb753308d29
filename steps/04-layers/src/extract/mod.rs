//! From an archive to a directory that overlayfs can use as a layer.
//!
//! The archive is hostile until proved otherwise. What keeps it inside the layer:
//!
//! * A name is taken apart into components first. It begins at the layer's root, however it is written; one whose `..`
//!   lead above that is refused.
//! * Only the *parent* of an entry is resolved, by the kernel, with the layer's own directory as `/` (openat2(2),
//!   RESOLVE_IN_ROOT): a link of the layer means what it will mean in the container, and no link leads out.
//! * The last component is never followed. What stands there is removed, and the new inode is made with `O_EXCL`,
//!   `mkdirat`, `symlinkat` …: nothing is ever written *through* something that an earlier entry has put there.
//! * Owner, mode, attributes and times are set on the descriptor of the inode that was just made.

mod error;
mod inode;
mod modes;
mod name;
mod options;
mod parents;

use std::ffi::CStr;
use std::io::{BufReader, Read};
use std::os::fd::{AsFd, BorrowedFd};
use std::path::Path;

use kit::{Error, Result};
use nix::fcntl::{OFlag, open};
use nix::sys::stat::Mode;

use self::inode::Maker;
use self::modes::Modes;
use self::name::Name;
pub use self::options::Options;
use self::parents::Parents;
use crate::tar::{Entry, Kind, Reader};
use crate::whiteout::Whiteout;

/// What was unpacked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Unpacked {
    /// Entries, whiteouts included.
    pub entries: u64,
    /// Bytes of regular files, each inode once, holes included, and of symbolic links' targets: what Docker calls the
    /// layer's size.
    pub size: u64,
}

const BUFFER: usize = 128 * 1024;

/// Unpacks the archive `input` into the existing directory `directory`, which should be empty.
///
/// # Errors
/// An archive that is damaged, hostile or beyond the limits, named by the entry; and what the file system refuses. What
/// was unpacked until then stays: the caller removes the directory.
pub fn extract(input: impl Read, directory: &Path, options: Options) -> Result<Unpacked> {
    let flags = OFlag::O_DIRECTORY | OFlag::O_RDONLY | OFlag::O_CLOEXEC;
    let root = open(directory, flags, Mode::empty())
        .map_err(|errno| Error::sys("open the layer's directory", directory, errno))?;
    let mut extraction = Extraction {
        parents: Parents::new(&root, options.namespace),
        maker: Maker::new(options),
        modes: Modes::default(),
        unpacked: Unpacked::default(),
        has_links: false,
        options,
    };
    // Headers and small files are taken from it in small pieces, which a decompressor gives slowly.
    let input = BufReader::with_capacity(BUFFER, input);
    let mut reader = Reader::new(input, options.limits);
    while let Some(entry) = reader.next_entry()? {
        extraction.unpacked.entries += 1;
        extraction
            .unpack(&entry, &mut reader)
            .map_err(|error| in_entry(&entry, error))?;
    }
    extraction.finish()?;
    Ok(extraction.unpacked)
}

struct Extraction<'a> {
    parents: Parents<'a>,
    maker: Maker,
    /// Where we are not root, a directory's mode is set last: one that may not be written to must still take its entries.
    modes: Modes,
    unpacked: Unpacked,
    /// Whether files of aufs' are there, which go in the end.
    has_links: bool,
    options: Options,
}

impl Extraction<'_> {
    fn unpack<R: Read>(&mut self, entry: &Entry, reader: &mut Reader<R>) -> Result<()> {
        let name = Name::parse(&entry.path)?;
        if name.is_bookkeeping() {
            return self.unpack_aufs(&name, entry, reader);
        }
        name.check_parents()?;
        let Some(last) = name.last() else {
            return self.unpack_root(entry);
        };
        match Whiteout::parse(last.to_bytes()) {
            Some(Whiteout::Bookkeeping) => return Ok(()),
            Some(whiteout) => return self.unpack_whiteout(&name, whiteout),
            None => {}
        }
        self.unpack_inode(&name, last, entry, reader)
    }

    fn unpack_inode<R: Read>(
        &mut self,
        name: &Name,
        last: &CStr,
        entry: &Entry,
        reader: &mut Reader<R>,
    ) -> Result<()> {
        let parent = self.parents.of(name)?;
        let at = inode::At {
            parent: parent.as_fd(),
            name: last,
        };
        match &entry.kind {
            Kind::Directory => {
                let made = self.maker.directory(at, entry)?;
                self.parents.forget_if(made.replaced)?;
                self.remember_mode(name, at.parent, entry);
            }
            Kind::HardLink { target } => {
                let target = Name::parse(target)?;
                let target_parent = self.parents.existing(&target)?;
                let target_name = target
                    .last()
                    .ok_or_else(|| Error::new("a hard link to the root is not possible"))?;
                let replaced = self
                    .maker
                    .hard_link(at, target_parent.as_fd(), target_name)?;
                self.parents.forget_if(replaced)?;
            }
            Kind::File { size } => {
                let replaced = self.maker.file(at, entry, *size, reader)?;
                self.parents.forget_if(replaced)?;
                self.unpacked.size = self.unpacked.size.saturating_add(*size);
            }
            // As overlayfs has it on the disk, and tools that packed an upper directory as it was.
            Kind::CharacterDevice { major: 0, minor: 0 } => self.maker.whiteout(at)?,
            kind => {
                if let Kind::Symlink { target } = kind {
                    let length = target.len() as u64;
                    self.unpacked.size = self.unpacked.size.saturating_add(length);
                }
                let replaced = self.maker.special(at, entry)?;
                self.parents.forget_if(replaced)?;
            }
        }
        Ok(())
    }

    /// `./`: the layer's own directory, whose owner, mode and attributes the archive may set.
    fn unpack_root(&mut self, entry: &Entry) -> Result<()> {
        if entry.kind != Kind::Directory {
            // The root is there, and stays one: what else it is called changes nothing.
            return Ok(());
        }
        // It may be the parent that is remembered, with the time that it had.
        self.parents.leave()?;
        self.maker.furnish_directory(self.parents.root(), entry)?;
        self.remember_mode(&Name::default(), self.parents.root(), entry);
        inode::set_time(self.parents.root(), entry.mtime)
    }

    fn remember_mode(&mut self, name: &Name, parent: BorrowedFd<'_>, entry: &Entry) {
        if !self.options.keep_owners {
            let place = self.parents.place(name, parent);
            self.modes
                .push(&place, Mode::from_bits_truncate(entry.mode));
        }
    }

    /// What aufs left in the layers of its time, of which Docker, too, takes one thing: files that hard links in the
    /// same layer are links to. They are here as long as the layer is unpacked.
    fn unpack_aufs<R: Read>(
        &mut self,
        name: &Name,
        entry: &Entry,
        reader: &mut Reader<R>,
    ) -> Result<()> {
        match (name.last(), &entry.kind) {
            (Some(last), Kind::File { .. })
                if name.is_linked() && Whiteout::parse(last.to_bytes()).is_none() =>
            {
                self.has_links = true;
                self.unpack_inode(name, last, entry, reader)
            }
            _ => Ok(()),
        }
    }

    fn unpack_whiteout(&mut self, name: &Name, whiteout: Whiteout<'_>) -> Result<()> {
        let parent = self.parents.of(name)?;
        match whiteout {
            Whiteout::Opaque => inode::make_opaque(parent.as_fd(), self.options.namespace),
            Whiteout::Gone(gone) => {
                let gone = name::component(gone)?;
                let at = inode::At {
                    parent: parent.as_fd(),
                    name: &gone,
                };
                self.maker.whiteout(at)
            }
            Whiteout::Bookkeeping => Ok(()),
        }
    }

    fn finish(&mut self) -> Result<()> {
        self.parents.leave()?;
        if self.has_links {
            let root = self.parents.root();
            let before = inode::time_of(root)?;
            crate::remove::remove(root, name::LINKS)?;
            inode::restore_time(root, before)?;
        }
        for (path, mode) in self.modes.deepest_first() {
            // It may have been replaced by a later entry, and its mode with it.
            if let Some(directory) = self.parents.directory(path)? {
                inode::set_mode(directory.as_fd(), mode)?;
            }
        }
        Ok(())
    }
}

fn in_entry(entry: &Entry, error: Error) -> Error {
    error.within(format!("cannot unpack {}", entry.path.escape_ascii()))
}

#[cfg(test)]
mod tests;
