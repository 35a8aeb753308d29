//! Whatever dies, the next one finds the data root in order.

use std::fs;

use harness::faults::{Role, for_each_syscall};
use harness::{Need, Test, test};

use crate::common::{ROOT, base, on, prints};

pub(crate) fn tests() -> Vec<Test> {
    let needs: [Need; 2] = ROOT;
    let mut tests = vec![test(
        "a_writable_layer_in_use_is_not_swept",
        &needs,
        a_writable_layer_in_use_is_not_swept,
    )];
    for (name, role) in [
        ("the_parent_is_killed_at_each_system_call", Role::Parent),
        ("the_child_is_killed_at_each_system_call", Role::Child),
    ] {
        tests.push(test(name, &needs, move || at_each_system_call(role)));
    }
    tests
}

fn scratches() -> usize {
    fs::read_dir(harness::directory().join("data/writable")).map_or(0, Iterator::count)
}

fn a_writable_layer_in_use_is_not_swept() {
    let base = base();
    let running = on(
        &[&base],
        &["-i"],
        "echo kept > /new; echo begun; read x; cat /new",
    )
    .open_stdin()
    .spawn();
    running.expect("begun");
    prints(&[&base], &[], "true");
    assert_eq!(scratches(), 1);
    assert_eq!(running.wait().assert_code(0).out(), "begun\nkept\n");
    assert_eq!(scratches(), 0);
}

fn at_each_system_call(role: Role) {
    let base = base();
    let before = crate::tree::describe(&base);
    // Cgroups are the whole machine's: the test of the other role runs at the same time.
    let name = harness::unique("fault");
    let run = || on(&[&base], &["--name", &name], "exec true");
    let mut left_behind = 0;
    let points = for_each_syscall(role, run, |fault| {
        if scratches() == 0 {
            return;
        }
        left_behind += 1;
        // Whoever is next cleans up.
        let output = on(&[&base], &[], "true").output();
        assert_eq!(output.code, Some(0), "{fault:?}: {output}");
        assert_eq!(scratches(), 0, "{fault:?}");
    });
    assert!(points > 20, "{points}");
    // Else this would not have tried the sweep.
    assert!(role != Role::Parent || left_behind > 0);
    assert!(crate::tree::describe(&base) == before);
}
