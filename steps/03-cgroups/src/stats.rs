//! What a container uses and has used, from the files of its cgroups: the same figures from either version.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde::Serialize;

use crate::control;
use crate::group::{Group, Node};
use crate::layout::{Controller, Version};

/// One look at a container. `None` is what this host does not count.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Stats {
    /// CPU time.
    pub cpu: Cpu,
    /// Memory and swap.
    pub memory: Memory,
    /// Processes.
    pub pids: Pids,
    /// By device, as `major:minor`.
    pub io: BTreeMap<String, Io>,
    /// How long processes waited (PSI; kernel: Documentation/accounting/psi.rst).
    pub pressure: Pressures,
    /// Whether the container is frozen.
    pub frozen: bool,
}

/// CPU time in microseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Cpu {
    /// All of it.
    pub usage_us: Option<u64>,
    /// In the programs.
    pub user_us: Option<u64>,
    /// In the kernel for them.
    pub system_us: Option<u64>,
    /// Periods of the quota that have passed while there was something to run.
    pub periods: Option<u64>,
    /// Those in which the quota was used up.
    pub throttled_periods: Option<u64>,
    /// How long it had to wait for the next one.
    pub throttled_us: Option<u64>,
}

/// Memory in bytes. A limit of `None` is none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Memory {
    /// In use, caches included.
    pub current: Option<u64>,
    /// Of that, cached file contents that nobody has looked at for long: given back first, and not counted by Docker.
    pub inactive_file: Option<u64>,
    /// The limit.
    pub max: Option<u64>,
    /// The most it has ever been.
    pub peak: Option<u64>,
    /// Swap in use.
    pub swap: Option<u64>,
    /// How often the limit was reached.
    pub limit_hits: Option<u64>,
    /// Processes that were killed for it.
    pub oom_kills: Option<u64>,
}

/// Processes and threads.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Pids {
    /// Now.
    pub current: Option<u64>,
    /// The limit; `None` is none.
    pub max: Option<u64>,
    /// Forks that were refused.
    pub refused: Option<u64>,
}

/// What went to and from one block device.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Io {
    /// Bytes read.
    pub read_bytes: u64,
    /// Bytes written.
    pub write_bytes: u64,
    /// Read operations.
    pub reads: u64,
    /// Write operations.
    pub writes: u64,
}

/// Pressure by resource.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Pressures {
    /// Processor.
    pub cpu: Option<Pressure>,
    /// Memory.
    pub memory: Option<Pressure>,
    /// Block devices.
    pub io: Option<Pressure>,
}

/// Shares of the time, in percent, in which some or all processes waited.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Pressure {
    /// At least one waited.
    pub some: Stall,
    /// All that could have run did.
    pub full: Stall,
}

/// One line of a pressure file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Stall {
    /// Of the last 10 seconds, in percent.
    pub avg10: f64,
    /// Of the last minute.
    pub avg60: f64,
    /// Of the last five minutes.
    pub avg300: f64,
    /// In all, in microseconds.
    pub total_us: u64,
}

impl Stats {
    /// Reads them.
    pub fn read(group: &Group) -> Self {
        let mut stats = Self {
            frozen: control::is_frozen(group),
            ..Self::default()
        };
        for node in &group.nodes {
            match node.version {
                Version::V2 => stats.add_v2(node),
                Version::V1 => stats.add_v1(node),
            }
        }
        stats
    }

    fn add_v2(&mut self, node: &Node) {
        let read = |file: &str, key: &str| number(&node.directory.join(file), key);
        if node.controllers.contains(&Controller::Cpu) {
            self.cpu = Cpu {
                usage_us: read("cpu.stat", "usage_usec"),
                user_us: read("cpu.stat", "user_usec"),
                system_us: read("cpu.stat", "system_usec"),
                periods: read("cpu.stat", "nr_periods"),
                throttled_periods: read("cpu.stat", "nr_throttled"),
                throttled_us: read("cpu.stat", "throttled_usec"),
            };
        }
        if node.controllers.contains(&Controller::Memory) {
            self.memory = Memory {
                current: read("memory.current", ""),
                inactive_file: read("memory.stat", "inactive_file"),
                max: read("memory.max", ""),
                peak: read("memory.peak", ""),
                swap: read("memory.swap.current", ""),
                limit_hits: read("memory.events", "max"),
                oom_kills: read("memory.events", "oom_kill"),
            };
        }
        self.add_pids(node);
        if node.controllers.contains(&Controller::Io) {
            self.io = io_v2(&text(node, "io.stat"));
        }
        // There without controllers too, for the kernel measures this in every v2 cgroup.
        self.pressure = Pressures {
            cpu: pressure(&text(node, "cpu.pressure")),
            memory: pressure(&text(node, "memory.pressure")),
            io: pressure(&text(node, "io.pressure")),
        };
    }

    fn add_v1(&mut self, node: &Node) {
        let read = |file: &str, key: &str| number(&node.directory.join(file), key);
        if node.controllers.contains(&Controller::Cpuacct) {
            let microseconds = |file| read(file, "").map(|nanoseconds| nanoseconds / 1000);
            self.cpu.usage_us = microseconds("cpuacct.usage");
            self.cpu.user_us = microseconds("cpuacct.usage_user");
            self.cpu.system_us = microseconds("cpuacct.usage_sys");
        }
        if node.controllers.contains(&Controller::Cpu) {
            self.cpu.periods = read("cpu.stat", "nr_periods");
            self.cpu.throttled_periods = read("cpu.stat", "nr_throttled");
            self.cpu.throttled_us = read("cpu.stat", "throttled_time").map(|ns| ns / 1000);
        }
        if node.controllers.contains(&Controller::Memory) {
            let current = read("memory.usage_in_bytes", "");
            self.memory = Memory {
                current,
                inactive_file: read("memory.stat", "total_inactive_file"),
                max: read("memory.limit_in_bytes", "").filter(|limit| *limit < NO_LIMIT),
                peak: read("memory.max_usage_in_bytes", ""),
                swap: read("memory.stat", "total_swap"),
                limit_hits: read("memory.failcnt", ""),
                oom_kills: read("memory.oom_control", "oom_kill"),
            };
        }
        self.add_pids(node);
        if node.controllers.contains(&Controller::Io) {
            self.io = io_v1(
                &text(node, "blkio.throttle.io_service_bytes_recursive"),
                &text(node, "blkio.throttle.io_serviced_recursive"),
            );
        }
    }

    /// The one controller whose files are the same on both.
    fn add_pids(&mut self, node: &Node) {
        if node.controllers.contains(&Controller::Pids) {
            let read = |file: &str, key: &str| number(&node.directory.join(file), key);
            self.pids = Pids {
                current: read("pids.current", ""),
                max: read("pids.max", ""),
                refused: read("pids.events", "max"),
            };
        }
    }
}

/// v1 has no word for "none" but the greatest number of pages, in bytes.
const NO_LIMIT: u64 = 1 << 62;

fn text(node: &Node, file: &str) -> String {
    fs::read_to_string(node.directory.join(file)).unwrap_or_default()
}

/// The number in a file of one line or, with a key, in the line that begins with it. `max` is not a number.
pub(crate) fn number(file: &Path, key: &str) -> Option<u64> {
    find_number(&fs::read_to_string(file).ok()?, key)
}

fn find_number(text: &str, key: &str) -> Option<u64> {
    if key.is_empty() {
        return text.trim().parse().ok();
    }
    text.lines()
        .find_map(|line| line.strip_prefix(key)?.strip_prefix(' '))
        .and_then(|value| value.trim().parse().ok())
}

/// `8:0 rbytes=1 wbytes=2 rios=3 wios=4 dbytes=5 dios=6`
fn io_v2(text: &str) -> BTreeMap<String, Io> {
    let device = |line: &str| {
        let (device, values) = line.split_once(' ')?;
        let value = |key: &str| -> u64 {
            values
                .split(' ')
                .find_map(|pair| pair.strip_prefix(key)?.strip_prefix('='))
                .and_then(|value| value.parse().ok())
                .unwrap_or(0)
        };
        let io = Io {
            read_bytes: value("rbytes"),
            write_bytes: value("wbytes"),
            reads: value("rios"),
            writes: value("wios"),
        };
        Some((device.to_owned(), io))
    };
    text.lines().filter_map(device).collect()
}

/// Lines such as `8:0 Read 4096`, once in bytes and once in operations.
fn io_v1(bytes: &str, operations: &str) -> BTreeMap<String, Io> {
    let mut devices: BTreeMap<String, Io> = BTreeMap::new();
    for (text, is_bytes) in [(bytes, true), (operations, false)] {
        for line in text.lines() {
            let fields: Vec<&str> = line.split(' ').collect();
            let [device, operation, value] = fields[..] else {
                continue;
            };
            let value = value.parse().unwrap_or(0);
            let io = devices.entry(device.to_owned()).or_default();
            match (operation, is_bytes) {
                ("Read", true) => io.read_bytes = value,
                ("Write", true) => io.write_bytes = value,
                ("Read", false) => io.reads = value,
                ("Write", false) => io.writes = value,
                _ => {}
            }
        }
    }
    devices
}

/// `some avg10=0.00 avg60=0.00 avg300=0.00 total=0`, and the same with `full`.
fn pressure(text: &str) -> Option<Pressure> {
    let stall = |kind: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(kind))?;
        let value = |key: &str| {
            line.split(' ')
                .find_map(|pair| pair.strip_prefix(key)?.strip_prefix('='))
        };
        Some(Stall {
            avg10: value("avg10")?.parse().ok()?,
            avg60: value("avg60")?.parse().ok()?,
            avg300: value("avg300")?.parse().ok()?,
            total_us: value("total")?.parse().ok()?,
        })
    };
    Some(Pressure {
        some: stall("some")?,
        // Kernels before 5.13 have no such line for the processor.
        full: stall("full").unwrap_or_default(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_found_by_its_whole_key() {
        let text = "low 0\nhigh 1\nmax 2\noom 3\noom_kill 4\noom_group_kill 5\n";
        for (key, expected) in [
            ("oom", Some(3)),
            ("oom_kill", Some(4)),
            ("max", Some(2)),
            ("o", None),
        ] {
            assert_eq!(find_number(text, key), expected, "{key}");
        }
        assert_eq!(find_number("42\n", ""), Some(42));
        assert_eq!(find_number("max\n", ""), None);
    }

    #[test]
    fn io_is_the_same_from_both_versions() {
        let expected = BTreeMap::from([(
            "8:0".to_owned(),
            Io {
                read_bytes: 4096,
                write_bytes: 512,
                reads: 1,
                writes: 2,
            },
        )]);
        let v2 = "8:0 rbytes=4096 wbytes=512 rios=1 wios=2 dbytes=7 dios=7\n";
        assert_eq!(io_v2(v2), expected);
        let bytes = "8:0 Read 4096\n8:0 Write 512\n8:0 Sync 0\n8:0 Total 4608\nTotal 4608\n";
        let operations = "8:0 Read 1\n8:0 Write 2\n8:0 Total 3\nTotal 3\n";
        assert_eq!(io_v1(bytes, operations), expected);
    }

    #[test]
    fn pressure_is_read_with_and_without_its_second_line() {
        let some = "some avg10=1.50 avg60=0.20 avg300=0.00 total=1234\n";
        let full = "full avg10=0.50 avg60=0.00 avg300=0.00 total=56\n";
        let both = pressure(&format!("{some}{full}")).unwrap();
        assert_eq!((both.some.avg10, both.some.total_us), (1.5, 1234));
        assert_eq!((both.full.avg10, both.full.total_us), (0.5, 56));
        assert_eq!(pressure(some).unwrap().full, Stall::default());
        assert_eq!(pressure(""), None);
    }
}
