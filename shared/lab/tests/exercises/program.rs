//! `check --bin`: programs in any language.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use harness::{bin, directory};

use crate::bench::lab;

pub(crate) fn own() {
    // Ours do all that is asked.
    for step in ["layers", "images"] {
        let whole = lab(&["check", "--bin", bin(step).to_str().unwrap()])
            .output()
            .assert_code(0)
            .out();
        assert!(!whole.contains("FAIL"), "{whole}");
    }

    // A shell script with util-linux's unshare: it runs, and much is missing.
    let script = directory().join("own.sh");
    fs::write(
        &script,
        "#!/bin/sh\nshift\nexec unshare --pid --mount --uts --ipc --net --fork -- \"$@\"\n",
    )
    .unwrap();
    fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).unwrap();
    let partly = lab(&[
        "check",
        "--bin",
        script.to_str().unwrap(),
        "--step",
        "namespaces",
    ])
    .output()
    .assert_code(1)
    .out();
    // However the lines are broken.
    let partly = partly.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(
        partly.contains("pass `run CMD` runs the command"),
        "{partly}"
    );
    assert!(
        partly.contains("that /proc was mounted in another PID namespace"),
        "{partly}"
    );
}
