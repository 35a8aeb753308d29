//! The attacks of the chapter: they work against `examples/naive.rs`, and must go on doing so, or they prove nothing.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use harness::{Run, Test, example, test};
use layers::tar::Kind;

use crate::common::{ROOT, archive, entry, fresh, unpack};

pub(crate) fn tests() -> Vec<Test> {
    vec![
        test(
            "an_archive_writes_outside",
            &ROOT,
            an_archive_writes_outside,
        ),
        test(
            "an_archive_writes_through_a_link",
            &ROOT,
            an_archive_writes_through_a_link,
        ),
        test(
            "an_archive_opens_a_directory_to_all",
            &ROOT,
            an_archive_opens_a_directory_to_all,
        ),
    ]
}

fn naive(archive: &[u8], name: &str) {
    let run = Run::new(example("layers-naive"));
    run.arg(fresh(name)).stdin(archive).output().assert_code(0);
}

fn victim() -> PathBuf {
    let outside = harness::directory().join("outside");
    let _ = fs::remove_dir_all(&outside);
    fs::create_dir(&outside).unwrap();
    fs::write(outside.join("victim"), "untouched").unwrap();
    outside.join("victim")
}

/// Tries an archive against both: the naive program spoils the victim, ours ends with `code` and does not.
fn spoils(archive: &[u8], code: i32) {
    let path = victim();
    naive(archive, "naive");
    assert_eq!(fs::read(&path).unwrap(), b"cccccccc");
    let path = victim();
    unpack(archive, &harness::directory().join("ours"), &[])
        .output()
        .assert_code(code);
    assert_eq!(fs::read(&path).unwrap(), b"untouched");
}

fn an_archive_writes_outside() {
    let file = entry(b"../outside/victim", Kind::File { size: 8 });
    spoils(&archive(&[file]), 125);
}

fn an_archive_writes_through_a_link() {
    let target = b"../outside".to_vec();
    let link = entry(b"way", Kind::Symlink { target });
    let file = entry(b"way/victim", Kind::File { size: 8 });
    // The link is the layer's own: what it leads to lies in the layer too.
    spoils(&archive(&[link, file]), 0);
    let inside = harness::directory().join("ours/outside/victim");
    assert_eq!(fs::read(inside).unwrap(), b"cccccccc");
}

/// CVE-2026-33056: a directory where a link to a directory is already.
fn an_archive_opens_a_directory_to_all() {
    let outside = victim().parent().unwrap().to_owned();
    let close = || fs::set_permissions(&outside, fs::Permissions::from_mode(0o700)).unwrap();
    let mode = || fs::metadata(&outside).unwrap().permissions().mode() & 0o777;
    let target = b"../outside".to_vec();
    let mut open = entry(b"way", Kind::Directory);
    open.mode = 0o777;
    let archive = archive(&[entry(b"way", Kind::Symlink { target }), open]);
    close();
    naive(&archive, "naive");
    assert_eq!(mode(), 0o777);
    close();
    unpack(&archive, &harness::directory().join("ours"), &[])
        .output()
        .assert_code(0);
    assert_eq!(mode(), 0o700);
}
