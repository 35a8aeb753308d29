//! The students' copy, and the proof that every exercise is sound.

use std::fs;
use std::path::Path;

use harness::directory;

use crate::bench::{lab, lab_in, repository, slugs, solution, some_slugs};

pub(crate) fn students() {
    let copy = directory().join("students");
    let exported = lab(&["export", "--student", copy.to_str().unwrap()])
        .output()
        .assert_code(0)
        .out();
    assert!(exported.contains("no solution among them"), "{exported}");
    for slug in slugs() {
        let folder = copy.join("exercises").join(&slug);
        assert!(folder.join("starter.rs").is_file() && folder.join("failures.json").is_file());
        assert!(!folder.join("src").exists() && !folder.join("mutants").exists());
    }
    assert!(
        !copy.join(".git").exists(),
        "a history would hold the solutions"
    );
    let starter = fs::read_to_string(copy.join("exercises/inside-the-root/starter.rs")).unwrap();
    let telling = longest_line(&solution("inside-the-root"), &starter);
    assert!(!is_anywhere(&copy, &telling), "{telling:?} is in the copy");
    // What is there is not mixed with anything.
    lab(&["export", "--student", copy.to_str().unwrap()])
        .output()
        .assert_code(1);

    // It works as the whole repository does.
    let here = |arguments: &[&str]| lab_in(&copy, arguments);
    here(&["start", "leaked-descriptors"])
        .output()
        .assert_code(0);
    let refused = here(&["solution", "--yes"]).output().assert_code(1);
    assert!(refused.err().contains("student's copy"), "{refused}");
    let source = copy.join("workbook/leaked-descriptors/src/lib.rs");
    let wrong = solution("leaked-descriptors")
        .replace("close_on_exec_from(3)?;", "let _ = close_on_exec_from;");
    fs::write(&source, wrong).unwrap();
    let failed = here(&["check"]).output().assert_code(1);
    assert!(failed.out().contains("FAIL"), "{failed}");
    fs::write(&source, solution("leaked-descriptors")).unwrap();
    here(&["check"]).output().assert_code(0);
}

pub(crate) fn sound() {
    let some = some_slugs();
    let mut words = vec!["dev", "check"];
    words.extend(some.iter().map(String::as_str));
    let proved = lab(&words).output().assert_code(0).out();
    let count = some.len();
    assert!(
        proved.contains(&format!("{count} exercises, {count} of them sound")),
        "{proved}"
    );
    let classroom =
        fs::read_to_string(repository().join("exercises/classroom/github.yml")).unwrap();
    for slug in slugs() {
        assert!(
            classroom.contains(&format!("cargo lab check {slug},")),
            "{slug} is not in exercises/classroom/github.yml"
        );
    }
    for step in ["namespaces", "rootfs", "cgroups", "layers", "images"] {
        let of_step = slugs().into_iter().filter(|slug| {
            let about = fs::read_to_string(
                repository()
                    .join("exercises")
                    .join(slug)
                    .join("exercise.toml"),
            )
            .unwrap();
            about.contains(&format!("step = {step:?}"))
        });
        assert!(of_step.count() >= 4, "{step} has fewer than four exercises");
    }
}

/// The longest line of code that the starter does not have.
fn longest_line(text: &str, starter: &str) -> String {
    let lines = text.lines().map(str::trim);
    let own = lines.filter(|line| !line.starts_with("//") && !starter.contains(line));
    own.max_by_key(|line| line.len()).unwrap().to_owned()
}

fn is_anywhere(folder: &Path, text: &str) -> bool {
    fs::read_dir(folder)
        .unwrap()
        .flatten()
        .any(|entry| match entry.file_type().unwrap().is_dir() {
            true => is_anywhere(&entry.path(), text),
            false => fs::read(entry.path())
                .is_ok_and(|bytes| String::from_utf8_lossy(&bytes).contains(text)),
        })
}
