//! What cannot be: one clear error, the hint, nothing left behind.

use harness::{Need, Test, test};

use crate::common::{ROOT, census, cgroups, container, refusal};

pub(crate) fn tests() -> Vec<Test> {
    let v1 = [
        ROOT[0],
        ROOT[1],
        Need::ControllerV1("memory"),
        Need::Program("unshare"),
    ];
    vec![
        test("values_that_are_none", &[], values_that_are_none),
        test(
            "limits_that_docker_refuses",
            &ROOT,
            limits_that_docker_refuses,
        ),
        test("who_is_not_root", &ROOT, who_is_not_root),
        test(
            "a_controller_that_is_not_mounted",
            &v1,
            a_controller_that_is_not_mounted,
        ),
        test(
            "no_cgroups_at_all",
            &[ROOT[0], ROOT[1], Need::Program("unshare")],
            no_cgroups_at_all,
        ),
        test(
            "a_command_that_is_not_there",
            &ROOT,
            a_command_that_is_not_there,
        ),
        test(
            "a_run_root_that_cannot_be_written",
            &ROOT,
            a_run_root_that_cannot_be_written,
        ),
    ]
}

/// clap's own form: the value, the option, what is accepted.
fn values_that_are_none() {
    for (option, value, accepted) in [
        ("--memory", "12x", "as in 64m or 1.5g"),
        ("--memory", "-2", "as in 64m or 1.5g"),
        ("--memory-swap", "lots", "as in 64m or 1.5g"),
        ("--cpus", "two", "as in 0.5 or 2"),
        ("--cpus", "-2", "as in 0.5 or 2"),
        ("--pids-limit", "1.5", "0 or -1 is no limit"),
        ("--cpu-shares", "x", "0 or -1 is no limit"),
        ("--cpuset-cpus", "3-1", "a list such as 0-2,4"),
        ("--device-read-bps", "/dev/null:1mb", "not a block device"),
        ("--device-read-bps", "/dev/null", "as in /dev/sda:10mb"),
        ("--hugetlb", "64m", "as in 2MB=64m"),
        ("--device-cgroup-rule", "c 1:2", "as in 'c 10:229 rwm'"),
        ("--name", "a/b", "begins with a letter or digit"),
        ("--cgroup-parent", "/a/../..", "as in /lab/students"),
    ] {
        let output = cgroups(["run", option, value, "true"])
            .output()
            .assert_code(125);
        let error = output.err();
        assert!(
            error.contains(option) && error.contains(accepted),
            "{option} {value}: {error}"
        );
    }
}

fn limits_that_docker_refuses() {
    let census = census();
    for (options, sentence, has_hint) in [
        (
            &["--memory", "5m"][..],
            "Minimum memory limit allowed is 6MB",
            true,
        ),
        (&["--cpus", "9999"], "Range of CPUs is from 0.01 to ", false),
        (
            &["--cpus", "0.001"],
            "Range of CPUs is from 0.01 to ",
            false,
        ),
        (
            &["--memory", "64m", "--memory-swap", "32m"],
            "Minimum memoryswap limit should be larger than memory limit, see usage",
            true,
        ),
        (
            &["--cpus", "1", "--cpu-quota", "5000"],
            "Conflicting options: Nano CPUs and CPU Quota cannot both be set",
            true,
        ),
        (
            &["--cpuset-cpus", "4000"],
            "Requested CPUs are not available - requested 4000, available: 0",
            false,
        ),
        (
            &["--blkio-weight", "5"],
            "Range of blkio weight is from 10 to 1000",
            false,
        ),
    ] {
        let said = refusal(container(options, "true").output(), has_hint);
        assert!(said.starts_with(sentence), "{options:?}: {said}");
    }
    census.assert_unchanged();
}

fn who_is_not_root() {
    let run = cgroups(["run", "--memory", "64m", "true"])
        .user(65534)
        .env("DRYDOCK_RUN", "/tmp/nobody-may-not");
    let said = refusal(run.output(), true);
    assert!(
        said.contains("--memory needs the cgroup controller memory, and we may not write to"),
        "{said}"
    );
}

fn a_controller_that_is_not_mounted() {
    let script = "mount=$(awk '$9 == \"cgroup\" && $NF ~ /(^|,)memory(,|$)/ { print $5 }' /proc/self/mountinfo)
        [ -n \"$mount\" ] || mount=/sys/fs/cgroup/memory
        umount \"$mount\" && exec \"$@\"";
    let run = harness::Run::new("unshare").args(["-m", "sh", "-c", script, "sh"]);
    let run = run
        .arg(harness::bin("cgroups"))
        .args(["run", "--memory", "64m", "true"]);
    let said = refusal(run.output(), true);
    assert!(said.starts_with("--memory needs the cgroup controller memory, which is in none of the mounted hierarchies ("), "{said}");
}

fn no_cgroups_at_all() {
    let run = harness::Run::new("unshare").args([
        "-m",
        "sh",
        "-c",
        "umount -l -R /sys/fs/cgroup && exec \"$@\"",
        "sh",
    ]);
    let run = run
        .arg(harness::bin("cgroups"))
        .args(["run", "--memory", "64m", "true"]);
    assert_eq!(
        refusal(run.output(), true),
        "--memory needs cgroups, and none are mounted"
    );
}

fn a_command_that_is_not_there() {
    let census = census();
    let root = harness::busybox_root();
    let run = cgroups(["run", "--memory", "64m", "--rootfs"])
        .arg(&root)
        .arg("no-such-command");
    run.output().assert_code(127);
    let run = cgroups(["run", "--pids-limit", "1", "--rootfs"])
        .arg(&root)
        .arg("true");
    let output = run.output().assert_code(125);
    assert!(output.err().contains("EAGAIN"), "{}", output.err());
    assert!(output.err().contains("--no-init"), "{}", output.err());
    std::fs::remove_dir_all(root).unwrap();
    census.assert_unchanged();
}

fn a_run_root_that_cannot_be_written() {
    let run = cgroups(["run", "true"]).env("DRYDOCK_RUN", "/proc/nowhere");
    assert!(refusal(run.output(), true).contains("/proc/nowhere/cgroups"));
}
