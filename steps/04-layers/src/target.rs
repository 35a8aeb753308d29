//! The directory that `unpack` makes a layer of: it is whole, or it is not there.

use std::ffi::CString;
use std::fs::{self, File, OpenOptions, Permissions, TryLockError};
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStringExt;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use kit::{Error, Result};
use nix::unistd::geteuid;

use crate::remove::{remove, remove_tree};

const HINT: &str = "a layer is unpacked into a directory of its own";

/// An empty directory, locked.
pub(crate) struct Target<'a> {
    path: &'a Path,
    /// Beside `path`, until all is in it; or `path` itself, if the user has made it, which could be a mount point.
    place: PathBuf,
    file: File,
}

impl<'a> Target<'a> {
    pub(crate) fn claim(path: &'a Path) -> Result<Self> {
        let place = match path.file_name() {
            Some(name) if fs::symlink_metadata(path).is_err() => {
                let mut hidden = std::ffi::OsString::from(".");
                hidden.push(name);
                hidden.push(".unpacking");
                path.with_file_name(hidden)
            }
            _ => path.to_owned(),
        };
        let file = match place == path {
            true => lock(path, path, open(path, 0)?)?,
            false => make(path, &place)?,
        };
        let target = Self { path, place, file };
        let fails = |e| Error::io("list", &target.place, &e);
        match fs::read_dir(&target.place).map_err(fails)?.next() {
            None => Ok(target),
            Some(_) => {
                Err(Error::new(format!("{} is not empty", target.place.display())).hint(HINT))
            }
        }
    }

    /// Where the layer is to be unpacked.
    pub(crate) fn place(&self) -> &Path {
        &self.place
    }

    fn is_ours(&self) -> bool {
        self.place != self.path
    }

    /// The layer is whole.
    pub(crate) fn show(&self) -> Result<()> {
        if !self.is_ours() {
            return Ok(());
        }
        fs::rename(&self.place, self.path)
            .map_err(|e| Error::io("show the layer as", self.path, &e).hint(HINT))
    }

    /// It will not be: half a layer would be taken for a whole one.
    pub(crate) fn clear(self) {
        self.empty();
        if self.is_ours() {
            let _ = fs::remove_dir(&self.place);
        }
    }

    /// What cannot be removed is seen by whoever unpacks into it again; why the layer is not whole, is told now.
    fn empty(&self) {
        for entry in fs::read_dir(&self.place).into_iter().flatten().flatten() {
            if let Ok(name) = CString::new(entry.file_name().into_vec()) {
                let _ = remove(self.file.as_fd(), &name);
            }
        }
    }
}

fn make(path: &Path, place: &Path) -> Result<File> {
    let fails = |e| Error::io("make the directory", path, &e);
    fs::create_dir_all(place.parent().unwrap_or(place)).map_err(fails)?;
    if fs::symlink_metadata(place).is_ok() {
        remove_dead(path, place)?;
    }
    fs::create_dir(place).map_err(fails)?;
    let file = lock(path, place, open(place, libc::O_NOFOLLOW)?)?;
    // Whatever our umask is, users in a container must find their way through it.
    file.set_permissions(Permissions::from_mode(0o755))
        .map_err(fails)?;
    Ok(file)
}

/// Removes what one who was killed has left. Owner, mode and attributes can be on it: no entry of ours need replace them.
fn remove_dead(path: &Path, place: &Path) -> Result<()> {
    let file = open(place, libc::O_NOFOLLOW)?;
    let status = file
        .metadata()
        .map_err(|e| Error::io("look at", place, &e))?;
    // In /tmp somebody else could have made it, for us to empty.
    if status.uid() != geteuid().as_raw() {
        return Err(Error::new(format!(
            "{} is in the way, and belongs to user {}",
            place.display(),
            status.uid()
        ))
        .hint("it is made by who unpacks a layer there: if nobody does, remove it"));
    }
    let _locked = lock(path, place, file)?;
    remove_tree(place)
}

fn open(directory: &Path, flags: libc::c_int) -> Result<File> {
    OpenOptions::new()
        .read(true)
        .custom_flags(libc::O_DIRECTORY | flags)
        .open(directory)
        .map_err(|e| Error::io("open the directory", directory, &e))
}

/// Locks `file`, which is what was found at `place`.
fn lock(path: &Path, place: &Path, file: File) -> Result<File> {
    let fails = |e| Error::io("lock", place, &e);
    let in_use = || {
        Error::new(format!(
            "{} is in use: another process unpacks a layer into it",
            path.display()
        ))
        .hint(HINT)
    };
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => return Err(in_use()),
        Err(TryLockError::Error(e)) => return Err(fails(e)),
    }
    // Another may have finished meanwhile, and what is locked be his layer.
    let locked = file.metadata().map_err(fails)?;
    match fs::metadata(place) {
        Ok(there) if (there.dev(), there.ino()) == (locked.dev(), locked.ino()) => Ok(file),
        _ => Err(in_use()),
    }
}
