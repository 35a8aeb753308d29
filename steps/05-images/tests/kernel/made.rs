//! Archives for the tests.

use harness::{Output, Run, bin};

/// The program, with these arguments.
pub(crate) fn images(arguments: &[&str]) -> Run {
    Run::new(bin("images")).args(arguments)
}

/// Runs it, and wants it to succeed.
#[track_caller]
pub(crate) fn done(arguments: &[&str]) -> Output {
    images(arguments).output().assert_code(0)
}

/// Runs it, and wants it to be refused with these words.
#[track_caller]
pub(crate) fn refused(arguments: &[&str], words: &str) {
    let output = images(arguments).output().assert_code(1);
    assert!(output.err().contains(words), "{output}");
    assert_eq!(output.out(), "");
}

/// A file system in an archive: a file of `contents`, a link, a device-free little tree. Made by tar, not by us.
pub(crate) fn file_system(name: &str, contents: &str) -> String {
    let directory = harness::directory();
    let tree = directory.join(format!("tree-{name}"));
    std::fs::create_dir_all(tree.join("etc/deep")).unwrap();
    std::fs::write(tree.join("etc/name"), contents).unwrap();
    std::fs::write(tree.join("etc/deep/file"), "x".repeat(100_000)).unwrap();
    std::os::unix::fs::symlink("name", tree.join("etc/link")).unwrap();
    let archive = directory.join(format!("{name}.tar"));
    Run::new("tar")
        .args([
            "-C",
            tree.to_str().unwrap(),
            "-cf",
            archive.to_str().unwrap(),
            ".",
        ])
        .output()
        .assert_code(0);
    archive.to_str().unwrap().to_owned()
}

/// A path below the test's own directory.
pub(crate) fn path(name: &str) -> String {
    harness::directory().join(name).to_str().unwrap().to_owned()
}

/// Every file of the store below the test's own data root, sorted; leases and locks are none.
pub(crate) fn stored() -> Vec<String> {
    let output = Run::new("find")
        .args([
            &path("data"),
            "-mindepth",
            "1",
            "-maxdepth",
            "4",
            "-not",
            "-type",
            "d",
        ])
        .output()
        .assert_code(0);
    let mut lines: Vec<String> = output.out().lines().map(str::to_owned).collect();
    lines.retain(|line| !line.ends_with("/lock") && !line.ends_with("/catalog.json"));
    lines.sort();
    lines
}
