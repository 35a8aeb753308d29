//! Limits as cgroup v2 takes them: which file gets which value (kernel: Documentation/admin-guide/cgroup-v2.rst).

use crate::layout::Controller::{Cpu, Cpuset, Hugetlb, Io, Memory, Pids};
use crate::limits::{Limits, Rate, Swap, Throttle};
use crate::write::{Missing, Write};

/// The files to write, in this order, before a process is in the cgroup.
pub fn writes(limits: &Limits) -> Vec<Write> {
    let mut writes = Vec::new();
    cpuset(limits, &mut writes);
    memory(limits, &mut writes);
    cpu(limits, &mut writes);
    if let Some(pids) = limits.pids {
        writes.push(Write::new(Pids, "pids.max", pids, "--pids-limit"));
    }
    io(limits, &mut writes);
    for (page, bytes) in &limits.hugetlb {
        let limit = |file: String| Write::new(Hugetlb, &file, bytes, "--hugetlb");
        writes.push(limit(format!("hugetlb.{page}.max")));
        // Pages that are reserved by mmap and not touched yet; without this limit, touching them would be SIGBUS.
        writes.push(limit(format!("hugetlb.{page}.rsvd.max")).or(Missing::Skip));
    }
    writes
}

fn cpuset(limits: &Limits, writes: &mut Vec<Write>) {
    for (list, file, option) in [
        (&limits.cpuset_cpus, "cpuset.cpus", "--cpuset-cpus"),
        (&limits.cpuset_mems, "cpuset.mems", "--cpuset-mems"),
    ] {
        if let Some(list) = list {
            writes.push(Write::new(Cpuset, file, list, option));
        }
    }
}

// ANCHOR: memory
fn memory(limits: &Limits, writes: &mut Vec<Write>) {
    if let Some(bytes) = limits.memory {
        writes.push(Write::new(Memory, "memory.max", bytes, "--memory"));
    }
    // Docker counts memory and swap together, v2 counts swap alone.
    if let Some((total, is_asked)) = limits.memory_and_swap() {
        let swap = total - limits.memory.unwrap_or(0);
        let write = Write::new(Memory, "memory.swap.max", swap, "--memory-swap");
        writes.push(write.or(if is_asked {
            Missing::Refuse
        } else {
            Missing::Skip
        }));
    } else if limits.swap == Swap::Unlimited {
        let write = Write::new(Memory, "memory.swap.max", "max", "--memory-swap");
        writes.push(write.or(Missing::Skip));
    }
    if let Some(bytes) = limits.reservation {
        writes.push(Write::new(
            Memory,
            "memory.low",
            bytes,
            "--memory-reservation",
        ));
    }
}
// ANCHOR_END: memory

fn cpu(limits: &Limits, writes: &mut Vec<Write>) {
    if let Some((quota, period)) = limits.cpu_time() {
        let quota = quota.map_or_else(|| "max".to_owned(), |quota| quota.to_string());
        let option = if limits.nano_cpus.is_some() {
            "--cpus"
        } else {
            "--cpu-quota"
        };
        writes.push(Write::new(
            Cpu,
            "cpu.max",
            format!("{quota} {period}"),
            option,
        ));
    }
    if let Some(shares) = limits.cpu_shares {
        writes.push(Write::new(
            Cpu,
            "cpu.weight",
            cpu_weight(shares),
            "--cpu-shares",
        ));
    }
}

fn io(limits: &Limits, writes: &mut Vec<Write>) {
    if let Some(weight) = limits.io_weight {
        // The BFQ scheduler, where it is used, has its own file and keeps v1's scale up to 1000.
        let bfq = Write::new(Io, "io.bfq.weight", weight, "--blkio-weight");
        writes.push(bfq.or(Missing::Instead("io.weight", io_weight(weight).to_string())));
    }
    for throttle in &limits.throttle {
        writes.push(Write::new(
            Io,
            "io.max",
            io_max(throttle),
            throttle.rate.option(),
        ));
    }
}

fn io_max(throttle: &Throttle) -> String {
    let key = match throttle.rate {
        Rate::ReadBytes => "rbps",
        Rate::WriteBytes => "wbps",
        Rate::ReadOperations => "riops",
        Rate::WriteOperations => "wiops",
    };
    format!(
        "{}:{} {key}={}",
        throttle.major, throttle.minor, throttle.limit
    )
}

/// v1's cpu.shares (2 to 262144, 1024 by default) as v2's cpu.weight (1 to 10000, 100 by default).
///
/// The curve goes through all three points: it is 10 to the power of a parabola of log2(shares), on which runc and
/// crun have agreed. The straight line between the ends, which everybody used before, made 39 of the default, so that
/// containers lost against every other cgroup of the system.
pub fn cpu_weight(shares: u64) -> u64 {
    match shares {
        0..=2 => 1,
        262_144.. => 10_000,
        _ => {
            let log = (shares as f64).log2();
            let exponent = (log * log + 125.0 * log) / 612.0 - 7.0 / 34.0;
            10_f64.powf(exponent).ceil() as u64
        }
    }
}

/// v1's blkio.weight (10 to 1000) as v2's io.weight (1 to 10000): a straight line, as the OCI runtimes have it.
pub fn io_weight(weight: u16) -> u64 {
    1 + u64::from(weight.clamp(10, 1000) - 10) * 9_999 / 990
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::apply::tests::{everything, show};

    #[test]
    fn no_limits_are_no_writes() {
        assert!(writes(&Limits::default()).is_empty());
    }

    #[test]
    fn every_limit() {
        insta::assert_snapshot!(show(&writes(&everything())), @r"
        cpuset.cpus = 0-1
        memory.max = 67108864
        memory.swap.max = 33554432
        memory.low = 33554432
        cpu.max = 150000 100000
        cpu.weight = 59
        pids.max = 10
        io.bfq.weight = 500  (else io.weight = 4950)
        io.max = 8:16 rbps=1048576
        io.max = 8:16 wbps=2097152
        io.max = 8:16 riops=100
        io.max = 8:16 wiops=200
        hugetlb.2MB.max = 67108864
        hugetlb.2MB.rsvd.max = 67108864  (if there)
        ");
    }

    #[test]
    fn swap_is_counted_alone() {
        let swap = |swap| {
            let limits = Limits {
                memory: Some(100 << 20),
                swap,
                ..Limits::default()
            };
            show(&writes(&limits))
        };
        insta::assert_snapshot!(swap(Swap::AsMemory), @r"
        memory.max = 104857600
        memory.swap.max = 104857600  (if there)
        ");
        insta::assert_snapshot!(swap(Swap::Total(100 << 20)), @r"
        memory.max = 104857600
        memory.swap.max = 0
        ");
        insta::assert_snapshot!(swap(Swap::Unlimited), @r"
        memory.max = 104857600
        memory.swap.max = max  (if there)
        ");
    }

    #[test]
    fn shares_become_a_weight_as_in_runc_and_crun() {
        for (shares, weight) in [
            (0, 1),
            (2, 1),
            (3, 1 + 1),
            (512, 59),
            (1024, 100),
            (2048, 174),
            (262_143, 10_000),
            (262_144, 10_000),
            (u64::MAX, 10_000),
        ] {
            assert_eq!(cpu_weight(shares), weight, "{shares}");
        }
    }

    #[test]
    fn an_io_weight_keeps_its_place_in_the_range() {
        assert_eq!([10, 100, 500, 1000].map(io_weight), [1, 910, 4950, 10_000]);
    }
}
