//! What the tests may count on here.

use std::fs;

/// What this machine is promised to have, in the words of `harness::Need::key`; a promised need that a test misses is
/// a failure. What every Linux has that we support is promised in CI alone: a user's kernel may forbid it. With `all` of
/// the packages installed, and not the few of a fast run, every program is promised.
pub(super) fn promises(all: bool) -> String {
    let mut promises = vec!["root"];
    if all {
        promises.push("programs");
    }
    if is_ci() {
        promises.extend(["userns", "timens"]);
    }
    let mounts = fs::read_to_string("/proc/self/mounts").unwrap_or_default();
    promises.extend(cgroup_versions(&mounts, |mount_point| {
        fs::read_to_string(format!("{mount_point}/cgroup.controllers")).unwrap_or_default()
    }));
    promises.join(",")
}

/// The controllers that a version has to have before it is promised: the one word stands for all of them.
const ESSENTIAL: [&str; 3] = ["cpu", "memory", "pids"];

/// The versions that control something here; `controllers` tells what is on a v2 mount point. A hybrid host has v1
/// with all that matters and, beside it, v2 with what nobody took.
fn cgroup_versions(mounts: &str, controllers: impl Fn(&str) -> String) -> Vec<&'static str> {
    let (mut v1, mut v2) = (Vec::new(), Vec::new());
    for line in mounts.lines() {
        match line.split(' ').collect::<Vec<_>>()[..] {
            [_, _, "cgroup", options, ..] => v1.extend(options.split(',').map(str::to_owned)),
            [_, at, "cgroup2", ..] => {
                v2.extend(controllers(at).split_whitespace().map(str::to_owned))
            }
            _ => {}
        }
    }
    let complete = |there: &[String]| {
        ESSENTIAL
            .iter()
            .all(|name| there.iter().any(|one| one == name))
    };
    [("cgroup1", v1), ("cgroup2", v2)]
        .into_iter()
        .filter(|(_, there)| complete(there))
        .map(|(version, _)| version)
        .collect()
}

/// Whether this is the run that decides: continuous integration says `CI=true`.
pub(super) fn is_ci() -> bool {
    std::env::var_os("CI").is_some_and(|value| !value.is_empty() && value != "false")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_promised_where_it_has_what_matters() {
        let hybrid = "cgroup /sys/fs/cgroup/cpu cgroup rw,relatime,cpu 0 0\n\
                      cgroup /sys/fs/cgroup/memory cgroup rw,relatime,memory 0 0\n\
                      cgroup /sys/fs/cgroup/pids cgroup rw,relatime,pids 0 0\n\
                      cgroup /sys/fs/cgroup/systemd cgroup rw,name=systemd 0 0\n\
                      cgroup2 /sys/fs/cgroup/unified cgroup2 rw 0 0\n";
        assert_eq!(
            cgroup_versions(hybrid, |_| "hugetlb misc\n".to_owned()),
            ["cgroup1"]
        );
        let unified = "cgroup2 /sys/fs/cgroup cgroup2 rw 0 0\n";
        let all = |at: &str| {
            assert_eq!(at, "/sys/fs/cgroup");
            "cpuset cpu io memory pids\n".to_owned()
        };
        assert_eq!(cgroup_versions(unified, all), ["cgroup2"]);
        assert_eq!(
            cgroup_versions(unified, |_| "cpu\n".to_owned()),
            Vec::<&str>::new()
        );
    }
}
