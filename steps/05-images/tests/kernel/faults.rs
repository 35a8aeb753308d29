//! Killed at any moment, it leaves a store that the next command finds sound: an image is there whole, or not at all.

use harness::faults::{Role, kill_at, points};
use harness::{Need, Test, test};

use crate::made::{done, file_system, images, path, stored};

pub(crate) fn tests() -> Vec<Test> {
    let root = &[Need::Root];
    vec![
        test("killed_while_it_imports", root, killed_while_it_imports),
        test("killed_while_it_loads", root, killed_while_it_loads),
        test("killed_while_it_unpacks", root, killed_while_it_unpacks),
        test("killed_while_it_saves", root, killed_while_it_saves),
        test("killed_while_it_removes", root, killed_while_it_removes),
    ]
}

/// Kills the run before calls of its thread of that role, and looks at what is left each time.
fn kill_each(role: Role, arguments: &[&str], prepare: impl Fn(), check: impl Fn()) {
    prepare();
    let points = points(role, &images(arguments));
    check();
    let mut kills = 0;
    for at in points {
        prepare();
        kills += usize::from(kill_at(&images(arguments), role, at).is_some());
        check();
    }
    assert!(kills > 5, "{kills} kills");
}

/// What is listed can be read, saved and removed to the last file.
fn sound() {
    for id in done(&["ls", "-q"]).out().lines() {
        done(&["inspect", id]);
        done(&["save", "-o", "/dev/null", id]);
        done(&["rm", "-f", id]);
    }
    done(&["prune", "-f"]);
    assert_eq!(stored(), [""; 0], "something is left behind");
    for directory in ["data/layers", "data/images/leases"] {
        let left = std::fs::read_dir(path(directory)).map_or(0, Iterator::count);
        assert_eq!(left, 0, "{directory}");
    }
}

fn killed_while_it_imports() {
    let archive = file_system("one", "one");
    kill_each(Role::Parent, &["import", &archive, "app"], || {}, sound);
}

fn saved() -> String {
    let saved = path("saved.tar");
    done(&["import", &file_system("one", "one"), "one"]);
    done(&["import", &file_system("two", "two"), "two"]);
    done(&["save", "-o", &saved, "one", "two"]);
    sound();
    saved
}

fn killed_while_it_loads() {
    let saved = saved();
    let both_or_none = || {
        let count = done(&["ls", "-q"]).out().lines().count();
        assert!(count == 0 || count == 2, "{count} images");
        sound();
    };
    kill_each(Role::Parent, &["load", "-i", &saved], || {}, both_or_none);
}

/// The threads that unpack are clones of the first.
fn killed_while_it_unpacks() {
    let saved = saved();
    kill_each(Role::Janitor, &["load", "-i", &saved], || {}, sound);
}

/// The archive has no name before it is whole: nothing is left beside it.
fn killed_while_it_saves() {
    done(&["import", &file_system("one", "one"), "one"]);
    let directory = path("saved");
    std::fs::create_dir(&directory).unwrap();
    let saved = format!("{directory}/one.tar");
    let whole_or_not_there = || {
        let mut left = std::fs::read_dir(&directory).unwrap();
        if let Some(only) = left.next() {
            assert_eq!(only.unwrap().file_name(), "one.tar");
            done(&["load", "-i", &saved]);
            std::fs::remove_file(&saved).unwrap();
        }
        assert!(left.next().is_none());
    };
    let save = ["save", "-o", &saved, "one"];
    kill_each(Role::Parent, &save, || {}, whole_or_not_there);
}

fn killed_while_it_removes() {
    let saved = saved();
    let load = || drop(done(&["load", "-i", &saved]));
    let other_stays = || {
        let names = done(&["ls", "two"]).out();
        assert_eq!(names.lines().count(), 2, "{names}");
        sound();
    };
    kill_each(Role::Parent, &["rm", "one"], load, other_stays);
}
