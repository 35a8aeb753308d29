//! PID 1: signals passed on, orphans reaped, and one end for all.

use std::time::Duration;

use harness::{Census, Run, Running, Test, bin, test};
use nix::sys::signal::Signal;

use crate::{ROOT, container, sh};

pub(crate) fn tests() -> Vec<Test> {
    let mut tests = vec![
        test(
            "a_signal_without_a_handler_ends_the_command",
            ROOT,
            a_signal_without_a_handler_ends_the_command,
        ),
        test(
            "a_command_that_is_pid_1_is_immune",
            ROOT,
            a_command_that_is_pid_1_is_immune,
        ),
        test("orphans_are_reaped", ROOT, orphans_are_reaped),
        test(
            "an_orphan_that_a_real_time_signal_ends_is_reaped",
            ROOT,
            an_orphan_that_a_real_time_signal_ends_is_reaped,
        ),
        test(
            "the_end_of_the_command_is_the_end_of_all",
            ROOT,
            the_end_of_the_command_is_the_end_of_all,
        ),
        test(
            "the_end_of_the_parent_is_the_end_of_all",
            ROOT,
            the_end_of_the_parent_is_the_end_of_all,
        ),
        test(
            "the_end_of_init_is_the_end_of_all",
            ROOT,
            the_end_of_init_is_the_end_of_all,
        ),
        test(
            "a_burst_of_signals_does_not_stop_it",
            ROOT,
            a_burst_of_signals_does_not_stop_it,
        ),
        test(
            "an_ignored_sigchld_is_no_hindrance",
            ROOT,
            an_ignored_sigchld_is_no_hindrance,
        ),
    ];
    // Those that a program may catch and that are not about the program itself.
    let signals = [
        "HUP", "INT", "QUIT", "USR1", "USR2", "ALRM", "TERM", "WINCH", "34", "37", "64",
    ];
    tests.extend(signals.map(|name| {
        test(format!("{name}_is_passed_on"), ROOT, move || {
            is_passed_on(name)
        })
    }));
    tests
}

fn number(name: &str) -> i32 {
    name.parse()
        .unwrap_or_else(|_| format!("SIG{name}").parse::<Signal>().unwrap() as i32)
}

/// A command that says `ready`, and at the signal `name` exits with 42.
fn catcher(options: &[&str], name: &str) -> Running {
    // perl, for the shell's trap does not know the real-time signals.
    let catch = match name.parse::<u8>() {
        Ok(number) => format!(
            "use POSIX; POSIX::sigaction({number}, POSIX::SigAction->new(sub {{ exit 42 }}));"
        ),
        Err(_) => format!("$SIG{{{name}}} = sub {{ exit 42 }};"),
    };
    let script = format!("$| = 1; {catch} print \"ready\\n\"; sleep 1 while 1;");
    let mut arguments = options.to_vec();
    arguments.extend(["--", "perl", "-e", &script]);
    let running = container(&arguments).spawn();
    running.expect("ready");
    running
}

fn is_passed_on(name: &str) {
    for options in [&[][..], &["--no-init"]] {
        let running = catcher(options, name);
        running.signal(number(name));
        running.wait().assert_code(42);
    }
}

fn a_signal_without_a_handler_ends_the_command() {
    for (name, code) in [
        ("TERM", 143),
        ("INT", 130),
        ("HUP", 129),
        ("QUIT", 131),
        ("USR1", 138),
        ("34", 162),
    ] {
        let running = sh("echo ready; ulimit -c 0; exec sleep 100").spawn();
        running.expect("ready");
        running.signal(number(name));
        running.wait().assert_code(code);
    }
}

/// The rule of pid_namespaces(7) that is the reason for an init.
fn a_command_that_is_pid_1_is_immune() {
    let running = container(&["--no-init", "--", "sh", "-c", "echo ready; exec sleep 100"]).spawn();
    running.expect("ready");
    running.signal(libc::SIGTERM);
    assert!(!running.ends_within(Duration::from_millis(300)));
    running.signal(libc::SIGKILL);
    running.wait();
}

/// The states of all processes but the shell and what it runs; a zombie's is Z.
const STATES: &str =
    "cat /proc/[0-9]*/stat 2>/dev/null | sed 's/.*) \\(.\\) .*/\\1/' | sort | uniq -c";

fn orphans_are_reaped() {
    // Each inner shell forks a process and exits at once: the process is init's child then.
    let script = format!("for i in $(seq 50); do (sleep 0.01 &) ; done; sleep 0.5; {STATES}");
    let output = sh(&script).output().assert_code(0).out();
    assert!(!output.contains('Z'), "zombies:\n{output}");
    assert!(output.contains('S'), "{output}");
    // Without an init nobody reaps: the check sees what it is made for.
    let output = container(&[
        "--no-init",
        "--",
        "sh",
        "-c",
        "sh -c 'sleep 0.1 & exit' ; exec perl -e 'sleep 1; print `cat /proc/[0-9]*/stat`'",
    ])
    .output();
    assert!(output.out().contains(") Z "), "{output}");
}

fn an_orphan_that_a_real_time_signal_ends_is_reaped() {
    let script = format!(
        "(sh -c 'kill -40 $$' &); for i in $(seq 5); do (sleep 0.01 &) ; done; sleep 0.3; {STATES}"
    );
    let output = sh(&script).output().assert_code(0).out();
    assert!(!output.contains('Z'), "zombies:\n{output}");
}

fn the_end_of_the_command_is_the_end_of_all() {
    let census = Census::take();
    let output = sh("setsid sleep 1000 </dev/null >/dev/null 2>&1 & exit 5").output();
    assert!(output.duration < Duration::from_secs(5), "{output}");
    output.assert_code(5);
    census.assert_unchanged();
}

fn the_end_of_the_parent_is_the_end_of_all() {
    for options in [&[][..], &["--no-init"], &["--userns"]] {
        let census = Census::take();
        let running = container(options)
            .args(["--", "sh", "-c", "setsid sleep 1000 & echo ready; wait"])
            .spawn();
        running.expect("ready");
        running.signal(libc::SIGKILL);
        let output = running.wait();
        assert_eq!(output.signal, Some(libc::SIGKILL), "{output}");
        census.assert_unchanged();
    }
}

fn the_end_of_init_is_the_end_of_all() {
    let census = Census::take();
    let pid_file = harness::directory().join("pid");
    let running = container(&["--pid-file"])
        .arg(&pid_file)
        .args(["--", "sh", "-c", "echo ready; sleep 1000"])
        .spawn();
    running.expect("ready");
    let init = harness::contents(&pid_file).parse().unwrap();
    nix::sys::signal::kill(nix::unistd::Pid::from_raw(init), Signal::SIGKILL).unwrap();
    running.wait().assert_code(137);
    std::fs::remove_file(pid_file).unwrap();
    census.assert_unchanged();
}

fn a_burst_of_signals_does_not_stop_it() {
    let script = "$| = 1; $n = 0; $SIG{USR1} = sub { $n++ }; $SIG{TERM} = sub { exit($n > 0 ? 9 : 1) }; print \"ready\\n\"; sleep 1 while 1;";
    let running = container(&["--", "perl", "-e", script]).spawn();
    running.expect("ready");
    for _ in 0..1000 {
        running.signal(libc::SIGUSR1);
    }
    // Signals of one number may melt into one, but the last of all must come.
    std::thread::sleep(Duration::from_millis(100));
    running.signal(libc::SIGTERM);
    running.wait().assert_code(9);
}

/// Who ignores SIGCHLD has no children to wait for, and a program inherits that (wait(2), NOTES).
fn an_ignored_sigchld_is_no_hindrance() {
    // perl, for dash's trap spares SIGCHLD.
    Run::new("perl")
        .args(["-e", "$SIG{CHLD} = 'IGNORE'; exec @ARGV"])
        .arg(bin("namespaces"))
        .args(["run", "--", "sh", "-c", "true & wait; exit 6"])
        .output()
        .assert_code(6);
}
