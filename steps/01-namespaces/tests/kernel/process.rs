//! The command: its exit code, arguments and streams, and many at once.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use harness::{Census, Run, Running, Test, bin, test};

use crate::{ROOT, container, sh};

pub(crate) fn tests() -> Vec<Test> {
    vec![
        test(
            "exit_codes_are_the_commands",
            ROOT,
            exit_codes_are_the_commands,
        ),
        test(
            "a_command_that_cannot_run_says_why",
            ROOT,
            a_command_that_cannot_run_says_why,
        ),
        test(
            "a_hundred_kilobytes_of_arguments_arrive",
            ROOT,
            a_hundred_kilobytes_of_arguments_arrive,
        ),
        test(
            "an_argument_need_not_be_utf8",
            ROOT,
            an_argument_need_not_be_utf8,
        ),
        test(
            "standard_input_is_empty_unless_asked_for",
            ROOT,
            standard_input_is_empty_unless_asked_for,
        ),
        test(
            "closed_streams_are_no_hindrance",
            ROOT,
            closed_streams_are_no_hindrance,
        ),
        test(
            "a_reader_that_goes_away_ends_the_container",
            ROOT,
            a_reader_that_goes_away_ends_the_container,
        ),
        test(
            "the_working_directory_is_set",
            ROOT,
            the_working_directory_is_set,
        ),
        test(
            "the_pid_file_names_the_first_process",
            ROOT,
            the_pid_file_names_the_first_process,
        ),
        test("fifty_at_once_all_succeed", ROOT, fifty_at_once_all_succeed).alone(),
        test(
            "a_hundred_in_a_row_leave_nothing",
            ROOT,
            a_hundred_in_a_row_leave_nothing,
        ),
    ]
}

fn exit_codes_are_the_commands() {
    for (script, code) in [
        ("true", 0),
        ("exit 3", 3),
        ("exit 255", 255),
        ("kill -TERM $$", 143),
        ("kill -KILL $$", 137),
        ("kill -SEGV $$", 139),
        ("ulimit -c 0; kill -ABRT $$", 134),
        ("kill -34 $$", 162),
        ("kill -64 $$", 192),
    ] {
        sh(script).output().assert_code(code);
    }
    for code in [0, 3, 255] {
        container(&["--no-init", "--", "sh", "-c", &format!("exit {code}")])
            .output()
            .assert_code(code);
    }
}

/// A file in the test's own directory.
fn file(name: &str, text: &str, mode: u32) -> PathBuf {
    let path = harness::directory().join(name);
    fs::write(&path, text).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
    path
}

fn a_command_that_cannot_run_says_why() {
    let census = Census::take();
    let script = file("script", "#!/bin/sh\nexit 7\n", 0o755);
    container(&["--"]).arg(script).output().assert_code(7);
    for (command, code, part) in [
        (PathBuf::from("no-such-command"), 127, "not found in $PATH"),
        (PathBuf::from("/no/such/command"), 127, "No such file"),
        (
            PathBuf::from(""),
            127,
            "cannot run \"\": executable file not found",
        ),
        (PathBuf::from("/etc/passwd/x"), 127, "/etc/passwd/x"),
        (PathBuf::from("/tmp"), 126, "Permission denied"),
        (
            file("plain", "#!/bin/sh\n", 0o644),
            126,
            "Permission denied",
        ),
        (
            file("no-interpreter", "echo hello\n", 0o755),
            126,
            "Exec format error",
        ),
        (file("empty", "", 0o755), 126, "Exec format error"),
        (
            file("lost-interpreter", "#!/no/such/interpreter\n", 0o755),
            127,
            "interpret",
        ),
    ] {
        for options in [&["--"][..], &["--no-init", "--"]] {
            let output = container(options).arg(&command).output().assert_code(code);
            let lines: Vec<String> = output.err().lines().map(str::to_owned).collect();
            assert_eq!(lines.len(), 2, "one error and one hint: {output}");
            assert!(
                lines[0].starts_with("namespaces: ") && lines[0].contains(part),
                "{output}"
            );
            assert!(lines[1].starts_with("hint: "), "{output}");
        }
    }
    census.assert_unchanged();
}

fn a_hundred_kilobytes_of_arguments_arrive() {
    let long = "x".repeat(100 * 1024);
    let output = container(&["--", "printf", "%s", &long])
        .output()
        .assert_code(0);
    assert_eq!(output.stdout.len(), long.len());
    let many: Vec<String> = (0..20_000).map(|n| format!("{n:05}")).collect();
    let output = container(&["--", "sh", "-c", "echo $# $1 ${20000}", "sh"])
        .args(&many)
        .output();
    assert_eq!(output.assert_code(0).out(), "20000 00000 19999\n");
}

fn an_argument_need_not_be_utf8() {
    let bytes = b"\xff\x80 \xc3\x28";
    let output = container(&["--", "printf", "%s"])
        .arg(OsStr::from_bytes(bytes))
        .output()
        .assert_code(0);
    assert_eq!(output.stdout, bytes);
    let output = container(&["-e"]).arg(OsStr::from_bytes(b"A=\xff")).args([
        "--",
        "sh",
        "-c",
        "printf %s \"$A\"",
    ]);
    assert_eq!(output.output().assert_code(0).stdout, b"\xff");
    let output = container(&["--"])
        .arg(OsStr::from_bytes(b"/no/\xff"))
        .output()
        .assert_code(127);
    assert!(output.err().contains("/no/\u{fffd}"), "{output}");
}

fn standard_input_is_empty_unless_asked_for() {
    let output = container(&["--", "cat"])
        .stdin("typed")
        .output()
        .assert_code(0);
    assert_eq!(output.stdout, b"");
    let much: Vec<u8> = (0..3_000_000u32).map(|n| n as u8).collect();
    let output = container(&["-i", "--", "cat"])
        .stdin(much.clone())
        .output()
        .assert_code(0);
    assert!(
        output.stdout == much,
        "{} of {} bytes came back",
        output.stdout.len(),
        much.len()
    );
    let output = container(&["-i", "--no-init", "--", "head", "-c", "5"])
        .stdin("typed and more")
        .output();
    assert_eq!(output.assert_code(0).out(), "typed");
}

fn closed_streams_are_no_hindrance() {
    for closed in ["<&-", ">&-", "2>&-", "<&- >&-", "<&- >&- 2>&-"] {
        for options in [&["--"][..], &["-i", "--"], &["--no-init", "--"]] {
            let script = "test -e /proc/self/fd/0 && test -e /proc/self/fd/1 && exit 3";
            let run = container(options)
                .args(["sh", "-c", script])
                .after(&format!("exec {closed}"));
            run.output().assert_code(3);
        }
    }
    // Nobody can be told, and the exit code tells all the same.
    container(&["--", "no-such-command"])
        .after("exec 2>&-")
        .output()
        .assert_code(127);
}

fn a_reader_that_goes_away_ends_the_container() {
    let script = "{ \"$BIN\" run -- yes; echo $? >&2; } | head -n 1";
    let output = crate::host(script)
        .env("BIN", bin("namespaces"))
        .output()
        .assert_code(0);
    assert_eq!(output.out(), "y\n");
    assert_eq!(
        output.err(),
        "141\n",
        "128 + SIGPIPE, whose default action the command has got back"
    );
}

fn the_working_directory_is_set() {
    assert_eq!(
        container(&["-w", "/etc", "--", "pwd"])
            .output()
            .assert_code(0)
            .out(),
        "/etc\n"
    );
    container(&["-w", "", "--", "pwd"]).output().assert_code(0);
    let output = container(&["-w", "/no/such", "--", "pwd"])
        .output()
        .assert_code(126);
    assert!(output.err().contains("/no/such"), "{output}");
}

fn the_pid_file_names_the_first_process() {
    let pid_file = harness::directory().join("pid");
    let running = container(&["--pid-file"])
        .arg(&pid_file)
        .args(["--", "sh", "-c", "echo ready; sleep 100"])
        .spawn();
    running.expect("ready");
    let pid = harness::contents(&pid_file);
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let numbers = status
        .lines()
        .find(|line| line.starts_with("NSpid:"))
        .unwrap();
    assert!(numbers.ends_with("\t1"), "{numbers}");
    running.signal(libc::SIGKILL);
    running.wait();

    let output = container(&["--pid-file", "/no/such/pid", "--", "sleep", "100"])
        .output()
        .assert_code(125);
    assert!(output.err().contains("/no/such"), "{output}");
}

fn fifty_at_once_all_succeed() {
    let census = Census::take();
    let script = "test $(cd /proc; echo [0-9]* | wc -w) -le 5 && hostname";
    let start =
        |n: usize| container(&["--hostname", &format!("box{n}"), "--", "sh", "-c", script]).spawn();
    let running: Vec<Running> = (0..50).map(start).collect();
    for (n, running) in running.into_iter().enumerate() {
        assert_eq!(running.wait().assert_code(0).out(), format!("box{n}\n"));
    }
    census.assert_unchanged();
}

fn a_hundred_in_a_row_leave_nothing() {
    let census = Census::take();
    // Into files, for a pipe that the shell reads from would be a descriptor itself.
    let script = "cd $TMPDIR; ls /proc/$$/fd >before
        for i in $(seq 100); do \"$BIN\" run -- true || exit 1; done
        ls /proc/$$/fd >after
        cmp before after && rm before after";
    Run::new("sh")
        .args(["-c", script])
        .env("BIN", bin("namespaces"))
        .output()
        .assert_code(0);
    census.assert_unchanged();
}
