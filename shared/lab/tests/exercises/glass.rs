//! What a compiler is not to see.

use std::fs;

use harness::{Run, bin, directory};
use serde_json::{Value, json};

/// In a git work tree `.git` is a file, and not a directory.
pub(crate) fn hides_files() {
    let place = directory();
    for folder in ["secrets", "work"] {
        fs::create_dir(place.join(folder)).unwrap();
    }
    for file in ["secrets/one", "secret", "seen"] {
        fs::write(place.join(file), "text\n").unwrap();
    }
    let script = "ls secrets; cat secret seen";
    let jobs = json!([{"Build": {"inmate": {
        "program": "/bin/sh",
        "arguments": ["-c", script],
        "environment": [],
        "world": {"Glass": {
            "directory": place,
            "writable": [place.join("work")],
            "hidden": [place.join("secrets"), place.join("secret"), place.join("not-there")],
            "user": null,
        }},
    }}}]);
    let report = Run::new(bin("lab"))
        .args(["dev", "cells"])
        .stdin(jobs.to_string())
        .output()
        .assert_code(0)
        .out();
    let report: Value = serde_json::from_str(&report).unwrap();
    let ran = &report["ran"];
    assert_eq!(ran["stopped"], Value::Null, "{report:#}");
    assert_eq!(
        (&ran["messages"], &ran["errors"]),
        (&json!("text\n"), &json!(""))
    );
}
