//! A store that forgets what nobody needs, and not what somebody is about to need.

use std::collections::HashSet;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

/// Blobs in `root/blobs`; in `root/images` and `root/leases` files whose lines are the names of blobs.
#[derive(Debug)]
pub struct Store {
    root: PathBuf,
}

/// Keeps blobs from being collected, until it is dropped, or its holder is dead.
#[derive(Debug)]
pub struct Lease<'s> {
    store: &'s Store,
    file: File,
    name: String,
}

impl Store {
    /// The store in this directory, which has all the folders.
    pub fn new(root: &Path) -> Self {
        Self {
            root: root.to_owned(),
        }
    }

    /// Waits for the store's lock.
    fn locked(&self) -> io::Result<File> {
        let file = File::create(self.root.join("lock"))?;
        file.lock()?;
        Ok(file)
    }

    /// A lease of this process, on nothing yet.
    pub fn lease(&self) -> io::Result<Lease<'_>> {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        //< lease: make a file that tells whether its holder lives
        let _lock = self.locked()?;
        // Process ids are the same in two PID namespaces.
        let random = fs::read_to_string("/proc/sys/kernel/random/uuid")?;
        let name = format!("{}-{number}", random.trim());
        let file = new(&self.leases().join(&name))?;
        file.lock()?;
        //= let name = format!("{}-{number}", std::process::id());
        //= let file = new(&self.leases().join(&name))?;
        //>
        Ok(Lease {
            store: self,
            file,
            name,
        })
    }

    /// Removes the blobs that neither an image nor a lease names, and returns their names.
    pub fn collect(&self) -> io::Result<Vec<String>> {
        let mut needed = HashSet::new();
        //< collect: find out what is needed, and remove the rest
        let _lock = self.locked()?;
        for path in list(&self.root.join("images"))? {
            needed.extend(lines(&path)?);
        }
        for path in list(&self.leases())? {
            let file = match File::open(&path) {
                // Just given back.
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                file => file?,
            };
            match file.try_lock() {
                Ok(()) => drop(fs::remove_file(&path)),
                Err(_) => needed.extend(io::read_to_string(file)?.lines().map(str::to_owned)),
            }
        }
        //= for path in list(&self.root.join("images"))? {
        //=     needed.extend(lines(&path).unwrap_or_default());
        //= }
        //= for path in list(&self.leases())? {
        //=     let pid = name(&path).split('-').next().unwrap_or_default();
        //=     match Path::new("/proc").join(pid).exists() {
        //=         true => needed.extend(lines(&path).unwrap_or_default()),
        //=         false => fs::remove_file(&path)?,
        //=     }
        //= }
        //>
        let mut removed = Vec::new();
        for path in list(&self.root.join("blobs"))? {
            if !needed.contains(name(&path)) {
                fs::remove_file(&path)?;
                removed.push(name(&path).to_owned());
            }
        }
        Ok(removed)
    }

    fn leases(&self) -> PathBuf {
        self.root.join("leases")
    }
}

impl Lease<'_> {
    /// From now on the blob of this name is not removed.
    pub fn add(&self, blob: &str) -> io::Result<()> {
        //< add: write it down where `collect` finds it
        let _lock = self.store.locked()?;
        (&self.file).write_all(format!("{blob}\n").as_bytes())
        //= (&self.file).write_all(format!("{blob}\n").as_bytes())
        //>
    }
}

impl Drop for Lease<'_> {
    fn drop(&mut self) {
        // If it stays, it is the lease of somebody dead.
        let _ = fs::remove_file(self.store.leases().join(&self.name));
    }
}

/// A file that was not there before, to which lines can be added.
fn new(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.create_new(true).append(true).open(path)
}

/// The files in a directory.
fn list(directory: &Path) -> io::Result<Vec<PathBuf>> {
    let entries = fs::read_dir(directory)?;
    entries
        .map(|entry| entry.map(|entry| entry.path()))
        .collect()
}

/// The last component of a path.
fn name(path: &Path) -> &str {
    path.file_name()
        .and_then(|name| name.to_str())
        .unwrap_or_default()
}

/// The lines of a file.
fn lines(path: &Path) -> io::Result<Vec<String>> {
    let text = fs::read_to_string(path)?;
    Ok(text.lines().map(str::to_owned).collect())
}
