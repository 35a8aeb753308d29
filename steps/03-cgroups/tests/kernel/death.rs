//! Whatever dies, nothing stays.

use std::fs;

use harness::faults::{Role, for_each_syscall};
use harness::{Test, busybox_root, test, unique};
use nix::sys::signal::{Signal, kill};

use crate::common::{
    ROOT, census, cgroups, container_in, directories, eventually, janitor_of, sleeper,
};

pub(crate) fn tests() -> Vec<Test> {
    let mut tests = vec![
        test("the_parent_is_killed", &ROOT, the_parent_is_killed),
        test(
            "the_parent_of_a_frozen_container_is_killed",
            &ROOT,
            the_parent_of_a_frozen_container_is_killed,
        ),
        test(
            "the_containers_init_is_killed",
            &ROOT,
            the_containers_init_is_killed,
        ),
        test("the_janitor_is_killed", &ROOT, the_janitor_is_killed),
        test("all_three_are_killed", &ROOT, all_three_are_killed),
        test(
            "a_draft_of_the_dead_is_removed_and_nothing_else",
            &ROOT,
            a_draft_of_the_dead_is_removed_and_nothing_else,
        ),
        test("the_run_root_is_removed", &ROOT, the_run_root_is_removed),
        test(
            "the_janitor_keeps_nothing_of_ours",
            &ROOT,
            the_janitor_keeps_nothing_of_ours,
        ),
    ];
    for (name, role) in [
        ("the_parent_is_killed_at_each_system_call", Role::Parent),
        ("the_child_is_killed_at_each_system_call", Role::Child),
        ("the_janitor_is_killed_at_each_system_call", Role::Janitor),
    ] {
        tests.push(test(name, &ROOT, move || at_each_system_call(role)));
    }
    tests
}

fn the_parent_is_killed() {
    let (name, census) = (unique("dead"), census());
    let running = sleeper(&["--name", &name]);
    assert!(!directories(&name).is_empty());
    running.signal(libc::SIGKILL);
    running.wait();
    eventually("the janitor has cleaned up", || {
        directories(&name).is_empty()
    });
    census.assert_unchanged();
}

fn the_parent_of_a_frozen_container_is_killed() {
    let (name, census) = (unique("dead"), census());
    let running = sleeper(&["--name", &name]);
    cgroups(["freeze", &name]).output().assert_code(0);
    running.signal(libc::SIGKILL);
    running.wait();
    census.assert_unchanged();
}

fn the_containers_init_is_killed() {
    let (name, census) = (unique("dead"), census());
    let file = harness::directory().join("pid");
    let running = sleeper(&["--name", &name, "--pid-file", file.to_str().unwrap()]);
    eventually("there is a pid file", || file.exists());
    let pid = fs::read_to_string(&file).unwrap().trim().parse().unwrap();
    fs::remove_file(&file).unwrap();
    kill(nix::unistd::Pid::from_raw(pid), Signal::SIGKILL).unwrap();
    running.wait().assert_code(137);
    assert!(directories(&name).is_empty());
    census.assert_unchanged();
}

fn the_janitor_is_killed() {
    let (name, census) = (unique("dead"), census());
    let running = sleeper(&["--name", &name]);
    kill(janitor_of(running.pid()), Signal::SIGKILL).unwrap();
    running.signal(libc::SIGTERM);
    running.wait().assert_code(143);
    assert!(directories(&name).is_empty());
    census.assert_unchanged();
}

fn all_three_are_killed() {
    let (name, census) = (unique("dead"), census());
    let running = sleeper(&["--name", &name]);
    kill(janitor_of(running.pid()), Signal::SIGKILL).unwrap();
    // The container's init dies with its parent, by the kernel's hand.
    running.signal(libc::SIGKILL);
    running.wait();
    assert!(!directories(&name).is_empty(), "who has cleaned up?");
    // Whatever command comes next finds the record, which nobody holds locked.
    let list = cgroups(["ls"]).output().assert_code(0).out();
    assert!(!list.contains(&name), "{list}");
    assert!(directories(&name).is_empty());
    census.assert_unchanged();
}

fn the_run_root_is_removed() {
    let (name, census) = (unique("dead"), census());
    let running = sleeper(&["--name", &name]);
    fs::remove_dir_all(harness::directory().join("run/cgroups")).unwrap();
    running.signal(libc::SIGTERM);
    running.wait().assert_code(143);
    assert!(directories(&name).is_empty());
    census.assert_unchanged();
}

/// It would else keep the reader of a pipe waiting, or a file system busy.
fn the_janitor_keeps_nothing_of_ours() {
    let running = sleeper(&[]);
    let janitor = janitor_of(running.pid());
    eventually("the janitor has closed what it does not need", || {
        harness::descriptors(janitor).len() == 2
    });
    let open = harness::descriptors(janitor);
    assert!(open.values().any(|what| what.contains("pidfd")), "{open:?}");
    assert!(
        open.values().any(|what| what.contains("/run/cgroups/")),
        "{open:?}"
    );
    assert_eq!(
        fs::read_link(format!("/proc/{janitor}/cwd")).unwrap(),
        std::path::Path::new("/")
    );
}

fn at_each_system_call(role: Role) {
    let (name, root) = (unique("fault"), busybox_root());
    let census = census();
    let run = || container_in(&root, &["--name", &name, "--memory", "64m"], "exec true");
    let points = for_each_syscall(role, run, |fault| {
        let left = || directories(&name);
        eventually(&format!("no cgroup after {fault:?}: {:?}", left()), || {
            left().is_empty()
        });
        // A record that was made before the janitor is left to whoever looks next.
        cgroups(["ls"]).output().assert_code(0);
        census.assert_unchanged();
    });
    assert!(points > 3, "{points}");
}

/// One that was killed before the record had its name: nothing was made of it, and what it names is another's.
fn a_draft_of_the_dead_is_removed_and_nothing_else() {
    let (name, census) = (unique("dead"), census());
    let running = sleeper(&["--name", &name]);
    let records = harness::directory().join("run/cgroups");
    let draft = records.join(format!(".{name}.1"));
    fs::copy(records.join(&name), &draft).unwrap();
    cgroups(["ls"]).output().assert_code(0);
    assert!(!draft.exists());
    assert!(!running.ends_within(std::time::Duration::from_millis(50)));
    running.signal(libc::SIGTERM);
    running.wait().assert_code(143);
    census.assert_unchanged();
}
