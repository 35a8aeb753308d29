//! SIGKILL at each point of the start, to each process of it: nothing is left, and who survives says what happened.

use harness::faults::{Fault, Role, for_each_syscall};
use harness::{Census, Need, Run, Test, test};

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
