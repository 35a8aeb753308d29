//! What is there before and after: mounts, cgroups, processes, links, network namespaces, files.
//!
//! Tests run beside each other, and a machine has other users. So only that counts which can be laid at the test's
//! door: its own processes and files, and mounts of them; mounts that cover a place of the system itself; and cgroups,
//! links and network namespaces that bear drydock's name and are not in use by another's processes. What does not
//! stand for a while is only passing.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use kit::patience::patient;
use nix::unistd::Pid;

use crate::scene;

/// The state of the machine at one moment, as far as a container could change it.
#[derive(Clone, Debug)]
pub struct Census {
    before: BTreeSet<String>,
}

/// How long what is about to go may take to do so.
const PATIENCE: Duration = Duration::from_secs(3);

impl Census {
    /// Counts what is there now.
    pub fn take() -> Self {
        Self { before: count() }
    }

    /// What has come since, one line each; what is only passing is waited for. Empty at best.
    pub fn changes(&self) -> Vec<String> {
        let deadline = Instant::now() + patient(PATIENCE);
        let mut new: BTreeSet<String> = count().difference(&self.before).cloned().collect();
        while !new.is_empty() && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(5));
            let now = count();
            new.retain(|item| now.contains(item));
        }
        // The name is added last, for a process may change it: `sh` becomes `sleep` and is the same process.
        let names: BTreeMap<String, String> = scene::living()
            .into_iter()
            .map(|(pid, name)| (process(pid), name))
            .collect();
        new.into_iter()
            .map(|item| match names.get(&item) {
                Some(name) => format!("{item} ({name})"),
                None => item,
            })
            .collect()
    }

    /// # Panics
    /// If anything has come since and stays, naming it.
    #[track_caller]
    pub fn assert_unchanged(&self) {
        let changes = self.changes();
        assert!(changes.is_empty(), "left behind:\n{}", changes.join("\n"));
    }
}

/// The open descriptors of a process: number, and what `/proc/PID/fd` says it is.
pub fn descriptors(pid: Pid) -> BTreeMap<i32, String> {
    let Ok(entries) = fs::read_dir(format!("/proc/{pid}/fd")) else {
        return BTreeMap::new();
    };
    entries
        .flatten()
        .filter_map(|entry| {
            let number = entry.file_name().to_str()?.parse().ok()?;
            Some((
                number,
                fs::read_link(entry.path()).ok()?.display().to_string(),
            ))
        })
        .collect()
}

fn count() -> BTreeSet<String> {
    let processes = scene::living();
    let mut all: BTreeSet<String> = processes.iter().map(|(pid, _)| process(*pid)).collect();
    all.extend(mounts());
    all.extend(cgroups(&processes));
    all.extend(links());
    all.extend(files());
    all
}

fn process(pid: Pid) -> String {
    format!("process {pid}")
}

/// Mounts of our own mount namespace.
fn mounts() -> Vec<String> {
    let own = scene::directory().display().to_string();
    mount_table()
        .into_iter()
        .filter(|mount| is_suspect(mount, &own))
        .map(|mount| format!("mount {} at {} ({})", mount.id, mount.point, mount.kind))
        .collect()
}

struct Mount {
    id: String,
    root: String,
    point: String,
    kind: String,
    source: String,
}

/// One line of proc_pid_mountinfo(5) each.
fn mount_table() -> Vec<Mount> {
    let table = fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
    table
        .lines()
        .filter_map(|line| {
            let (mount, file_system) = line.split_once(" - ")?;
            let mount: Vec<&str> = mount.split(' ').collect();
            let file_system: Vec<&str> = file_system.split(' ').collect();
            Some(Mount {
                id: (*mount.first()?).to_owned(),
                root: (*mount.get(3)?).to_owned(),
                point: (*mount.get(4)?).to_owned(),
                kind: (*file_system.first()?).to_owned(),
                source: (*file_system.get(1)?).to_owned(),
            })
        })
        .collect()
}

/// Whether a mount may be one that a container has leaked.
fn is_suspect(mount: &Mount, own: &str) -> bool {
    // What a container mounts for itself, it mounts at these places; a leak would cover the machine's own.
    const SYSTEM: [&str; 5] = ["/proc", "/sys", "/dev", "/", "/etc"];
    let covers = SYSTEM.iter().any(|place| {
        mount
            .point
            .strip_prefix(place)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('/') && *place != "/")
    });
    let own_path = |path: &str| path.starts_with(own);
    covers
        || [&mount.point, &mount.root, &mount.source]
            .into_iter()
            .any(|path| own_path(path))
}

/// Control groups of drydock's in all hierarchies, but for those in which others' processes live.
fn cgroups(ours: &[(Pid, String)]) -> Vec<String> {
    mount_table()
        .into_iter()
        .filter(|mount| mount.kind.starts_with("cgroup"))
        .flat_map(|mount| tree(Path::new(&mount.point)))
        .filter(|path| path.is_dir() && path.display().to_string().contains("drydock"))
        .filter(|path| !is_anothers(path, ours))
        .map(|path| format!("cgroup {}", path.display()))
        .collect()
}

fn is_anothers(cgroup: &Path, ours: &[(Pid, String)]) -> bool {
    let mut members = tree(cgroup);
    members.push(cgroup.to_owned());
    let members: Vec<i32> = members
        .into_iter()
        .filter_map(|directory| fs::read_to_string(directory.join("cgroup.procs")).ok())
        .flat_map(|list| {
            list.lines()
                .filter_map(|pid| pid.parse().ok())
                .collect::<Vec<i32>>()
        })
        .collect();
    let is_ours = |pid: &i32| ours.iter().any(|(own, _)| own.as_raw() == *pid);
    !members.is_empty() && !members.iter().any(is_ours)
}

/// Network links of drydock's, and network namespaces with a name (ip-netns(8)).
fn links() -> Vec<String> {
    let links = fs::read_dir("/sys/class/net")
        .into_iter()
        .flatten()
        .flatten();
    let links = links
        .map(|entry| entry.file_name().display().to_string())
        .filter(|name| {
            ["drydock", "veth", "dd"]
                .iter()
                .any(|prefix| name.starts_with(prefix))
        })
        .map(|name| format!("link {name}"));
    let named = fs::read_dir("/run/netns").into_iter().flatten().flatten();
    let named = named.map(|entry| format!("network namespace {}", entry.file_name().display()));
    links
        .chain(named.filter(|name| name.contains("drydock")))
        .collect()
}

/// Files below the test's own directory, where `DRYDOCK_ROOT`, `DRYDOCK_RUN` and `TMPDIR` of its programs are.
fn files() -> Vec<String> {
    let own = scene::directory();
    ["data", "run", "tmp"]
        .into_iter()
        .flat_map(|name| tree(&own.join(name)))
        .map(|path| format!("file {}", path.display()))
        .collect()
}

/// Everything below `top` on the same file system, without `top` itself; what vanishes meanwhile is left out.
fn tree(top: &Path) -> Vec<PathBuf> {
    let Ok(device) = fs::metadata(top).map(|top| top.dev()) else {
        return Vec::new();
    };
    let mut found = Vec::new();
    let mut to_do = vec![top.to_owned()];
    while let Some(directory) = to_do.pop() {
        for entry in fs::read_dir(&directory).into_iter().flatten().flatten() {
            let Ok(metadata) = entry.metadata() else {
                continue;
            };
            if metadata.is_dir() && metadata.dev() == device {
                to_do.push(entry.path());
            }
            found.push(entry.path());
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Run;

    fn mount(root: &str, point: &str) -> Mount {
        let text = |text: &str| text.to_owned();
        Mount {
            id: text("1"),
            root: text(root),
            point: text(point),
            kind: text("proc"),
            source: text("none"),
        }
    }

    #[test]
    fn a_mount_is_suspect_where_a_container_would_mount() {
        let own = "/tmp/drydock-test-a";
        for (root, point, suspect) in [
            ("/", "/proc", true),
            ("/", "/dev/pts", true),
            ("/", "/", true),
            ("/", "/home/x", false),
            ("/", "/process", false),
            ("/", "/tmp/drydock-test-a/root/proc", true),
            ("/", "/tmp/drydock-test-b/root/proc", false),
            ("/tmp/drydock-test-a/x", "/mnt", true),
            ("/var/lib/drydock/x", "/mnt", false),
        ] {
            assert_eq!(
                is_suspect(&mount(root, point), own),
                suspect,
                "{root} on {point}"
            );
        }
    }

    #[test]
    fn a_process_and_a_file_left_behind_are_named_and_nothing_else_is() {
        let census = Census::take();
        census.assert_unchanged();
        let sleeper = Run::new("sleep").arg("100").spawn();
        fs::write(scene::directory().join("run/x"), "").unwrap();
        let changes = census.changes();
        assert_eq!(changes.len(), 2, "{changes:?}");
        assert!(
            changes[0].starts_with("file /tmp/drydock-test-") && changes[0].ends_with("/run/x"),
            "{changes:?}"
        );
        assert!(changes[1].ends_with("(sleep)"), "{changes:?}");
        drop(sleeper);
    }
}
