//! A whole container, when one of those dies that create, start and undo it; and when what is written down of it lies.

use std::fs;
use std::path::Path;

use harness::faults::{Role, for_each_syscall};
use harness::{Census, Run, Test, example, test, unique};
use serde_json::{Value, json};

use crate::common::{ROOT, base, on};
use crate::life::{Container, cgroups, is_alive};

pub(crate) fn tests() -> Vec<Test> {
    let mut tests = vec![
        test(
            "cgroups_that_are_not_ours_are_not_undone",
            &ROOT,
            cgroups_that_are_not_ours_are_not_undone,
        ),
        test(
            "layers_that_are_not_ours_are_not_undone",
            &ROOT,
            layers_that_are_not_ours_are_not_undone,
        ),
    ];
    for (role, option) in [
        (Role::Verb("create"), ""),
        (Role::Janitor, ""),
        (Role::Child, ""),
        (Role::Verb("start"), ""),
        (Role::Verb("undo"), ""),
        (Role::Verb("create"), "--with-parent"),
        (Role::Janitor, "--with-parent"),
        (Role::Child, "--with-parent"),
    ] {
        let who = match role {
            Role::Verb(verb) => verb.to_owned(),
            role => format!("{role:?}").to_lowercase(),
        };
        let title = format!("{who}_killed_at_each_call_of_a_life{option}");
        tests.push(test(title.replace('-', "_"), &ROOT, move || {
            killed_in_a_life(role, option);
        }));
    }
    tests
}

/// Whoever dies, and whenever: one more `undo`, and nothing is left.
fn killed_in_a_life(role: Role, option: &'static str) {
    let container = Container::new();
    let census = Census::take();
    let base = base();
    let script = || {
        Run::new("sh")
            .args(["-c", LIFE, "sh"])
            .args([&example("layers-lifecycle"), &container.directory, &base])
            .args([&container.name, option])
    };
    let count = for_each_syscall(role, script, |fault| {
        // All others have ended: a janitor that has just been born still has the locks that it was born with.
        container.undo();
        let left = census.changes();
        assert!(left.is_empty(), "left behind by {fault:?}: {left:?}");
        let is_run = matches!(role, Role::Verb("start" | "undo"));
        assert!(!is_run || fault.output.out() == "ran\n", "{fault:?}");
    });
    assert!(count >= 5, "only {count} points were tried");
}

/// A creator with which the container lives goes on beside the others; one that dies closes the pipe, and so does the
/// container with it.
const LIFE: &str = r#"
    program=$1 box=$2 base=$3 name=$4 option=$5
    create() {
        "$program" create $option "$box" --layer "$base" --name "$name" --memory 64m --bind "$box:/out" \
            mkdir /out/ran 2>/dev/null
    }
    others() {
        "$program" start "$box" 2>/dev/null
        "$program" start "$box" 2>/dev/null
        "$program" wait "$box" 2>/dev/null
        "$program" undo "$box" 2>/dev/null
        rmdir "$box/ran" 2>/dev/null && echo ran
    }
    case $option in
    '') create >/dev/null; others ;;
    *) create | { read -r pid; others; } ;;
    esac
"#;

/// Writes one value of the leftover of `mechanism`, and gives the whole record back as it was.
fn change(record: &Path, mechanism: &str, pointer: &str, value: Value) -> String {
    let text = fs::read_to_string(record).unwrap();
    let mut all: Value = serde_json::from_str(&text).unwrap();
    let made = all["made"].as_array_mut().unwrap();
    let leftover = made.iter_mut().find(|one| one["mechanism"] == mechanism);
    *leftover.unwrap()["made"].pointer_mut(pointer).unwrap() = value;
    fs::write(record, all.to_string()).unwrap();
    text
}

/// A container of another name, with its own parent.
fn other(name: &str) -> harness::Running {
    let running = on(
        &[&base()],
        &["-i", "--name", name],
        "echo begun; read x; echo lived",
    )
    .open_stdin()
    .spawn();
    running.expect("begun");
    running
}

fn cgroups_that_are_not_ours_are_not_undone() {
    let container = Container::new();
    let census = Census::take();
    let name = unique("other");
    let other = other(&name);
    let bystander = Run::new("sleep").arg("1000").spawn();
    let here = harness::directory();
    let own = format!("drydock-{}", container.name);
    let false_one = here.join(&own);
    fs::create_dir(&false_one).unwrap();
    fs::write(false_one.join("cgroup.procs"), bystander.pid().to_string()).unwrap();
    fs::create_dir(here.join("empty")).unwrap();
    let empty = here.join("empty").join(&own);
    fs::create_dir(&empty).unwrap();
    let theirs = cgroups(&name);
    fs::create_dir(here.join("link")).unwrap();
    let link = here.join("link").join(&own);
    std::os::unix::fs::symlink(&theirs[0], &link).unwrap();
    let detour = theirs[0]
        .join("../../..")
        .join(false_one.strip_prefix("/").unwrap());

    let pid = container.create(&[], "exec sleep 1000");
    let record = container.directory.join("container.json");
    let ours = container.cgroups();
    for directory in [
        &theirs[0],
        &false_one,
        &empty,
        &link,
        &detour,
        Path::new("/"),
        Path::new(""),
    ]
    .map(|path| path.display().to_string())
    {
        let whole = change(&record, "cgroups", "/group/0/directory", json!(directory));
        let output = container.verb("undo").output().assert_code(125);
        assert!(output.err().contains("is not a cgroup of ours"), "{output}");
        assert!(ours.iter().all(|cgroup| cgroup.exists()));
        fs::write(&record, whole).unwrap();
    }
    // Ours by its name, and not by the record.
    let elsewhere = theirs[0].join(&own);
    fs::create_dir(&elsewhere).unwrap();
    let whole = change(&record, "cgroups", "/group/0/directory", json!(elsewhere));
    let output = container.verb("undo").output().assert_code(125);
    assert!(output.err().contains("has other cgroups"), "{output}");
    assert!(elsewhere.exists());
    fs::write(&record, &whole).unwrap();
    // Another's altogether.
    fs::write(&record, whole.replace(&container.name, &name)).unwrap();
    container.verb("undo").output();
    assert!(!bystander.ends_within(std::time::Duration::ZERO));
    assert!(theirs.iter().all(|cgroup| cgroup.exists()));
    fs::write(&record, whole).unwrap();
    fs::remove_dir(&elsewhere).unwrap();
    container.undo();
    assert!(!is_alive(pid));
    assert!(empty.exists() && false_one.exists());
    assert_eq!(other.wait().assert_code(0).out(), "begun\nlived\n");
    drop(bystander);
    census.assert_unchanged();
}

fn layers_that_are_not_ours_are_not_undone() {
    let container = Container::new();
    let census = Census::take();
    let name = unique("other");
    let other = other(&name);
    let here = harness::directory();
    let writable = here.join("data/writable");
    let theirs = fs::read_dir(&writable)
        .unwrap()
        .next()
        .unwrap()
        .unwrap()
        .path();
    let false_one = here.join("writable/0123456789ab");
    fs::create_dir_all(false_one.join("upper")).unwrap();
    let link = writable.join("0123456789ab");
    let detour = writable.join("../../writable/0123456789ab");

    container.create(&[], "true");
    // Not earlier: the next creation sweeps it away.
    std::os::unix::fs::symlink(&false_one, &link).unwrap();
    let record = container.directory.join("container.json");
    let whole = fs::read_to_string(&record).unwrap();
    for (path, words) in [
        (theirs.as_path(), "is in use by another container"),
        (&false_one, "is not a writable layer of ours"),
        (&link, "is not a writable layer of ours"),
        (&detour, "is not a writable layer of ours"),
        (&writable, "is not a writable layer of ours"),
        (Path::new("/"), "is not a writable layer of ours"),
    ] {
        let path = json!(path.display().to_string());
        change(&record, "layers", "/scratch", path);
        let output = container.verb("undo").output().assert_code(125);
        assert!(output.err().contains(words), "{output}");
        fs::write(&record, &whole).unwrap();
    }
    for made in [
        json!(null),
        json!({"scratch": 5}),
        json!("scratch"),
        json!({"kept": []}),
    ] {
        change(&record, "layers", "", made);
        let output = container.verb("undo").output().assert_code(125);
        assert!(output.err().contains("cannot be read"), "{output}");
        fs::write(&record, &whole).unwrap();
    }
    container.undo();
    assert!(false_one.join("upper").exists());
    assert_eq!(other.wait().assert_code(0).out(), "begun\nlived\n");
    census.assert_unchanged();
}
