//! Why a container has ended: the wait status, and what its memory cgroup has counted.

use std::fs;
use std::path::Path;

use nix::sys::signal::Signal;
use nix::sys::wait::WaitStatus;

/// How a container ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// By itself, or by a signal that somebody sent.
    Ordinary,
    /// The OOM killer has killed it.
    OutOfMemory,
    /// The OOM killer has killed another of its processes.
    ChildOutOfMemory,
}

/// Explains the end of a container whose first process ended with `status`, and whose memory cgroup is `cgroup`.
pub fn explain(cgroup: &Path, status: WaitStatus) -> Ending {
    let was_killed = matches!(status, WaitStatus::Signaled(_, Signal::SIGKILL, _));
    //< explain: what the kernel has counted decides, on v2 and on v1
    let counts = fs::read_to_string(cgroup.join("memory.events"))
        .or_else(|_| fs::read_to_string(cgroup.join("memory.oom_control")))
        .unwrap_or_default();
    let kills = counts
        .lines()
        .find_map(|line| line.strip_prefix("oom_kill "));
    let kills: u64 = kills
        .and_then(|number| number.trim().parse().ok())
        .unwrap_or(0);
    match (kills, was_killed) {
        (0, _) => Ending::Ordinary,
        (_, true) => Ending::OutOfMemory,
        (_, false) => Ending::ChildOutOfMemory,
    }
    //= let _ = (cgroup, fs::read_to_string::<&Path>, Ending::ChildOutOfMemory);
    //= match was_killed {
    //=     true => Ending::OutOfMemory,
    //=     false => Ending::Ordinary,
    //= }
    //>
}
