//! The layer that a container writes to: one for a while below the data root, or one that the user keeps.

use std::fs::{self, DirBuilder, File, Permissions, TryLockError};
use std::io::ErrorKind;
use std::os::fd::AsFd;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt, chown, symlink};
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::{Duration, Instant};

use kit::id::Id;
use kit::{Error, Result};

use crate::attributes;
use crate::directories::lock;
use crate::remove::remove_tree;
use crate::whiteout::Namespace;

/// A writable layer that is removed when it is dropped. If we are killed before that, the next one that is made finds
/// it without its lock, and removes it; unless it is marked as that of a container that is left to itself.
#[derive(Debug)]
pub(crate) struct Scratch {
    path: PathBuf,
    _lock: File,
    is_removed: bool,
}

impl Scratch {
    /// A new one, locked. What the container sees as its root has the owner and the mode of its topmost directory, so
    /// these are `top`'s.
    pub(crate) fn new(top: Option<&Path>) -> Result<Self> {
        let root = root();
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&root)
            .map_err(|e| {
                Error::io("make the directory", &root, &e)
                    .hint("run it with sudo, or set DRYDOCK_ROOT to a directory of your own")
            })?;
        sweep(&root)?;
        let scratch = Self::claim(&root)?;
        let made = |path: &Path| {
            DirBuilder::new()
                .mode(0o700)
                .create(path)
                .map_err(|e| Error::io("make the directory", path, &e))
        };
        made(&scratch.work())?;
        made(&scratch.upper())?;
        furnish(&scratch.upper(), top)?;
        Ok(scratch)
    }

    fn claim(root: &Path) -> Result<Self> {
        loop {
            let path = root.join(Id::random()?.short());
            fs::create_dir(&path).map_err(|e| Error::io("make the directory", &path, &e))?;
            // None: a sweep has taken it for a dead one's.
            if let Some(lock) = lock(&path)? {
                return Ok(Self {
                    path,
                    _lock: lock,
                    is_removed: false,
                });
            }
        }
    }

    pub(crate) fn upper(&self) -> PathBuf {
        self.path.join("upper")
    }

    pub(crate) fn work(&self) -> PathBuf {
        self.path.join("work")
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Removes it, with all that the container has written.
    pub(crate) fn remove(mut self) -> Result<()> {
        self.is_removed = true;
        remove_tree(&self.path)
    }

    /// Leaves it to whoever undoes the container ([`undo`]). It is marked first and unlocked then.
    pub(crate) fn detach(mut self) -> Result<()> {
        let mark = self.path.join(DETACHED);
        File::create(&mark).map_err(|e| Error::io("make", &mark, &e))?;
        self.is_removed = true;
        Ok(())
    }
}

/// The mark of a writable layer that no living process holds the lock of.
const DETACHED: &str = "detached";

/// Where they are, below the data root.
const ROOT: &str = "writable";

fn root() -> PathBuf {
    kit::roots::data().join(ROOT)
}

/// Removes the writable layer at `path`, as it was written down; one that is gone already is no error.
///
/// # Errors
/// It is not one, or a container uses it: nothing is removed.
pub(crate) fn undo(path: &Path) -> Result<()> {
    undo_in(&root(), path)
}

fn undo_in(root: &Path, path: &Path) -> Result<()> {
    let name = path.file_name().and_then(|name| name.to_str());
    let is_named_so = name
        .is_some_and(|name| name.len() == 12 && name.bytes().all(|byte| byte.is_ascii_hexdigit()));
    let is_ours = || match fs::symlink_metadata(path) {
        Err(e) => e.kind() == ErrorKind::NotFound,
        Ok(status) => status.is_dir(),
    };
    if !is_named_so || path.parent() != Some(root) || !is_ours() {
        return Err(Error::new(format!(
            "{} is not a writable layer of ours",
            path.display()
        ))
        .hint(
            "it was made with another DRYDOCK_ROOT, or somebody has changed what was written down: then remove it by hand",
        ));
    }
    let deadline = Instant::now() + Duration::from_secs(1);
    loop {
        let file = match File::open(path) {
            Err(e) if e.kind() == ErrorKind::NotFound => return Ok(()),
            other => other.map_err(|e| Error::io("open", path, &e))?,
        };
        match file.try_lock() {
            // With the lock, so that a sweep does not do the same beside us.
            Ok(()) => return remove_tree(path),
            // By a sweep, which looks at it for a moment; or by a container.
            Err(TryLockError::WouldBlock) if Instant::now() < deadline => {
                sleep(Duration::from_millis(5));
            }
            Err(TryLockError::WouldBlock) => {
                return Err(Error::new(format!(
                    "the writable layer {} is in use by another container",
                    path.display()
                )));
            }
            Err(TryLockError::Error(e)) => return Err(Error::io("lock", path, &e)),
        }
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if !self.is_removed {
            // What cannot be removed now is left to the next sweep.
            let _ = remove_tree(&self.path);
        }
    }
}

/// The same, as far as it goes: what cannot be removed now is left to the next sweep.
pub(crate) fn sweep_all() {
    let _ = sweep(&root());
}

/// Removes what the dead have left.
fn sweep(root: &Path) -> Result<()> {
    let fails = |e| Error::io("list", root, &e);
    for entry in fs::read_dir(root).map_err(fails)? {
        let path = entry.map_err(fails)?.path();
        let Ok(file) = File::open(&path) else {
            continue;
        };
        match file.try_lock() {
            Ok(()) if path.join(DETACHED).exists() => {}
            Ok(()) => remove_tree(&path)?,
            Err(TryLockError::WouldBlock) => {}
            Err(TryLockError::Error(e)) => return Err(Error::io("lock", &path, &e)),
        }
    }
    Ok(())
}

fn furnish(upper: &Path, top: Option<&Path>) -> Result<()> {
    let Some(top) = top else {
        return Ok(());
    };
    let status = fs::metadata(top).map_err(|e| Error::io("look at the layer", top, &e))?;
    // An ordinary user can give nothing away, and has nothing that is not his own.
    if nix::unistd::geteuid().is_root() {
        chown(upper, Some(status.uid()), Some(status.gid()))
            .map_err(|e| Error::io("set the owner of", upper, &e))?;
    }
    fs::set_permissions(upper, Permissions::from_mode(status.mode() & 0o7777))
        .map_err(|e| Error::io("set the mode of", upper, &e))
}

/// A writable layer that the user keeps. Two mounts that write to one layer would spoil it, and overlayfs only warns of
/// it: so its work directory is locked, and marked when the container is left to itself.
#[derive(Debug)]
pub(crate) struct Kept {
    pub(crate) upper: PathBuf,
    pub(crate) work: PathBuf,
    /// What the mark says: whoever undoes one container must not take the mark of the next.
    pub(crate) id: String,
    _lock: File,
}

/// The mark, in the work directory: overlayfs leaves it alone. It is a link that leads nowhere, for that is made, with what
/// it says, by one system call.
const IN_USE: &str = "drydock-in-use";

impl Kept {
    pub(crate) fn claim(upper: &Path, work: &Path) -> Result<Self> {
        let make = "make --upper and --work first: two directories, side by side";
        let (upper, work) = (directory(upper, make)?, directory(work, make)?);
        check_places(&upper, &work)?;
        let file = File::open(&work).map_err(|e| Error::io("open", &work, &e))?;
        let is_locked = match file.try_lock() {
            Ok(()) => true,
            Err(TryLockError::WouldBlock) => false,
            Err(TryLockError::Error(e)) => return Err(Error::io("lock", &work, &e)),
        };
        let mark = work.join(IN_USE);
        if !is_locked || mark.symlink_metadata().is_ok() {
            let error = Error::new(format!(
                "the writable layer {} is in use by another container",
                upper.display()
            ));
            return Err(match is_locked {
                false => error.hint(
                    "give each container an --upper and a --work of its own; --layer may be shared",
                ),
                true => error.hint(format!(
                    "until that is deleted; of one that nobody knows any more, remove {}",
                    mark.display()
                )),
            });
        }
        Ok(Self {
            upper,
            work,
            id: Id::random()?.short(),
            _lock: file,
        })
    }

    /// Leaves it to whoever undoes the container ([`unmark`]). It is marked first and unlocked then.
    pub(crate) fn detach(self) -> Result<()> {
        let mark = self.work.join(IN_USE);
        symlink(&self.id, &mark).map_err(|e| Error::io("make", &mark, &e))
    }
}

/// Takes away the mark that says `id`. What the container has written stays.
pub(crate) fn unmark(work: &Path, id: &str) -> Result<()> {
    let mark = work.join(IN_USE);
    if fs::read_link(&mark).is_ok_and(|said| said == Path::new(id)) {
        fs::remove_file(&mark).map_err(|e| Error::io("remove", &mark, &e))?;
    }
    Ok(())
}

fn check_places(upper: &Path, work: &Path) -> Result<()> {
    let device = |path: &Path| {
        fs::metadata(path)
            .map(|status| status.dev())
            .map_err(|e| Error::io("look at", path, &e))
    };
    if device(upper)? != device(work)? {
        return Err(Error::new(format!(
            "the writable layer {} and its work directory {} are on different file systems",
            upper.display(),
            work.display()
        ))
        .hint("overlayfs makes a file in the one and renames it into the other: put them side by side"));
    }
    if upper.starts_with(work) || work.starts_with(upper) {
        return Err(Error::new(format!(
            "the writable layer {} and its work directory {} lie in each other",
            upper.display(),
            work.display()
        ))
        .hint("put them side by side"));
    }
    Ok(())
}

/// The layers that are seen, by their absolute paths: the child mounts them from another working directory.
///
/// A layer whose root is opaque hides those below it. Overlayfs looks at the mark of every directory but this.
pub(crate) fn directories(paths: &[PathBuf], namespace: Namespace) -> Result<Vec<PathBuf>> {
    let unpack = "a layer is a directory: `layers unpack DIR <archive.tar` makes one";
    let mut seen = Vec::new();
    for path in paths {
        let path = directory(path, unpack)?;
        if is_opaque(&path, namespace)? {
            seen.clear();
        }
        seen.push(path);
    }
    Ok(seen)
}

fn is_opaque(layer: &Path, namespace: Namespace) -> Result<bool> {
    // Only its owner can open a layer of mode 0; the kernel says so again when it is mounted.
    let Ok(layer) = File::open(layer) else {
        return Ok(false);
    };
    attributes::is_opaque(layer.as_fd(), namespace)
        .map_err(|errno| Error::sys("read the attributes of", "a layer", errno))
}

fn directory(path: &Path, hint: &'static str) -> Result<PathBuf> {
    let absolute =
        fs::canonicalize(path).map_err(|e| Error::io("open the layer", path, &e).hint(hint))?;
    if !absolute.is_dir() {
        return Err(
            Error::new(format!("the layer {} is not a directory", path.display())).hint(hint),
        );
    }
    Ok(absolute)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_but_a_writable_layer_is_undone() {
        let directory = tempfile::tempdir().unwrap();
        let root = directory.path().join(ROOT);
        let layer = root.join("0123456789ab");
        fs::create_dir_all(layer.join("upper/deep")).unwrap();
        let other = directory
            .path()
            .join("other")
            .join(ROOT)
            .join("0123456789ab");
        fs::create_dir_all(&other).unwrap();
        let (file, link) = (root.join("0123456789ac"), root.join("0123456789ad"));
        fs::write(&file, "").unwrap();
        std::os::unix::fs::symlink(&other, &link).unwrap();
        for path in [
            Path::new("/"),
            Path::new("/writable"),
            Path::new("writable/0123456789ab"),
            Path::new(""),
            &root.join("web"),
            &layer.join("../../writable/.."),
            &root.join("../writable/0123456789ab"),
            &other,
            &file,
            &link,
        ] {
            let error = undo_in(&root, path).unwrap_err().to_string();
            assert!(
                error.ends_with("is not a writable layer of ours"),
                "{error}"
            );
        }
        assert!(other.exists() && file.exists() && link.exists());
        let held = File::open(&layer).unwrap();
        held.lock().unwrap();
        let error = undo_in(&root, &layer).unwrap_err().to_string();
        assert!(error.ends_with("is in use by another container"), "{error}");
        drop(held);
        undo_in(&root, &layer).unwrap();
        assert!(!layer.exists());
        undo_in(&root, &layer).unwrap();
    }

    #[test]
    fn one_that_is_left_to_itself_is_not_swept() {
        let root = tempfile::tempdir().unwrap();
        let scratch = Scratch::claim(root.path()).unwrap();
        let path = scratch.path().to_owned();
        scratch.detach().unwrap();
        let dead = root.path().join("dead");
        fs::create_dir(&dead).unwrap();
        sweep(root.path()).unwrap();
        assert!(path.exists() && !dead.exists());
    }
}
