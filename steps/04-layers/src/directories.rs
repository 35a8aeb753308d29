//! The plain way to keep a layer: a directory of its own.

use std::collections::HashSet;
use std::ffi::CString;
use std::fs::{File, TryLockError};
use std::io::Read;
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use kit::id::Id;
use kit::{Error, Result};

use crate::digest::Digest;
use crate::extract::{Options, extract};
use crate::remove::remove;
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
        std::fs::create_dir_all(root).map_err(|e| Error::io("make the directory", root, &e))?;
        // Overlayfs is given the path from another working directory.
        let root = std::fs::canonicalize(root).map_err(|e| Error::io("find", root, &e))?;
        Ok(Self { root, options })
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
        let path = self.root.join(format!("{STAGE}{}", Id::random()?));
        std::fs::create_dir(&path).map_err(|e| Error::io("make the directory", &path, &e))?;
        let lock = File::open(&path).map_err(|e| Error::io("open", &path, &e))?;
        lock.lock().map_err(|e| Error::io("lock", &path, &e))?;
        // From here on it is removed again, whatever happens.
        let mut staged = Staged::new(path, lock);
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
        if !path.exists() {
            return Ok(());
        }
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

/// Removes whatever is at `path`.
pub(crate) fn remove_tree(path: &Path) -> Result<()> {
    let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else {
        return Err(Error::new(format!("{} cannot be removed", path.display())));
    };
    let directory = File::open(parent).map_err(|e| Error::io("open", parent, &e))?;
    let name = CString::new(name.as_bytes())
        .map_err(|_| Error::new(format!("{} holds a NUL byte", path.display())))?;
    remove(directory.as_fd(), &name)
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
    fn what_fails_or_is_not_wanted_leaves_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let store = store(dir.path());
        let whole = archive("file", &[b'x'; 2000]);
        assert!(store.stage(&mut &whole[..1000]).is_err());
        assert!(store.stage(&mut &archive("../file", b"")[..]).is_err());
        drop(store.stage(&mut &whole[..]).unwrap());
        assert_eq!(everything_in(dir.path()), 0);
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
