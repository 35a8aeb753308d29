//! The killer, tried on a shell.

use harness::faults::{Role, for_each_syscall, kill_at, points};
use harness::{Census, Run};

fn shell() -> Run {
    Run::new("/bin/sh").args(["-c", "/bin/true; echo done"])
}

#[test]
fn every_call_up_to_the_command_is_reached_once() {
    let census = Census::take();
    let mut calls = Vec::new();
    while let Some(fault) = kill_at(&shell(), Role::Parent, calls.len() + 1) {
        assert_eq!(fault.output.signal, Some(9), "{}", fault.output);
        assert_eq!(
            fault.output.out(),
            "",
            "killed before its call {}, it wrote",
            fault.at
        );
        calls.push(fault.call);
        census.assert_unchanged();
    }
    assert!(calls.len() > 20, "{calls:?}");
}

#[test]
fn some_of_the_calls_are_tried_and_all_are_counted() {
    let mut tried = Vec::new();
    let count = for_each_syscall(Role::Parent, shell, |fault| tried.push(fault.at));
    // The other may execute the command before or after the shell begins to wait for it.
    let reached = (1..)
        .take_while(|at| kill_at(&shell(), Role::Parent, *at).is_some())
        .count();
    assert!(
        count > 20 && reached.abs_diff(count) < 4,
        "{count} {reached}"
    );
    assert!(tried.is_sorted() && tried.len() > 2, "{tried:?}");
    let all = tried.len() > 20;
    assert_eq!(all, harness::everything(), "{tried:?} of {count}");
}

#[test]
fn the_last_point_of_a_run_is_its_last_call() {
    let run = Run::new("/bin/true");
    let points = points(Role::Parent, &run);
    let last = *points.last().unwrap();
    assert!(
        last > 5 && points[0] >= 1 && points.is_sorted(),
        "{points:?}"
    );
    assert!(kill_at(&run, Role::Parent, last).is_some());
    assert!(kill_at(&run, Role::Parent, last + 1).is_none());
}

#[test]
fn a_killed_child_is_seen_by_its_parent() {
    let shell = || Run::new("/bin/sh").args(["-c", "/bin/true; echo $?"]);
    let count = for_each_syscall(Role::Child, shell, |fault| {
        assert_eq!(fault.output.out(), "137\n", "{}", fault.output);
    });
    assert!(count > 0);
}

#[test]
#[should_panic(expected = "no process had the role Janitor")]
fn a_role_that_nobody_has_is_an_error() {
    for_each_syscall(
        Role::Janitor,
        || Run::new("/bin/sh").args(["-c", "/bin/true; echo $?"]),
        |_| {},
    );
}
