use super::*;

/// pax(1): an empty value takes back what an earlier header has said.
#[test]
fn an_empty_value_is_none() {
    let mut overrides = Overrides::default();
    overrides
        .read_pax(b"12 path=one\n10 uid=12\n")
        .and_then(|()| overrides.read_pax(b"8 path=\n7 uid=\n9 mtime=\n8 size=\n"))
        .unwrap();
    assert_eq!(
        (overrides.path, overrides.uid, overrides.size),
        (None, None, None)
    );
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
