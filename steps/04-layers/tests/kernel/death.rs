//! Whatever dies, the next one finds the data root in order.

use std::fs;

use harness::faults::{Role, for_each_syscall, kill_at, points};
use harness::{Need, Test, test};

use layers::tar::Kind;

use crate::common::{ROOT, archive, base, entry, layers, on, prints, unpacked};

pub(crate) fn tests() -> Vec<Test> {
    let needs: [Need; 2] = ROOT;
    let mut tests = vec![test(
        "a_writable_layer_in_use_is_not_swept",
        &needs,
        a_writable_layer_in_use_is_not_swept,
    )];
    tests.push(test(
        "unpack_is_killed_at_each_system_call",
        &needs,
        unpack_is_killed_at_each_system_call,
    ));
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

/// The layer is whole or not there, and the next one makes it.
fn unpack_is_killed_at_each_system_call() {
    let here = harness::directory().join("layers");
    let layer = here.join("layer");
    let file = |path: &[u8]| entry(path, Kind::File { size: 1 });
    let archive = archive(&[file(b"one"), file(b"dir/two")]);
    let path = harness::directory().join("archive");
    fs::write(&path, &archive).unwrap();
    let run = layers(["unpack"]).arg(&layer).arg(&path);
    let (mut whole, mut missing) = (0, 0);
    for at in points(Role::Parent, &run) {
        // A run that nobody has killed, as the one that was counted, has made it.
        if layer.exists() {
            fs::remove_dir_all(&layer).unwrap();
        }
        let Some(fault) = kill_at(&run, Role::Parent, at) else {
            continue;
        };
        if layer.exists() {
            whole += 1;
            assert!(layer.join("dir/two").exists(), "{fault:?}");
            fs::remove_dir_all(&layer).unwrap();
        } else {
            missing += 1;
        }
        unpacked(&archive, &layer);
        // Nothing else is left beside it.
        assert_eq!(fs::read_dir(&here).unwrap().count(), 1, "{fault:?}");
        fs::remove_dir_all(&layer).unwrap();
    }
    assert!(whole > 0 && missing > 4, "{whole} {missing}");
}
