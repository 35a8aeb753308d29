//! Taking the map: everything is read, nothing is changed.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};

use anyhow::{Result, bail};
use kit::sys::namespace;
use nix::sys::stat::fstat;

use super::model::{Cgroup, KINDS, Map, MountSpace, Namespace, Process, Scope};
use super::mountinfo::Mount;
use super::process::Proc;
use super::{links, mountinfo};

/// The map of the namespaces in the scope.
pub(super) fn take(scope: Scope) -> Result<Map> {
    let own = fs::read_link("/proc/self").unwrap_or_default();
    if own.to_str() != Some(std::process::id().to_string().as_str()) {
        bail!(
            "/proc does not show this PID namespace: mount it first (`mount -t proc proc /proc`)"
        );
    }
    let pid = match scope {
        Scope::Own => Some(asker().0),
        Scope::Process(pid) => Some(pid),
        Scope::All => None,
    };
    let (mut everything, hidden) = processes();
    let chosen = match pid {
        Some(pid) => match everything.iter().find(|process| process.pid == pid) {
            Some(process) => Some(process.namespaces.clone()),
            None if Proc(pid).status().is_empty() => bail!("there is no process {pid}"),
            None => bail!("process {pid} is somebody else's: ask as root (sudo)"),
        },
        None => None,
    };
    let mut map = Map {
        scope,
        ..Map::default()
    };
    if hidden > 0 {
        let whose = match (hidden, nix::unistd::geteuid().is_root()) {
            (1, true) => "a process that not even root may look into",
            (_, true) => "processes that not even root may look into",
            (1, false) => "a process of another user (ask as root)",
            (_, false) => "processes of other users (ask as root)",
        };
        let count = if hidden == 1 {
            String::new()
        } else {
            format!("{hidden} ")
        };
        map.unseen.push(format!("the namespaces of {count}{whose}"));
    }
    map.namespaces = namespaces(&everything, chosen.as_ref(), &mut map.unseen);
    if let Some(chosen) = &chosen {
        // Those that share something new with it; the first namespaces are shared by everybody.
        let is_near = |process: &Process| {
            Some(process.pid) == pid
                || process
                    .namespaces
                    .iter()
                    .any(|(kind, id)| !is_first(kind, *id) && chosen.get(kind) == Some(id))
        };
        everything.retain(is_near);
    }
    map.mounts = mounts(&everything, pid, &mut map.unseen);
    map.cgroups = cgroups(&everything);
    map.networks = links::take(&everything, &mut map.unseen);
    map.processes = everything;
    Ok(map)
}

/// Whoever asks: the process that started us; if that is somebody else's, ourselves.
fn asker() -> Proc {
    let parent = Proc(nix::unistd::getppid().as_raw());
    match parent.namespace("user") {
        Some(_) => parent,
        None => Proc(std::process::id() as i32),
    }
}

/// Whether it is the namespace that the kernel began with: those have fixed inode numbers (PROC_…_INIT_INO). The mount
/// and the network namespace have them only since Linux 6.17, and are those of process 1 before, if that is the first.
pub(super) fn is_first(kind: &str, id: u64) -> bool {
    let is_fixed = (0xEFFF_FFF0..=0xEFFF_FFFF).contains(&id);
    let is_of_init = || {
        let init = Proc(1);
        init.namespace(kind) == Some(id)
            && init
                .namespace("pid")
                .is_some_and(|pid| is_first("pid", pid))
    };
    is_fixed || (matches!(kind, "mnt" | "net") && is_of_init())
}

/// Those whose namespaces we may see, and the number of the others. Kernel threads are left out: they have no
/// namespaces of their own, and are many; so are we, if we are not the only ones: we are gone when the map is read.
fn processes() -> (Vec<Process>, usize) {
    let mut hidden = 0;
    let mut seen = Vec::new();
    let us = Proc(std::process::id() as i32);
    let is_shown = |process: &Proc| *process != us || asker() == us;
    for process in Proc::all().into_iter().filter(is_shown) {
        let status = process.status();
        let is_kernel_thread =
            status.get("Kthread").is_some_and(|word| word == "1") || !status.contains_key("VmSize");
        if is_kernel_thread {
            continue;
        }
        let ids = KINDS
            .iter()
            .filter_map(|kind| Some(((*kind).to_owned(), process.namespace(kind)?)));
        let namespaces: BTreeMap<_, _> = ids.collect();
        if namespaces.is_empty() {
            // Gone meanwhile, or somebody else's.
            hidden += usize::from(process.path("status").exists());
            continue;
        }
        let pids = status.get("NSpid").map_or("", String::as_str);
        seen.push(Process {
            pid: process.0,
            name: process.name(),
            pids: pids
                .split_whitespace()
                .filter_map(|pid| pid.parse().ok())
                .collect(),
            namespaces,
        });
    }
    (seen, hidden)
}

fn namespaces(
    processes: &[Process],
    chosen: Option<&BTreeMap<String, u64>>,
    unseen: &mut Vec<String>,
) -> Vec<Namespace> {
    let mut found: BTreeMap<(usize, u64), Namespace> = BTreeMap::new();
    let mut out_of_reach = BTreeSet::new();
    for process in processes {
        for (kind, id) in &process.namespaces {
            if chosen.is_some_and(|chosen| chosen.get(kind) != Some(id)) {
                continue;
            }
            let order = KINDS
                .iter()
                .position(|known| known == kind)
                .unwrap_or(KINDS.len());
            let namespace = found.entry((order, *id)).or_insert_with(|| {
                let (parent, owner) = relations(process.pid, kind);
                if owner.is_none() && !is_first(kind, *id) {
                    out_of_reach.insert(format!("{kind}:[{id}]"));
                }
                Namespace {
                    kind: kind.clone(),
                    id: *id,
                    parent,
                    owner,
                    processes: Vec::new(),
                }
            });
            namespace.processes.push(process.pid);
        }
    }
    if !out_of_reach.is_empty() {
        let list: Vec<_> = out_of_reach.into_iter().collect();
        unseen.push(format!(
            "the owners of {}: they are outside of our own user namespace",
            list.join(", ")
        ));
    }
    found.into_values().collect()
}

/// The namespace's parent and its owner.
fn relations(pid: i32, kind: &str) -> (Option<u64>, Option<u64>) {
    let Ok(file) = File::open(Proc(pid).path(&format!("ns/{kind}"))) else {
        return (None, None);
    };
    let inode = |fd: std::os::fd::OwnedFd| fstat(&fd).ok().map(|file| file.st_ino);
    let parent = match kind {
        "pid" | "user" => namespace::parent(&file).ok().and_then(inode),
        _ => None,
    };
    (parent, namespace::owner(&file).ok().and_then(inode))
}

/// One process stands for each mount namespace: the one that is asked about, else the first.
fn mounts(processes: &[Process], pid: Option<i32>, unseen: &mut Vec<String>) -> Vec<MountSpace> {
    let mut spaces: BTreeMap<Option<u64>, i32> = BTreeMap::new();
    for process in processes
        .iter()
        .filter(|process| pid.is_none_or(|pid| process.pid == pid))
    {
        spaces
            .entry(process.namespaces.get("mnt").copied())
            .or_insert(process.pid);
    }
    let mut seen: Vec<_> = spaces
        .into_iter()
        .map(|(namespace, pid)| MountSpace {
            namespace,
            seen_by: pid,
            mounts: Proc(pid).mounts(),
        })
        .collect();
    for space in seen.iter().filter(|space| space.mounts.is_empty()) {
        unseen.push(format!("the mounts of process {}", space.seen_by));
    }
    seen.retain(|space| !space.mounts.is_empty());
    seen
}

/// Files that hold a limit, v2's and v1's.
const LIMITS: [&str; 12] = [
    "memory.max",
    "memory.high",
    "memory.swap.max",
    "cpu.max",
    "cpu.weight",
    "cpuset.cpus",
    "pids.max",
    "memory.limit_in_bytes",
    "memory.soft_limit_in_bytes",
    "cpu.cfs_quota_us",
    "cpu.shares",
    "freezer.state",
];

fn cgroups(processes: &[Process]) -> Vec<Cgroup> {
    let ours = Proc(std::process::id() as i32).mounts();
    let mut found: BTreeMap<(String, String), Cgroup> = BTreeMap::new();
    for process in processes {
        for line in Proc(process.pid).read("cgroup").lines() {
            // `4:memory:/docker/1` and `0::/user.slice`.
            let mut parts = line.splitn(3, ':').skip(1);
            let (Some(controllers), Some(path)) = (parts.next(), parts.next()) else {
                continue;
            };
            let hierarchy = if controllers.is_empty() {
                "v2"
            } else {
                controllers
            };
            let key = (hierarchy.to_owned(), path.to_owned());
            let group = found.entry(key).or_insert_with(|| Cgroup {
                hierarchy: hierarchy.to_owned(),
                path: path.to_owned(),
                processes: Vec::new(),
                limits: limits(&ours, hierarchy, path),
            });
            group.processes.push(process.pid);
        }
    }
    found.into_values().collect()
}

fn limits(mounts: &[Mount], hierarchy: &str, path: &str) -> BTreeMap<String, String> {
    let is_it = |mount: &&Mount| match hierarchy {
        "v2" => mount.kind == "cgroup2",
        list => {
            mount.kind == "cgroup"
                && list
                    .split(',')
                    .all(|name| mount.super_options.iter().any(|option| option == name))
        }
    };
    let Some(mount) = mounts.iter().find(is_it) else {
        return BTreeMap::new();
    };
    let group = mount.point.join(path.trim_start_matches('/'));
    let value = |file: &&str| {
        let text = fs::read_to_string(group.join(file)).ok()?.trim().to_owned();
        // What says "no limit", in both versions' words: v1 rounds the largest number down to whole pages.
        let none = matches!(text.as_str(), "" | "max" | "max 100000" | "-1" | "THAWED")
            || text.parse::<u64>().is_ok_and(|number| number > 1 << 60);
        let is_usual =
            (*file == "cpu.weight" && text == "100") || (*file == "cpu.shares" && text == "1024");
        (!none && !is_usual).then(|| ((*file).to_owned(), text))
    };
    LIMITS.iter().filter_map(value).collect()
}

/// The tree of a mount space, as (depth, mount), parents before children.
pub(super) fn tree(mounts: &[Mount]) -> Vec<(usize, &Mount)> {
    let children = mountinfo::children(mounts);
    let mut tree = Vec::new();
    let mut todo: Vec<_> = children
        .get(&None)
        .into_iter()
        .flatten()
        .rev()
        .map(|mount| (0, *mount))
        .collect();
    while let Some((depth, mount)) = todo.pop() {
        tree.push((depth, mount));
        let below = children.get(&Some(mount.id)).into_iter().flatten().rev();
        todo.extend(below.map(|child| (depth + 1, *child)));
    }
    tree
}
