//! Why the container ended, where its cgroup knows: the kernel kills without a word to the one who waits.

use namespaces::Exit;

use crate::format::bytes;
use crate::group::Group;
use crate::layout::{Controller, Version};
use crate::limits::Limits;
use crate::stats::number;

/// What the cgroup has counted.
#[derive(Clone, Copy, Debug, Default)]
struct Events {
    /// Processes of the container that the OOM killer has killed.
    oom_kills: u64,
    /// Whether the container's own limit was the reason, and not a want of memory of the machine or of a cgroup above.
    reached_limit: bool,
    /// Forks that were refused.
    forks_refused: u64,
}

const PAGE: u64 = 4096;

/// 128 + SIGKILL.
const KILLED: u8 = 137;

/// Adds a sentence for each thing that a user would else have to guess.
pub(crate) fn add(exit: &mut Exit, limits: &Limits, group: &Group) {
    let notes = sentences(exit.code, limits, events(limits, group));
    exit.notes.extend(notes);
}

fn events(limits: &Limits, group: &Group) -> Events {
    let mut events = Events::default();
    if let Some(node) = group.node(Controller::Memory) {
        let read = |file: &str, key: &str| number(&node.directory.join(file), key).unwrap_or(0);
        let (file, hits): (_, &[_]) = match node.version {
            Version::V2 => ("memory.events", &[("memory.events", "max")]),
            Version::V1 => (
                "memory.oom_control",
                &[("memory.failcnt", ""), ("memory.memsw.failcnt", "")],
            ),
        };
        events.oom_kills = read(file, "oom_kill");
        // v1 does not count a hit of the limit of memory and swap together where both limits are the same; what was used
        // at the most says it then. A page of it may have been given back.
        let peak = match node.version {
            Version::V2 => 0,
            Version::V1 => read("memory.max_usage_in_bytes", "") + PAGE,
        };
        let used_all = limits.memory.is_some_and(|limit| peak >= limit);
        events.reached_limit = events.oom_kills > 0
            && (used_all || hits.iter().any(|(file, key)| read(file, key) > 0));
    }
    if let (Some(_), Some(node)) = (limits.pids, group.node(Controller::Pids)) {
        events.forks_refused = number(&node.directory.join("pids.events"), "max").unwrap_or(0);
    }
    events
}

fn sentences(code: u8, limits: &Limits, events: Events) -> Vec<String> {
    let mut sentences = Vec::new();
    if events.oom_kills > 0 {
        let who = match (code, events.oom_kills) {
            (KILLED, _) => "killed by the kernel:".to_owned(),
            (_, 1) => "the kernel has killed a process of the container:".to_owned(),
            (_, many) => format!("the kernel has killed {many} processes of the container:"),
        };
        let why = match limits.memory {
            Some(limit) if events.reached_limit => format!(
                "the container used its whole memory limit of {} (cgroup OOM)",
                bytes(limit)
            ),
            _ => "there was no memory left, on the machine or in a cgroup above (OOM)".to_owned(),
        };
        sentences.push(format!("{who} {why}"));
    }
    if let (Some(limit), 1..) = (limits.pids, events.forks_refused) {
        sentences.push(format!(
            "the container reached its limit of {limit} processes and threads: {} refused",
            match events.forks_refused {
                1 => "one fork was".to_owned(),
                many => format!("{many} forks were"),
            }
        ));
    }
    sentences
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kill_is_explained() {
        let limits = Limits {
            memory: Some(64 << 20),
            ..Limits::default()
        };
        for (code, oom_kills, reached_limit, expected) in [
            (0, 0, false, None),
            (137, 0, false, None),
            (
                137,
                1,
                true,
                Some(
                    "killed by the kernel: the container used its whole memory limit of 64 MiB (cgroup OOM)",
                ),
            ),
            (
                1,
                1,
                true,
                Some(
                    "the kernel has killed a process of the container: the container used its whole memory limit of 64 MiB (cgroup OOM)",
                ),
            ),
            (
                0,
                7,
                true,
                Some(
                    "the kernel has killed 7 processes of the container: the container used its whole memory limit of 64 MiB (cgroup OOM)",
                ),
            ),
            (
                137,
                1,
                false,
                Some(
                    "killed by the kernel: there was no memory left, on the machine or in a cgroup above (OOM)",
                ),
            ),
        ] {
            let events = Events {
                oom_kills,
                reached_limit,
                forks_refused: 0,
            };
            let notes = sentences(code, &limits, events);
            assert_eq!(notes.first().map(String::as_str), expected);
        }
    }

    #[test]
    fn refused_forks_are_counted_if_there_is_a_limit() {
        let events = Events {
            forks_refused: 3,
            ..Events::default()
        };
        let limits = Limits {
            pids: Some(10),
            ..Limits::default()
        };
        assert_eq!(
            sentences(0, &limits, events),
            ["the container reached its limit of 10 processes and threads: 3 forks were refused"]
        );
        assert!(sentences(0, &Limits::default(), events).is_empty());
    }
}
