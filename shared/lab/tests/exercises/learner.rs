//! A learner's commands, one after the other.

use std::fs;

use crate::bench::{hand_in, lab, solution, workbook};

const SLUG: &str = "leaked-descriptors";

fn source() -> std::path::PathBuf {
    workbook().join(SLUG).join("src/lib.rs")
}

pub(crate) fn path() {
    // What `cargo lab up` has made, long before.
    lab(&["root"]).output().assert_code(0);
    let next = lab(&[]).output().assert_code(0).out();
    assert!(next.contains("cargo lab start handshake"), "{next}");

    let task = lab(&["start", SLUG]).output().assert_code(0).out();
    assert!(
        task.contains("## Your task") && task.contains("cargo lab check"),
        "{task}"
    );
    let next = lab(&[]).output().assert_code(0).out();
    assert!(next.contains(&format!("at work on {SLUG}")), "{next}");

    // Without a slug it is the one in progress.
    let failed = lab(&["check"]).output().assert_code(1).out();
    assert!(
        failed.contains("FAIL") && failed.contains("/proc/PID/fd"),
        "{failed}"
    );
    assert!(
        !failed.contains("assert"),
        "the kernel's view, not an assertion: {failed}"
    );
    assert!(
        !failed.contains("if one believes"),
        "the untouched starter is no misconception: {failed}"
    );

    for read in 1..=3 {
        let hints = lab(&["hint"]).output().assert_code(0).out();
        assert_eq!(hints.matches(" of 3\n").count(), read, "{hints}");
    }
    let refused = lab(&["solution"]).output().assert_code(1);
    assert!(
        refused.err().contains("--yes") && !refused.out().contains("fn seal"),
        "{refused}"
    );

    // A mistake that others make too is recognised.
    let wrong = solution(SLUG)
        .replace("F_GETFD)?)", "F_GETFD).unwrap_or(0))")
        .replace("FD_CLOEXEC))?;", "FD_CLOEXEC)).ok();");
    assert_ne!(wrong, solution(SLUG));
    fs::write(source(), wrong).unwrap();
    let told = lab(&["check"]).output().assert_code(1).out();
    assert!(
        told.contains("A number that is not open need not be kept."),
        "{told}"
    );

    fs::write(source(), solution(SLUG)).unwrap();
    let passed = lab(&["check"]).output().assert_code(0).out();
    assert!(
        passed.contains("4 of 4 checks passed") && passed.contains("Next: cargo lab start"),
        "{passed}"
    );
    let progress = lab(&["progress"]).output().assert_code(0).out();
    assert!(
        progress.contains("passed") && progress.contains("8 of "),
        "{progress}"
    );
    let shown = lab(&["solution", SLUG]).output().assert_code(0).out();
    assert!(
        shown.contains("fn seal") && !shown.contains("//<"),
        "{shown}"
    );

    let file = fs::read_to_string(workbook().join("progress.json")).unwrap();
    let json: serde_json::Value = serde_json::from_str(&file).unwrap();
    let entry = &json["exercises"][SLUG];
    assert_eq!(entry["hints"], 3);
    assert_eq!(entry["misconceptions"][0], "wrong-is-ignored");
    assert_eq!(entry["attempts"], 2);
}

pub(crate) fn start_never_overwrites() {
    lab(&["start", SLUG]).output().assert_code(0);
    fs::write(source(), "// mine\n").unwrap();
    let again = lab(&["start", SLUG]).output().assert_code(0).out();
    assert!(again.contains("as you left it"), "{again}");
    assert_eq!(fs::read_to_string(source()).unwrap(), "// mine\n");

    // Nobody is there to be asked.
    lab(&["start", SLUG, "--again"]).output().assert_code(1);
    assert_eq!(fs::read_to_string(source()).unwrap(), "// mine\n");

    lab(&["start", SLUG, "--again", "--yes"])
        .output()
        .assert_code(0);
    assert!(
        fs::read_to_string(source())
            .unwrap()
            .contains("pub fn seal")
    );
    assert_eq!(
        fs::read_to_string(source().with_extension("rs.1")).unwrap(),
        "// mine\n"
    );

    fs::remove_file(workbook().join(SLUG).join("README.md")).unwrap();
    let mended = lab(&["start", SLUG]).output().assert_code(0).out();
    assert!(mended.contains("is there again"), "{mended}");
}

pub(crate) fn bad_input() {
    let says = |arguments: &[&str], part: &str| {
        let output = lab(arguments).output().assert_code(1);
        assert!(output.err().contains(part), "{arguments:?}: {output}");
        assert!(output.err().lines().count() <= 3, "one message: {output}");
    };
    says(&["check"], "no exercise is in progress");
    says(&["check", "no-such"], "there is no exercise called no-such");
    says(&["check", SLUG], "cargo lab start leaked-descriptors");
    says(&["grade", "/no/such/place"], "is not a directory");
    fs::create_dir_all(workbook()).unwrap();
    says(
        &["grade", workbook().to_str().unwrap()],
        "there is no submission",
    );
    says(
        &["check", "--bin", "/no/such/program", "--step", "namespaces"],
        "there is no program",
    );
    says(
        &["check", "--bin", "/bin/true"],
        "the behaviour of true is not known",
    );

    hand_in(&workbook(), SLUG, "this is no Rust\n");
    let broken = lab(&["check", SLUG]).output().assert_code(1).out();
    assert!(
        broken.contains("does not compile yet") && broken.contains("expected one of"),
        "{broken}"
    );

    fs::write(workbook().join("progress.json"), "{ half").unwrap();
    says(&["progress"], "mend it, or move it away");
    says(&["check", SLUG], "progress.json");
    assert_eq!(
        fs::read_to_string(workbook().join("progress.json")).unwrap(),
        "{ half"
    );
}

pub(crate) fn watch() {
    lab(&["start", SLUG]).output().assert_code(0);
    let watching = lab(&["watch"]).spawn();
    watching.expect("Waiting for you to save");
    fs::write(source(), solution(SLUG)).unwrap();
    watching.expect("4 of 4 checks passed");
    watching.wait().assert_code(0);
}
