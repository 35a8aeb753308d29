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
    let read = |id| header.id(Some(id), field::UID);
    assert_eq!(read(i64::from(u32::MAX) - 1).unwrap(), u32::MAX - 1);
    assert_eq!(read(-2).unwrap(), u32::MAX - 1);
    assert!(read(i64::from(u32::MAX)).is_err());
    assert!(read(-1).is_err());
    assert!(read(i64::from(i32::MIN) - 1).is_err());
}

/// Entries as old and strange tools have written them, and what they are.
#[test]
fn headers_of_all_ages_are_read() {
    let with = |kind: u8, change: fn(&mut [u8])| {
        let mut whole = block(kind, b"");
        change(&mut whole);
        sealed(whole)
    };
    let file = |size| Kind::File { size };
    for (what, archive, path, kind) in [
        ("V7", with(0, |_| ()), "block", file(0)),
        (
            "V7, a directory",
            with(0, |b| b[5] = b'/'),
            "block",
            Kind::Directory,
        ),
        ("contiguous", block(b'7', b"text"), "block", file(4)),
        (
            "a prefix",
            with(b'0', |b| ustar(b, b"00")),
            "dir/block",
            file(0),
        ),
        (
            "a version of blanks",
            with(b'0', |b| ustar(b, b"  ")),
            "dir/block",
            file(0),
        ),
        (
            "a version of NULs",
            with(b'0', |b| ustar(b, b"\0\0")),
            "dir/block",
            file(0),
        ),
        (
            "GNU's magic",
            with(b'0', |b| ustar(b, b" \0")),
            "dir/block",
            file(0),
        ),
        ("star's times", with(b'0', star), "dir/block", file(0)),
        (
            "numbers among blanks",
            with(b'0', |b| b[100..108].copy_from_slice(b"\0 0644 \0")),
            "block",
            file(0),
        ),
        (
            "GNU's directory with a list",
            block(b'D', b"Yfile\0\0"),
            "block",
            Kind::Directory,
        ),
        (
            "a directory with a size",
            sized(b'5'),
            "block",
            Kind::Directory,
        ),
        (
            "no name at all",
            with(b'5', |b| b[..5].fill(0)),
            ".",
            Kind::Directory,
        ),
        (
            "a label before it",
            [block(b'V', b""), block(b'0', b"")].concat(),
            "block",
            file(0),
        ),
        (
            "Solaris' header",
            [block(b'X', b"12 path=one\n"), block(b'0', b"")].concat(),
            "one",
            file(0),
        ),
        (
            "Solaris' access list",
            [block(b'A', b"acl"), block(b'0', b"")].concat(),
            "block",
            file(0),
        ),
    ] {
        let is_gnu = what.starts_with("GNU's magic");
        let path = if is_gnu { "block" } else { path };
        let archive = [archive, block(b'6', b""), vec![0; 2 * BLOCK]].concat();
        let mut reader = Reader::new(&archive[..], Limits::default());
        let entry = reader.next_entry().unwrap().unwrap();
        let shown = String::from_utf8_lossy(&entry.path).into_owned();
        assert_eq!((shown.as_str(), entry.kind), (path, kind), "{what}");
        assert_eq!(
            reader.next_entry().unwrap().unwrap().kind,
            Kind::Fifo,
            "{what}"
        );
        assert!(reader.next_entry().unwrap().is_none(), "{what}");
    }
}

/// With its checksum made right.
fn sealed(mut whole: Vec<u8>) -> Vec<u8> {
    let header: [u8; BLOCK] = whole[..BLOCK].try_into().unwrap();
    let sum = Header(header).sum(u64::from);
    whole[field::CHECKSUM].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    whole
}

fn ustar(block: &mut [u8], version: &[u8]) {
    block[257..263].copy_from_slice(if version == b" \0" {
        b"ustar "
    } else {
        b"ustar\0"
    });
    block[263..265].copy_from_slice(version);
    block[345..348].copy_from_slice(b"dir");
}

fn star(block: &mut [u8]) {
    ustar(block, b"00");
    block[476..487].copy_from_slice(b"01234567012");
    block[508..].copy_from_slice(b"tar\0");
}

/// What has no contents and says that it has, as tools before POSIX wrote the size of links and directories.
fn sized(kind: u8) -> Vec<u8> {
    let mut whole = block(kind, b"");
    whole[field::SIZE].copy_from_slice(b"00000001000\0");
    sealed(whole)
}

#[test]
fn links_have_no_contents_whatever_size_they_say() {
    for kind in [b'1', b'2', b'3', b'4', b'5', b'6'] {
        let archive = [sized(kind), block(b'0', b"x")].concat();
        assert_eq!(count(&archive, Limits::default()).unwrap(), 2, "{kind}");
    }
}

#[test]
fn an_archive_may_end_in_many_ways() {
    let file = block(b'0', b"text");
    let zeroes = |blocks| vec![0; blocks * BLOCK];
    let junk = b"junk".repeat(300);
    for (what, end) in [
        ("nothing", vec![]),
        ("one block", zeroes(1)),
        ("two", zeroes(2)),
        ("a record of GNU's", zeroes(18)),
        ("half a record", [zeroes(2), vec![0; 100]].concat()),
        ("junk behind the end", [zeroes(2), junk.clone()].concat()),
        (
            "another archive behind it",
            [zeroes(2), file.clone()].concat(),
        ),
    ] {
        let archive = [file.clone(), end].concat();
        assert_eq!(count(&archive, Limits::default()).unwrap(), 1, "{what}");
    }
    // The last block is not filled up.
    assert_eq!(count(&file[..BLOCK + 4], Limits::default()).unwrap(), 1);
    for (what, archive) in [
        ("cut in a file", file[..BLOCK + 3].to_vec()),
        (
            "cut in what fills its last block",
            file[..BLOCK + 9].to_vec(),
        ),
        ("cut in a header", file[..100].to_vec()),
        ("junk for a header", [file.clone(), junk].concat()),
        (
            "a block of zeroes in the middle",
            [file.clone(), zeroes(1), file.clone()].concat(),
        ),
        ("a name without an entry", block(b'L', b"long\0")),
        ("an unknown type", block(b'Q', b"")),
        (
            "the rest of a file from another volume",
            block(b'M', b"text"),
        ),
    ] {
        assert!(count(&archive, Limits::default()).is_err(), "{what}");
    }
    // What is passed over counts, and is not endless.
    let limits = Limits {
        data: 4096,
        ..Limits::default()
    };
    let long = [file, zeroes(2), vec![1; 8192]].concat();
    assert!(count(&long, limits).is_err());
}
