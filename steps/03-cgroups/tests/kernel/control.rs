//! Looking at containers that run, and what is done to them from outside.

use std::fs;

use harness::{Need, Test, bin, busybox_root, test, unique};

use crate::common::{
    ROOT, begun, census, cgroups, container, container_in, directories, eventually, prints,
    refusal, sleeper, with,
};

pub(crate) fn tests() -> Vec<Test> {
    let both = [
        ROOT[0],
        ROOT[1],
        Need::Controller("memory"),
        Need::Controller("pids"),
    ];
    vec![
        test(
            "it_sees_itself_and_nothing_above",
            &ROOT,
            it_sees_itself_and_nothing_above,
        ),
        test(
            "it_cannot_change_its_cgroup",
            &ROOT,
            it_cannot_change_its_cgroup,
        ),
        test("a_name_is_taken_once", &ROOT, a_name_is_taken_once),
        test("ls_lists_what_runs", &ROOT, ls_lists_what_runs),
        test("an_id_may_be_cut_short", &ROOT, an_id_may_be_cut_short),
        test(
            "statistics_are_the_kernels",
            &both,
            statistics_are_the_kernels,
        ),
        test("frozen_is_stopped", &ROOT, frozen_is_stopped),
        test("killed_is_all_of_it", &ROOT, killed_is_all_of_it),
        test(
            "a_frozen_container_can_be_killed",
            &ROOT,
            a_frozen_container_can_be_killed,
        ),
        test(
            "who_enters_is_limited_too",
            &with("memory"),
            who_enters_is_limited_too,
        ),
        test(
            "a_parent_cgroup_must_exist",
            &ROOT,
            a_parent_cgroup_must_exist,
        ),
        test("fifty_at_once", &ROOT, fifty_at_once),
    ]
}

fn it_sees_itself_and_nothing_above() {
    let script = "cat /proc/self/cgroup; for d in /sys/fs/cgroup /sys/fs/cgroup/*/; do
        test -f $d/cgroup.procs && cat $d/cgroup.procs; done; true";
    let shown = prints(&[], script);
    for line in shown.lines() {
        match line.split_once("::").or(line.rsplit_once(':')) {
            // A hierarchy in which the container has no cgroup of its own shows the parent's, as the root.
            Some((_, path)) => assert_eq!(path, "/", "{shown}"),
            // The shell and its init, by the numbers that they have inside; 0 would be a process from outside.
            None => assert!(
                line.parse::<u32>().is_ok_and(|pid| (1..100).contains(&pid)),
                "{shown}"
            ),
        }
    }
}

fn it_cannot_change_its_cgroup() {
    let script = "find /sys/fs/cgroup -type f -name 'cgroup.procs' | while read f; do
        (echo 1 > $f) && echo wrote to $f; done
        mkdir /sys/fs/cgroup/x 2>/dev/null && echo made; true";
    let output = container(&[], script).output().assert_code(0);
    assert_eq!(output.out(), "");
    assert!(
        output.err().contains("Read-only file system"),
        "{}",
        output.err()
    );
}

fn a_name_is_taken_once() {
    let name = unique("twice");
    let first = sleeper(&["--name", &name]);
    let output = container(&["--name", &name], "true").output();
    let sentence = refusal(output, true);
    assert_eq!(
        sentence,
        format!("Conflict. The container name \"{name}\" is already in use")
    );
    first.signal(libc::SIGKILL);
    first.wait();
    // Taken by nobody now, whether or not anybody has cleaned up yet.
    assert_eq!(prints(&["--name", &name], "echo mine"), "mine\n");
}

fn ls_lists_what_runs() {
    assert_eq!(
        cgroups(["ls"])
            .output()
            .assert_code(0)
            .out()
            .lines()
            .count(),
        1
    );
    let (one, two) = (unique("aa-one"), unique("aa-two"));
    let _containers = [sleeper(&["--name", &one]), sleeper(&["--name", &two])];
    let list = cgroups(["ls"]).output().assert_code(0).out();
    let lines: Vec<Vec<&str>> = list
        .lines()
        .map(|line| line.split_whitespace().collect())
        .collect();
    assert_eq!(lines[0], ["NAME", "PROCESSES", "STATE", "CGROUP"]);
    assert_eq!(lines[1][..3], [one.as_str(), "2", "running"]);
    assert_eq!(lines[2][..3], [two.as_str(), "2", "running"]);

    // A name is given whole: whoever cuts a script's variable short must not kill another's container.
    for name in ["aa-", "aa-o", "nobody"] {
        let sentence = refusal(cgroups(["stats", name]).output(), true);
        assert_eq!(sentence, format!("No such container: {name}"));
    }
}

fn an_id_may_be_cut_short() {
    let stem = format!("{:011x}", std::process::id());
    let ids = ["a", "b"].map(|end| format!("{stem}{end}"));
    let _containers = ids.each_ref().map(|id| sleeper(&["--name", id]));
    cgroups(["stats", &ids[0]]).output().assert_code(0);
    let sentence = refusal(cgroups(["stats", &stem]).output(), false);
    let [one, two] = &ids;
    assert_eq!(sentence, format!("{stem} could be any of: {one}, {two}"));
}

fn statistics_are_the_kernels() {
    let name = unique("stats");
    let script =
        "dd if=/dev/zero of=/dev/null bs=8M count=8 2>/dev/null; echo begun; exec sleep 1000";
    let options = ["--name", &name, "--memory", "64m", "--pids-limit", "7"];
    let _running = begun(container(&options, script));
    let json = cgroups(["stats", &name, "--json"])
        .output()
        .assert_code(0)
        .out();
    let stats: serde_json::Value = serde_json::from_str(&json).unwrap();
    let stats = &stats[&name];
    assert_eq!(stats["memory"]["max"], 64 << 20);
    assert_eq!(stats["pids"]["max"], 7);
    assert_eq!(stats["pids"]["current"], 2);
    assert_eq!(stats["frozen"], false);
    assert!(stats["cpu"]["usage_us"].as_u64().unwrap() > 0, "{json}");
    let current = stats["memory"]["current"].as_u64().unwrap();
    assert!(current > 0 && current < 64 << 20, "{json}");
    // Where the kernel keeps the peak (since 5.19 on v2), dd's buffer was part of it.
    if let Some(peak) = stats["memory"]["peak"].as_u64() {
        assert!(peak > 8 << 20, "{json}");
    }
    let table = cgroups(["stats"]).output().assert_code(0).out();
    assert!(
        table.contains(&name) && table.contains("/ 64 MiB") && table.contains("2 / 7"),
        "{table}"
    );
    let details = cgroups(["stats", &name]).output().assert_code(0).out();
    assert!(
        details.contains("memory.max") && details.contains("64 MiB"),
        "{details}"
    );
}

fn frozen_is_stopped() {
    let name = unique("ice");
    let root = busybox_root();
    let script = "echo begun; while :; do echo x >> /tmp/ticks; done";
    let _running = begun(container_in(&root, &["--name", &name], script));
    let ticks = || fs::metadata(root.join("tmp/ticks")).map_or(0, |m| m.len());
    eventually("it runs", || ticks() > 0);
    cgroups(["freeze", &name]).output().assert_code(0);
    let frozen = ticks();
    assert!(cgroups(["ls"]).output().out().contains("frozen"));
    std::thread::sleep(std::time::Duration::from_millis(200));
    assert_eq!(ticks(), frozen);
    cgroups(["freeze", &name]).output().assert_code(0);
    cgroups(["thaw", &name]).output().assert_code(0);
    eventually("it goes on", || ticks() > frozen);
}

fn killed_is_all_of_it() {
    let name = unique("mob");
    let script =
        "i=0; while [ $i -lt 20 ]; do setsid sleep 1000 & i=$((i+1)); done; echo begun; wait";
    let running = begun(container(&["--name", &name], script));
    cgroups(["kill", &name]).output().assert_code(0);
    running.wait().assert_code(137);
    assert!(directories(&name).is_empty());
}

fn a_frozen_container_can_be_killed() {
    let name = unique("cold");
    let running = sleeper(&["--name", &name]);
    cgroups(["freeze", &name]).output().assert_code(0);
    cgroups(["kill", &name]).output().assert_code(0);
    running.wait().assert_code(137);
    assert!(directories(&name).is_empty());
}

fn who_enters_is_limited_too() {
    let file = harness::directory().join("pid");
    let options = ["--memory", "32m", "--pid-file", file.to_str().unwrap()];
    let running = sleeper(&options);
    eventually("there is a pid file", || {
        fs::read_to_string(&file).is_ok_and(|pid| !pid.is_empty())
    });
    let pid = fs::read_to_string(&file).unwrap();
    let entered = cgroups(["enter", pid.trim(), "--", "tail", "/dev/zero"])
        .output()
        .assert_code(137);
    assert_eq!(entered.out(), "");
    // The container goes on, and tells at its end what happened in it.
    running.signal(libc::SIGTERM);
    let output = running.wait().assert_code(143);
    assert!(
        output
            .err()
            .contains("the kernel has killed a process of the container"),
        "{}",
        output.err()
    );
}

fn a_parent_cgroup_must_exist() {
    let output = container(&["--cgroup-parent", "/no/such"], "true").output();
    assert!(refusal(output, true).contains("/no"));
}

fn fifty_at_once() {
    let root = busybox_root();
    let census = census();
    let options = ["--memory", "64m", "--cpus", "0.5", "--pids-limit", "10"];
    // Where instructions are translated, ten take as long.
    let most = if kit::patience::is_asked_for() {
        10
    } else {
        50
    };
    let all: Vec<_> = harness::sample(50, most)
        .into_iter()
        .map(|number| {
            let run = container_in(&root, &options, &format!("echo {number}"));
            (number, run.spawn())
        })
        .collect();
    for (number, running) in all {
        assert_eq!(running.wait().assert_code(0).out(), format!("{number}\n"));
    }
    census.assert_unchanged();
    assert!(bin("cgroups").exists());
}
