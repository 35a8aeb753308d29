//! The last of the way to the command: limits, the user, the working directory, and a filter of system calls.

use std::fs;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::PathBuf;

use harness::{Run, Test, test};

use crate::ROOT;
use crate::given::{USER, WITH_AND_WITHOUT_INIT, probe, sh, text};
use crate::lifecycle::{directory, start, undo};

pub(crate) fn tests() -> Vec<Test> {
    vec![
        test("a_filter_comes_last", ROOT, a_filter_comes_last),
        test(
            "what_is_not_found_is_told_before_a_filter",
            ROOT,
            what_is_not_found_is_told_before_a_filter,
        ),
        test("limits_are_set", ROOT, limits_are_set),
        test(
            "a_limit_on_descriptors_keeps_no_starter_out",
            ROOT,
            a_limit_on_descriptors_keeps_no_starter_out,
        ),
        test(
            "the_command_becomes_the_user",
            ROOT,
            the_command_becomes_the_user,
        ),
        test(
            "a_directory_that_only_root_may_enter_is_entered_before",
            ROOT,
            a_directory_that_only_root_may_enter_is_entered_before,
        ),
        test(
            "a_directory_that_only_the_user_may_enter_is_entered_after",
            USER,
            a_directory_that_only_the_user_may_enter_is_entered_after,
        ),
    ]
}

/// A program without a library, which makes one system call: exit(42).
fn tiny() -> PathBuf {
    #[cfg(target_arch = "x86_64")]
    let (machine, code): (u16, &[u8]) = (62, b"\xbf\x2a\0\0\0\xb8\x3c\0\0\0\x0f\x05");
    #[cfg(target_arch = "aarch64")]
    let (machine, code): (u16, &[u8]) = (183, b"\x40\x05\x80\xd2\xa8\x0b\x80\xd2\x01\0\0\xd4");
    let mut elf = Vec::from(*b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0\x02\0");
    let entry: u64 = 0x40_0000 + 64 + 56;
    elf.extend(machine.to_le_bytes());
    elf.extend(1u32.to_le_bytes());
    elf.extend([entry, 64, 0].map(|word| word.to_le_bytes()).concat());
    elf.extend(0u32.to_le_bytes());
    elf.extend(
        [64u16, 56, 1, 0, 0, 0]
            .map(|half| half.to_le_bytes())
            .concat(),
    );
    // One segment, readable and executable: the whole file.
    elf.extend([1u32, 5].map(|word| word.to_le_bytes()).concat());
    let length = 64 + 56 + code.len() as u64;
    elf.extend(
        [0, 0x40_0000, 0x40_0000, length, length, 0x1000u64]
            .map(|word| word.to_le_bytes())
            .concat(),
    );
    elf.extend(code);
    let path = harness::directory().join("tiny");
    fs::write(&path, elf).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    path
}

fn a_filter_comes_last() {
    let tiny = tiny();
    for options in [
        &["--filter"][..],
        &["--filter", "--user", "1:1"],
        &[
            "--filter",
            "--user",
            "1:1",
            "--directory",
            "/tmp",
            "--files",
            "5:5",
            "--ask",
            "yes",
        ],
    ] {
        probe(options).arg("--").arg(&tiny).output().assert_code(42);
    }
    // It is a filter indeed.
    let killed = sh(&["--filter"], "true").output();
    assert_eq!(killed.code, Some(128 + libc::SIGSYS), "{killed}");
}

fn what_is_not_found_is_told_before_a_filter() {
    for (command, code) in [
        ("no-such-command", 127),
        ("/no/such", 127),
        ("/etc/passwd", 126),
    ] {
        probe(&["--filter", "--", command])
            .output()
            .assert_code(code);
    }
}

fn limits_are_set() {
    for init in WITH_AND_WITHOUT_INIT {
        let options: Vec<&str> = ["--files", "50:60", "--user", "1:1"]
            .into_iter()
            .chain(init.iter().copied())
            .collect();
        let output = sh(&options, "ulimit -Sn; ulimit -Hn")
            .output()
            .assert_code(0);
        assert_eq!(output.out(), "50\n60\n");
    }
    let output = sh(&["--files", "60:50"], "true").output().assert_code(125);
    assert!(
        output
            .err()
            .contains("the soft limit 60 of RLIMIT_NOFILE is above the hard limit 50"),
        "{output}"
    );
}

fn a_limit_on_descriptors_keeps_no_starter_out() {
    let directory = directory("box");
    let options = [
        "--files",
        "0:0",
        "--with-parent",
        "--create",
        text(&directory),
        "--",
    ];
    let creator = probe(&options).arg(tiny()).spawn();
    creator.expect("\n");
    start(&directory);
    creator.wait().assert_code(42);
    undo(&directory);
}

fn the_command_becomes_the_user() {
    for init in WITH_AND_WITHOUT_INIT {
        let options: Vec<&str> = ["--user", "1000:50:10,20"]
            .into_iter()
            .chain(init.iter().copied())
            .collect();
        let script = "grep -E '^(Uid|Gid|Groups|CapEff)' /proc/self/status; cat /proc/$PPID/status | grep ^Uid";
        let output = sh(&options, script).output().assert_code(0).out();
        let lines: Vec<&str> = output.lines().map(str::trim_end).collect();
        let expected = [
            "Uid:\t1000\t1000\t1000\t1000",
            "Gid:\t50\t50\t50\t50",
            "Groups:\t10 20 50",
            "CapEff:\t0000000000000000",
        ];
        assert_eq!(&lines[..4], expected);
        // The init can do no more than the command; without one, the parent is ours.
        let parent = if init.is_empty() {
            "Uid:\t0\t0\t0\t0"
        } else {
            expected[0]
        };
        assert_eq!(lines[4], parent);
    }
}

fn a_directory_that_only_root_may_enter_is_entered_before() {
    let closed = harness::directory().join("closed");
    fs::create_dir(&closed).unwrap();
    fs::set_permissions(&closed, fs::Permissions::from_mode(0o700)).unwrap();
    let options = ["--user", "1000:1000", "--directory", text(&closed)];
    let output = sh(&options, "echo here; ls . 2>/dev/null").output();
    assert_eq!(output.out(), "here\n", "{output}");
}

fn a_directory_that_only_the_user_may_enter_is_entered_after() {
    let own = harness::directory().join("own");
    fs::create_dir(&own).unwrap();
    // Root inside may not enter, since the group is not one of its namespace's.
    chown(&own, Some(100_001), Some(0)).unwrap();
    fs::set_permissions(&own, fs::Permissions::from_mode(0o700)).unwrap();
    for init in WITH_AND_WITHOUT_INIT {
        let at = |user| -> Run {
            let options = [
                "--uid-map=0:100000:10",
                "--user",
                user,
                "--directory",
                text(&own),
            ];
            let options: Vec<&str> = options.into_iter().chain(init.iter().copied()).collect();
            sh(&options, "pwd")
        };
        assert_eq!(at("1:1").output().assert_code(0).out().trim(), text(&own));
        let refused = at("2:2").output().assert_code(126);
        assert!(
            refused
                .err()
                .contains("cannot change to the working directory"),
            "{refused}"
        );
    }
}
