//! The obvious way to unpack an archive: join each name to the directory, and write there.
//!
//! `naive DIRECTORY <archive.tar` does it for files, directories and symbolic links. The tests break out of it.

use std::fs;
use std::io::{self, Read};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

/// The three fields that a naive reader looks at (tar(5)): where they are in the 512 bytes of a header.
fn text(header: &[u8], start: usize, length: usize) -> String {
    let field = &header[start..start + length];
    let end = field.iter().position(|byte| *byte == 0).unwrap_or(length);
    String::from_utf8_lossy(&field[..end]).into_owned()
}

fn number(header: &[u8], start: usize, length: usize) -> usize {
    usize::from_str_radix(text(header, start, length).trim(), 8).unwrap_or(0)
}

fn main() -> io::Result<()> {
    let directory = std::env::args_os().nth(1).expect("naive DIRECTORY");
    let mut archive = Vec::new();
    io::stdin().read_to_end(&mut archive)?;
    let mut rest = &archive[..];
    while rest.len() >= 512 && rest[0] != 0 {
        let (header, after) = rest.split_at(512);
        let path = Path::new(&directory).join(text(header, 0, 100));
        let mode = number(header, 100, 8) as u32;
        let size = number(header, 124, 12);
        match header[156] {
            b'5' => fs::create_dir_all(&path)?,
            b'2' => symlink(text(header, 157, 100), &path)?,
            _ => fs::write(&path, &after[..size])?,
        }
        if header[156] != b'2' {
            fs::set_permissions(&path, fs::Permissions::from_mode(mode))?;
        }
        rest = &after[size.next_multiple_of(512)..];
    }
    Ok(())
}
