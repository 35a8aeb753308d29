//! A blob of which a part has come. What is there stays when the connection, or the process, dies, and the next attempt
//! goes on from there. It becomes a blob only when all of it has been verified, old bytes and new ones alike.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use kit::{Error, Result};

use super::files::{remove, sync_directory, unwritten};

/// What there is of a blob.
#[derive(Debug)]
pub enum Received {
    /// All of it.
    Whole,
    /// A part, perhaps nothing yet.
    Partial(Partial),
}

/// The part that has come, locked. Reading gives the bytes that are there; [`Partial::append`] adds to them.
#[derive(Debug)]
pub struct Partial {
    file: File,
    path: PathBuf,
    whole: PathBuf,
    length: u64,
    /// How much of it has been read.
    read: u64,
}

impl Partial {
    pub(super) fn open(path: &Path, whole: PathBuf) -> Result<Received> {
        let fails = |e: io::Error| Error::io("open the download", path, &e);
        loop {
            let file = OpenOptions::new()
                .create(true)
                .truncate(false)
                .read(true)
                .write(true)
                .open(path)
                .map_err(fails)?;
            file.lock().map_err(fails)?;
            let metadata = file.metadata().map_err(fails)?;
            // While we waited for the lock, its holder may have finished the blob, or given it up.
            let is_current = std::fs::metadata(path).is_ok_and(|now| now.ino() == metadata.ino());
            if !is_current {
                continue;
            }
            if whole.exists() {
                remove(path)?;
                return Ok(Received::Whole);
            }
            return Ok(Received::Partial(Self {
                file,
                path: path.to_owned(),
                whole,
                length: metadata.len(),
                read: 0,
            }));
        }
    }

    /// How many bytes are there.
    pub fn length(&self) -> u64 {
        self.length
    }

    /// Adds `bytes`, which count as read.
    ///
    /// # Errors
    /// What the file system refuses.
    pub fn append(&mut self, bytes: &[u8]) -> Result<()> {
        self.file
            .write_all(bytes)
            .map_err(|e| unwritten(&self.path, &e))?;
        self.length += bytes.len() as u64;
        self.read = self.length;
        Ok(())
    }

    /// Reads from the beginning again.
    ///
    /// # Errors
    /// What the file system refuses.
    pub fn rewind(&mut self) -> Result<()> {
        self.file
            .seek(SeekFrom::Start(0))
            .map_err(|e| Error::io("read", &self.path, &e))?;
        self.read = 0;
        Ok(())
    }

    /// What is there is wrong: begins anew.
    ///
    /// # Errors
    /// What the file system refuses.
    pub fn clear(&mut self) -> Result<()> {
        self.file
            .set_len(0)
            .map_err(|e| Error::io("empty", &self.path, &e))?;
        self.length = 0;
        self.rewind()
    }

    /// Shows it as a blob. The caller has verified every byte of it.
    ///
    /// # Errors
    /// What the file system refuses.
    pub fn keep(self) -> Result<()> {
        self.file
            .sync_all()
            .map_err(|e| unwritten(&self.path, &e))?;
        std::fs::rename(&self.path, &self.whole)
            .map_err(|e| Error::io("keep the blob", &self.whole, &e))?;
        match self.whole.parent() {
            Some(directory) => sync_directory(directory),
            None => Ok(()),
        }
    }
}

/// What had come before; at its end, `Ok(0)`.
impl Read for Partial {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = usize::try_from(self.length - self.read).unwrap_or(usize::MAX);
        let length = buffer.len().min(left);
        let got = self.file.read(&mut buffer[..length])?;
        self.read += got as u64;
        Ok(got)
    }
}
