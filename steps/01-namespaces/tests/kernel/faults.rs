//! SIGKILL at each point of the start, to each process of it: nothing is left, and who survives says what happened.

use harness::faults::{Fault, Role, for_each_syscall};
use harness::{Census, Need, Run, Test, example, test};

use crate::{ROOT, container};

pub(crate) fn tests() -> Vec<Test> {
    let mut tests = Vec::new();
    for (name, options) in OPTIONS {
        for role in [Role::Parent, Role::Child, Role::Command] {
            if role == Role::Command && options.contains(&"--no-init") {
                continue;
            }
            let needs: &[Need] = if options.contains(&"--userns") {
                USER
            } else {
                ROOT
            };
            let title = format!("{role:?}_killed_at_each_call_{name}").to_lowercase();
            tests.push(test(title, needs, move || {
                killed_at_each_call(role, options)
            }));
        }
    }
    for lifetime in [&[][..], &["--with-parent"]] {
        for role in [
            Role::Verb("create"),
            Role::Child,
            Role::Verb("start"),
            Role::Verb("undo"),
        ] {
            // It does the same whatever the lifetime was.
            if role == Role::Verb("undo") && !lifetime.is_empty() {
                continue;
            }
            let verb = match role {
                Role::Verb(verb) => verb,
                _ => "child",
            };
            let title = format!("{verb}_killed_at_each_call_of_a_life{}", lifetime.concat());
            tests.push(test(
                title.replace("--", "_").replace('-', "_"),
                ROOT,
                move || killed_in_a_life(role, lifetime),
            ));
        }
    }
    tests
}

const USER: &[Need] = &[Need::Root, Need::UserNamespaces];

/// The ways to start that differ in their system calls.
const OPTIONS: [(&str, &[&str]); 4] = [
    ("plain", &[]),
    ("without_init", &["--no-init"]),
    ("in_a_user_namespace", &["--userns", "--boottime", "1"]),
    ("with_a_terminal", &["-t"]),
];

fn killed_at_each_call(role: Role, options: &'static [&'static str]) {
    let census = Census::take();
    let start = || -> Run { container(options).args(["--", "/bin/true"]) };
    let count = for_each_syscall(role, start, |fault| {
        match role {
            Role::Parent => assert_eq!(fault.output.signal, Some(libc::SIGKILL), "{fault:?}"),
            _ => parent_says_so(fault),
        }
        let left = census.changes();
        assert!(left.is_empty(), "left behind by {fault:?}: {left:?}");
    });
    let least = if role == Role::Command { 3 } else { 8 };
    assert!(count >= least, "only {count} points were tried");
}

/// The survivor reports one error, or, if the command was as good as started, how it ended.
fn parent_says_so(fault: &Fault) {
    let error = fault.output.err();
    let lines: Vec<&str> = error.lines().collect();
    match (fault.output.code, lines.as_slice()) {
        (Some(137), []) => {}
        (Some(125), [first, rest @ ..]) => {
            assert!(first.starts_with("namespaces: "), "{fault:?}");
            assert!(
                matches!(rest, [] | [_]) && rest.iter().all(|line| line.starts_with("hint: ")),
                "{fault:?}"
            );
        }
        _ => panic!("neither 125 with an error nor 137: {fault:?}"),
    }
}

/// Whoever of those that create, start and undo a container dies, and whenever: one more `undo`, and nothing is left.
fn killed_in_a_life(role: Role, lifetime: &'static [&'static str]) {
    let directory = crate::lifecycle::directory("box");
    let census = Census::take();
    let script = || {
        Run::new("sh")
            .args(["-c", LIFE, "sh"])
            .args([&example("namespaces-lifecycle"), &directory])
            .args(lifetime)
    };
    let count = for_each_syscall(role, script, |fault| {
        let left = census.changes();
        assert!(left.is_empty(), "left behind by {fault:?}: {left:?}");
        // A starter that has died has started the container, or another can; and its command is never lost.
        let is_run = matches!(role, Role::Verb("start" | "undo"));
        assert!(!is_run || fault.output.out() == "ran\n", "{fault:?}");
    });
    assert!(count >= 20, "only {count} points were tried");
}

/// A creator with which the container lives goes on beside the others; one that dies closes the pipe, and so does the
/// container with it.
const LIFE: &str = r#"
    program=$1 box=$2 option=$3
    others() {
        "$program" start "$box" 2>/dev/null
        "$program" start "$box" 2>/dev/null
        "$program" wait "$box" 2>/dev/null
        "$program" undo "$box" 2>/dev/null
        "$program" undo "$box"
        rmdir "$box.ran" 2>/dev/null && echo ran
    }
    case $option in
    '') "$program" create "$box" mkdir "$box.ran" >/dev/null 2>&1; others ;;
    *) "$program" create $option "$box" mkdir "$box.ran" 2>/dev/null | { read -r pid; others; } ;;
    esac
"#;
