use std::collections::BTreeMap;

use super::*;

/// pax(1): an empty value takes back what was said before, so that the header block is asked.
#[test]
fn an_empty_value_is_none() {
    let mut overrides = Overrides::default();
    overrides
        .read_pax(b"12 path=one\n10 uid=12\n8 path=\n7 uid=\n9 mtime=\n8 size=\n")
        .unwrap();
    assert_eq!(
        (overrides.path, overrides.uid, overrides.size),
        (None, None, None)
    );
}

/// A header block of type `kind`, and its body.
fn block(kind: u8, body: &[u8]) -> Vec<u8> {
    let mut block = [0; BLOCK];
    block[..5].copy_from_slice(b"block");
    block[field::SIZE].copy_from_slice(format!("{:011o}\0", body.len()).as_bytes());
    block[field::TYPE] = kind;
    let sum = Header(block).sum(u64::from);
    block[field::CHECKSUM].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    let mut all = [&block, body].concat();
    all.resize(all.len().next_multiple_of(BLOCK), 0);
    all
}

/// As Docker reads them, and the first half GNU tar too: what means one thing to one program and another to the next
/// can hide a file.
#[test]
fn the_last_extended_header_is_alone_and_a_long_name_stands_above_it() {
    let one = block(b'x', b"12 path=one\n10 uid=12\n");
    let two = block(b'x', b"12 path=two\n");
    let long = block(b'L', b"long\0");
    let file = block(b'0', b"");
    for (headers, path, uid) in [
        (vec![&one], "one", 12),
        (vec![&one, &two], "two", 0),
        (vec![&two, &one], "one", 12),
        (vec![&long, &one], "long", 12),
        (vec![&one, &long], "long", 12),
    ] {
        let archive = [
            headers.into_iter().flatten().copied().collect(),
            file.clone(),
        ]
        .concat();
        let mut reader = Reader::new(&archive[..], Limits::default());
        let entry = reader.next_entry().unwrap().unwrap();
        assert_eq!((&entry.path[..], entry.uid), (path.as_bytes(), uid));
    }
}

fn count(archive: &[u8], limits: Limits) -> Result<usize> {
    let mut reader = Reader::new(archive, limits);
    let mut entries = 0;
    while reader.next_entry()?.is_some() {
        entries += 1;
    }
    Ok(entries)
}

/// Of which each may have a header for what its own has no room for, such as the fraction of its time.
#[test]
fn entries_are_counted_and_not_headers() {
    let entry = Entry {
        path: b"name".to_vec(),
        kind: Kind::Fifo,
        mode: 0,
        uid: 0,
        gid: 0,
        mtime: Time {
            seconds: 0,
            nanoseconds: 1,
        },
        xattrs: BTreeMap::new(),
    };
    let mut writer = crate::tar::Writer::new(Vec::new());
    for _ in 0..3 {
        writer.append(&entry).unwrap();
    }
    let archive = writer.finish().unwrap();
    let limits = |entries| Limits {
        entries,
        ..Limits::default()
    };
    assert_eq!(count(&archive, limits(3)).unwrap(), 3);
    assert!(count(&archive, limits(2)).is_err());
    // Headers that no entry comes after.
    let headers = archive[..2 * BLOCK].repeat(3000);
    let error = count(&headers, Limits::default()).unwrap_err().to_string();
    assert!(error.contains("names and attributes"), "{error}");
}

#[test]
fn what_is_no_archive_is_called_so() {
    let page = b"<!DOCTYPE html>".repeat(100);
    let error = count(&page, Limits::default()).unwrap_err().to_string();
    assert!(error.starts_with("not a tar archive"), "{error}");
}

/// chown(2) takes it for "leave it", and the file would be root's.
#[test]
fn an_owner_is_not_minus_one() {
    let header = Header([0; BLOCK]);
    let read = |id| super::id(Some(id), &header, field::UID);
    assert_eq!(read(u64::from(u32::MAX) - 1).unwrap(), u32::MAX - 1);
    assert!(read(u64::from(u32::MAX)).is_err());
}
