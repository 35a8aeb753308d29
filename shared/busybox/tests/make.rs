//! The default root file system: made whole, made once, and replaced when it is out of date.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;
use std::process::{Command, ExitCode};

use busybox::make;
use harness::{Need, directory, test};

const PROGRAM: &str = "/bin/busybox";

fn main() -> ExitCode {
    let needs = [Need::Package("busybox", "busybox-static")];
    harness::run(
        "busybox",
        vec![
            test(
                "a_root_runs_its_commands_and_is_made_once",
                &needs,
                is_made_once,
            ),
            test(
                "an_outdated_root_is_replaced_and_leftovers_of_a_killed_one_go",
                &needs,
                is_replaced,
            ),
            test("ten_at_once_make_one", &needs, ten_at_once),
            test(
                "a_target_that_cannot_be_written_is_named_with_a_mend",
                &needs,
                not_writable,
            ),
        ],
    )
}

fn is_made_once() {
    let root = directory().join("a/b");
    assert!(!busybox::is_made(&root));
    make(&root).unwrap();
    assert!(busybox::is_made(&root));
    let first = fs::metadata(&root).unwrap().ino();
    make(&root).unwrap();
    assert_eq!(
        fs::metadata(&root).unwrap().ino(),
        first,
        "the second time there is nothing to do"
    );

    assert_eq!(
        fs::read_link(root.join("bin/sh")).unwrap(),
        Path::new(PROGRAM)
    );
    assert_eq!(
        fs::metadata(root.join("tmp")).unwrap().permissions().mode() & 0o7777,
        0o1777
    );
    let output = Command::new(root.join("bin/busybox"))
        .args(["echo", "hello"])
        .output()
        .unwrap();
    assert_eq!(output.stdout, b"hello\n");
}

fn is_replaced() {
    let parent = directory().join("made");
    let root = parent.join("root");
    make(&root).unwrap();
    fs::write(root.join("bin/busybox"), "an older one").unwrap();
    fs::create_dir(parent.join(".root.new")).unwrap();
    make(&root).unwrap();
    assert_eq!(
        fs::read(root.join("bin/busybox")).unwrap(),
        fs::read(PROGRAM).unwrap()
    );
    let mut names: Vec<_> = fs::read_dir(&parent)
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    names.sort();
    assert_eq!(names, [".root.lock", "root"]);
}

fn ten_at_once() {
    let root = directory().join("root");
    std::thread::scope(|scope| {
        let makers: Vec<_> = (0..10).map(|_| scope.spawn(|| make(&root))).collect();
        for maker in makers {
            maker.join().unwrap().unwrap();
        }
    });
    assert!(busybox::is_made(&root));
}

fn not_writable() {
    let error = make(Path::new("/proc/drydock/root")).unwrap_err();
    assert!(error.to_string().contains("/proc/drydock"), "{error}");
    assert!(
        error
            .hint_text()
            .is_some_and(|hint| hint.contains("DRYDOCK_ROOT"))
    );
}
