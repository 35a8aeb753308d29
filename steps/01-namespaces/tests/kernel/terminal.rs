//! `-t`: a terminal of the container's own, driven from ours, which is given back as it was.

use std::time::Duration;

use harness::{Census, Terminal, Test, test};
use nix::sys::termios::{LocalFlags, Termios};

use crate::{ROOT, container};

const SOON: Duration = Duration::from_secs(10);

pub(crate) fn tests() -> Vec<Test> {
    vec![
        test(
            "the_command_has_a_terminal_of_its_own",
            ROOT,
            the_command_has_a_terminal_of_its_own,
        ),
        test(
            "the_window_size_is_that_of_any_of_our_streams",
            ROOT,
            the_window_size_is_that_of_any_of_our_streams,
        ),
        test(
            "the_window_size_is_passed_on",
            ROOT,
            the_window_size_is_passed_on,
        ),
        test("ctrl_c_is_the_commands", ROOT, ctrl_c_is_the_commands),
        test("ctrl_d_ends_the_input", ROOT, ctrl_d_ends_the_input),
        test(
            "our_terminal_is_raw_meanwhile_and_given_back",
            ROOT,
            our_terminal_is_raw_meanwhile_and_given_back,
        ),
        test(
            "our_terminal_is_given_back_after_a_failure",
            ROOT,
            our_terminal_is_given_back_after_a_failure,
        ),
        test("all_output_is_shown", ROOT, all_output_is_shown),
        test(
            "output_of_the_shortest_command_is_shown",
            ROOT,
            output_of_the_shortest_command_is_shown,
        ),
        test(
            "the_last_output_is_shown_too",
            ROOT,
            the_last_output_is_shown_too,
        ),
        test(
            "a_closed_terminal_ends_the_container",
            ROOT,
            a_closed_terminal_ends_the_container,
        ),
        test(
            "a_closed_terminal_ends_a_command_that_ignores_it",
            ROOT,
            a_closed_terminal_ends_a_command_that_ignores_it,
        ),
        test(
            "a_killed_parent_ends_the_container_with_a_terminal",
            ROOT,
            a_killed_parent_ends_it,
        ),
        test(
            "a_terminal_without_input_needs_none_of_ours",
            ROOT,
            a_terminal_without_input_needs_none_of_ours,
        ),
        test(
            "a_terminal_with_input_needs_ours",
            ROOT,
            a_terminal_with_input_needs_ours,
        ),
        test(
            "without_t_a_terminal_is_no_terminal_of_the_containers",
            ROOT,
            without_t_no_terminal,
        ),
    ]
}

fn shell(script: &str) -> Terminal {
    container(&["-it", "--", "sh", "-c", script]).under_pty()
}

/// What can be compared of a terminal's settings.
fn modes(settings: &Termios) -> (u32, u32, u32, u32) {
    (
        settings.input_flags.bits(),
        settings.output_flags.bits(),
        settings.control_flags.bits(),
        settings.local_flags.bits(),
    )
}

fn the_command_has_a_terminal_of_its_own() {
    let terminal = shell(
        "tty; echo term $TERM; echo through >/dev/tty; test -t 0 && test -t 1 && test -t 2 && cut -d' ' -f6,8 /proc/self/stat",
    );
    terminal.expect("/dev/pts/");
    terminal.expect("term xterm");
    terminal.expect("through");
    // The session's foreground process group is the command's own, so this is its controlling terminal.
    terminal.expect("2 2");
    terminal.wait().assert_code(0);
}

fn the_window_size_is_passed_on() {
    let terminal =
        shell("trap 'stty size' WINCH; stty size; echo ready; while :; do sleep 0.02; done");
    terminal.expect("24 80");
    terminal.expect("ready");
    terminal.resize(50, 132);
    terminal.expect("50 132");
    terminal.signal(libc::SIGTERM);
    terminal.wait().assert_code(143);
}

/// Without `-i`, standard input need not be the terminal.
fn the_window_size_is_that_of_any_of_our_streams() {
    let script = "trap 'stty size' WINCH; stty size; echo ready; while :; do sleep 0.02; done";
    let run = container(&["-t", "--", "sh", "-c", script]);
    let terminal = run.after("exec </dev/null").under_pty();
    terminal.expect("24 80");
    terminal.expect("ready");
    terminal.resize(50, 132);
    terminal.expect("50 132");
    terminal.signal(libc::SIGTERM);
    terminal.wait().assert_code(143);
}

fn ctrl_c_is_the_commands() {
    let terminal =
        shell("trap 'echo caught; exit 9' INT; echo ready; while :; do sleep 0.02; done");
    terminal.expect("ready");
    terminal.send("\x03");
    terminal.expect("caught");
    terminal.wait().assert_code(9);

    let terminal = container(&["-it", "--", "sleep", "100"]).under_pty();
    wait_until(|| !terminal.settings().local_flags.contains(LocalFlags::ICANON));
    terminal.send("\x03");
    terminal.wait().assert_code(130);
}

fn ctrl_d_ends_the_input() {
    let terminal = shell("echo ready; cat; echo end; exit 4");
    // With its line end: an echo may come between the two.
    terminal.expect("ready\r\n");
    terminal.send("line\r");
    terminal.expect("line\r\nline\r\n");
    terminal.send("\x04");
    terminal.expect("end");
    terminal.wait().assert_code(4);
}

fn wait_until(condition: impl Fn() -> bool) {
    harness::eventually(|| condition().then_some(()));
}

/// A shell of ours that runs the container, so that the terminal outlives it.
fn around(script: &str) -> Terminal {
    let run = crate::host(script).env("BIN", harness::bin("namespaces"));
    run.under_pty()
}

fn our_terminal_is_raw_meanwhile_and_given_back() {
    let terminal = around(
        "echo one; read x; \"$BIN\" run -it -- sh -c 'echo two; read x'; echo three $?; read x",
    );
    terminal.expect("one");
    let before = modes(&terminal.settings());
    terminal.send("\r");
    terminal.expect("two");
    wait_until(|| {
        !terminal
            .settings()
            .local_flags
            .intersects(LocalFlags::ICANON | LocalFlags::ECHO | LocalFlags::ISIG)
    });
    terminal.send("\r");
    terminal.expect("three 0");
    assert_eq!(modes(&terminal.settings()), before);
    terminal.send("\r");
    terminal.wait().assert_code(0);
}

fn our_terminal_is_given_back_after_a_failure() {
    for (command, code) in [("no-such-command", 127), ("sh -c 'kill -KILL $$'", 137)] {
        let terminal = around(&format!(
            "echo one; read x; \"$BIN\" run -it -- {command}; echo three $?; read x"
        ));
        terminal.expect("one");
        let before = modes(&terminal.settings());
        terminal.send("\r");
        terminal.expect(&format!("three {code}"));
        assert_eq!(modes(&terminal.settings()), before, "{command}");
        terminal.send("\r");
        terminal.wait().assert_code(0);
    }
}

fn all_output_is_shown() {
    let output = shell("seq 1 20000").wait().assert_code(0);
    let expected: Vec<String> = (1..=20000).map(|n| n.to_string()).collect();
    assert!(
        output.out().lines().eq(expected.iter().map(String::as_str)),
        "{} bytes came",
        output.stdout.len()
    );
}

/// The command may have ended before the parent has looked at its terminal for the first time.
fn output_of_the_shortest_command_is_shown() {
    for _ in 0..100 {
        let terminal = container(&["-it", "--", "echo", "short"]).under_pty();
        assert_eq!(terminal.wait().assert_code(0).out(), "short\r\n");
    }
}

/// The container may end with something left on its terminal: less than one piece that is shown at a time, or more than
/// one read takes.
fn the_last_output_is_shown_too() {
    for last in [1, 1000, 1500] {
        let terminal = shell(&format!("echo ready; sleep 0.3; seq 1 {last}"));
        terminal.expect("ready");
        terminal.signal(libc::SIGSTOP);
        let parent = terminal.pid();
        let children = format!("/proc/{parent}/task/{parent}/children");
        let init = std::fs::read_to_string(children).unwrap();
        let stat = format!("/proc/{}/stat", init.trim());
        wait_until(|| std::fs::read_to_string(&stat).unwrap().contains(") Z "));
        terminal.signal(libc::SIGCONT);
        let output = terminal.wait().assert_code(0).out();
        assert!(
            output.ends_with(&format!("\n{last}\r\n")),
            "{} bytes came",
            output.len()
        );
    }
}

fn a_closed_terminal_ends_the_container() {
    let census = Census::take();
    let mut terminal = shell("echo ready; sleep 1000");
    terminal.expect("ready");
    terminal.close();
    assert!(terminal.ends_within(SOON));
    terminal.wait();
    census.assert_unchanged();
}

fn a_closed_terminal_ends_a_command_that_ignores_it() {
    let census = Census::take();
    let mut terminal = shell("trap '' HUP; echo ready; cat; echo cat ended");
    terminal.expect("ready");
    terminal.close();
    // It gets end of file where it reads, as it would from a terminal of its own.
    assert!(terminal.ends_within(SOON));
    terminal.wait();
    census.assert_unchanged();
}

fn a_killed_parent_ends_it() {
    let census = Census::take();
    let terminal = shell("trap '' HUP; echo ready; sleep 1000");
    terminal.expect("ready");
    terminal.signal(libc::SIGKILL);
    terminal.wait();
    census.assert_unchanged();
}

fn a_terminal_without_input_needs_none_of_ours() {
    let output = container(&["-t", "--", "sh", "-c", "tty; test -t 1 && echo yes"])
        .output()
        .assert_code(0);
    assert!(
        output.out().contains("/dev/pts/") && output.out().contains("yes"),
        "{output}"
    );
}

fn a_terminal_with_input_needs_ours() {
    let output = container(&["-it", "--", "true"])
        .stdin("x")
        .output()
        .assert_code(125);
    assert!(
        output
            .err()
            .starts_with("namespaces: the input device is not a terminal\nhint: "),
        "{output}"
    );
}

fn without_t_no_terminal() {
    // Its output still goes to our terminal, but it cannot take it, or push keys into it (TIOCSTI).
    let terminal = container(&[
        "-i",
        "--",
        "sh",
        "-c",
        "exec 2>/dev/null; echo </dev/tty || echo none",
    ])
    .under_pty();
    terminal.expect("none");
    terminal.wait().assert_code(0);
}
