//! Reading an archive as a stream, one entry at a time.

use std::io::{self, Read};

use kit::{Error, Result};

use super::entry::{Entry, Kind, Time};
use super::header::{BLOCK, Header, field, truncated};
use super::overrides::{Overrides, Sparse};
use super::sparse::{self, Extent};

/// What an archive may ask for; beyond it, it is refused as hostile.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Bytes of the extended headers of one entry: names and attributes.
    pub header: u64,
    /// Entries.
    pub entries: u64,
    /// Bytes of all files together, holes not counted.
    pub data: u64,
}

impl Default for Limits {
    /// More than any honest image has: 1 MiB of names and attributes for an entry, ten million entries, 256 GiB.
    fn default() -> Self {
        Self {
            header: 1 << 20,
            entries: 10_000_000,
            data: 256 << 30,
        }
    }
}

/// A stream of entries. For each, [`Reader::copy`] hands out its contents, or they are skipped.
#[derive(Debug)]
pub struct Reader<R> {
    input: R,
    limits: Limits,
    entries: u64,
    data: u64,
    /// Of the current entry: contents not yet read, and what fills their last block.
    left: u64,
    padding: u64,
    extents: Option<Vec<Extent>>,
    buffer: Vec<u8>,
}

impl<R: Read> Reader<R> {
    /// Reads from `input`, an archive that has been decompressed.
    pub fn new(input: R, limits: Limits) -> Self {
        Self {
            input,
            limits,
            entries: 0,
            data: 0,
            left: 0,
            padding: 0,
            extents: None,
            buffer: Vec::new(),
        }
    }

    /// The next entry; `None` at the end, once what follows the end has been seen to be nothing but zeroes.
    ///
    /// # Errors
    /// A header that is damaged, a limit exceeded, an archive that ends in the middle of an entry, or does not end
    /// where it says.
    pub fn next_entry(&mut self) -> Result<Option<Entry>> {
        self.skip(self.left)?;
        // What fills the last block of the last file is missing in archives of some tools, as the end is.
        let has_ended = !self.skip_padding(self.padding)?;
        (self.left, self.padding, self.extents) = (0, 0, None);
        if has_ended {
            return Ok(None);
        }
        let mut overrides = Overrides::default();
        let mut taken = 0;
        loop {
            let Some(header) = self.next_header()? else {
                return self.finish(&overrides);
            };
            overrides.is_pending |= matches!(header.type_flag(), b'x' | b'X' | b'L' | b'K');
            match header.type_flag() {
                // Global records: Docker's and Podman's readers ignore them, and an archive must not mean one thing
                // to one program and another to the next.
                b'g' => drop(self.extension(&header, &mut taken)?),
                // Of GNU and star: the volume's label, an inode's attributes that nobody else knows. Solaris has access
                // control lists so. They are no files.
                b'V' | b'I' | b'A' => drop(self.extension(&header, &mut taken)?),
                // Solaris' name for what then became `x`.
                b'x' | b'X' => {
                    overrides = overrides.without_pax();
                    overrides.read_pax(&self.extension(&header, &mut taken)?)?;
                }
                b'L' => overrides.long_path = Some(until_nul(self.extension(&header, &mut taken)?)),
                b'K' => overrides.long_link = Some(until_nul(self.extension(&header, &mut taken)?)),
                _ => {
                    self.count_entry()?;
                    return self.entry(&header, overrides).map(Some);
                }
            }
        }
    }

    /// Hands the current file's contents to `sink`, piece by piece, with the offset of each: pieces of a sparse file
    /// leave holes between them. After the last, a sparse file may have to be extended to its size.
    ///
    /// # Errors
    /// Those of the archive, and those of `sink`.
    pub fn copy(&mut self, mut sink: impl FnMut(u64, &[u8]) -> Result<()>) -> Result<()> {
        let extents = self.extents.take().unwrap_or_else(|| {
            vec![Extent {
                offset: 0,
                length: self.left,
            }]
        });
        let mut buffer = std::mem::take(&mut self.buffer);
        buffer.resize(128 * 1024, 0);
        for extent in extents {
            let (mut at, end) = (extent.offset, extent.offset + extent.length);
            while at < end {
                let want = buffer
                    .len()
                    .min((end - at).try_into().unwrap_or(usize::MAX));
                let got = self.read(&mut buffer[..want])?;
                if got == 0 {
                    return Err(truncated());
                }
                sink(at, &buffer[..got])?;
                at += got as u64;
                self.left -= got as u64;
            }
        }
        self.buffer = buffer;
        Ok(())
    }

    /// The stream, for whoever wants to know what was read.
    pub fn into_inner(self) -> R {
        self.input
    }

    fn entry(&mut self, header: &Header, overrides: Overrides) -> Result<Entry> {
        let mut path = overrides
            .sparse_name
            .or(overrides.long_path)
            .or(overrides.path)
            .unwrap_or_else(|| header.path());
        let link = overrides
            .long_link
            .or(overrides.link)
            .unwrap_or_else(|| header.text(field::LINK).to_vec());
        if path.contains(&0) || link.contains(&0) {
            return Err(Error::new("damaged tar archive: a name holds a NUL"));
        }
        if path.is_empty() {
            // As Go cleans a path, and so Docker: the root.
            path.push(b'.');
        }
        let stored = match overrides.size {
            Some(size) => size,
            None => header.number(field::SIZE, "size")?,
        };
        let kind = self.kind(header, &path, link, stored, overrides.sparse)?;
        if kind == Kind::Directory {
            while path.len() > 1 && path.ends_with(b"/") {
                path.pop();
            }
        }
        Ok(Entry {
            path,
            kind,
            mode: (header.number(field::MODE, "mode")? & 0o7777) as u32,
            uid: header.id(overrides.uid, field::UID)?,
            gid: header.id(overrides.gid, field::GID)?,
            mtime: match overrides.mtime {
                Some(time) => time,
                None => Time {
                    seconds: header.signed(field::MTIME, "time")?,
                    nanoseconds: 0,
                },
            },
            xattrs: overrides.xattrs,
        })
    }

    /// What an entry is; where its contents are is noted.
    fn kind(
        &mut self,
        header: &Header,
        path: &[u8],
        link: Vec<u8>,
        stored: u64,
        sparse: Option<Sparse>,
    ) -> Result<Kind> {
        Ok(match header.type_flag() {
            // Before ustar, a directory was a file with a slash at its end.
            b'0' | 0 if path.ends_with(b"/") => Kind::Directory,
            b'0' | 0 | b'7' | b'S' => Kind::File {
                size: self.open_file(header, stored, sparse)?,
            },
            b'1' => Kind::HardLink { target: link },
            b'2' => Kind::Symlink { target: link },
            b'3' => Kind::CharacterDevice {
                major: header.device(field::MAJOR)?,
                minor: header.device(field::MINOR)?,
            },
            b'4' => Kind::BlockDevice {
                major: header.device(field::MAJOR)?,
                minor: header.device(field::MINOR)?,
            },
            b'5' => Kind::Directory,
            // GNU tar's, of incremental archives: what the directory held at the time stands in its contents.
            b'D' => {
                self.count_data(stored)?;
                (self.left, self.padding) = (stored, padding(stored));
                Kind::Directory
            }
            b'6' => Kind::Fifo,
            other => {
                return Err(Error::new(format!(
                    "{} is an entry of the unknown type '{}'",
                    path.escape_ascii(),
                    other.escape_ascii()
                )));
            }
        })
    }

    /// Notes where the contents of a file are, and returns its size.
    fn open_file(&mut self, header: &Header, stored: u64, sparse: Option<Sparse>) -> Result<u64> {
        self.count_data(stored)?;
        self.left = stored;
        self.padding = padding(stored);
        let map = match sparse {
            _ if header.type_flag() == b'S' => sparse::old_gnu(header, || self.block_or_error())?,
            Some(Sparse {
                mut map,
                in_data: true,
            }) => {
                let taken = sparse::pax_1_0(&mut map, || self.block_or_error())?;
                self.left = stored.checked_sub(taken).ok_or_else(truncated)?;
                map
            }
            Some(Sparse { map, .. }) => map,
            None => return Ok(stored),
        };
        let map = map.check(self.left)?;
        self.extents = Some(map.extents);
        Ok(map.size)
    }

    /// The body of an extension header. Those of one entry have taken `taken` bytes so far: an entry need not come.
    fn extension(&mut self, header: &Header, taken: &mut u64) -> Result<Vec<u8>> {
        let size = header.number(field::SIZE, "size")?;
        *taken = taken.saturating_add(size).saturating_add(BLOCK as u64);
        if *taken > self.limits.header {
            return Err(over(&format!(
                "{} bytes of names and attributes for one entry",
                self.limits.header
            )));
        }
        let mut body = vec![0; size as usize];
        self.fill(&mut body)?;
        self.skip(padding(size))?;
        Ok(body)
    }

    fn count_entry(&mut self) -> Result<()> {
        self.entries += 1;
        if self.entries > self.limits.entries {
            return Err(over(&format!("{} entries", self.limits.entries)));
        }
        Ok(())
    }

    fn count_data(&mut self, bytes: u64) -> Result<()> {
        self.data = self.data.saturating_add(bytes);
        if self.data > self.limits.data {
            return Err(over(&format!("{} bytes of files", self.limits.data)));
        }
        Ok(())
    }

    /// The next header; `None` at the end.
    fn next_header(&mut self) -> Result<Option<Header>> {
        match self.block()? {
            Some(block) => Header::parse(block),
            None => Ok(None),
        }
    }

    /// The end is two blocks of zeroes, or one, or none at all. What comes after two is read, since the digest covers it,
    /// and passed over: no reader of layers shows it. It counts as data: compressed, a gigabyte of it takes a megabyte.
    /// After a single one GNU tar ends and other programs go on: there nothing may follow.
    fn finish(&mut self, overrides: &Overrides) -> Result<Option<Entry>> {
        if overrides.is_pending {
            return Err(truncated());
        }
        if let Some(second) = self.block()?
            && second.iter().any(|byte| *byte != 0)
        {
            return Err(Error::new(
                "the archive goes on after its end: a single block of zeroes stands in its middle",
            )
            .hint("some programs stop there and others go on, and would see another layer"));
        }
        let mut buffer = vec![0; 64 * 1024];
        loop {
            match self.read(&mut buffer)? {
                0 => return Ok(None),
                got => self.count_data(got as u64)?,
            }
        }
    }

    /// A whole block; `None` if the input ends exactly here.
    fn block(&mut self) -> Result<Option<[u8; BLOCK]>> {
        let mut block = [0; BLOCK];
        let got = self.read(&mut block)?;
        if got == 0 {
            return Ok(None);
        }
        self.fill(&mut block[got..])?;
        Ok(Some(block))
    }

    fn block_or_error(&mut self) -> Result<[u8; BLOCK]> {
        self.block()?.ok_or_else(truncated)
    }

    fn skip(&mut self, mut bytes: u64) -> Result<()> {
        let mut buffer = [0; 16 * 1024];
        while bytes > 0 {
            let want = buffer.len().min(bytes.try_into().unwrap_or(usize::MAX));
            self.fill(&mut buffer[..want])?;
            bytes -= want as u64;
        }
        Ok(())
    }

    /// As [`Reader::skip`]; false if the archive ends before the first of them. After some it was cut.
    fn skip_padding(&mut self, bytes: u64) -> Result<bool> {
        let mut buffer = [0; BLOCK];
        let buffer = &mut buffer[..usize::try_from(bytes).unwrap_or(0).min(BLOCK)];
        let got = self.read(buffer)?;
        if got == 0 && !buffer.is_empty() {
            return Ok(false);
        }
        self.fill(&mut buffer[got..])?;
        Ok(true)
    }

    fn fill(&mut self, mut buffer: &mut [u8]) -> Result<()> {
        while !buffer.is_empty() {
            let got = self.read(buffer)?;
            if got == 0 {
                return Err(truncated());
            }
            buffer = &mut buffer[got..];
        }
        Ok(())
    }

    fn read(&mut self, buffer: &mut [u8]) -> Result<usize> {
        loop {
            match self.input.read(buffer) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                other => return other.map_err(|e| Error::io("read", "the archive", &e)),
            }
        }
    }
}

/// What fills the last block of `size` bytes.
fn padding(size: u64) -> u64 {
    size.wrapping_neg() % BLOCK as u64
}

fn until_nul(mut text: Vec<u8>) -> Vec<u8> {
    if let Some(end) = text.iter().position(|byte| *byte == 0) {
        text.truncate(end);
    }
    text
}

fn over(limit: &str) -> Error {
    Error::new(format!(
        "the archive holds more than {limit}, and is refused"
    ))
    .hint("this is a limit against hostile archives")
}

#[cfg(test)]
mod tests;
