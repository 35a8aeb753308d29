//! The killer, tried on a shell.

use harness::faults::{Role, for_each_syscall};
use harness::{Census, Run};

#[test]
fn every_call_up_to_the_command_is_reached_once() {
    let census = Census::take();
    let mut calls = Vec::new();
    let shell = || Run::new("/bin/sh").args(["-c", "/bin/true; echo done"]);
    let count = for_each_syscall(Role::Parent, shell, |fault| {
        assert_eq!(fault.output.signal, Some(9), "{}", fault.output);
        assert_eq!(
            fault.output.out(),
            "",
            "killed before its call {}, it wrote",
            fault.at
        );
        calls.push(fault.call);
        census.assert_unchanged();
    });
    assert!(count > 20 && calls.len() == count, "{calls:?}");
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
