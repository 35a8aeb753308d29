//! Making one inode, and giving it its owner, mode, attributes and time.

use std::ffi::{CStr, CString};
use std::io::Read;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

use kit::{Error, Result};
use nix::errno::Errno;
use nix::fcntl::{AtFlags, OFlag, openat};
use nix::sys::stat::{
    FileStat, Mode, SFlag, UtimensatFlags, fchmod, fstat, fstatat, futimens, makedev, mkdirat,
    mknodat, utimensat,
};
use nix::sys::time::TimeSpec;
use nix::unistd::{Gid, LinkatFlags, Uid, fchown, fchownat, linkat, symlinkat};
use rustix::fs::XattrFlags;

use super::error::{DEVICE, HARD_LINK, OWNER, TARGET, attribute_error, failed, shown};
use super::options::{Options, attributes};
use crate::remove::remove;
use crate::tar::{Entry, Kind, Reader, Time};
use crate::whiteout::Namespace;

/// A place for an inode: a name, not followed, in a directory that is open.
#[derive(Clone, Copy)]
pub(super) struct At<'a> {
    pub(super) parent: BorrowedFd<'a>,
    pub(super) name: &'a CStr,
}

/// Makes inodes as the options want them.
pub(super) struct Maker {
    options: Options,
}

/// A directory that is there now.
pub(super) struct Made {
    /// Whether something that was not a directory had to go.
    pub(super) replaced: bool,
}

impl Maker {
    pub(super) fn new(options: Options) -> Self {
        Self { options }
    }

    /// A directory, new or there already.
    pub(super) fn directory(&self, at: At<'_>, entry: &Entry) -> Result<Made> {
        let before = lookup(at)?;
        let was_whiteout = before.as_ref().is_some_and(is_whiteout);
        let is_directory = before
            .as_ref()
            .is_some_and(|stat| kind_of(stat) == SFlag::S_IFDIR);
        let replaced = before.is_some() && !is_directory;
        if replaced {
            remove(at.parent, at.name)?;
        }
        if !is_directory {
            mkdirat(at.parent, at.name, Mode::from_bits_truncate(0o700))
                .map_err(failed("make the directory"))?;
        }
        let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
        let directory = openat(at.parent, at.name, flags, Mode::empty())
            .map_err(failed("open the directory"))?;
        self.furnish_directory(directory.as_fd(), entry)?;
        if was_whiteout {
            // Gone and there again, in one layer: a new directory, in which nothing of the lower one is seen.
            make_opaque(directory.as_fd(), self.options.namespace)?;
        }
        set_time(directory.as_fd(), entry.mtime)?;
        Ok(Made { replaced })
    }

    // ANCHOR: file
    /// A regular file with its contents. True if something had to go for it.
    pub(super) fn file<R: Read>(
        &self,
        at: At<'_>,
        entry: &Entry,
        size: u64,
        reader: &mut Reader<R>,
    ) -> Result<bool> {
        let flags =
            OFlag::O_WRONLY | OFlag::O_CREAT | OFlag::O_EXCL | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
        let mode = Mode::from_bits_truncate(entry.mode & 0o777);
        let (file, replaced) = new(at, "make the file", || {
            openat(at.parent, at.name, flags, mode)
        })?;
        let mut written = 0;
        reader.copy(|offset, bytes| {
            // A hole is packed as zeroes, and zeroes are unpacked as a hole.
            if bytes.iter().all(|byte| *byte == 0) {
                return Ok(());
            }
            written = offset + bytes.len() as u64;
            write_at(&file, bytes, offset)
        })?;
        if written < size {
            // The end is a hole.
            nix::unistd::ftruncate(&file, size as i64).map_err(failed("extend the file"))?;
        }
        self.furnish(file.as_fd(), entry)?;
        set_time(file.as_fd(), entry.mtime)?;
        Ok(replaced)
    }
    // ANCHOR_END: file

    /// Another name for an inode of this layer. True if something had to go for it.
    pub(super) fn hard_link(
        &self,
        at: At<'_>,
        target_parent: BorrowedFd<'_>,
        target: &CStr,
    ) -> Result<bool> {
        let wanted = At {
            parent: target_parent,
            name: target,
        };
        let Some(wanted) = lookup(wanted)?.filter(|stat| !is_whiteout(stat)) else {
            return Err(Error::sys("link to", shown(target), Errno::ENOENT).hint(TARGET));
        };
        let link = || {
            let flags = LinkatFlags::empty();
            linkat(target_parent, target, at.parent, at.name, flags)
        };
        match link() {
            Ok(()) => return Ok(false),
            Err(Errno::EEXIST) => {}
            Err(errno) => return Err(failed(HARD_LINK)(errno)),
        }
        let is_wanted =
            |stat: FileStat| (stat.st_dev, stat.st_ino) == (wanted.st_dev, wanted.st_ino);
        // The same already: to remove it could be to remove the last name there is.
        if lookup(at)?.is_some_and(is_wanted) {
            return Ok(false);
        }
        new(at, HARD_LINK, link).map(|((), replaced)| replaced)
    }

    /// A symbolic link, device or fifo. True if something had to go for it.
    pub(super) fn special(&self, at: At<'_>, entry: &Entry) -> Result<bool> {
        let node = |kind, device| {
            let mode = Mode::from_bits_truncate(0o600);
            new(at, DEVICE, || {
                mknodat(at.parent, at.name, kind, mode, device)
            })
        };
        let ((), replaced) = match &entry.kind {
            Kind::Symlink { target } => {
                let target = CString::new(&target[..])
                    .map_err(|_| Error::new("a link's target holds a NUL"))?;
                new(at, "make the symbolic link", || {
                    symlinkat(target.as_c_str(), at.parent, at.name)
                })?
            }
            Kind::CharacterDevice { major, minor } => {
                node(SFlag::S_IFCHR, makedev((*major).into(), (*minor).into()))?
            }
            Kind::BlockDevice { major, minor } => {
                node(SFlag::S_IFBLK, makedev((*major).into(), (*minor).into()))?
            }
            _ => node(SFlag::S_IFIFO, 0)?,
        };
        self.furnish_unopened(at, entry)?;
        Ok(replaced)
    }

    /// A whiteout, unless this very layer has something of that name: then that is what is seen, and a directory hides
    /// the lower one.
    pub(super) fn whiteout(&self, at: At<'_>) -> Result<()> {
        match lookup(at)? {
            None => mknodat(
                at.parent,
                at.name,
                SFlag::S_IFCHR,
                Mode::empty(),
                makedev(0, 0),
            )
            .map_err(failed("make the whiteout")),
            Some(stat) if kind_of(&stat) == SFlag::S_IFDIR => {
                let flags =
                    OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
                let directory = openat(at.parent, at.name, flags, Mode::empty())
                    .map_err(failed("open the directory"))?;
                make_opaque(directory.as_fd(), self.options.namespace)
            }
            Some(_) => Ok(()),
        }
    }

    /// An ordinary user's directory stays open to him until [`set_mode`].
    pub(super) fn furnish_directory(&self, directory: BorrowedFd<'_>, entry: &Entry) -> Result<()> {
        self.furnish(directory, entry)?;
        if !self.options.keep_owners {
            set_mode(
                directory,
                Mode::from_bits_truncate(entry.mode) | Mode::S_IRWXU,
            )?;
        }
        Ok(())
    }

    /// Owner, then mode, then attributes: a change of owner clears setuid (chown(2)) and file capabilities. What is so
    /// already is left alone: to look costs less than a change, which the file system writes to its journal.
    pub(super) fn furnish(&self, inode: BorrowedFd<'_>, entry: &Entry) -> Result<()> {
        let stat = fstat(inode).map_err(failed("look at"))?;
        let is_ours =
            !self.options.keep_owners || (stat.st_uid, stat.st_gid) == (entry.uid, entry.gid);
        if !is_ours {
            let (uid, gid) = (Uid::from_raw(entry.uid), Gid::from_raw(entry.gid));
            fchown(inode, Some(uid), Some(gid)).map_err(failed(OWNER))?;
        }
        let mode = Mode::from_bits_truncate(entry.mode);
        let mut attributes = attributes(entry, self.options).peekable();
        // An attribute can be set by who may write; for root that is everyone's file, for others not even their own.
        let opened = match self.options.keep_owners || attributes.peek().is_none() {
            true => mode,
            false => mode | Mode::S_IWUSR,
        };
        if !is_ours || stat.st_mode & 0o7777 != opened.bits() {
            set_mode(inode, opened)?;
        }
        for (name, value) in attributes {
            rustix::fs::fsetxattr(inode, name, value, XattrFlags::empty())
                .map_err(|e| attribute_error(name, e))?;
        }
        match opened == mode {
            true => Ok(()),
            false => set_mode(inode, mode),
        }
    }

    /// The same for what cannot be opened without side effects.
    fn furnish_unopened(&self, at: At<'_>, entry: &Entry) -> Result<()> {
        if self.options.keep_owners {
            let (uid, gid) = (Uid::from_raw(entry.uid), Gid::from_raw(entry.gid));
            fchownat(
                at.parent,
                at.name,
                Some(uid),
                Some(gid),
                AtFlags::AT_SYMLINK_NOFOLLOW,
            )
            .map_err(failed(OWNER))?;
        }
        if !matches!(entry.kind, Kind::Symlink { .. }) {
            // There is no fchmodat that does not follow before Linux 6.6; a device has just been made here, by us.
            nix::sys::stat::fchmodat(
                at.parent,
                at.name,
                Mode::from_bits_truncate(entry.mode),
                nix::sys::stat::FchmodatFlags::FollowSymlink,
            )
            .map_err(failed("set the mode"))?;
        }
        for (name, value) in attributes(entry, self.options) {
            // There is no setxattrat before Linux 6.13; the way there is a descriptor, the last step is not followed.
            let parent = format!("/proc/self/fd/{}/", at.parent.as_raw_fd());
            let path = [parent.as_bytes(), at.name.to_bytes()].concat();
            rustix::fs::lsetxattr(&path[..], name, value, XattrFlags::empty())
                .map_err(|e| attribute_error(name, e))?;
        }
        let time = spec(entry.mtime);
        utimensat(
            at.parent,
            at.name,
            &time,
            &time,
            UtimensatFlags::NoFollowSymlink,
        )
        .map_err(failed("set the time"))
    }
}

/// Sets the mode of an inode that is open.
pub(super) fn set_mode(inode: BorrowedFd<'_>, mode: Mode) -> Result<()> {
    fchmod(inode, mode).map_err(failed("set the mode"))
}

/// Sets the time of modification, and of access with it: an archive has no other.
pub(super) fn set_time(inode: BorrowedFd<'_>, time: Time) -> Result<()> {
    let time = spec(time);
    futimens(inode, &time, &time).map_err(failed("set the time"))
}

/// A directory's time of modification.
pub(super) fn time_of(directory: BorrowedFd<'_>) -> Result<TimeSpec> {
    let stat = fstat(directory).map_err(failed("look at"))?;
    Ok(TimeSpec::new(stat.st_mtime, stat.st_mtime_nsec))
}

/// Puts back a directory's time of modification, which the making of entries in it has changed.
pub(super) fn restore_time(directory: BorrowedFd<'_>, mtime: TimeSpec) -> Result<()> {
    match futimens(directory, &TimeSpec::UTIME_OMIT, &mtime) {
        // Somebody else's directory, in which we may make files: its time is his.
        Err(Errno::EPERM) => Ok(()),
        done => done.map_err(failed("set the time")),
    }
}

/// Makes something at a place, such that it is new: what stands there goes first. True if there was something.
fn new<T>(
    at: At<'_>,
    operation: &'static str,
    mut make: impl FnMut() -> nix::Result<T>,
) -> Result<(T, bool)> {
    match make() {
        // Mostly the place is free, so that nobody needs to look first.
        Err(Errno::EEXIST) => {
            remove(at.parent, at.name)?;
            Ok((make().map_err(failed(operation))?, true))
        }
        made => Ok((made.map_err(failed(operation))?, false)),
    }
}

/// Marks a directory so that overlayfs shows nothing of those below it.
pub(super) fn make_opaque(directory: BorrowedFd<'_>, namespace: Namespace) -> Result<()> {
    let name = namespace.opaque();
    rustix::fs::fsetxattr(directory, name, b"y", XattrFlags::empty())
        .map_err(|e| attribute_error(name.as_bytes(), e))
}

/// Removes a whiteout, where something is to be made again in the same layer. True if there was one.
pub(super) fn remove_whiteout(at: At<'_>) -> Result<bool> {
    let was_whiteout = lookup(at)?.as_ref().is_some_and(is_whiteout);
    if was_whiteout {
        remove(at.parent, at.name)?;
    }
    Ok(was_whiteout)
}

/// What stands at a place, not followed.
fn lookup(at: At<'_>) -> Result<Option<FileStat>> {
    match fstatat(at.parent, at.name, AtFlags::AT_SYMLINK_NOFOLLOW) {
        Ok(stat) => Ok(Some(stat)),
        Err(Errno::ENOENT) => Ok(None),
        Err(errno) => Err(failed("look at")(errno)),
    }
}

fn kind_of(stat: &FileStat) -> SFlag {
    SFlag::from_bits_truncate(stat.st_mode & SFlag::S_IFMT.bits())
}

fn is_whiteout(stat: &FileStat) -> bool {
    kind_of(stat) == SFlag::S_IFCHR && stat.st_rdev == makedev(0, 0)
}

fn write_at(file: &OwnedFd, mut bytes: &[u8], mut offset: u64) -> Result<()> {
    while !bytes.is_empty() {
        match nix::sys::uio::pwrite(file, bytes, offset as i64) {
            Ok(0) => return Err(failed("write")(Errno::EIO)),
            Ok(length) => {
                bytes = &bytes[length..];
                offset += length as u64;
            }
            Err(Errno::EINTR) => {}
            Err(errno) => return Err(failed("write the contents")(errno)),
        }
    }
    Ok(())
}

fn spec(time: Time) -> TimeSpec {
    TimeSpec::new(time.seconds, time.nanoseconds.into())
}
