//! The attacks of the chapter: they work against `examples/naive.rs`, and must go on doing so, or they prove nothing.

use std::path::Path;

use harness::{Need, Run, Test, example, test, unique};

use crate::common::{ROOT, container, directories, eventually, sleeper};

pub(crate) fn tests() -> Vec<Test> {
    let needs = [ROOT[0], ROOT[1], Need::Controller("pids")];
    vec![
        test(
            "a_process_walks_out_of_its_cgroup",
            &needs,
            a_process_walks_out_of_its_cgroup,
        ),
        test(
            "a_killed_parent_leaves_its_cgroup",
            &needs,
            a_killed_parent_leaves_its_cgroup,
        ),
    ]
}

/// Waits until it has been put into a cgroup, goes back to the one at the top, and then has as many children as it
/// likes. Membership is one write away, for whoever may write to the files.
const WALK_OUT: &str = "
    [ \"$1\" != naive ] || until grep -q /naive- /proc/self/cgroup; do :; done
    for top in /sys/fs/cgroup/pids /sys/fs/cgroup; do
        test -f $top/cgroup.procs && { echo $$ > $top/cgroup.procs; break; }
    done
    i=0; while [ $i -lt 20 ]; do sleep 0 & i=$((i+1)); done; wait; echo escaped";

fn a_process_walks_out_of_its_cgroup() {
    let naive = Run::new(example("cgroups-naive"))
        .args(["5", "busybox", "sh", "-c", WALK_OUT, "sh", "naive"]);
    assert_eq!(naive.output().assert_code(0).out(), "escaped\n");

    let output = container(
        &["--pids-limit", "5"],
        &format!("set -- container\n{WALK_OUT}"),
    )
    .output();
    assert_eq!(output.out(), "");
    assert!(
        output.err().contains("Read-only file system"),
        "{}",
        output.err()
    );
    assert!(
        output.err().contains("reached its limit of 5 processes"),
        "{}",
        output.err()
    );
}

fn a_killed_parent_leaves_its_cgroup() {
    let naive = Run::new(example("cgroups-naive"))
        .args(["5", "sh", "-c", "exec sleep 1000 >/dev/null 2>&1"])
        .spawn();
    let name = format!("naive-{}", naive.pid());
    let directory = ["/sys/fs/cgroup/pids", "/sys/fs/cgroup"].map(|top| Path::new(top).join(&name));
    let left = || directory.iter().find(|path| path.exists());
    eventually("the naive one has made its cgroup", || {
        left().is_some_and(|path| {
            std::fs::read_to_string(path.join("cgroup.procs")).is_ok_and(|p| !p.is_empty())
        })
    });
    naive.signal(libc::SIGKILL);
    naive.wait();
    let left = left().expect("it stays for ever");
    eventually("it can be removed", || {
        let processes = std::fs::read_to_string(left.join("cgroup.procs")).unwrap_or_default();
        for pid in processes.lines().filter_map(|pid| pid.parse().ok()) {
            let _ = nix::sys::signal::kill(
                nix::unistd::Pid::from_raw(pid),
                nix::sys::signal::Signal::SIGKILL,
            );
        }
        std::fs::remove_dir(left).is_ok()
    });

    let name = unique("kept");
    let container = sleeper(&["--name", &name, "--pids-limit", "5"]);
    container.signal(libc::SIGKILL);
    container.wait();
    eventually("ours does not", || directories(&name).is_empty());
}
