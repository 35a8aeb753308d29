//! `lab trace` as a user has it: its forms, its exit codes, and what can go wrong.

use std::fs;
use std::hint::black_box;
use std::os::unix::fs::PermissionsExt;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use harness::{Need, Output, Run, bin, directory, test};
use serde_json::Value;

fn main() -> ExitCode {
    let root = &[Need::Root];
    harness::run_with_all_programs(
        "lab trace",
        vec![
            test("the_exit_code_is_the_command_s", &[], exit_codes),
            test(
                "a_command_that_cannot_be_started_says_why",
                &[],
                cannot_start,
            ),
            test("stdout_holds_the_trace_and_nothing_else", &[], streams),
            test("json_is_what_the_schema_says", root, json),
            test("the_page_stands_alone_and_has_every_call", root, page),
            test("normalised_is_the_same_twice", root, normalised),
            test("all_has_more_than_the_container_s_calls", &[], all),
            test(
                "a_set_user_id_program_loses_its_privilege_and_the_trace_says_so",
                &[Need::Root, Need::Program("su")],
                setuid,
            ),
            test(
                "under_another_tracer_it_says_so",
                &[Need::Program("strace")],
                traced,
            ),
            test(
                "a_signal_reaches_the_command_and_not_only_us",
                &[],
                signalled,
            ),
            test(
                "a_reader_who_goes_away_does_not_end_the_command",
                &[],
                reader,
            ),
            test("on_a_terminal_lines_fit_and_have_colours", root, terminal),
            test("without_a_terminal_lines_are_whole", root, whole_lines),
            test("a_marker_costs_nothing", &[], marker_cost).alone(),
        ],
    )
}

fn trace(arguments: &[&str]) -> Output {
    Run::new(bin("lab")).arg("trace").args(arguments).output()
}

fn namespaces() -> String {
    bin("namespaces").to_str().unwrap().to_owned()
}

fn exit_codes() {
    for (script, code) in [
        ("exit 0", 0),
        ("exit 7", 7),
        ("kill -9 $$", 137),
        ("kill -SEGV $$", 139),
    ] {
        trace(&["--", "sh", "-c", script]).assert_code(code);
    }
    let output = trace(&["--", "sh", "-c", "kill -9 $$"]);
    assert!(
        output.out().contains("killed by SIGKILL"),
        "{}",
        output.out()
    );
}

fn cannot_start() {
    let script = directory().join("script");
    fs::write(&script, "#!/no/such/interpreter\n").unwrap();
    fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).unwrap();
    for (program, code, part) in [
        ("/no/such/program", 127, "there is no such program"),
        ("no-such-program", 127, "there is no such program"),
        ("/etc/passwd", 126, "chmod +x"),
        (script.to_str().unwrap(), 126, "interpreter"),
        ("/", 126, "EACCES"),
    ] {
        let output = trace(&["--", program]).assert_code(code);
        assert!(output.err().contains(part), "{program}: {}", output.err());
        assert_eq!(
            output
                .err()
                .lines()
                .filter(|line| line.starts_with("lab: "))
                .count(),
            1,
            "one message"
        );
    }
    assert!(trace(&[]).err().contains("CMD"));
}

fn streams() {
    let output = trace(&["--", "sh", "-c", "echo said; echo wailed >&2"]).assert_code(0);
    assert!(output.err().contains("said") && output.err().contains("wailed"));
    assert!(
        output.out().lines().all(|line| line.starts_with("parent")),
        "{}",
        output.out()
    );
    let file = directory().join("trace");
    let output = trace(&["--output", file.to_str().unwrap(), "--", "echo", "said"]).assert_code(0);
    assert_eq!(
        output.out(),
        "said\n",
        "with a file for the trace, stdout is the command's"
    );
    assert!(fs::read_to_string(file).unwrap().contains("execve("));
}

fn json() {
    let output = trace(&["--json", "--", &namespaces(), "run", "true"]).assert_code(0);
    let trace: Value = serde_json::from_str(&output.out()).unwrap();
    let schema: Value =
        serde_json::from_str(&self::trace(&["--schema"]).assert_code(0).out()).unwrap();
    for name in schema["required"].as_array().unwrap() {
        assert!(trace.get(name.as_str().unwrap()).is_some(), "{name}");
    }
    let roles: Vec<_> = trace["processes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|process| process["role"].as_str().unwrap())
        .collect();
    assert_eq!(roles, ["parent", "init", "command"]);
    // What was written can be read back as what it was.
    let read: trace::Trace = serde_json::from_str(&output.out()).unwrap();
    assert_eq!(serde_json::to_value(&read).unwrap(), trace);
    read.assert_before("parent: clone3(…CLONE_NEWPID…)", "init: sethostname");
}

fn page() {
    let file = directory().join("trace.html");
    trace(&[
        "--html",
        file.to_str().unwrap(),
        "--",
        &namespaces(),
        "run",
        "true",
    ])
    .assert_code(0);
    let page = fs::read_to_string(&file).unwrap();
    for part in [
        "<b>clone3</b>(",
        "<b>mount_setattr</b>(",
        "namespaces: enter",
        "prefers-color-scheme: dark",
        "width=device-width",
    ] {
        assert!(page.contains(part), "{part}");
    }
    for request in ["src=", "href=", "url(", "@import", "<script"] {
        assert!(
            !page.contains(request),
            "the page asks for something: {request}"
        );
    }
}

fn normalised() {
    let once = || {
        trace(&["--normalise", "--", &namespaces(), "run", "true"])
            .assert_code(0)
            .out()
    };
    assert_eq!(once(), once());
}

fn all() {
    let few = trace(&["--", "true"]).assert_code(0).out().lines().count();
    let every = trace(&["--all", "--", "true"]).assert_code(0).out();
    assert!(every.lines().count() > few + 10, "{every}");
    assert!(
        every.contains("mmap(NULL") || every.contains("brk(NULL)"),
        "{every}"
    );
}

fn setuid() {
    // A program of root's that says who it is, with the bit.
    let place = directory().join("id");
    fs::copy("/usr/bin/id", &place).unwrap();
    fs::set_permissions(&place, fs::Permissions::from_mode(0o4755)).unwrap();
    let words = ["trace", "--", place.to_str().unwrap(), "-u"];
    let output = Run::new(bin("lab"))
        .args(words)
        .user(65534)
        .output()
        .assert_code(0);
    assert!(
        output.err().contains("runs without its privileges"),
        "{}",
        output.err()
    );
    assert!(
        output.err().contains("65534"),
        "and it did: {}",
        output.err()
    );
    let output = Run::new(bin("lab")).args(words).output().assert_code(0);
    assert!(
        !output.err().contains("privileges"),
        "root's tracer takes nothing away: {}",
        output.err()
    );
}

fn traced() {
    let output = Run::new("strace")
        .args(["-f", "-o", "/dev/null"])
        .arg(bin("lab"))
        .args(["trace", "--", "true"])
        .output()
        .assert_code(125);
    assert!(
        output.err().contains("a process has one tracer"),
        "{}",
        output.err()
    );
}

fn signalled() {
    let script = "trap 'echo got it; exit 5' TERM; echo ready; while :; do sleep 0.05; done";
    let running = Run::new(bin("lab"))
        .args(["trace", "--output", "/dev/null", "--", "sh", "-c", script])
        .spawn();
    running.expect("ready");
    running.signal(15);
    let output = running.wait().assert_code(5);
    assert!(output.out().contains("got it"));
}

fn reader() {
    let file = directory().join("done");
    let script = format!(
        "for i in $(seq 300); do /bin/true; done; touch {}",
        file.display()
    );
    let lab = bin("lab");
    let pipe = format!("{} trace -- sh -c '{script}' | head -n 1", lab.display());
    let output = Run::new("sh").args(["-c", &pipe]).output().assert_code(0);
    assert_eq!(output.out().lines().count(), 1);
    // The shell waits for all of the pipe, so the command has had its time.
    assert!(file.exists(), "the command went on to its end");
}

fn terminal() {
    let terminal = Run::new(bin("lab"))
        .args(["trace", "--", &namespaces(), "run", "true"])
        .under_pty();
    terminal.resize(24, 60);
    let text = terminal.wait().assert_code(0).out();
    assert!(text.contains("\u{1b}["), "colours: {text}");
    let plain = stripped(&text);
    // The first lines may come before the new size.
    let long: Vec<_> = plain
        .lines()
        .filter(|line| line.trim_end().chars().count() > 80)
        .collect();
    assert!(long.is_empty(), "{long:#?}");
    let quiet = Run::new(bin("lab"))
        .args(["trace", "--", "true"])
        .env("NO_COLOR", "1")
        .under_pty();
    assert!(!quiet.wait().out().contains("\u{1b}["));
}

/// Without the escapes for colours.
fn stripped(text: &str) -> String {
    let mut parts = text.split("\u{1b}[");
    let first = parts.next().unwrap_or_default().to_owned();
    first
        + &parts
            .map(|part| part.split_once('m').map_or(part, |(_, rest)| rest))
            .collect::<String>()
}

fn whole_lines() {
    let text = trace(&["--", &namespaces(), "run", "true"])
        .assert_code(0)
        .out();
    assert!(!text.contains('\u{1b}'));
    assert!(
        text.lines().any(|line| line.contains("clone3(")
            && line.contains("CLONE_NEWNET")
            && line.ends_with("(init)")),
        "{text}"
    );
}

/// A marker is a `nop` and the loading of four registers: less than any system call, lock or write that somebody might
/// put there, however slow the machine.
fn marker_cost() {
    let marker = time(|| kit::marker(black_box("mechanism"), black_box("moment")));
    let call = time(|| {
        black_box(nix::unistd::getppid());
    });
    assert!(
        marker * 2 < call,
        "a million markers took {marker:?}, as many system calls {call:?}"
    );
}

fn time(act: impl Fn()) -> Duration {
    let start = Instant::now();
    for _ in 0..1_000_000 {
        act();
    }
    start.elapsed()
}
