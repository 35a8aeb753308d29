//! Writing an archive that is the same, byte by byte, for the same entries: no owner names, no access times, PAX
//! records only where a header has no room, in the order of their keys.

use std::io::{Read, Write};

use kit::{Error, Result};

use super::entry::{Entry, Kind};
use super::header::{BLOCK, field};
use super::pax;

/// An archive that is being written. [`Writer::finish`] writes its end.
#[derive(Debug)]
pub struct Writer<W> {
    output: W,
    buffer: Vec<u8>,
}

impl<W: Write> Writer<W> {
    /// Writes to `output`, uncompressed.
    pub fn new(output: W) -> Self {
        Self {
            output,
            buffer: vec![0; 128 * 1024],
        }
    }

    /// Adds an entry that has no contents.
    pub fn append(&mut self, entry: &Entry) -> Result<()> {
        self.append_file(entry, std::io::empty())
    }

    /// Adds an entry with its contents, which must be as long as it says. Holes are written out: OCI's image
    /// specification advises against sparse entries, and compression makes them small again.
    ///
    /// # Errors
    /// Contents of another length: the file has changed while it was read.
    pub fn append_file(&mut self, entry: &Entry, contents: impl Read) -> Result<()> {
        let records = records(entry);
        if !records.is_empty() {
            self.header(&extension(entry, records.len() as u64), b'x')?;
            self.padded(&records)?;
        }
        self.header(&ustar(entry), type_flag(&entry.kind))?;
        let size = size(&entry.kind);
        let copied = self
            .copy(contents.take(size))
            .map_err(|e| Error::io("copy into the archive", path(entry), &e))?;
        if copied != size {
            return Err(Error::new(format!(
                "{} has {copied} bytes, and had {size} a moment ago",
                path(entry).display()
            ))
            .hint("it was changed while it was read: stop the container, or try again"));
        }
        self.pad(size)
    }

    /// As `std::io::copy` does it, whose buffer is small.
    fn copy(&mut self, mut contents: impl Read) -> std::io::Result<u64> {
        let mut copied = 0;
        loop {
            match contents.read(&mut self.buffer) {
                Ok(0) => return Ok(copied),
                Ok(length) => {
                    self.output.write_all(&self.buffer[..length])?;
                    copied += length as u64;
                }
                Err(e) if e.kind() == std::io::ErrorKind::Interrupted => {}
                Err(e) => return Err(e),
            }
        }
    }

    /// Writes the end, and gives the output back.
    pub fn finish(mut self) -> Result<W> {
        self.write(&[0; 2 * BLOCK])?;
        Ok(self.output)
    }

    fn header(&mut self, fields: &Fields, type_flag: u8) -> Result<()> {
        let mut block = [0; BLOCK];
        put(&mut block, field::NAME, &fields.name);
        put(&mut block, field::MODE, octal(fields.mode, 8).as_bytes());
        put(&mut block, field::UID, octal(fields.uid, 8).as_bytes());
        put(&mut block, field::GID, octal(fields.gid, 8).as_bytes());
        put(&mut block, field::SIZE, octal(fields.size, 12).as_bytes());
        put(&mut block, field::MTIME, octal(fields.mtime, 12).as_bytes());
        put(&mut block, field::LINK, &fields.link);
        put(&mut block, field::MAGIC, b"ustar\x0000");
        put(&mut block, field::MAJOR, octal(fields.major, 8).as_bytes());
        put(&mut block, field::MINOR, octal(fields.minor, 8).as_bytes());
        block[field::TYPE] = type_flag;
        put(&mut block, field::CHECKSUM, b"        ");
        let sum: u64 = block.iter().map(|byte| u64::from(*byte)).sum();
        put(
            &mut block,
            field::CHECKSUM,
            format!("{sum:06o}\0 ").as_bytes(),
        );
        self.write(&block)
    }

    fn padded(&mut self, bytes: &[u8]) -> Result<()> {
        self.write(bytes)?;
        self.pad(bytes.len() as u64)
    }

    fn pad(&mut self, length: u64) -> Result<()> {
        let padding = length.next_multiple_of(BLOCK as u64) - length;
        self.write(&[0; BLOCK][..padding as usize])
    }

    fn write(&mut self, bytes: &[u8]) -> Result<()> {
        self.output
            .write_all(bytes)
            .map_err(|e| Error::io("write", "the archive", &e))
    }
}

/// What goes into a header block.
struct Fields {
    name: Vec<u8>,
    link: Vec<u8>,
    mode: u64,
    uid: u64,
    gid: u64,
    size: u64,
    mtime: u64,
    major: u64,
    minor: u64,
}

/// The largest number of seven and of eleven octal digits.
const MAX_ID: u64 = 0o7_777_777;
const MAX_SIZE: u64 = 0o77_777_777_777;
const MAX_NAME: usize = 100;

fn ustar(entry: &Entry) -> Fields {
    let (major, minor) = match entry.kind {
        Kind::CharacterDevice { major, minor } | Kind::BlockDevice { major, minor } => {
            (major.into(), minor.into())
        }
        _ => (0, 0),
    };
    Fields {
        name: stored_path(entry),
        link: link(&entry.kind).to_vec(),
        mode: entry.mode.into(),
        uid: entry.uid.into(),
        gid: entry.gid.into(),
        size: size(&entry.kind),
        mtime: u64::try_from(entry.mtime.seconds).unwrap_or(0),
        major,
        minor,
    }
}

/// The header of the PAX records that stand before an entry.
fn extension(entry: &Entry, size: u64) -> Fields {
    let name = stored_path(entry);
    let base = name
        .split(|byte| *byte == b'/')
        .rfind(|part| !part.is_empty());
    Fields {
        name: [b"PaxHeaders.0/", base.unwrap_or_default()].concat(),
        link: Vec::new(),
        mode: 0o644,
        uid: 0,
        gid: 0,
        size,
        mtime: 0,
        major: 0,
        minor: 0,
    }
}

/// What the header has no room for.
fn records(entry: &Entry) -> Vec<u8> {
    let mut records: Vec<(Vec<u8>, Vec<u8>)> = Vec::new();
    let mut add = |key: &[u8], value: Vec<u8>| records.push((key.to_vec(), value));
    let name = stored_path(entry);
    if name.len() > MAX_NAME {
        add(b"path", name);
    }
    let link = link(&entry.kind);
    if link.len() > MAX_NAME {
        add(b"linkpath", link.to_vec());
    }
    for (key, id) in [(b"uid", entry.uid), (b"gid", entry.gid)] {
        if u64::from(id) > MAX_ID {
            add(key, id.to_string().into());
        }
    }
    if size(&entry.kind) > MAX_SIZE {
        add(b"size", size(&entry.kind).to_string().into());
    }
    let fits = u64::try_from(entry.mtime.seconds).is_ok_and(|seconds| seconds <= MAX_SIZE);
    if entry.mtime.nanoseconds != 0 || !fits {
        add(b"mtime", pax::format_time(entry.mtime).into());
    }
    for (name, value) in &entry.xattrs {
        add(&[pax::XATTR, name].concat(), value.clone());
    }
    records.sort();
    let mut body = Vec::new();
    for (key, value) in records {
        pax::append(&mut body, &key, &value);
    }
    body
}

/// A directory's name ends in a slash.
fn stored_path(entry: &Entry) -> Vec<u8> {
    let mut path = entry.path.clone();
    if entry.kind == Kind::Directory && !path.ends_with(b"/") {
        path.push(b'/');
    }
    path
}

fn path(entry: &Entry) -> &std::path::Path {
    use std::os::unix::ffi::OsStrExt;
    std::path::Path::new(std::ffi::OsStr::from_bytes(&entry.path))
}

fn link(kind: &Kind) -> &[u8] {
    match kind {
        Kind::Symlink { target } | Kind::HardLink { target } => target,
        _ => b"",
    }
}

fn size(kind: &Kind) -> u64 {
    match kind {
        Kind::File { size } => *size,
        _ => 0,
    }
}

fn type_flag(kind: &Kind) -> u8 {
    match kind {
        Kind::File { .. } => b'0',
        Kind::HardLink { .. } => b'1',
        Kind::Symlink { .. } => b'2',
        Kind::CharacterDevice { .. } => b'3',
        Kind::BlockDevice { .. } => b'4',
        Kind::Directory => b'5',
        Kind::Fifo => b'6',
    }
}

/// Digits and a NUL. What has no room stands in a PAX record, and the header then holds 0.
fn octal(number: u64, width: usize) -> String {
    let digits = width - 1;
    let text = format!("{number:0digits$o}\0");
    if text.len() > width {
        format!("{:0digits$o}\0", 0)
    } else {
        text
    }
}

fn put(block: &mut [u8; BLOCK], range: std::ops::Range<usize>, bytes: &[u8]) {
    let length = bytes.len().min(range.len());
    block[range.start..range.start + length].copy_from_slice(&bytes[..length]);
}

#[cfg(test)]
mod tests;
