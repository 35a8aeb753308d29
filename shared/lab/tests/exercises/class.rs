//! What an instructor has graded: what is right, what is untouched, and what is meant to do harm.

use std::fs;
use std::path::Path;

use harness::directory;
use serde_json::Value;

use crate::bench::{hand_in, lab, repository, solution, some_slugs};

/// Grades a folder, and proves that the report has the published form.
fn grade(folder: &Path, options: &[&str]) -> Value {
    let mut arguments = vec!["grade", folder.to_str().unwrap(), "--json"];
    arguments.extend(options);
    let report = lab(&arguments).output().assert_code(0).out();
    let report: Value = serde_json::from_str(&report).unwrap();
    let mut schemas = boon::Schemas::new();
    let schema = repository().join("exercises/grade.schema.json");
    let index = boon::Compiler::new()
        .compile(schema.to_str().unwrap(), &mut schemas)
        .unwrap();
    schemas
        .validate(&report, index)
        .unwrap_or_else(|error| panic!("{error}"));
    report
}

fn of<'r>(report: &'r Value, learner: &str) -> &'r Value {
    let submissions = report["submissions"].as_array().unwrap();
    submissions
        .iter()
        .find(|submission| submission["learner"] == learner)
        .unwrap()
}

pub(crate) fn reference_and_starter() {
    let (class, slugs) = (directory().join("class"), some_slugs());
    for slug in &slugs {
        hand_in(&class.join("reference"), slug, &solution(slug));
    }
    // Handed in as it was given out.
    let started = class.join("starter");
    for slug in &slugs {
        lab(&["start", slug])
            .env("DRYDOCK_WORKBOOK", &started)
            .output()
            .assert_code(0);
    }
    // The starter, but for a comment: it is compiled and checked.
    for slug in &slugs {
        let starter = fs::read_to_string(started.join(slug).join("src/lib.rs")).unwrap();
        hand_in(
            &class.join("touched"),
            slug,
            &format!("{starter}// I have been here.\n"),
        );
    }
    fs::create_dir_all(class.join("nothing")).unwrap();

    let report = grade(&class, &["--only", &slugs.join(",")]);
    let reference = of(&report, "reference");
    assert_eq!(reference["score"], 100.0, "{reference:#}");
    assert_eq!(reference["points"].as_f64(), reference["of"].as_f64());
    for learner in ["starter", "touched", "nothing"] {
        assert_eq!(
            of(&report, learner)["score"],
            0.0,
            "{:#}",
            of(&report, learner)
        );
    }
    let states = |learner: &str| of(&report, learner)["exercises"][0]["state"].clone();
    assert_eq!(
        (states("starter"), states("touched"), states("nothing")),
        ("untouched".into(), "failed".into(), "missing".into())
    );

    let csv = lab(&[
        "grade",
        class.to_str().unwrap(),
        "--csv",
        "--only",
        "handshake",
    ])
    .output()
    .assert_code(0)
    .out();
    assert!(
        csv.starts_with("learner,score,points,of,minutes,hints,misconceptions,handshake\r\n"),
        "{csv}"
    );
    assert!(csv.contains("\nreference,100,10,10,0,0,,10\r\n"), "{csv}");
    let page = lab(&[
        "grade",
        class.to_str().unwrap(),
        "--html",
        "--only",
        "handshake",
    ])
    .output()
    .assert_code(0)
    .out();
    assert!(
        page.starts_with("<!doctype html>") && page.contains("reference"),
        "{page}"
    );
}

/// A submission that does this in place of its task.
const HOSTILE: [(&str, &str, &str); 11] = [
    (
        "forks",
        "loop { let _ = kit::sys::branch::branch(0, || loop { let _ = kit::sys::branch::branch(0, || loop {}); }); }",
        "failed",
    ),
    (
        "fills",
        "for n in 0.. { std::fs::write(format!(\"/tmp/{n}\"), vec![1; 1 << 20]).unwrap(); } Ok(())",
        "failed",
    ),
    (
        "kills",
        "let _ = kit::sys::process::kill(nix::unistd::Pid::from_raw(-1), 9); Ok(())",
        "failed",
    ),
    (
        "eats",
        "let mut all = Vec::new(); loop { all.push(vec![1u8; 1 << 24]); }",
        "failed",
    ),
    (
        "prints",
        "let line = \"x\".repeat(1 << 16); for _ in 0..200 { println!(\"{line}\"); eprintln!(\"{line}\"); } Ok(())",
        "failed",
    ),
    (
        "hangs",
        "loop { std::thread::sleep(std::time::Duration::from_secs(1)); }",
        "failed",
    ),
    ("panics", "panic!(\"on purpose\")", "failed"),
    ("exits", "std::process::exit(0)", "failed"),
    (
        "writes",
        "std::fs::write(\"/proc/sys/kernel/hostname\", \"mine\").unwrap(); Ok(())",
        "failed",
    ),
    ("broken", "this is no Rust", "does-not-compile"),
    (
        "peeks",
        "let _ = include_str!(concat!(env!(\"REPOSITORY\"), \"/exercises/private-mounts/src/lib.rs\")); Ok(())",
        "does-not-compile",
    ),
];

pub(crate) fn hostile() {
    let class = directory().join("class");
    for (name, body, _) in HOSTILE {
        let body = body.replace("env!(\"REPOSITORY\")", &format!("{:?}", repository()));
        let text = format!(
            "#![allow(warnings)]\npub fn private_tmpfs(_: &std::path::Path) -> nix::Result<()> {{\n    {body}\n}}\n"
        );
        hand_in(&class.join(name), "private-mounts", &text);
    }
    // A link to a file of the grader's, and a pipe that nobody writes to.
    fs::create_dir_all(class.join("links/private-mounts/src")).unwrap();
    std::os::unix::fs::symlink("/etc/shadow", class.join("links/private-mounts/src/lib.rs"))
        .unwrap();
    fs::create_dir_all(class.join("pipes/private-mounts/src")).unwrap();
    let mode = nix::sys::stat::Mode::from_bits_truncate(0o600);
    nix::unistd::mkfifo(&class.join("pipes/private-mounts/src/lib.rs"), mode).unwrap();
    hand_in(
        &class.join("whole"),
        "private-mounts",
        &solution("private-mounts"),
    );

    let before = (hostname(), free_space(), mounts());
    let report = grade(&class, &["--only", "private-mounts"]);
    for (name, _, state) in HOSTILE {
        let graded = &of(&report, name)["exercises"][0];
        assert_eq!(graded["state"], state, "{name}: {graded:#}");
        assert!(
            graded["points"].as_f64().unwrap() < 8.0,
            "{name}: {graded:#}"
        );
        let text = graded["failures"][0]["text"].as_str().unwrap();
        assert!(!text.is_empty() && text.len() < 3000, "{name}: {text}");
    }
    for name in ["links", "pipes"] {
        assert_eq!(of(&report, name)["exercises"][0]["state"], "unreadable");
    }
    let peeked = of(&report, "peeks")["exercises"][0]["failures"][0]["text"].to_string();
    assert!(
        peeked.contains("No such file"),
        "the compiler must not see the solutions: {peeked}"
    );
    // Whoever comes after them is graded as if nothing had been.
    assert_eq!(of(&report, "whole")["score"], 100.0);
    assert_eq!((hostname(), mounts()), (before.0, before.2));
    assert!(
        before.1.saturating_sub(free_space()) < 4 << 30,
        "the disk was filled"
    );
}

/// A constant that takes longer to compute than anybody waits.
pub(crate) fn endless_compilation() {
    let class = directory().join("class");
    let text = "#![allow(long_running_const_eval)]\npub const N: u64 = { let mut n = 0; while n < u64::MAX { n += 1; } n };\n\
                pub fn private_tmpfs(_: &std::path::Path) -> nix::Result<()> { assert!(N > 1); Ok(()) }\n";
    hand_in(&class.join("endless"), "private-mounts", text);
    let report = grade(&class, &["--only", "private-mounts"]);
    let graded = &of(&report, "endless")["exercises"][0];
    assert_eq!(graded["state"], "does-not-compile");
    assert!(
        graded["failures"][0]["text"]
            .as_str()
            .unwrap()
            .contains("was killed"),
        "{graded:#}"
    );
}

fn hostname() -> String {
    fs::read_to_string("/proc/sys/kernel/hostname").unwrap()
}

fn mounts() -> usize {
    let text = fs::read_to_string("/proc/self/mountinfo").unwrap();
    text.lines()
        .filter(|line| line.contains("disk") || line.contains("/tmp/disk"))
        .count()
}

fn free_space() -> u64 {
    let there = nix::sys::statvfs::statvfs("/tmp").unwrap();
    there.blocks_available() * there.fragment_size()
}
