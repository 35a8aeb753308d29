//! Cgroups: files that are written, and directories that are removed.

use std::fs;
use std::path::{Path, PathBuf};

use super::{Finding, Refuted, Rule, Unknown, seen};
use crate::cmd::why::scene::Scene;

pub(super) const RULES: &[Rule] = &[
    Rule {
        id: "no-internal-processes",
        calls: &["write", "clone3"],
        errno: "EBUSY",
        cause: "a cgroup (v2) has either processes or domain controllers (memory, io, hugetlb …) for its children, never both",
        how: "processes are to be added where cgroup.subtree_control names a domain controller, or one is to be enabled where cgroup.procs lists processes",
        mend: "put processes into leaves only: make a child group and move them there first",
        page: "cgroups(7)",
        examine: internal,
    },
    Rule {
        id: "controller-not-available",
        calls: &["write"],
        errno: "ENOENT",
        cause: "the controller is not available to this cgroup",
        how: "cgroup.controllers beside the file does not list it",
        mend: "enable it in cgroup.subtree_control of the parent, from the root down; a controller that is mounted as v1 is not available on v2 at all",
        page: "cgroups(7)",
        examine: |scene| {
            let Some((group, "cgroup.subtree_control")) = file(scene).as_deref().map(parts) else {
                return Refuted("it is no cgroup.subtree_control".to_owned());
            };
            let there = text(scene, &group, "cgroup.controllers");
            let wanted: Vec<_> = scene
                .argument("buf")
                .split(|c: char| !c.is_alphanumeric() && c != '_')
                .filter(|word| !word.is_empty() && *word != "n")
                .map(str::to_owned)
                .collect();
            let missing: Vec<_> = wanted
                .iter()
                .filter(|name| !there.split_whitespace().any(|has| has == *name))
                .cloned()
                .collect();
            seen(
                !missing.is_empty(),
                format!(
                    "cgroup.controllers has {:?}; asked for: {}",
                    there.trim(),
                    wanted.join(" ")
                ),
            )
        },
    },
    Rule {
        id: "controller-not-enabled",
        calls: &["openat", "open", "openat2"],
        errno: "ENOENT",
        cause: "a cgroup (v2) has the files of a controller only if its parent has enabled it",
        how: "the directory is a cgroup (it has cgroup.controllers), and that does not list the controller of the file's name",
        mend: "write `+CONTROLLER` to cgroup.subtree_control of the parent, from the root down",
        page: "cgroups(7)",
        examine: not_enabled,
    },
    Rule {
        id: "controller-not-enabled-for-shell",
        calls: &["openat", "open"],
        errno: "EACCES",
        cause: "the file is not there, because the parent has not enabled its controller; a shell's `>` then asks to make it, and nobody can make files in a cgroup",
        how: "O_CREAT is given, the file does not exist, and cgroup.controllers of the directory does not list its controller",
        mend: "write `+CONTROLLER` to cgroup.subtree_control of the parent, from the root down",
        page: "cgroups(7)",
        examine: |scene| match scene.has_flag("O_CREAT") {
            true => not_enabled(scene),
            false => Refuted("O_CREAT was not given".to_owned()),
        },
    },
    Rule {
        id: "empty-cpuset",
        calls: &["write"],
        errno: "ENOSPC",
        cause: "a cpuset (v1) without processors or without memory nodes can hold no process",
        how: "cpuset.cpus or cpuset.mems beside the file is empty",
        mend: "write both first, for example the parent's; or set cgroup.clone_children in the parent before making the group",
        page: "cpuset(7)",
        examine: |scene| {
            let Some(path) = file(scene) else {
                return Refuted(NO_CGROUP.to_owned());
            };
            let (group, name) = parts(&path);
            let values = ["cpuset.cpus", "cpuset.mems"].map(|file| scene.read(&group.join(file)));
            match values {
                [Some(cpus), Some(mems)] => seen(
                    matches!(name, "tasks" | "cgroup.procs")
                        && (cpus.trim().is_empty() || mems.trim().is_empty()),
                    format!(
                        "cpuset.cpus is {:?}, cpuset.mems is {:?}",
                        cpus.trim(),
                        mems.trim()
                    ),
                ),
                _ => Refuted("it is no cpuset".to_owned()),
            }
        },
    },
    Rule {
        id: "cgroup-not-empty",
        calls: &["rmdir", "unlinkat"],
        errno: "EBUSY",
        cause: "a cgroup that has processes or child groups cannot be removed",
        how: "cgroup.procs lists processes, or the directory has directories in it",
        mend: "end the processes (cgroup.kill on v2) and wait for them, remove the child groups, then remove it",
        page: "cgroups(7)",
        examine: |scene| {
            let directory = (scene.call == "unlinkat").then_some("dirfd");
            let Some(path) = scene.path(directory, "pathname") else {
                return Unknown("the path cannot be followed".to_owned());
            };
            let Some(processes) = scene.read(&path.join("cgroup.procs")) else {
                return Refuted(format!("{} is no cgroup", path.display()));
            };
            let groups = fs::read_dir(scene.our_path(&path)).map_or(0, |entries| {
                entries
                    .filter(|entry| entry.as_ref().is_ok_and(|entry| entry.path().is_dir()))
                    .count()
            });
            seen(
                groups > 0 || !processes.trim().is_empty(),
                format!(
                    "it has {groups} child groups and {} processes",
                    processes.lines().count()
                ),
            )
        },
    },
    Rule {
        id: "pids-limit",
        calls: &["fork", "vfork", "clone", "clone3"],
        errno: "EAGAIN",
        cause: "the pids limit of the cgroup is reached",
        how: "pids.current is not below pids.max in the process's cgroup or one above it",
        mend: "raise pids.max (`--pids-limit`), or find what forks: `systemd-cgls`, `lab map`",
        page: "cgroups(7)",
        examine: pids,
    },
];

const NO_CGROUP: &str = "it is no file of a cgroup";

/// The cgroup file that a write is about.
fn file(scene: &Scene) -> Option<PathBuf> {
    let path = scene.descriptor_path(scene.argument("fd"))?;
    let is_cgroup = scene
        .mount_of(&path)
        .is_some_and(|mount| mount.kind.starts_with("cgroup"));
    is_cgroup.then_some(path)
}

/// Directory and file name.
fn parts(path: &Path) -> (PathBuf, &str) {
    let directory = path.parent().unwrap_or(path).to_owned();
    (
        directory,
        path.file_name()
            .and_then(|name| name.to_str())
            .unwrap_or_default(),
    )
}

fn text(scene: &Scene, group: &Path, name: &str) -> String {
    scene.read(&group.join(name)).unwrap_or_default()
}

fn not_enabled(scene: &Scene) -> Finding {
    const CONTROLLERS: [&str; 8] = [
        "cpu", "cpuset", "hugetlb", "io", "memory", "misc", "pids", "rdma",
    ];
    let directory = (!scene.argument("dirfd").is_empty()).then_some("dirfd");
    let Some(path) = scene.path(directory, "pathname") else {
        return Unknown("the path cannot be followed".to_owned());
    };
    let (group, name) = parts(&path);
    let Some(there) = scene.read(&group.join("cgroup.controllers")) else {
        return Refuted(format!("{} is no cgroup of v2", group.display()));
    };
    let controller = name.split('.').next().unwrap_or_default();
    let is_missing = CONTROLLERS.contains(&controller)
        && !there.split_whitespace().any(|has| has == controller)
        && !scene.our_path(&path).exists();
    seen(
        is_missing,
        format!(
            "cgroup.controllers of {} has {:?}",
            group.display(),
            there.trim()
        ),
    )
}

fn internal(scene: &Scene) -> Finding {
    let (group, is_enabling) = if scene.call == "clone3" {
        let text = scene
            .argument("cl_args")
            .split("cgroup=")
            .nth(1)
            .unwrap_or_default();
        match scene.descriptor_path(text.trim_end_matches('}')) {
            Some(path) => (path, false),
            None => return Refuted("no cgroup was given".to_owned()),
        }
    } else {
        match file(scene).as_deref().map(parts) {
            Some((group, "cgroup.procs" | "cgroup.threads")) => (group, false),
            Some((group, "cgroup.subtree_control")) => (group, true),
            _ => return Refuted(NO_CGROUP.to_owned()),
        }
    };
    let control = text(scene, &group, "cgroup.subtree_control");
    let wanted = scene.argument("buf").replace(['+', '-'], "");
    // cpu, cpuset and pids count threads, and may be enabled where processes are.
    let domain = |list: &str| {
        let domain = ["memory", "io", "hugetlb", "rdma", "misc"];
        list.split_whitespace().any(|name| domain.contains(&name))
    };
    let processes = text(scene, &group, "cgroup.procs");
    let what = format!(
        "cgroup.subtree_control has {:?}, cgroup.procs {} processes",
        control.trim(),
        processes.lines().count()
    );
    seen(
        if is_enabling {
            domain(&wanted) && !processes.trim().is_empty()
        } else {
            domain(&control)
        },
        what,
    )
}

fn pids(scene: &Scene) -> Finding {
    let groups = scene.process.read("cgroup");
    let mounts = crate::cmd::map::process::Proc(std::process::id() as i32).mounts();
    for line in groups.lines() {
        let mut parts = line.splitn(3, ':');
        let (Some(_), Some(controllers), Some(path)) = (parts.next(), parts.next(), parts.next())
        else {
            continue;
        };
        let (kind, option) = match controllers {
            "" => ("cgroup2", None),
            list if list.split(',').any(|name| name == "pids") => ("cgroup", Some("pids")),
            _ => continue,
        };
        let mount = mounts.iter().find(|mount| {
            mount.kind == kind
                && option.is_none_or(|option| mount.super_options.iter().any(|word| word == option))
        });
        let Some(mount) = mount else {
            continue;
        };
        let mut group = mount.point.join(path.trim_start_matches('/'));
        while group.starts_with(&mount.point) {
            let number = |name: &str| {
                fs::read_to_string(group.join(name))
                    .ok()?
                    .trim()
                    .parse::<u64>()
                    .ok()
            };
            if let (Some(max), Some(current)) = (number("pids.max"), number("pids.current"))
                && current >= max
            {
                return Finding::Established(format!(
                    "{} has pids.current {current}, pids.max {max}",
                    group.display()
                ));
            }
            if !group.pop() {
                break;
            }
        }
    }
    Refuted("no cgroup around it that we can see has reached its pids.max".to_owned())
}
