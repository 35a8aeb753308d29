//! Files of the host that go into a container: looked at once in the parent, and recognised in the child.

use std::ffi::{CString, OsStr};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::Path;

use kit::sys::descriptor::openat2;
use kit::{Error, Failure, Result};
use nix::errno::Errno;
use nix::fcntl::{AT_FDCWD, OFlag, open};
use nix::sys::stat::{FileStat, Mode, SFlag, fstat, stat};
use nix::unistd::{AccessFlags, access};

use crate::hints;

/// A file of the host by its one path without symbolic links, and by what it was when it was checked.
///
/// A descriptor opened by the parent would be surer still, but is of no use: it belongs to the parent's mount namespace,
/// and open_tree(2) in the child refuses to clone it (EINVAL). So the child opens the path again, follows no symbolic
/// link this time, and compares.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pinned {
    path: CString,
    device: u64,
    inode: u64,
    is_directory: bool,
}

impl Pinned {
    /// The file's absolute path.
    pub fn path(&self) -> &[u8] {
        self.path.to_bytes()
    }

    /// Whether it is a directory.
    pub fn is_directory(&self) -> bool {
        self.is_directory
    }

    /// In the child: the same file, or ESTALE if another has taken its name.
    pub(crate) fn open(&self) -> Result<OwnedFd, Failure<'_>> {
        let fail = |errno| Failure::new(hints::OPEN_SOURCE, self.path(), errno);
        let resolve = libc::RESOLVE_NO_SYMLINKS;
        let file = openat2(AT_FDCWD, &self.path, libc::O_PATH, 0, resolve).map_err(fail)?;
        if self.is_same(&fstat(&file).map_err(fail)?) {
            Ok(file)
        } else {
            Err(fail(Errno::ESTALE))
        }
    }

    fn is_same(&self, status: &FileStat) -> bool {
        (status.st_dev, status.st_ino) == (self.device, self.inode)
    }

    /// Resolves `path` and looks at what is there.
    fn new(path: &Path) -> std::io::Result<Self> {
        let path = std::fs::canonicalize(path)?;
        let file = open(&path, OFlag::O_PATH | OFlag::O_CLOEXEC, Mode::empty())?;
        let status = fstat(file.as_fd())?;
        let path = CString::new(path.into_os_string().into_vec())?;
        Ok(Self {
            path,
            device: status.st_dev,
            inode: status.st_ino,
            is_directory: SFlag::from_bits_truncate(status.st_mode & SFlag::S_IFMT.bits())
                == SFlag::S_IFDIR,
        })
    }

    /// For tests of plans, which look at nothing.
    #[cfg(test)]
    pub(crate) fn imagined(path: &str, is_directory: bool) -> Self {
        Self {
            path: CString::new(path).unwrap(),
            device: 0,
            inode: 0,
            is_directory,
        }
    }

    fn as_path(&self) -> &Path {
        Path::new(OsStr::from_bytes(self.path()))
    }
}

/// The directory given with `--rootfs`, or why it cannot be one.
pub(crate) fn root(directory: &Path, may_be_empty: bool) -> Result<Pinned> {
    let root = Pinned::new(directory).map_err(|error| {
        Error::io("open the root file system", directory, &error).hint(match error.raw_os_error() {
            Some(libc::ENOENT) => {
                "give --rootfs a directory that holds bin, etc, usr and so on, such as an unpacked image"
            }
            Some(libc::EACCES) => "a directory on the way to it may not be searched by you: `namei -l` shows which",
            Some(libc::ELOOP) => "its symbolic links lead in a circle",
            _ => "see path_resolution(7)",
        })
    })?;
    let refuse = |sentence: &str| {
        Error::new(format!(
            "the root file system {} {sentence}",
            directory.display()
        ))
    };
    if !root.is_directory {
        return Err(refuse("is not a directory").hint(
            "an archive or an image has to be unpacked first: `mkdir root && tar -x -C root -f rootfs.tar`",
        ));
    }
    // X_OK: what openat2 below it will need.
    access(root.as_path(), AccessFlags::X_OK).map_err(|errno| {
        Error::sys("search the root file system", directory, errno)
            .hint("you need execute permission on the directory: `ls -ld` shows who has it")
    })?;
    let host = stat("/").map_err(|errno| Error::sys("look at", "/", errno))?;
    if root.is_same(&host) {
        return Err(refuse("is the host's own").hint(
            "a container on the host's files is what you get without --rootfs; a copy of them is made by `debootstrap`",
        ));
    }
    if let Some(place) = KERNELS_OWN
        .into_iter()
        .find(|place| stat(*place).is_ok_and(|status| is_on(&root, &status, &host)))
    {
        return Err(refuse(&format!("is in the host's {place}")).hint(
            "the kernel makes that file system: the mount points that a container needs cannot, or should not, be made in it",
        ));
    }
    if !may_be_empty && is_empty(root.as_path()) {
        return Err(refuse("is an empty directory").hint(
            "there is nothing in it to run: unpack an image into it, or bring its files with --bind",
        ));
    }
    Ok(root)
}

/// What is mounted here belongs to the host's kernel and devices.
const KERNELS_OWN: [&str; 3] = ["/proc", "/sys", "/dev"];

/// Whether `root` is on the file system of `place`, if that is one of its own.
fn is_on(root: &Pinned, place: &FileStat, host: &FileStat) -> bool {
    root.device == place.st_dev && place.st_dev != host.st_dev
}

/// A directory that cannot be listed may hold anything.
fn is_empty(directory: &Path) -> bool {
    std::fs::read_dir(directory).is_ok_and(|mut entries| entries.next().is_none())
}

/// The source of a bind, or why it cannot be one.
pub(crate) fn source(path: &Path) -> Result<Pinned> {
    Pinned::new(path).map_err(|error| {
        Error::io("bind", path, &error).hint(match error.raw_os_error() {
            Some(libc::ENOENT) => "the source of --bind is a path on the host, and must exist before the container starts",
            Some(libc::EACCES) => "a directory on the way to it may not be searched by you: `namei -l` shows which",
            _ => "see path_resolution(7)",
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(path: &Path) -> (String, u8) {
        let error = root(path, false).unwrap_err();
        assert!(error.hint_text().is_some(), "{error}");
        (error.to_string(), error.exit_code())
    }

    #[test]
    fn what_cannot_be_a_root_is_refused_by_name() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        std::fs::write(at("file"), "").unwrap();
        std::fs::create_dir(at("empty")).unwrap();
        std::os::unix::fs::symlink("loop", at("loop")).unwrap();
        std::os::unix::fs::symlink("/", at("slash")).unwrap();
        std::os::unix::fs::symlink("/proc/self", at("proc")).unwrap();
        for (name, expected) in [
            ("missing", "No such file or directory (ENOENT)"),
            ("file", "is not a directory"),
            ("file/below", "Not a directory (ENOTDIR)"),
            ("empty", "is an empty directory"),
            ("loop", "(ELOOP)"),
            ("slash", "is the host's own"),
            ("proc", "is in the host's /proc"),
        ] {
            let (sentence, code) = refusal(&at(name));
            assert!(sentence.ends_with(expected), "{sentence}");
            assert!(sentence.contains(name), "{sentence}");
            assert_eq!(code, 125);
        }
        assert!(root(&at("empty"), true).is_ok());
    }

    #[test]
    fn a_symbolic_link_is_resolved_once() {
        let dir = tempfile::tempdir().unwrap();
        let real = dir.path().canonicalize().unwrap().join("real");
        std::fs::create_dir_all(real.join("bin")).unwrap();
        std::os::unix::fs::symlink("real", dir.path().join("link")).unwrap();
        let root = root(&dir.path().join("link"), false).unwrap();
        assert_eq!(root.path(), real.as_os_str().as_bytes());
        assert!(root.open().is_ok());
    }

    #[test]
    fn another_file_of_the_same_name_is_not_taken_for_it() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        std::fs::create_dir(at("one")).unwrap();
        std::fs::create_dir(at("two")).unwrap();
        let one = source(&at("one")).unwrap();
        std::fs::rename(at("one"), at("gone")).unwrap();
        std::fs::rename(at("two"), at("one")).unwrap();
        assert_eq!(one.open().unwrap_err().errno, Errno::ESTALE);

        std::fs::remove_dir(at("one")).unwrap();
        std::os::unix::fs::symlink("gone", at("one")).unwrap();
        assert_eq!(one.open().unwrap_err().errno, Errno::ELOOP);
    }
}
