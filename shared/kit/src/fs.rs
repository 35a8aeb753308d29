//! Files that are whole or not there: atomic replacement, and locks that the type system can ask for.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use nix::errno::Errno;

use crate::error::{Error, Result};

/// Replaces `path` by `contents`: a temporary file beside it, fsync, rename, fsync of the directory (rename(2),
/// fsync(2)). Its mode is 0644, less the umask. Whoever reads sees the old file or the new one, also after a crash.
pub fn write_atomically(path: &Path, contents: &[u8]) -> Result<()> {
    write_with_mode(path, contents, 0o644)
}

/// The same for what only its owner may read: its mode is 0600 from the first instant on.
pub fn write_privately(path: &Path, contents: &[u8]) -> Result<()> {
    write_with_mode(path, contents, 0o600)
}

fn write_with_mode(path: &Path, contents: &[u8], mode: u32) -> Result<()> {
    let directory = parent_of(path)?;
    let mut file = temporary_in(directory, mode)?;
    file.write_all(contents)
        .and_then(|()| file.as_file().sync_all())
        .map_err(|e| Error::io("write", path, &e))?;
    file.persist(path)
        .map_err(|e| Error::io("replace", path, &e.error))?;
    File::open(directory)
        .and_then(|d| d.sync_all())
        .map_err(|e| Error::io("sync", directory, &e))
}

fn temporary_in(directory: &Path, mode: u32) -> Result<tempfile::NamedTempFile> {
    // What tempfile returns has lost the errno, so it is noted where the call is made.
    let mut errno = Errno::EIO;
    let made = tempfile::Builder::new()
        .prefix(".tmp-")
        .make_in(directory, |path| {
            OpenOptions::new()
                .write(true)
                .create_new(true)
                .mode(mode)
                .open(path)
                .inspect_err(|e| errno = e.raw_os_error().map_or(errno, Errno::from_raw))
        });
    made.map_err(|_| Error::sys("make a temporary file in", directory, errno))
}

/// The directory that holds `path`; a bare file name is in the current one.
fn parent_of(path: &Path) -> Result<&Path> {
    match path.parent() {
        Some(parent) if parent.as_os_str().is_empty() => Ok(Path::new(".")),
        Some(parent) => Ok(parent),
        None => Err(Error::new(format!(
            "{} is not a file's name",
            path.display()
        ))),
    }
}

/// An exclusive lock, held until it is dropped or the process dies (flock(2)).
///
/// A store demands one where it is changed: `fn put(&self, lock: &Lock, …)`.
#[derive(Debug)]
pub struct Lock {
    _file: File,
}

impl Lock {
    /// Waits for the lock on `path`, making the file if it is missing. The file stays: to unlink a lock file is to
    /// let two holders lock two different inodes of one name.
    pub fn exclusive(path: &Path) -> Result<Self> {
        let file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(path)
            .map_err(|e| Error::io("open the lock file", path, &e))?;
        file.lock().map_err(|e| Error::io("lock", path, &e))?;
        Ok(Self { _file: file })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_replaced_file_leaves_nothing_beside_it() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("state");
        write_atomically(&path, b"one").unwrap();
        write_atomically(&path, b"two").unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"two");
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_private_file_is_its_owners_alone() {
        use std::os::unix::fs::PermissionsExt;
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("secret");
        write_atomically(&path, b"for all").unwrap();
        write_privately(&path, b"for one").unwrap();
        let mode = std::fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn a_missing_directory_is_named() {
        let error = write_atomically(Path::new("/nonexistent/state"), b"").unwrap_err();
        assert_eq!(
            error.to_string(),
            "cannot make a temporary file in /nonexistent: No such file or directory (ENOENT)"
        );
    }

    #[test]
    fn a_lock_is_held_by_one_at_a_time() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("lock");
        let held = Lock::exclusive(&path).unwrap();
        let other = File::open(&path).unwrap();
        assert!(other.try_lock().is_err());
        drop(held);
        assert!(other.try_lock().is_ok());
    }
}
