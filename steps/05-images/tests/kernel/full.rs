//! A disk that is full, wherever on the way an image meets it.

use harness::{Need, Output, Run, Test, bin, test};

use crate::made::{done, path};
use crate::registry::registry;

pub(crate) fn tests() -> Vec<Test> {
    let needs = &[Need::Root, Need::Program("docker-registry")];
    vec![test("a_full_disk_is_named", needs, a_full_disk_is_named)]
}

/// With a store on a disk of its own, which is that of nobody else: its mount goes with the program.
fn on_a_disk(size: &str, arguments: &[&str]) -> Output {
    let script = format!(
        "mount -t tmpfs -o size={size} tmpfs {} && exec \"$@\"",
        path("data")
    );
    Run::new("unshare")
        .args(["--mount", "--propagation", "private"])
        .args(["sh", "-c", &script, "sh"])
        .arg(bin("images"))
        .args(arguments)
        .output()
}

fn a_full_disk_is_named() {
    let tree = path("tree");
    std::fs::create_dir(&tree).unwrap();
    std::fs::write(format!("{tree}/file"), vec![b'x'; 3_000_000]).unwrap();
    let archive = path("fs.tar");
    Run::new("tar")
        .args(["-C", &tree, "-cf", &archive, "."])
        .output()
        .assert_code(0);
    let registry = registry();
    let name = format!("{}/app", registry.address());
    done(&["import", &archive, &name]);
    done(&["push", "-q", &name]);
    let saved = path("saved.tar");
    done(&["save", "-o", &saved, &name]);
    for (size, arguments) in [
        ("1m", &["import", &archive][..]),
        ("1m", &["load", "-i", &saved]),
        ("1m", &["pull", "-q", &name]),
        // The blob has its place, what is in it has none.
        ("4m", &["load", "-i", &saved]),
        ("4m", &["pull", "-q", &name]),
    ] {
        let output = on_a_disk(size, arguments).assert_code(1);
        let error = output.err();
        for word in [&path("data"), "ENOSPC", "hint: the disk is full"] {
            assert!(error.contains(word), "{size} {arguments:?}: {error}");
        }
        assert!(!error.contains("cannot read"), "{arguments:?}: {error}");
    }
}
