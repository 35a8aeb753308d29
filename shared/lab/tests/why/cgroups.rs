//! Cgroups, on whichever version a controller is. Each fixture removes the groups that it made.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::PathBuf;
use std::process::Command;

use harness::Need;
use nix::errno::Errno;

use crate::mounts::{private, tmpfs};
use crate::{FIXTURE, Fixture, fresh};

pub(crate) const FIXTURES: &[Fixture] = &[
    Fixture {
        name: "a_cgroup_with_controllers_takes_no_processes",
        needs: &[Need::Root, Need::CgroupV2],
        call: "write",
        errno: "EBUSY",
        rules: &["no-internal-processes"],
        induce: || {
            let root = mount("cgroup2", None);
            let controllers = fs::read_to_string(root.join("cgroup.controllers")).unwrap();
            // cpu, cpuset and pids count threads, and may be enabled beside processes.
            let is_domain = |name: &&str| matches!(*name, "memory" | "io" | "hugetlb");
            let controller = controllers.split_whitespace().find(is_domain);
            let enable = format!("+{}", controller.expect("a domain controller"));
            fs::write(root.join("cgroup.subtree_control"), &enable).unwrap();
            let group = Group::new(root);
            fs::write(group.file("cgroup.subtree_control"), &enable).unwrap();
            write(&group.file("cgroup.procs"), "0").unwrap_err()
        },
        ..FIXTURE
    },
    Fixture {
        name: "a_controller_has_to_be_available",
        needs: &[Need::Root, Need::CgroupV2],
        call: "write",
        errno: "ENOENT",
        rules: &["controller-not-available"],
        induce: || {
            // The parent has not enabled it for the group.
            let without = without_controller();
            let file = without.group.file("cgroup.subtree_control");
            write(&file, &format!("+{}", without.controller)).unwrap_err()
        },
        ..FIXTURE
    },
    Fixture {
        name: "a_limit_is_there_only_if_its_controller_is_enabled",
        needs: &[Need::Root, Need::CgroupV2],
        call: "openat",
        errno: "ENOENT",
        rules: &["controller-not-enabled"],
        induce: || {
            let without = without_controller();
            let file = without.group.file(&format!("{}.max", without.controller));
            write(&file, "1").unwrap_err()
        },
        ..FIXTURE
    },
    Fixture {
        name: "a_shell_that_writes_such_a_limit_is_denied",
        needs: &[Need::Root, Need::CgroupV2],
        call: "openat",
        errno: "EACCES",
        rules: &["controller-not-enabled-for-shell"],
        induce: || {
            let without = without_controller();
            let file = without.group.file(&format!("{}.max", without.controller));
            let error = fs::write(&file, "1").unwrap_err();
            Errno::from_raw(error.raw_os_error().unwrap())
        },
        ..FIXTURE
    },
    Fixture {
        name: "no_rule_knows_a_file_that_no_controller_has",
        needs: &[Need::Root, Need::CgroupV2],
        call: "openat",
        errno: "ENOENT",
        induce: || {
            let group = Group::new(mount("cgroup2", None));
            write(&group.file("nothing.max"), "1").unwrap_err()
        },
        ..FIXTURE
    },
    Fixture {
        name: "an_empty_cpuset_takes_no_process",
        needs: &[Need::Root, Need::ControllerV1("cpuset")],
        call: "write",
        errno: "ENOSPC",
        rules: &["empty-cpuset"],
        induce: || {
            let group = Group::new(mount("cgroup", Some("cpuset")));
            write(&group.file("tasks"), "0").unwrap_err()
        },
        ..FIXTURE
    },
    Fixture {
        name: "a_cgroup_with_children_is_not_removed",
        needs: &[Need::Root, Need::Controller("pids")],
        call: "rmdir",
        errno: "EBUSY",
        rules: &["cgroup-not-empty"],
        induce: || {
            let group = Group::new(pids());
            let _inner = Group::new(group.0.clone());
            nix_rmdir(&group.0)
        },
        ..FIXTURE
    },
    Fixture {
        name: "no_rule_knows_a_directory_that_is_mounted_on",
        call: "rmdir",
        errno: "EBUSY",
        induce: || {
            private();
            let place = fresh();
            tmpfs(&place, nix::mount::MsFlags::empty()).unwrap();
            nix_rmdir(&place)
        },
        ..FIXTURE
    },
    Fixture {
        name: "the_pids_limit_stops_a_fork",
        needs: &[Need::Root, Need::Controller("pids")],
        call: "clone3",
        errno: "EAGAIN",
        rules: &["pids-limit"],
        induce: || {
            let root = pids();
            // On v2 the group has the file only if the controller is enabled above it; on v1 there is no such switch.
            let switch = root.join("cgroup.subtree_control");
            if switch.exists() {
                fs::write(switch, "+pids").unwrap();
            }
            let group = Group::new(root.clone());
            fs::write(group.file("pids.max"), "1").unwrap();
            fs::write(group.file("cgroup.procs"), "0").unwrap();
            let errno = spawn();
            fs::write(root.join("cgroup.procs"), "0").unwrap();
            errno
        },
        ..FIXTURE
    },
];

/// A fork, as the standard library does it.
pub(crate) fn spawn() -> Errno {
    let error = Command::new("/bin/true").spawn().unwrap_err();
    Errno::from_raw(error.raw_os_error().unwrap())
}

/// Removed when the fixture has done with it.
struct Group(PathBuf);

impl Group {
    fn new(parent: PathBuf) -> Self {
        let path = parent.join(format!("why-{}", std::process::id()));
        fs::create_dir(&path).unwrap();
        Self(path)
    }

    fn file(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        fs::remove_dir(&self.0).unwrap();
    }
}

/// Where a hierarchy is mounted.
fn mount(kind: &str, option: Option<&str>) -> PathBuf {
    let mounts = fs::read_to_string("/proc/self/mounts").unwrap();
    let is_it = |line: &&str| {
        let words: Vec<_> = line.split(' ').collect();
        words[2] == kind
            && option.is_none_or(|option| words[3].split(',').any(|word| word == option))
    };
    let line = mounts.lines().find(is_it).unwrap();
    line.split(' ').nth(1).unwrap().into()
}

fn pids() -> PathBuf {
    let unified = mount("cgroup2", None);
    let controllers = fs::read_to_string(unified.join("cgroup.controllers")).unwrap();
    if controllers.split_whitespace().any(|name| name == "pids") {
        unified
    } else {
        mount("cgroup", Some("pids"))
    }
}

/// A group and a controller that it does not have; if the root has enabled all of them, a group of a group.
struct Without {
    // Dropped first, for it is in the other.
    group: Group,
    _outer: Option<Group>,
    controller: &'static str,
}

fn without_controller() -> Without {
    let group = Group::new(mount("cgroup2", None));
    let there = fs::read_to_string(group.file("cgroup.controllers")).unwrap();
    let candidates = ["memory", "pids", "io", "cpu"];
    let is_missing = |name: &&str| !there.split_whitespace().any(|has| has == *name);
    match candidates.into_iter().find(is_missing) {
        Some(controller) => Without {
            group,
            _outer: None,
            controller,
        },
        None => Without {
            group: Group::new(group.0.clone()),
            _outer: Some(group),
            controller: candidates[0],
        },
    }
}

fn write(path: &std::path::Path, text: &str) -> Result<(), Errno> {
    // Not with `fs::write`, which would make the file.
    let file = OpenOptions::new().write(true).open(path);
    file.and_then(|mut file| file.write_all(text.as_bytes()))
        .map_err(|error| Errno::from_raw(error.raw_os_error().unwrap_or_default()))
}

fn nix_rmdir(path: &std::path::Path) -> Errno {
    Errno::from_raw(
        fs::remove_dir(path)
            .unwrap_err()
            .raw_os_error()
            .unwrap_or_default(),
    )
}
