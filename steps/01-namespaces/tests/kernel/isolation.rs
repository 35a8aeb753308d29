//! What is the container's own, and what of the host's it does not see.

use std::fs;

use harness::{Need, Run, Test, bin, test};

use crate::{ROOT, container, host, sh};

const IP: &[Need] = &[Need::Root, Need::Package("ip", "iproute2")];

pub(crate) fn tests() -> Vec<Test> {
    vec![
        test(
            "six_namespaces_are_new_and_two_are_not",
            ROOT,
            six_namespaces_are_new_and_two_are_not,
        )
        .also_in_vm(),
        test(
            "a_shared_namespace_is_the_callers",
            ROOT,
            a_shared_namespace_is_the_callers,
        ),
        test(
            "clocks_have_offsets",
            &[Need::Root, Need::TimeNamespaces],
            clocks_have_offsets,
        ),
        test(
            "the_host_name_is_the_containers_own",
            ROOT,
            the_host_name_is_the_containers_own,
        ),
        test(
            "a_host_name_may_be_any_bytes",
            ROOT,
            a_host_name_may_be_any_bytes,
        ),
        test(
            "the_loopback_interface_is_up_and_alone",
            IP,
            the_loopback_interface_is_up_and_alone,
        ),
        test(
            "proc_shows_only_the_containers_processes",
            ROOT,
            proc_shows_only_the_containers_processes,
        ),
        test(
            "no_mount_reaches_a_host_that_shares_its_mounts",
            ROOT,
            no_mount_reaches_a_host_that_shares_its_mounts,
        ),
        test(
            "the_cgroup_namespace_begins_here",
            ROOT,
            the_cgroup_namespace_begins_here,
        ),
        test(
            "system_v_memory_is_not_shared",
            ROOT,
            system_v_memory_is_not_shared,
        ),
    ]
}

const KINDS: [&str; 8] = ["cgroup", "ipc", "mnt", "net", "pid", "time", "user", "uts"];

/// The kinds in which `options` make a container differ from its caller.
fn new_kinds(options: &[&str]) -> Vec<&'static str> {
    let script = format!(
        "readlink {}",
        KINDS.map(|kind| format!("/proc/self/ns/{kind}")).join(" ")
    );
    let mut arguments = options.to_vec();
    arguments.extend(["--", "sh", "-c", &script]);
    let inside = container(&arguments).output().assert_code(0).out();
    let outside = host(&script).output().assert_code(0).out();
    assert_eq!(inside.lines().count(), KINDS.len(), "{inside}");
    let pairs = inside.lines().zip(outside.lines()).zip(KINDS);
    pairs
        .filter(|((inside, outside), _)| inside != outside)
        .map(|(_, kind)| kind)
        .collect()
}

fn six_namespaces_are_new_and_two_are_not() {
    assert_eq!(
        new_kinds(&[]),
        ["cgroup", "ipc", "mnt", "net", "pid", "uts"]
    );
    assert_eq!(
        new_kinds(&["--no-init"]),
        ["cgroup", "ipc", "mnt", "net", "pid", "uts"]
    );
}

fn a_shared_namespace_is_the_callers() {
    for kind in ["cgroup", "ipc", "mnt", "net", "uts"] {
        let expected: Vec<_> = ["cgroup", "ipc", "mnt", "net", "pid", "uts"]
            .into_iter()
            .filter(|k| *k != kind)
            .collect();
        assert_eq!(new_kinds(&["--share", kind]), expected);
    }
    assert_eq!(
        new_kinds(&["--share", "net,uts", "--share", "ipc"]),
        ["cgroup", "mnt", "pid"]
    );
    assert_eq!(
        new_kinds(&["--share", "pid"]),
        ["cgroup", "ipc", "mnt", "net", "uts"]
    );
}

fn clocks_have_offsets() {
    let uptime = |text: String| {
        text.split('.')
            .next()
            .and_then(|seconds| seconds.parse::<i64>().ok())
            .unwrap()
    };
    let before = uptime(fs::read_to_string("/proc/uptime").unwrap());
    let script = "cat /proc/uptime; cat /proc/self/timens_offsets";
    let options = [
        "--boottime",
        "1000000",
        "--monotonic",
        "-1",
        "--",
        "sh",
        "-c",
        script,
    ];
    let inside = container(&options).output().assert_code(0).out();
    let shown = uptime(inside.clone());
    assert!(
        (before + 1_000_000..before + 1_000_100).contains(&shown),
        "{shown} after {before}"
    );
    let offsets: Vec<Vec<&str>> = inside
        .lines()
        .skip(1)
        .map(|line| line.split_whitespace().collect())
        .collect();
    assert_eq!(
        offsets,
        [["monotonic", "-1", "0"], ["boottime", "1000000", "0"]]
    );
    assert_eq!(
        new_kinds(&["--boottime", "1"]),
        ["cgroup", "ipc", "mnt", "net", "pid", "time", "uts"]
    );
}

fn the_host_name_is_the_containers_own() {
    let before = fs::read_to_string("/proc/sys/kernel/hostname").unwrap();
    let inside = container(&[
        "--hostname",
        "box",
        "--",
        "sh",
        "-c",
        "hostname; echo $HOSTNAME",
    ])
    .output();
    assert_eq!(inside.assert_code(0).out(), "box\nbox\n");
    let name = sh("hostname").output().assert_code(0).out();
    assert_eq!(name.trim().len(), 12, "{name}");
    assert!(
        name.trim().bytes().all(|byte| byte.is_ascii_hexdigit()),
        "{name}"
    );
    assert_ne!(sh("hostname").output().out(), name, "the name is random");
    sh("hostname other").output().assert_code(0);
    assert_eq!(
        fs::read_to_string("/proc/sys/kernel/hostname").unwrap(),
        before
    );
}

fn a_host_name_may_be_any_bytes() {
    use std::os::unix::ffi::OsStrExt;
    let name = std::ffi::OsStr::from_bytes(b"\xff\xfe");
    let run = container(&["--hostname"])
        .arg(name)
        .args(["--", "cat", "/proc/sys/kernel/hostname"]);
    assert_eq!(run.output().assert_code(0).stdout, b"\xff\xfe\n");
}

fn the_loopback_interface_is_up_and_alone() {
    let links = container(&["--", "ip", "-oneline", "address"])
        .output()
        .assert_code(0)
        .out();
    assert!(
        links.lines().all(|line| line.starts_with("1: lo ")),
        "{links}"
    );
    assert!(links.contains("inet 127.0.0.1/8"), "{links}");
    let route = container(&["--", "ip", "route", "get", "127.0.0.1"])
        .output()
        .assert_code(0)
        .out();
    assert!(route.contains("dev lo"), "{route}");
}

fn proc_shows_only_the_containers_processes() {
    let shown = sh("cd /proc; echo [0-9]*; cat 1/comm; readlink self")
        .output()
        .assert_code(0)
        .out();
    // The shell executes its last command itself, so `readlink` has the shell's number.
    let lines: Vec<_> = shown.lines().collect();
    assert_eq!(lines[0], "1 2", "{shown}");
    assert_eq!(lines[1], "init");
    let alone = container(&[
        "--no-init",
        "--",
        "sh",
        "-c",
        "cd /proc; echo [0-9]*; echo $$",
    ])
    .output();
    assert_eq!(alone.assert_code(0).out(), "1\n1\n");
}

fn no_mount_reaches_a_host_that_shares_its_mounts() {
    // The stage is a mount namespace of the test's own whose mounts are all shared, as systemd makes the host's.
    let script = "set -e
        mount --make-rshared /
        mkdir -p \"$TMPDIR/a\"
        before=$(cat /proc/self/mountinfo)
        \"$BIN\" run -- mount -t tmpfs leak \"$TMPDIR/a\"
        \"$BIN\" run --no-init -- mount -t tmpfs leak \"$TMPDIR/a\"
        test \"$before\" = \"$(cat /proc/self/mountinfo)\"";
    let stage =
        Run::new("unshare").args(["--mount", "--propagation", "private", "sh", "-c", script]);
    stage.env("BIN", bin("namespaces")).output().assert_code(0);
}

fn the_cgroup_namespace_begins_here() {
    let paths = sh("cut -d: -f3 /proc/self/cgroup | sort -u")
        .output()
        .assert_code(0)
        .out();
    assert_eq!(
        paths, "/\n",
        "every path is the root of what the container sees"
    );
}

fn system_v_memory_is_not_shared() {
    let count = "wc -l </proc/sysvipc/shm";
    let script = format!("{count}; ipcmk --shmem 4096 >/dev/null; {count}");
    let before = host(count).output().assert_code(0).out();
    assert_eq!(
        sh(&script).output().assert_code(0).out(),
        "1\n2\n",
        "a heading, then a segment"
    );
    assert_eq!(host(count).output().assert_code(0).out(), before);
}
