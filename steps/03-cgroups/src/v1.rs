//! Limits as cgroup v1 takes them: the sibling of `v2`, for hosts whose controllers are mounted one by one (kernel:
//! Documentation/admin-guide/cgroup-v1).

use crate::devices::{Policy, Rule};
use crate::layout::Controller::{self, Cpu, Cpuset, Devices, Hugetlb, Io, Memory, Pids};
use crate::limits::{Limits, Rate, Swap};
use crate::write::{Missing, Value, Write};

/// The files to write, in this order, before a process is in the cgroup. `carried` are the controllers of our
/// hierarchies: a cpuset must be filled even if nobody asked for it, where it shares a hierarchy.
pub fn writes(limits: &Limits, carried: &[Controller]) -> Vec<Write> {
    let mut writes = Vec::new();
    if carried.contains(&Cpuset) {
        cpuset(limits, &mut writes);
    }
    memory(limits, &mut writes);
    cpu(limits, &mut writes);
    if let Some(pids) = limits.pids {
        writes.push(Write::new(Pids, "pids.max", pids, "--pids-limit"));
    }
    io(limits, &mut writes);
    for (page, bytes) in &limits.hugetlb {
        let limit = |file: String| Write::new(Hugetlb, &file, bytes, "--hugetlb");
        writes.push(limit(format!("hugetlb.{page}.limit_in_bytes")));
        writes.push(limit(format!("hugetlb.{page}.rsvd.limit_in_bytes")).or(Missing::Skip));
    }
    writes
}

/// A new v1 cpuset is empty, and a process cannot join an empty one (ENOSPC): what is not asked for is the parent's.
fn cpuset(limits: &Limits, writes: &mut Vec<Write>) {
    for (list, file, option) in [
        (&limits.cpuset_cpus, "cpuset.cpus", "--cpuset-cpus"),
        (&limits.cpuset_mems, "cpuset.mems", "--cpuset-mems"),
    ] {
        writes.push(Write {
            value: list.clone().map_or(Value::OfParent, Value::Text),
            ..Write::new(Cpuset, file, "", option)
        });
    }
}

fn memory(limits: &Limits, writes: &mut Vec<Write>) {
    if let Some(bytes) = limits.memory {
        writes.push(Write::new(
            Memory,
            "memory.limit_in_bytes",
            bytes,
            "--memory",
        ));
    }
    // Memory and swap together may never be less than memory alone (EINVAL), so it comes second.
    let together = |value: String| {
        Write::new(
            Memory,
            "memory.memsw.limit_in_bytes",
            value,
            "--memory-swap",
        )
    };
    if let Some((total, is_asked)) = limits.memory_and_swap() {
        let missing = if is_asked {
            Missing::Refuse
        } else {
            Missing::Skip
        };
        writes.push(together(total.to_string()).or(missing));
    } else if limits.swap == Swap::Unlimited {
        writes.push(together("-1".to_owned()).or(Missing::Skip));
    }
    if let Some(bytes) = limits.reservation {
        writes.push(Write::new(
            Memory,
            "memory.soft_limit_in_bytes",
            bytes,
            "--memory-reservation",
        ));
    }
}

fn cpu(limits: &Limits, writes: &mut Vec<Write>) {
    if let Some((quota, period)) = limits.cpu_time() {
        let option = if limits.nano_cpus.is_some() {
            "--cpus"
        } else {
            "--cpu-quota"
        };
        let quota = quota.map_or_else(|| "-1".to_owned(), |quota| quota.to_string());
        writes.push(Write::new(Cpu, "cpu.cfs_period_us", period, option));
        writes.push(Write::new(Cpu, "cpu.cfs_quota_us", quota, option));
    }
    if let Some(shares) = limits.cpu_shares {
        writes.push(Write::new(Cpu, "cpu.shares", shares, "--cpu-shares"));
    }
}

fn io(limits: &Limits, writes: &mut Vec<Write>) {
    if let Some(weight) = limits.io_weight {
        // The first is of the BFQ scheduler, the second of its predecessor, gone since Linux 5.0.
        let bfq = Write::new(Io, "blkio.bfq.weight", weight, "--blkio-weight");
        writes.push(bfq.or(Missing::Instead("blkio.weight", weight.to_string())));
    }
    for throttle in &limits.throttle {
        let file = match throttle.rate {
            Rate::ReadBytes => "blkio.throttle.read_bps_device",
            Rate::WriteBytes => "blkio.throttle.write_bps_device",
            Rate::ReadOperations => "blkio.throttle.read_iops_device",
            Rate::WriteOperations => "blkio.throttle.write_iops_device",
        };
        let value = format!("{}:{} {}", throttle.major, throttle.minor, throttle.limit);
        writes.push(Write::new(Io, file, value, throttle.rate.option()));
    }
}

/// The device policy: one answer for all devices, then the exceptions from it, one a write. `a` clears what was
/// inherited from the parent.
pub fn device_writes(policy: &Policy) -> Vec<Write> {
    let (all, exceptions) = match policy.allows_by_default {
        true => ("devices.allow", "devices.deny"),
        false => ("devices.deny", "devices.allow"),
    };
    let write = |file, value: String| Write::new(Devices, file, value, "--device-cgroup-rule");
    std::iter::once(write(all, "a".to_owned()))
        .chain(
            policy
                .exceptions
                .iter()
                .map(|rule: &Rule| write(exceptions, rule.to_string())),
        )
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::apply::tests::{everything, show};
    use crate::devices;

    #[test]
    fn no_limits_are_no_writes() {
        assert!(writes(&Limits::default(), &[Memory, Cpu]).is_empty());
    }

    #[test]
    fn every_limit() {
        insta::assert_snapshot!(show(&writes(&everything(), &[Cpuset])), @r"
        cpuset.cpus = 0-1
        cpuset.mems = (the parent's)
        memory.limit_in_bytes = 67108864
        memory.memsw.limit_in_bytes = 100663296
        memory.soft_limit_in_bytes = 33554432
        cpu.cfs_period_us = 100000
        cpu.cfs_quota_us = 150000
        cpu.shares = 512
        pids.max = 10
        blkio.bfq.weight = 500  (else blkio.weight = 500)
        blkio.throttle.read_bps_device = 8:16 1048576
        blkio.throttle.write_bps_device = 8:16 2097152
        blkio.throttle.read_iops_device = 8:16 100
        blkio.throttle.write_iops_device = 8:16 200
        hugetlb.2MB.limit_in_bytes = 67108864
        hugetlb.2MB.rsvd.limit_in_bytes = 67108864  (if there)
        ");
    }

    #[test]
    fn a_cpuset_that_nobody_asked_for_is_the_parents() {
        insta::assert_snapshot!(show(&writes(&Limits::default(), &[Cpu, Cpuset])), @r"
        cpuset.cpus = (the parent's)
        cpuset.mems = (the parent's)
        ");
    }

    #[test]
    fn swap_is_counted_with_memory() {
        let swap = |swap| {
            let limits = Limits {
                memory: Some(100 << 20),
                swap,
                ..Limits::default()
            };
            show(&writes(&limits, &[]))
        };
        insta::assert_snapshot!(swap(Swap::AsMemory), @r"
        memory.limit_in_bytes = 104857600
        memory.memsw.limit_in_bytes = 209715200  (if there)
        ");
        insta::assert_snapshot!(swap(Swap::Total(100 << 20)), @r"
        memory.limit_in_bytes = 104857600
        memory.memsw.limit_in_bytes = 104857600
        ");
        insta::assert_snapshot!(swap(Swap::Unlimited), @r"
        memory.limit_in_bytes = 104857600
        memory.memsw.limit_in_bytes = -1  (if there)
        ");
    }

    #[test]
    fn devices_are_denied_and_then_allowed() {
        insta::assert_snapshot!(show(&device_writes(&Policy::new(&devices::defaults()))), @r"
        devices.deny = a
        devices.allow = c *:* m
        devices.allow = b *:* m
        devices.allow = c 1:3 rwm
        devices.allow = c 1:5 rwm
        devices.allow = c 1:7 rwm
        devices.allow = c 1:8 rwm
        devices.allow = c 1:9 rwm
        devices.allow = c 5:0 rwm
        devices.allow = c 5:1 rwm
        devices.allow = c 5:2 rwm
        devices.allow = c 136:* rwm
        ");
    }
}
