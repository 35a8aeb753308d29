//! Freezing, thawing, killing: what is done to all processes of a container at once.

use std::fs;
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::{Duration, Instant};

use kit::{Error, Result};
use nix::errno::Errno;
use nix::sys::signal::{Signal, kill as send};
use nix::unistd::Pid;

use crate::group::{Group, Node, children};
use crate::layout::{Controller, Version};

/// Stops every process where it is, until [`thaw`]. They cannot notice or refuse.
///
/// # Errors
/// A v1 host without a freezer; a process that hangs in the kernel.
pub fn freeze(group: &Group) -> Result<()> {
    set_frozen(group, true)
}

/// Lets the processes go on.
///
/// # Errors
/// As [`freeze`].
pub fn thaw(group: &Group) -> Result<()> {
    set_frozen(group, false)
}

/// Sends SIGKILL to every process, also to one that is being forked at this moment.
///
/// # Errors
/// What the kernel refuses.
pub fn kill(group: &Group) -> Result<()> {
    // Linux 5.14: one write, nothing to race.
    if let Some(unified) = group.unified() {
        match write(unified, "cgroup.kill", "1") {
            Ok(()) => return Ok(()),
            Err(Errno::ENOENT) => {}
            Err(errno) => {
                return Err(Error::sys(
                    "kill the processes of",
                    &unified.directory,
                    errno,
                ));
            }
        }
    }
    kill_one_by_one(group);
    Ok(())
}

/// Frozen processes cannot fork, so the list is whole, and their pids cannot go to others while it is read. The signal
/// waits for the thaw. Without a freezer the caller's next look catches what has been forked meanwhile.
fn kill_one_by_one(group: &Group) {
    // One that has not come to its end in time has frozen some of them, and these must be thawed too.
    let _ = freeze(group);
    for pid in processes(group) {
        // ESRCH: it has just ended.
        let _ = send(pid, Signal::SIGKILL);
    }
    let _ = thaw(group);
}

/// The pids of all processes, of the cgroups that the container has made below its own too, in ascending order.
pub fn processes(group: &Group) -> Vec<Pid> {
    let Some(node) = tracker(group) else {
        return Vec::new();
    };
    let mut found = Vec::new();
    let mut left: Vec<PathBuf> = vec![node.directory.clone()];
    while let Some(directory) = left.pop() {
        left.extend(children(&directory));
        let list = fs::read_to_string(directory.join("cgroup.procs")).unwrap_or_default();
        found.extend(
            list.lines()
                .filter_map(|pid| pid.parse().ok())
                // 0 is a process that our PID namespace does not have; as an address it would be our own process group.
                .filter(|pid| *pid > 0)
                .map(Pid::from_raw),
        );
    }
    found.sort_unstable();
    found
}

/// Whether the cgroup in `directory` is frozen, whatever else is known of it.
pub(crate) fn is_directory_frozen(directory: &Path, version: Version) -> bool {
    let state = |file: &str| fs::read_to_string(directory.join(file)).unwrap_or_default();
    match version {
        Version::V2 => state("cgroup.events")
            .lines()
            .any(|line| line == "frozen 1"),
        Version::V1 => matches!(state("freezer.state").trim(), "FROZEN" | "FREEZING"),
    }
}

/// Whether the processes are frozen now.
pub fn is_frozen(group: &Group) -> bool {
    freezer(group).is_some_and(|freezer| freezer.is(true))
}

/// The hierarchy by which the container's processes are known.
fn tracker(group: &Group) -> Option<&Node> {
    group
        .unified()
        .or_else(|| group.node(Controller::Freezer))
        .or(group.nodes.first())
}

/// How one of the two versions freezes.
struct Freezer<'a> {
    node: &'a Node,
    file: &'static str,
    /// What is written for thawed and frozen.
    words: [&'static str; 2],
    /// Where the kernel says whether it has come so far.
    state: &'static str,
    /// The line by which it says so.
    lines: [&'static str; 2],
}

fn freezer(group: &Group) -> Option<Freezer<'_>> {
    let node = group
        .unified()
        .or_else(|| group.node(Controller::Freezer))?;
    Some(match node.version {
        Version::V2 => Freezer {
            node,
            file: "cgroup.freeze",
            words: ["0", "1"],
            state: "cgroup.events",
            lines: ["frozen 0", "frozen 1"],
        },
        Version::V1 => Freezer {
            node,
            file: "freezer.state",
            words: ["THAWED", "FROZEN"],
            state: "freezer.state",
            lines: ["THAWED", "FROZEN"],
        },
    })
}

impl Freezer<'_> {
    fn is(&self, frozen: bool) -> bool {
        let state = fs::read_to_string(self.node.directory.join(self.state)).unwrap_or_default();
        state
            .lines()
            .any(|line| line == self.lines[usize::from(frozen)])
    }
}

/// A process is frozen when it next leaves the kernel or enters a sleep that may be interrupted; so the write only
/// asks, and we wait.
fn set_frozen(group: &Group, frozen: bool) -> Result<()> {
    let verb = if frozen { "freeze" } else { "thaw" };
    let freezer = freezer(group).ok_or_else(|| {
        Error::new(format!(
            "cannot {verb}: the container has neither a v2 cgroup nor a v1 freezer"
        ))
        .hint("mount the freezer: mount -t cgroup -o freezer freezer /sys/fs/cgroup/freezer")
    })?;
    let failed = |errno| Error::sys(verb, &freezer.node.directory, errno);
    let deadline = Instant::now() + Duration::from_secs(10);
    let mut pause = Duration::from_micros(100);
    loop {
        // v1 may get stuck halfway (FREEZING) and goes on when it is asked again.
        write(
            freezer.node,
            freezer.file,
            freezer.words[usize::from(frozen)],
        )
        .map_err(failed)?;
        if freezer.is(frozen) {
            return Ok(());
        }
        if Instant::now() > deadline {
            return Err(failed(Errno::EBUSY).hint(
                "a process hangs in the kernel, for a disk or a server: `ps` shows it in state D",
            ));
        }
        sleep(pause);
        pause = (pause * 2).min(Duration::from_millis(20));
    }
}

fn write(node: &Node, file: &str, value: &str) -> nix::Result<()> {
    let path: &Path = &node.directory.join(file);
    // Without O_CREAT: on a cgroup file system that would be EACCES in place of a plain ENOENT.
    fs::OpenOptions::new()
        .write(true)
        .open(path)
        .and_then(|mut file| std::io::Write::write_all(&mut file, value.as_bytes()))
        .map_err(|e| e.raw_os_error().map_or(Errno::EIO, Errno::from_raw))
}
