//! User namespaces, and containers of users who are not root.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use harness::{Need, Run, Test, bin, test};

use crate::container;

const NEEDS: &[Need] = &[Need::Root, Need::UserNamespaces];
const NOBODY: u32 = 65534;

pub(crate) fn tests() -> Vec<Test> {
    vec![
        test(
            "root_inside_is_the_caller_outside",
            NEEDS,
            root_inside_is_the_caller_outside,
        ),
        test(
            "maps_are_what_was_asked_for",
            NEEDS,
            maps_are_what_was_asked_for,
        ),
        test(
            "root_of_a_map_is_nobody_outside",
            NEEDS,
            root_of_a_map_is_nobody_outside,
        ),
        test(
            "nobody_may_have_a_container_too",
            NEEDS,
            nobody_may_have_a_container_too,
        ),
        test(
            "nobody_may_enter_their_own_container",
            NEEDS,
            nobody_may_enter_their_own_container,
        ),
        test(
            "setgroups_is_denied_without_privilege",
            NEEDS,
            setgroups_is_denied_without_privilege,
        ),
        test(
            "all_kinds_at_once",
            &[Need::Root, Need::UserNamespaces, Need::TimeNamespaces],
            all_kinds_at_once,
        ),
    ]
}

/// The program where nobody can reach it: a build directory is often below a home that is closed to others.
pub(crate) fn bin_for_all() -> PathBuf {
    let copy = harness::directory().join("namespaces");
    fs::copy(bin("namespaces"), &copy).unwrap();
    fs::set_permissions(&copy, fs::Permissions::from_mode(0o755)).unwrap();
    copy
}

fn words(text: &str) -> Vec<&str> {
    text.split_whitespace().collect()
}

fn root_inside_is_the_caller_outside() {
    let output = container(&[
        "--userns",
        "--",
        "sh",
        "-c",
        "id -u; id -g; cat /proc/self/uid_map",
    ])
    .output();
    assert_eq!(
        words(&output.assert_code(0).out()),
        ["0", "0", "0", "0", "1"]
    );
}

fn maps_are_what_was_asked_for() {
    let options = [
        "--uid-map",
        "0:100000:1000",
        "--uid-map",
        "1000:5000:1",
        "--gid-map",
        "0:200000:65536",
        "--",
    ];
    let script = [
        "sh",
        "-c",
        "id -u; id -g; id -G; cat /proc/self/uid_map /proc/self/gid_map",
    ];
    let output = container(&options)
        .args(script)
        .output()
        .assert_code(0)
        .out();
    let maps = [
        "0", "100000", "1000", "1000", "5000", "1", "0", "200000", "65536",
    ];
    assert_eq!(words(&output)[..3], ["0", "0", "0"]);
    assert_eq!(words(&output)[3..], maps);
}

fn root_of_a_map_is_nobody_outside() {
    let pid_file = harness::directory().join("pid");
    let maps = ["--uid-map", "0:100000:65536", "--gid-map", "0:100000:65536"];
    // The caller is in groups that the container must not be in.
    let run = Run::new("setpriv")
        .arg("--groups=10,20")
        .arg(bin("namespaces"))
        .arg("run")
        .args(maps)
        .arg("--pid-file")
        .arg(&pid_file)
        .args(["--", "sh", "-c", "echo ready; exec sleep 100"]);
    let running = run.spawn();
    running.expect("ready");
    let pid = harness::contents(&pid_file);
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = |name: &str| {
        words(status.lines().find(|line| line.starts_with(name)).unwrap())[1..].to_vec()
    };
    assert_eq!(line("Uid:"), ["100000"; 4]);
    assert_eq!(line("Gid:"), ["100000"; 4]);
    assert_eq!(
        line("Groups:"),
        Vec::<&str>::new(),
        "no group of the caller's is kept"
    );
    running.signal(libc::SIGTERM);
    running.wait().assert_code(143);
}

fn nobody_may_have_a_container_too() {
    let script = "id -u; hostname; cd /proc; echo [0-9]*";
    let options = [
        "run",
        "--userns",
        "--hostname",
        "box",
        "--",
        "sh",
        "-c",
        script,
    ];
    let output = Run::new(bin_for_all())
        .args(options)
        .user(NOBODY)
        .output()
        .assert_code(0)
        .out();
    assert_eq!(words(&output), ["0", "box", "1", "2"]);
}

/// By the pid of its init too, which hides from everybody but root.
fn nobody_may_enter_their_own_container() {
    let directory = harness::directory();
    fs::set_permissions(&directory, fs::Permissions::from_mode(0o777)).unwrap();
    let (program, pid_file) = (bin_for_all(), directory.join("pid"));
    let running = Run::new(&program)
        .args(["run", "--userns", "--pid-file"])
        .arg(&pid_file)
        .args(["--", "sh", "-c", "echo ready; exec sleep 1000"])
        .user(NOBODY)
        .spawn();
    running.expect("ready");
    let init = harness::contents(&pid_file);
    let output = Run::new(&program)
        .args(["enter", &init, "--", "id", "-u"])
        .user(NOBODY)
        .output();
    assert_eq!(output.assert_code(0).out(), "0\n");
    running.signal(libc::SIGTERM);
    running.wait().assert_code(143);
}

/// CVE-2014-8989: who may leave a group may go where that group is kept out.
fn setgroups_is_denied_without_privilege() {
    let options = ["run", "--userns", "--", "cat", "/proc/self/setgroups"];
    let output = Run::new(bin_for_all()).args(options).user(NOBODY).output();
    assert_eq!(output.assert_code(0).out(), "deny\n");
}

fn all_kinds_at_once() {
    let options = [
        "run",
        "--userns",
        "--boottime",
        "100",
        "--",
        "sh",
        "-c",
        "echo $$; hostname new && hostname",
    ];
    let output = Run::new(bin_for_all()).args(options).user(NOBODY).output();
    assert_eq!(output.assert_code(0).out(), "2\nnew\n");
}
