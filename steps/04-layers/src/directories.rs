//! The plain way to keep a layer: a directory of its own.

use std::collections::HashSet;
use std::fs::{DirBuilder, File, Permissions, TryLockError};
use std::io::{ErrorKind, Read};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use kit::id::Id;
use kit::{Error, Result};

use crate::digest::Digest;
use crate::extract::{Options, extract};
use crate::remove::remove_tree;
use crate::store::{LayerStore, Opened, Staged, Usage};

/// What the name of a layer begins with that is not whole yet.
const STAGE: &str = ".stage-";

/// Layers as directories below one, each named by the digits of its id.
#[derive(Debug)]
pub struct Directories {
    root: PathBuf,
    options: Options,
}

impl Directories {
    /// Keeps layers in `root`, which is made if it is missing, and unpacks them with `options`.
    ///
    /// # Errors
    /// `root` cannot be made, or found.
    pub fn new(root: &Path, options: Options) -> Result<Self> {
        // Not for others to enter: what is setuid in an image would be setuid for every user of the host (CVE-2021-41091).
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(root)
            .map_err(|e| Error::io("make the directory", root, &e))?;
        // Overlayfs is given the path from another working directory.
        let root = std::fs::canonicalize(root).map_err(|e| Error::io("find", root, &e))?;
        Ok(Self { root, options })
    }

    /// A new directory, locked. Until it is, a sweep takes it for one that the dead have left, and removes it: so what
    /// has been locked must still be what is there.
    fn claim(&self) -> Result<(PathBuf, File)> {
        loop {
            let path = self.root.join(format!("{STAGE}{}", Id::random()?));
            std::fs::create_dir(&path).map_err(|e| Error::io("make the directory", &path, &e))?;
            if let Some(lock) = lock(&path)? {
                return Ok((path, lock));
            }
        }
    }

    fn path(&self, id: &Digest) -> PathBuf {
        self.root.join(id.hex())
    }

    fn names(&self) -> Result<Vec<String>> {
        let fails = |e| Error::io("list the layers in", &self.root, &e);
        let entries = std::fs::read_dir(&self.root).map_err(fails)?;
        let mut names = Vec::new();
        for entry in entries {
            names.extend(entry.map_err(fails)?.file_name().into_string());
        }
        names.sort_unstable();
        Ok(names)
    }

    fn remove(&self, name: &str) -> Result<()> {
        remove_tree(&self.root.join(name))
    }
}

impl LayerStore for Directories {
    fn stage(&self, input: &mut dyn Read) -> Result<Staged> {
        let (path, lock) = self.claim()?;
        // From here on it is removed again, whatever happens.
        let mut staged = Staged::new(path, lock);
        // Whatever our umask is: users of the container must find their way through its root.
        std::fs::set_permissions(staged.path(), Permissions::from_mode(0o755))
            .map_err(|e| Error::io("open to all", staged.path(), &e))?;
        staged.unpacked = extract(input, staged.path(), self.options)?;
        Ok(staged)
    }

    fn keep(&self, staged: Staged, id: &Digest) -> Result<()> {
        let place = self.path(id);
        match std::fs::rename(staged.path(), &place) {
            Ok(()) => {
                staged.forget();
                Ok(())
            }
            // A layer that is not empty, and is the same, since its name is its content.
            Err(_) if place.is_dir() => Ok(()),
            Err(e) => Err(Error::io("show the layer as", &place, &e)),
        }
    }

    fn open(&self, id: &Digest) -> Result<Opened> {
        let path = self.path(id);
        if !path.is_dir() {
            return Err(Error::new(format!("there is no layer {id}")));
        }
        Ok(Opened::new(path))
    }

    fn measure(&self, id: &Digest) -> Result<Usage> {
        let opened = self.open(id)?;
        let mut usage = Usage::default();
        let mut seen = HashSet::new();
        let mut directories = vec![opened.path().to_owned()];
        while let Some(directory) = directories.pop() {
            let fails = |e| Error::io("measure", &directory, &e);
            for entry in std::fs::read_dir(&directory).map_err(fails)? {
                let entry = entry.map_err(fails)?;
                let metadata = entry.metadata().map_err(fails)?;
                if metadata.is_dir() {
                    directories.push(entry.path());
                } else if metadata.nlink() > 1 && !seen.insert(metadata.ino()) {
                    continue;
                }
                usage.bytes += metadata.blocks() * 512;
                usage.inodes += 1;
            }
        }
        Ok(usage)
    }

    fn delete(&self, id: &Digest) -> Result<()> {
        let path = self.path(id);
        // Held until it is gone, so that no sweep removes it at the same time.
        let Some(_lock) = lock(&path)? else {
            return Ok(());
        };
        // Out of sight first: a layer that is half removed is no layer.
        let gone = format!("{STAGE}{}", Id::random()?);
        std::fs::rename(&path, self.root.join(&gone))
            .map_err(|e| Error::io("remove the layer", &path, &e))?;
        self.remove(&gone)
    }

    fn list(&self) -> Result<Vec<Digest>> {
        let names = self.names()?;
        Ok(names
            .iter()
            .filter_map(|name| format!("sha256:{name}").parse().ok())
            .collect())
    }

    fn sweep(&self) -> Result<()> {
        for name in self.names()?.iter().filter(|name| name.starts_with(STAGE)) {
            let Ok(file) = File::open(self.root.join(name)) else {
                continue;
            };
            match file.try_lock() {
                Ok(()) => self.remove(name)?,
                // Somebody is at work.
                Err(TryLockError::WouldBlock) => {}
                Err(TryLockError::Error(e)) => {
                    return Err(Error::io("lock", self.root.join(name), &e));
                }
            }
        }
        Ok(())
    }
}

/// Opens and locks what is at `path`; `None` if it is gone, or something else is there by then.
pub(crate) fn lock(path: &Path) -> Result<Option<File>> {
    let fails = |e| Error::io("lock", path, &e);
    let file = match File::open(path) {
        Err(e) if e.kind() == ErrorKind::NotFound => return Ok(None),
        other => other.map_err(fails)?,
    };
    file.lock().map_err(fails)?;
    let locked = file.metadata().map_err(fails)?;
    match std::fs::metadata(path) {
        Ok(there) if (there.dev(), there.ino()) == (locked.dev(), locked.ino()) => Ok(Some(file)),
        Err(e) if e.kind() != ErrorKind::NotFound => Err(fails(e)),
        _ => Ok(None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tar::{Entry, Kind, Limits, Time, Writer};
    use crate::whiteout::Namespace;

    fn store(root: &Path) -> Directories {
        let options = Options {
            namespace: Namespace::User,
            keep_owners: false,
            limits: Limits::default(),
        };
        Directories::new(root, options).unwrap()
    }

    fn archive(name: &str, contents: &[u8]) -> Vec<u8> {
        let entry = Entry {
            path: name.into(),
            kind: Kind::File {
                size: contents.len() as u64,
            },
            mode: 0o644,
            uid: 0,
            gid: 0,
            mtime: Time::default(),
            xattrs: Default::default(),
        };
        let mut writer = Writer::new(Vec::new());
        writer.append_file(&entry, contents).unwrap();
        writer.finish().unwrap()
    }

    fn everything_in(root: &Path) -> usize {
        std::fs::read_dir(root).unwrap().count()
    }

    #[test]
    fn a_layer_is_there_when_it_is_kept_and_not_before() {
        let dir = tempfile::tempdir().unwrap();
        let store = store(dir.path());
        let id = Digest::of("chain");
        let staged = store.stage(&mut &archive("file", b"text")[..]).unwrap();
        assert_eq!(staged.unpacked.size, 4);
        assert!(store.open(&id).is_err());
        assert!(store.list().unwrap().is_empty());
        store.sweep().unwrap();
        store.keep(staged, &id).unwrap();
        assert_eq!(store.list().unwrap(), [id]);
        let path = store.open(&id).unwrap().path().to_owned();
        assert_eq!(std::fs::read(path.join("file")).unwrap(), b"text");
        assert_eq!(store.measure(&id).unwrap().inodes, 1);

        // The same again, from another process.
        let again = store.stage(&mut &archive("file", b"text")[..]).unwrap();
        store.keep(again, &id).unwrap();
        assert_eq!(everything_in(dir.path()), 1);
        store.delete(&id).unwrap();
        store.delete(&id).unwrap();
        assert_eq!(everything_in(dir.path()), 0);
    }

    #[test]
    fn a_store_is_for_its_owner_alone() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().join("data/layers");
        store(&root);
        for path in [&root, &dir.path().join("data")] {
            let mode = std::fs::metadata(path).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o700, "{}", path.display());
        }
    }

    #[test]
    fn what_fails_or_is_not_wanted_leaves_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let store = store(dir.path());
        let whole = archive("file", &[b'x'; 2000]);
        assert!(store.stage(&mut &whole[..1000]).is_err());
        assert!(store.stage(&mut &archive("../file", b"")[..]).is_err());
        drop(store.stage(&mut &whole[..]).unwrap());
        assert_eq!(everything_in(dir.path()), 0);
    }

    /// What a sweep has removed between the making and the locking is not taken for a stage.
    #[test]
    fn a_lock_is_of_what_is_there() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("stage");
        assert!(lock(&path).unwrap().is_none());
        std::fs::create_dir(&path).unwrap();
        let sweep = File::open(&path).unwrap();
        sweep.lock().unwrap();
        std::thread::scope(|scope| {
            let stage = scope.spawn(|| lock(&path).unwrap());
            // It waits for the lock; whether it does so already does not matter.
            std::fs::remove_dir(&path).unwrap();
            std::fs::create_dir(&path).unwrap();
            drop(sweep);
            let locked = stage.join().unwrap();
            let there = std::fs::metadata(&path).unwrap().ino();
            assert!(locked.is_none_or(|file| file.metadata().unwrap().ino() == there));
        });
    }

    /// Sweeps at every moment, beside stages that are kept: none loses what it has unpacked.
    #[test]
    fn a_sweep_does_not_remove_what_is_alive() {
        let dir = tempfile::tempdir().unwrap();
        let store = store(dir.path());
        let done = std::sync::atomic::AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                while !done.load(std::sync::atomic::Ordering::Relaxed) {
                    store.sweep().unwrap();
                }
            });
            for number in 0..300 {
                let staged = store.stage(&mut &archive("file", b"text")[..]).unwrap();
                let id = Digest::of(number.to_string());
                store.keep(staged, &id).unwrap();
                assert!(store.open(&id).unwrap().path().join("file").exists());
                store.delete(&id).unwrap();
            }
            done.store(true, std::sync::atomic::Ordering::Relaxed);
        });
    }

    #[test]
    fn remnants_of_the_dead_are_swept() {
        let dir = tempfile::tempdir().unwrap();
        let store = store(dir.path());
        std::fs::create_dir_all(dir.path().join(".stage-dead/deep/er")).unwrap();
        let alive = store.stage(&mut &archive("file", b"")[..]).unwrap();
        store.sweep().unwrap();
        assert_eq!(everything_in(dir.path()), 1);
        drop(alive);
        assert_eq!(everything_in(dir.path()), 0);
    }
}
