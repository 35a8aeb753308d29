use std::collections::BTreeMap;
use std::io::Write as _;
use std::process::{Command, Stdio};

use super::*;
use crate::tar::{Limits, Reader, Time};

fn entry(path: &[u8], kind: Kind) -> Entry {
    Entry {
        path: path.to_vec(),
        kind,
        mode: 0o4755,
        uid: 1000,
        gid: 100,
        mtime: Time {
            seconds: 1_700_000_000,
            nanoseconds: 123_456_789,
        },
        xattrs: BTreeMap::new(),
    }
}

fn many() -> Vec<Entry> {
    let mut large = entry(b"ids", Kind::Fifo);
    (large.uid, large.gid) = (u32::MAX - 1, 1 << 22);
    let mut before_1970 = entry(b"old", Kind::Directory);
    before_1970.mtime.seconds = -5;
    let mut attributes = entry(b"xattr", Kind::File { size: 0 });
    attributes
        .xattrs
        .insert(b"user.x".to_vec(), b"=\n\0".to_vec());
    vec![
        entry(b"dir", Kind::Directory),
        entry(b"dir/file", Kind::File { size: 5 }),
        entry(&[b'n'; 300], Kind::File { size: 5 }),
        entry(
            b"link",
            Kind::Symlink {
                target: vec![b't'; 200],
            },
        ),
        entry(
            b"hard",
            Kind::HardLink {
                target: b"dir/file".to_vec(),
            },
        ),
        entry(b"null", Kind::CharacterDevice { major: 1, minor: 3 }),
        entry(b"disk", Kind::BlockDevice { major: 8, minor: 0 }),
        entry(b"not-utf8-\xff", Kind::File { size: 0 }),
        large,
        before_1970,
        attributes,
    ]
}

fn archive(entries: &[Entry]) -> Vec<u8> {
    let mut writer = Writer::new(Vec::new());
    for entry in entries {
        let contents = &b"hello"[..size(&entry.kind) as usize];
        writer.append_file(entry, contents).unwrap();
    }
    writer.finish().unwrap()
}

fn read(bytes: &[u8]) -> Result<Vec<Entry>> {
    let mut reader = Reader::new(bytes, Limits::default());
    let mut entries = Vec::new();
    while let Some(entry) = reader.next_entry()? {
        entries.push(entry);
    }
    Ok(entries)
}

#[test]
fn what_is_written_is_read_again() {
    assert_eq!(read(&archive(&many())).unwrap(), many());
}

#[test]
fn the_same_entries_make_the_same_bytes() {
    assert_eq!(archive(&many()), archive(&many()));
}

#[test]
fn gnu_tar_reads_it_without_a_warning() {
    let mut tar = Command::new("tar")
        .args(["-tvf", "-", "--quoting-style=escape"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    tar.stdin
        .take()
        .unwrap()
        .write_all(&archive(&many()))
        .unwrap();
    let output = tar.wait_with_output().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    assert!(output.status.success());
    assert_eq!(
        output.stdout.split(|b| *b == b'\n').count() - 1,
        many().len()
    );
}

#[test]
fn every_truncation_is_seen() {
    let whole = archive(&many());
    let expected = many().len();
    for length in (1..whole.len() - 1024).step_by(97) {
        match read(&whole[..length]) {
            // Between two entries, or in what fills up the last block of the last file, which some tools leave out.
            Ok(entries) => {
                let missing = &whole[length..length.next_multiple_of(BLOCK)];
                assert!(
                    missing.iter().all(|byte| *byte == 0) && entries.len() < expected,
                    "{length} of {} bytes passed for a whole archive",
                    whole.len()
                );
            }
            Err(error) => assert!(error.to_string().contains("truncated"), "{error}"),
        }
    }
}

#[test]
fn contents_that_shrink_are_an_error() {
    let mut writer = Writer::new(Vec::new());
    let error = writer.append_file(&entry(b"f", Kind::File { size: 5 }), &b"hey"[..]);
    assert!(error.unwrap_err().hint_text().is_some());
}

#[test]
fn limits_hold() {
    let bytes = archive(&many());
    let tight = |limits: Limits| {
        let mut reader = Reader::new(&bytes[..], limits);
        loop {
            match reader.next_entry() {
                Ok(Some(_)) => {}
                Ok(None) => return None,
                Err(error) => return Some(error.to_string()),
            }
        }
    };
    let whole = Limits::default();
    assert_eq!(tight(whole), None);
    assert!(
        tight(Limits {
            entries: 3,
            ..whole
        })
        .unwrap()
        .contains("3 entries")
    );
    assert!(
        tight(Limits { data: 9, ..whole })
            .unwrap()
            .contains("9 bytes of files")
    );
    assert!(
        tight(Limits {
            header: 20,
            ..whole
        })
        .unwrap()
        .contains("20 bytes of names")
    );
}
