//! The tracer on programs that are not ours, also on bad ones.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, ExitCode, Stdio};

use harness::{Need, directory, test};
use trace::{End, Event, Outcome, Selection, Trace, Tracer};

fn main() -> ExitCode {
    harness::run(
        "trace tracer",
        vec![
            test(
                "children_are_followed_and_cause_comes_before_effect",
                &[],
                children,
            ),
            test(
                "the_result_is_what_strace_says",
                &[Need::Program("strace")],
                as_strace,
            ),
            test("a_death_by_signal_is_an_end", &[], killed),
            test("a_command_that_is_not_there_is_127", &[], not_there),
            test(
                "a_command_that_cannot_be_executed_is_126",
                &[],
                not_executable,
            ),
            test("a_stopped_process_can_be_continued", &[], stopped),
            test("a_program_with_threads_has_one_process", &[], threads),
            test(
                "a_call_interrupted_and_restarted_is_one_call",
                &[],
                restarted,
            ),
            test(
                "namespaces_of_unshare_have_an_init",
                &[Need::Root, Need::Program("unshare")],
                unshare,
            ),
            test("much_is_not_too_much", &[], much),
            test(
                "a_proc_of_other_pids_is_refused",
                &[Need::Root, Need::Program("unshare")],
                foreign_proc,
            ),
            test(
                "several_tracers_at_once_do_not_take_each_others_children",
                &[],
                several,
            ),
            test(
                "a_call_that_fails_is_kept_if_failures_are_asked_for",
                &[],
                failures,
            ),
        ],
    )
}

fn sh(script: &str) -> Tracer {
    let mut command = Command::new("/bin/sh");
    command
        .args(["-c", script])
        .stdin(Stdio::null())
        .stdout(Stdio::null());
    Tracer::new(command)
}

fn code(trace: &Trace) -> Option<u8> {
    trace.end.map(End::exit_code)
}

fn children() {
    let trace = sh("/bin/true; exit 3").run().unwrap();
    assert_eq!(code(&trace), Some(3));
    let roles: Vec<_> = trace
        .processes
        .iter()
        .map(|process| process.role.as_str())
        .collect();
    assert_eq!(roles, ["parent", "process 2"]);
    trace.assert_before(
        "parent: execve(\"/bin/sh\", …)",
        "process 2: execve(\"/bin/true\", [\"/bin/true\"], …)",
    );
    let ends: Vec<_> = trace
        .events
        .iter()
        .filter(|event| matches!(event, Event::Ended { .. }))
        .collect();
    assert_eq!(ends.len(), 2);
    // The fork's result is known as the process that it has made.
    let made = trace.calls().find_map(|call| match call.outcome {
        Outcome::Returned { pid: Some(pid), .. } => Some(pid),
        _ => None,
    });
    assert_eq!(made, Some(trace.processes[1].pid));
}

/// The same program under strace and under us: the same calls with the same results, in the same order.
fn as_strace() {
    let script =
        "cd /tmp; umask 022; echo x >/dev/null; cat /no-such-file 2>/dev/null; exec /bin/true";
    let output = directory().join("strace");
    let status = Command::new("strace")
        .args(["-f", "-qq", "-e", "signal=none", "-s", "100", "-o"])
        .arg(&output)
        .args(["/bin/sh", "-c", script])
        .status()
        .unwrap();
    assert!(status.success());
    let theirs = fs::read_to_string(&output).unwrap();
    let trace = sh(script).select(Selection::All).run().unwrap();
    // `123 openat(AT_FDCWD, …) = 3`, where some calls are cut in two.
    let name_and_errno = |line: &str| {
        let call = line.trim_start_matches(|c: char| c.is_ascii_digit() || c == ' ');
        let call = call.strip_prefix("<... ").unwrap_or(call);
        let name = call.split(['(', ' ']).next().unwrap_or_default().to_owned();
        let errno = line
            .split(" = -1 ")
            .nth(1)
            .and_then(|rest| rest.split(' ').next())
            .unwrap_or_default();
        format!("{name} {errno}")
    };
    // The second half stands where it returned, as with us.
    let theirs: Vec<_> = theirs
        .lines()
        .filter(|line| !line.ends_with("<unfinished ...>") && !line.contains("+++"))
        .map(name_and_errno)
        .collect();
    let ours: Vec<_> = trace
        .calls()
        .map(|call| format!("{} {}", call.name, call.errno().unwrap_or_default()))
        .collect();
    // Two processes are interleaved by chance; each call stands in both as often.
    let sorted = |mut calls: Vec<String>| {
        calls.retain(|call| !call.starts_with("exit_group") && !call.starts_with("wait4"));
        calls.sort();
        calls
    };
    assert!(ours.len() > 60, "{}", ours.len());
    assert_eq!(sorted(ours), sorted(theirs));
}

fn killed() {
    let trace = sh("kill -SEGV $$").run().unwrap();
    assert_eq!(trace.end, Some(End::Killed { signal: 11 }));
    assert_eq!(code(&trace), Some(139));
}

fn refused(tracer: Tracer) -> kit::Error {
    tracer.run().expect_err("it cannot be started")
}

fn not_there() {
    for name in ["/no/such/program", "no-such-program"] {
        let error = refused(Tracer::new(Command::new(name)));
        assert_eq!(error.exit_code(), 127, "{error}");
        assert!(
            error.to_string().contains("ENOENT") && error.hint_text().is_some(),
            "{error}"
        );
    }
}

fn not_executable() {
    let script = directory().join("script");
    fs::write(&script, "#!/no/such/interpreter\n").unwrap();
    let error = refused(Tracer::new(Command::new(&script)));
    assert_eq!(
        (
            error.exit_code(),
            error.hint_text().unwrap().contains("chmod")
        ),
        (126, true)
    );
    fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).unwrap();
    let error = refused(Tracer::new(Command::new(&script)));
    assert_eq!(
        (
            error.exit_code(),
            error.hint_text().unwrap().contains("interpreter")
        ),
        (126, true)
    );
}

fn stopped() {
    let trace = sh("(sleep 0.2; kill -CONT $$) & kill -STOP $$; exit 4")
        .run()
        .unwrap();
    assert_eq!(code(&trace), Some(4));
    // It stood still: the exit came after the other's kill.
    trace.assert_before("process 2: kill(…SIGCONT)", "parent: exit_group(4)");
}

fn threads() {
    // This program itself, which libtest-mimic lists with a thread pool; `--list` starts none, so a test is run.
    let mut command = Command::new(std::env::current_exe().unwrap());
    command
        .args([
            "--exact",
            "a_death_by_signal_is_an_end",
            "--test-threads",
            "2",
        ])
        .stdout(Stdio::null());
    let error_or_trace = Tracer::new(command).select(Selection::All).run().unwrap();
    let threads: std::collections::BTreeSet<_> = error_or_trace
        .calls()
        .filter(|call| call.process == 0)
        .map(|call| call.thread)
        .collect();
    assert!(threads.len() > 1, "the program under trace has threads");
    // A tracer cannot trace what is traced, and says so.
    assert_eq!(code(&error_or_trace), Some(101));
}

fn restarted() {
    // SIGWINCH is ignored, and interrupts nothing; SIGSTOP and SIGCONT make nanosleep begin again.
    let trace = sh("sleep 0.3 & p=$!; sleep 0.1; kill -STOP $p; kill -CONT $p; wait $p; exit $?")
        .select(Selection::All)
        .run()
        .unwrap();
    assert_eq!(code(&trace), Some(0));
    let unknown: Vec<_> = trace
        .calls()
        .filter(|call| call.errno() == Some("UnknownErrno"))
        .collect();
    assert!(unknown.is_empty(), "{unknown:#?}");
}

fn unshare() {
    let mut command = Command::new("unshare");
    command
        .args(["--pid", "--fork", "/bin/sh", "-c", "/bin/true; exit 0"])
        .stdout(Stdio::null());
    let trace = Tracer::new(command).run().unwrap();
    let roles: Vec<_> = trace
        .processes
        .iter()
        .map(|process| process.role.as_str())
        .collect();
    assert_eq!(roles, ["parent", "init", "command"]);
}

fn much() {
    let mut count = 0u32;
    let mut count_them = |_: &[trace::Process], _| count += 1;
    let tracer =
        sh("i=0; while [ $i -lt 20000 ]; do echo $i; i=$((i+1)); done").select(Selection::All);
    let trace = tracer.watch(&mut count_them).unwrap();
    assert_eq!(code(&trace), Some(0));
    assert!(trace.events.is_empty() && count > 20_000, "{count}");
}

fn foreign_proc() {
    // This program as PID 1, whose /proc is the outer one.
    let output = Command::new("unshare")
        .args(["--pid", "--fork"])
        .arg(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "a_death_by_signal_is_an_end",
            "--test-threads",
            "1",
        ])
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(said.contains("does not show this PID namespace"), "{said}");
}

fn several() {
    let tracers: Vec<_> = (0..4u8)
        .map(|number| {
            std::thread::spawn(move || sh(&format!("/bin/true; exit {number}")).run().unwrap())
        })
        .collect();
    for (number, tracer) in tracers.into_iter().enumerate() {
        let trace = tracer.join().unwrap();
        assert_eq!(code(&trace), Some(number as u8));
        assert_eq!(trace.processes.len(), 2);
    }
}

fn failures() {
    let script = "cat /no-such-file 2>/dev/null; exit 0";
    assert!(!sh(script).run().unwrap().contains("openat = ENOENT"));
    let trace = sh(script).select(Selection::Failures).run().unwrap();
    assert!(trace.contains("openat(AT_FDCWD, \"/no-such-file\", …) = ENOENT"));
}
