//! The runner and the terminal, tried on programs that every machine has.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::time::Duration;

use harness::Run;

fn sh(script: &str) -> Run {
    Run::new("sh").args(["-c", script])
}

#[test]
fn it_tells_code_signal_and_both_outputs() {
    let output = sh("echo out; echo err >&2; exit 3").output().assert_code(3);
    assert_eq!(
        (output.out().as_str(), output.err().as_str()),
        ("out\n", "err\n")
    );
    let output = sh("kill -TERM $$").output();
    assert_eq!((output.code, output.signal), (None, Some(15)));
}

#[test]
fn the_environment_is_the_same_for_all() {
    let output = Run::new("env").env("X", "1").output();
    let mut names: Vec<_> = output
        .out()
        .lines()
        .map(|line| line.split('=').next().unwrap().to_owned())
        .collect();
    names.sort();
    assert_eq!(
        names,
        [
            "DRYDOCK_ROOT",
            "DRYDOCK_RUN",
            "HOME",
            "LANG",
            "PATH",
            "TERM",
            "TMPDIR",
            "X"
        ]
    );
}

#[test]
fn arguments_and_input_are_bytes() {
    let output = Run::new("printf")
        .arg("%s")
        .arg(OsStr::from_bytes(b"\xff\n"))
        .output();
    assert_eq!(output.stdout, b"\xff\n");
    let much = vec![0xfe; 1 << 20];
    assert_eq!(Run::new("cat").stdin(much.clone()).output().stdout, much);
}

#[test]
fn a_prologue_prepares_the_process() {
    sh("test ! -e /proc/self/fd/0 && test -e /proc/self/fd/7")
        .after("exec 7</etc/passwd")
        .after("exec <&-")
        .output()
        .assert_code(0);
}

#[test]
fn the_limit_ends_the_whole_tree() {
    let output = sh("setsid sh -c 'echo $$; exec sleep 1000' & wait")
        .timeout(Duration::from_millis(300))
        .may_time_out()
        .output();
    assert!(output.timed_out);
    assert!(
        output.duration < Duration::from_secs(5),
        "{:?}",
        output.duration
    );
    let sleeper = output.out();
    assert!(
        !Path::new("/proc").join(sleeper.trim()).join("exe").exists(),
        "{sleeper} lives"
    );
}

#[test]
fn a_descendant_that_holds_the_output_is_found() {
    let output = sh("setsid sleep 1000 &")
        .timeout(Duration::from_millis(300))
        .may_time_out()
        .output();
    assert!(output.timed_out);
    assert_eq!(output.code, Some(0));
}

#[test]
fn input_can_come_bit_by_bit() {
    let mut running = sh("read a; echo got $a; read b; echo end")
        .open_stdin()
        .spawn();
    running.write(b"one\n");
    running.expect("got one");
    running.close_stdin();
    assert_eq!(running.wait().assert_code(0).out(), "got one\nend\n");
}

#[test]
fn a_terminal_is_one() {
    let terminal = sh("tty; stty size; read x; echo \"<$x>\"; stty size").under_pty();
    assert!(terminal.expect("24 80").contains("/dev/pts/"));
    terminal.resize(50, 132);
    terminal.send("hello\r");
    terminal.expect("<hello>");
    terminal.expect("50 132");
    terminal.wait().assert_code(0);
}

#[test]
fn keys_of_a_terminal_are_signals() {
    let terminal = sh("trap 'echo int; exit 9' INT; echo ready; sleep 100 & wait").under_pty();
    terminal.expect("ready");
    terminal.send("\x03");
    terminal.expect("int");
    terminal.wait().assert_code(9);
}

#[test]
fn a_closed_terminal_hangs_up() {
    // Under `nohup` it would be ignored, and by what we start too.
    kit::sys::process::reset_signals(&[libc::SIGPIPE]).unwrap();
    let mut terminal = sh("echo ready; exec sleep 100").under_pty();
    terminal.expect("ready");
    terminal.close();
    assert!(terminal.ends_within(Duration::from_secs(5)));
    assert_eq!(terminal.wait().signal, Some(1));
}

#[test]
#[should_panic(expected = "ran out of time")]
fn a_run_that_may_not_take_so_long_is_a_failure() {
    let _ = sh("sleep 100").timeout(Duration::from_millis(100)).output();
}
