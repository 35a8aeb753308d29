//! Bad input and bad surroundings: one clear error, the hint, and nothing left behind.

use harness::{Census, Need, Output, Run, Test, bin, test};

use crate::user::bin_for_all;
use crate::{ROOT, container};

const USER: &[Need] = &[Need::Root, Need::UserNamespaces];
const NOBODY: u32 = 65534;

pub(crate) fn tests() -> Vec<Test> {
    vec![
        test("help_that_is_lost_is_a_failure", &[], help_that_is_lost),
        test("no_command_is_refused", ROOT, no_command_is_refused),
        test(
            "an_unknown_flag_is_refused",
            ROOT,
            an_unknown_flag_is_refused,
        ),
        test("bad_values_are_refused", ROOT, bad_values_are_refused),
        test(
            "contradictions_are_refused",
            ROOT,
            contradictions_are_refused,
        ),
        test(
            "not_root_is_told_what_to_do",
            ROOT,
            not_root_is_told_what_to_do,
        ),
        test(
            "forbidden_user_namespaces_are_explained",
            USER,
            forbidden_user_namespaces_are_explained,
        ),
        test(
            "a_map_of_others_ids_is_refused",
            USER,
            a_map_of_others_ids_is_refused,
        ),
        test(
            "no_more_processes_is_explained",
            ROOT,
            no_more_processes_is_explained,
        ),
        test(
            "no_more_descriptors_is_an_error",
            ROOT,
            no_more_descriptors_is_an_error,
        ),
        test(
            "a_proc_that_is_not_there_is_an_error",
            ROOT,
            a_proc_that_is_not_there_is_an_error,
        ),
    ]
}

/// One error, and at most one hint.
#[track_caller]
fn refused(output: Output, code: i32, part: &str) -> Output {
    let output = output.assert_code(code);
    let error = output.err();
    let lines: Vec<&str> = error.lines().collect();
    assert!(
        lines[0].starts_with("namespaces: ") && lines[0].contains(part),
        "{output}"
    );
    assert!(
        lines.len() == 1 || (lines.len() == 2 && lines[1].starts_with("hint: ")),
        "{output}"
    );
    assert_eq!(output.out(), "");
    output
}

fn no_command_is_refused() {
    let census = Census::take();
    for arguments in [&[][..], &["--"], &["--hostname", "box"], &["-it"]] {
        refused(container(arguments).output(), 125, "no command given");
    }
    census.assert_unchanged();
}

fn an_unknown_flag_is_refused() {
    for arguments in [
        &["--hostnme", "x", "--", "true"][..],
        &["-z", "true"],
        &["--memory", "1m", "true"],
    ] {
        let output = container(arguments).output().assert_code(125);
        assert!(output.err().contains(arguments[0]), "{output}");
    }
    // What stands behind the command is the command's.
    let output = container(&["echo", "--hostname", "-z"])
        .output()
        .assert_code(0);
    assert_eq!(output.out(), "--hostname -z\n");
}

fn help_that_is_lost() {
    for (place, code) in [("/dev/full", 125), ("/dev/null", 0)] {
        let run = container(&["--help"]).after(&format!("exec >{place}"));
        run.output().assert_code(code);
    }
}

fn bad_values_are_refused() {
    let long = "x".repeat(65);
    for (arguments, part) in [
        (
            &["--hostname", "", "--", "true"][..],
            "host name of 0 bytes",
        ),
        (
            &["--hostname", &long, "--", "true"],
            "host name of 65 bytes",
        ),
        (&["--hostname", "a b", "--", "true"], "is not a host name"),
        (&["--hostname", "a/b", "--", "true"], "is not a host name"),
        (&["--hostname", "a\n", "--", "true"], "is not a host name"),
        (&["--share", "nothing", "--", "true"], "nothing"),
        (&["--uid-map", "0:1", "--", "true"], "0:1"),
        (&["--uid-map", "0:0:0", "--", "true"], "maps nothing"),
        (
            &["--uid-map", "0:0:2", "--uid-map", "1:5:1", "--", "true"],
            "overlap",
        ),
        (&["--uid-map", "5:0:1", "--", "true"], "id 0"),
        (&["--boottime", "soon", "--", "true"], "soon"),
        (&["-e", "=x", "--", "true"], "invalid environment variable"),
        (&["-e", "", "--", "true"], "environment variable"),
    ] {
        let output = container(arguments).output().assert_code(125);
        assert!(output.err().contains(part), "{arguments:?}: {output}");
    }
}

fn contradictions_are_refused() {
    for (arguments, part) in [
        (
            &["--share", "user", "--userns", "--", "true"][..],
            "--share user contradicts",
        ),
        (
            &["--share", "time", "--boottime", "1", "--", "true"],
            "--share time contradicts",
        ),
        (
            &["--share", "uts", "--hostname", "x", "--", "true"],
            "rename the host",
        ),
    ] {
        refused(container(arguments).output(), 125, part);
    }
    let before = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap();
    container(&["--share", "uts", "--", "true"])
        .output()
        .assert_code(0);
    assert_eq!(
        std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap(),
        before
    );
}

fn not_root_is_told_what_to_do() {
    let census = Census::take();
    let bin = bin_for_all();
    let output = Run::new(&bin)
        .args(["run", "--", "true"])
        .user(NOBODY)
        .output();
    let output = refused(output, 125, "Operation not permitted (EPERM)");
    assert!(
        output.err().contains("sudo") && output.err().contains("--userns"),
        "{output}"
    );
    let output = Run::new(&bin)
        .args(["enter", "1", "--", "true"])
        .user(NOBODY)
        .output();
    refused(output, 125, "Permission denied (EACCES)");
    census.assert_unchanged();
}

/// The stage is a user namespace of the test's own, whose limit is its own: the machine is not changed.
fn forbidden_user_namespaces_are_explained() {
    let census = Census::take();
    let script = "echo 0 >/proc/sys/user/max_user_namespaces && exec \"$BIN\" run --userns -- true";
    let stage = Run::new("unshare").args(["--user", "--map-root-user", "sh", "-c", script]);
    let output = refused(
        stage.env("BIN", bin("namespaces")).output(),
        125,
        "No space left on device (ENOSPC)",
    );
    assert!(output.err().contains("max_user_namespaces"), "{output}");
    census.assert_unchanged();
}

fn a_map_of_others_ids_is_refused() {
    let options = ["run", "--uid-map", "0:0:1", "--", "true"];
    let output = Run::new(bin_for_all())
        .args(options)
        .user(NOBODY)
        .output()
        .assert_code(125);
    assert!(output.err().starts_with("namespaces: "), "{output}");
}

fn no_more_processes_is_explained() {
    let census = Census::take();
    // Root may have any number of processes, so a user has the limit, whom nobody else is.
    let run = Run::new("prlimit")
        .arg("--nproc=1")
        .arg(bin_for_all())
        .args(["run", "--userns", "--", "true"])
        .user(54321);
    let output = refused(run.output(), 125, "(EAGAIN)");
    assert!(output.err().contains("ulimit -u"), "{output}");
    census.assert_unchanged();
}

fn no_more_descriptors_is_an_error() {
    let census = Census::take();
    for limit in 3..9 {
        let output = container(&["--", "true"])
            .after(&format!("ulimit -n {limit}"))
            .output();
        match output.code {
            Some(0) => {}
            _ => drop(refused(output, 125, "(EMFILE)")),
        }
    }
    container(&["--", "true"])
        .after("ulimit -n 20")
        .output()
        .assert_code(0);
    census.assert_unchanged();
}

fn a_proc_that_is_not_there_is_an_error() {
    // In a mount namespace of the test's own, the machine's /proc is covered by an empty directory.
    let script = "mount -t tmpfs none /proc && exec \"$BIN\" run -- true";
    let stage = Run::new("unshare").args(["--mount", "sh", "-c", script]);
    let output = stage.env("BIN", bin("namespaces")).output();
    refused(output, 125, "/proc");
}
