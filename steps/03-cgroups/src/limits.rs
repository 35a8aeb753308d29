//! What a container may use, and which values make sense: Docker's rules and, where it has one, Docker's sentence.

use kit::{Error, Result};
use nix::sched::{CpuSet, sched_getaffinity};
use nix::unistd::Pid;

use crate::layout::Controller;

/// The limits of one container. `None` everywhere is no limit at all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    /// Memory, in bytes.
    pub memory: Option<u64>,
    /// Memory and swap together.
    pub swap: Swap,
    /// Memory in bytes that is left to the container when the machine runs short.
    pub reservation: Option<u64>,
    /// CPU time, in thousand-millionths of a processor.
    pub nano_cpus: Option<u64>,
    /// CPU time, in microseconds per [`cpu_period`](Self::cpu_period).
    pub cpu_quota: Option<u64>,
    /// The period of the quota in microseconds; the kernel's default is 100,000.
    pub cpu_period: Option<u64>,
    /// Share of the CPU time when it is scarce, on v1's scale: 2 to 262144, 1024 being everybody's.
    pub cpu_shares: Option<u64>,
    /// Processors, as a list (`0-2,4`; cpuset(7)).
    pub cpuset_cpus: Option<String>,
    /// Memory nodes, as a list.
    pub cpuset_mems: Option<String>,
    /// Processes and threads.
    pub pids: Option<u64>,
    /// Share of the block devices' time when it is scarce, on v1's scale: 10 to 1000.
    pub io_weight: Option<u16>,
    /// Rates of single block devices.
    pub throttle: Vec<Throttle>,
    /// Huge pages: the size as the kernel's files write it (`2MB`, `1GB`), and the limit in bytes.
    pub hugetlb: Vec<(String, u64)>,
}

/// Docker's `--memory-swap`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Swap {
    /// Not given: as much swap as memory, where swap is accounted for.
    #[default]
    AsMemory,
    /// This many bytes of memory and swap together.
    Total(u64),
    /// As much swap as the machine has.
    Unlimited,
}

/// The greatest rate at which one block device is read or written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Throttle {
    /// The device's numbers.
    pub major: u64,
    /// The second of them.
    pub minor: u64,
    /// What is counted.
    pub rate: Rate,
    /// How much of it a second.
    pub limit: u64,
}

/// What a [`Throttle`] counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rate {
    /// Bytes read.
    ReadBytes,
    /// Bytes written.
    WriteBytes,
    /// Read operations.
    ReadOperations,
    /// Write operations.
    WriteOperations,
}

impl Rate {
    /// The option that asks for it.
    pub fn option(self) -> &'static str {
        match self {
            Self::ReadBytes => "--device-read-bps",
            Self::WriteBytes => "--device-write-bps",
            Self::ReadOperations => "--device-read-iops",
            Self::WriteOperations => "--device-write-iops",
        }
    }
}

/// Docker's smallest memory limit: below it not even a shell starts.
pub(crate) const MINIMUM_MEMORY: u64 = 6 << 20;
/// The kernel's default period.
pub(crate) const DEFAULT_PERIOD: u64 = 100_000;
/// The kernel takes no quota and no period below a millisecond.
const MILLISECOND: u64 = 1_000;

impl Limits {
    /// Refuses what contradicts itself or what no machine can do. More memory than the machine has is accepted, as
    /// Docker does: it is no limit, and the machine may grow.
    ///
    /// # Errors
    /// Docker's sentence for the same mistake.
    pub fn check(&self) -> Result<()> {
        self.check_memory()?;
        self.check_cpu()?;
        let weight_fits = self.io_weight.is_none_or(|w| (10..=1000).contains(&w));
        refuse(!weight_fits, "Range of blkio weight is from 10 to 1000")
    }

    fn check_memory(&self) -> Result<()> {
        let below = |limit: Option<u64>| limit.is_some_and(|bytes| bytes < MINIMUM_MEMORY);
        let total = match self.swap {
            Swap::Total(bytes) => Some(bytes),
            _ => None,
        };
        refuse(below(self.memory), "Minimum memory limit allowed is 6MB")
            .map_err(|e| e.hint("a number without a unit is bytes: 64m is 64 MiB"))?;
        refuse(
            self.memory.is_none() && total.is_some(),
            "You should always set the Memory limit when using Memoryswap limit, see usage",
        )?;
        refuse(
            total.zip(self.memory).is_some_and(|(t, m)| t < m),
            "Minimum memoryswap limit should be larger than memory limit, see usage",
        )
        .map_err(|e| {
            e.hint("--memory-swap is memory and swap together; equal to --memory, it means no swap")
        })?;
        refuse(
            below(self.reservation),
            "Minimum memory reservation allowed is 6MB",
        )?;
        refuse(
            self.memory
                .zip(self.reservation)
                .is_some_and(|(m, r)| m < r),
            "Minimum memory limit can not be less than memory reservation limit, see usage",
        )
    }

    fn check_cpu(&self) -> Result<()> {
        for (is_set, name) in [
            (self.cpu_period.is_some(), "CPU Period"),
            (self.cpu_quota.is_some(), "CPU Quota"),
        ] {
            refuse(
                self.nano_cpus.is_some() && is_set,
                &format!("Conflicting options: Nano CPUs and {name} cannot both be set"),
            )
            .map_err(|e| e.hint("--cpus sets both the quota and the period"))?;
        }
        if let Some(nano) = self.nano_cpus {
            let there = processors()?;
            let in_range = nano <= there * 1_000_000_000 && quota_of(nano) >= MILLISECOND;
            refuse(
                !in_range,
                &format!(
                    "Range of CPUs is from 0.01 to {there}.00, as there are only {there} CPUs available"
                ),
            )?;
        }
        refuse(
            self.cpu_period
                .is_some_and(|p| !(MILLISECOND..=1_000_000).contains(&p)),
            "CPU cfs period can not be less than 1ms (i.e. 1000) or larger than 1s (i.e. 1000000)",
        )?;
        refuse(
            self.cpu_quota.is_some_and(|quota| quota < MILLISECOND),
            "CPU cfs quota can not be less than 1ms (i.e. 1000)",
        )
    }

    /// Quota and period in microseconds, if one of them is to be set; no quota is no limit.
    pub fn cpu_time(&self) -> Option<(Option<u64>, u64)> {
        let period = self.cpu_period.unwrap_or(DEFAULT_PERIOD);
        match self.nano_cpus {
            Some(nano) => Some((Some(quota_of(nano)), DEFAULT_PERIOD)),
            None if self.cpu_quota.is_none() && self.cpu_period.is_none() => None,
            None => Some((self.cpu_quota, period)),
        }
    }

    /// Memory and swap together in bytes, if there is a limit; and whether the user asked for it.
    pub fn memory_and_swap(&self) -> Option<(u64, bool)> {
        match self.swap {
            Swap::Total(bytes) => Some((bytes, true)),
            Swap::AsMemory => self.memory.map(|bytes| (bytes.saturating_mul(2), false)),
            Swap::Unlimited => None,
        }
    }

    /// Which controllers these limits cannot do without, each with the option that asks for it.
    pub fn controllers(&self) -> Vec<(Controller, &'static str)> {
        use Controller::{Cpu, Cpuset, Hugetlb, Io, Memory, Pids};
        let throttle = self.throttle.first().map(|t| t.rate.option());
        [
            (self.memory.is_some(), Memory, "--memory"),
            (self.reservation.is_some(), Memory, "--memory-reservation"),
            (self.nano_cpus.is_some(), Cpu, "--cpus"),
            (self.cpu_quota.is_some(), Cpu, "--cpu-quota"),
            (self.cpu_period.is_some(), Cpu, "--cpu-period"),
            (self.cpu_shares.is_some(), Cpu, "--cpu-shares"),
            (self.cpuset_cpus.is_some(), Cpuset, "--cpuset-cpus"),
            (self.cpuset_mems.is_some(), Cpuset, "--cpuset-mems"),
            (self.pids.is_some(), Pids, "--pids-limit"),
            (self.io_weight.is_some(), Io, "--blkio-weight"),
            (throttle.is_some(), Io, throttle.unwrap_or_default()),
            (!self.hugetlb.is_empty(), Hugetlb, "--hugetlb"),
        ]
        .into_iter()
        .filter_map(|(is_asked, controller, option)| is_asked.then_some((controller, option)))
        .collect()
    }
}

/// Microseconds of the default period.
fn quota_of(nano_cpus: u64) -> u64 {
    (u128::from(nano_cpus) * u128::from(DEFAULT_PERIOD) / 1_000_000_000) as u64
}

/// How many processors we may use, which is what Docker counts too (sched_setaffinity(2)).
fn processors() -> Result<u64> {
    let set = sched_getaffinity(Pid::from_raw(0))
        .map_err(|errno| Error::sys("count the processors", "", errno))?;
    Ok((0..CpuSet::count())
        .filter(|cpu| set.is_set(*cpu).unwrap_or(false))
        .count() as u64)
}

fn refuse(is_wrong: bool, sentence: &str) -> Result<()> {
    if is_wrong {
        return Err(Error::new(sentence));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(limits: Limits) -> Option<String> {
        limits.check().err().map(|error| error.to_string())
    }

    const MIB: u64 = 1 << 20;

    #[test]
    fn memory_is_refused_as_docker_refuses_it() {
        let with = |memory, swap, reservation| Limits {
            memory,
            swap,
            reservation,
            ..Limits::default()
        };
        let six = Some(6 * MIB);
        for (limits, sentence) in [
            (with(six, Swap::AsMemory, six), None),
            (with(Some(u64::MAX), Swap::Unlimited, None), None),
            (with(six, Swap::Total(6 * MIB), None), None),
            (
                with(Some(6 * MIB - 1), Swap::AsMemory, None),
                Some("Minimum memory limit allowed is 6MB"),
            ),
            (
                with(six, Swap::Total(MIB), None),
                Some("Minimum memoryswap limit should be larger than memory limit, see usage"),
            ),
            (
                with(None, Swap::Total(9 * MIB), None),
                Some(
                    "You should always set the Memory limit when using Memoryswap limit, see usage",
                ),
            ),
            (
                with(None, Swap::AsMemory, Some(1)),
                Some("Minimum memory reservation allowed is 6MB"),
            ),
            (
                with(six, Swap::AsMemory, Some(7 * MIB)),
                Some(
                    "Minimum memory limit can not be less than memory reservation limit, see usage",
                ),
            ),
        ] {
            assert_eq!(refusal(limits).as_deref(), sentence);
        }
    }

    #[test]
    fn cpu_time_is_refused_as_docker_refuses_it() {
        let cpus = |nano| Limits {
            nano_cpus: Some(nano),
            ..Limits::default()
        };
        let there = processors().unwrap();
        assert_eq!(refusal(cpus(10_000_000)), None);
        assert_eq!(refusal(cpus(there * 1_000_000_000)), None);
        for nano in [9_999_999, there * 1_000_000_000 + 1, u64::MAX] {
            assert_eq!(
                refusal(cpus(nano)),
                Some(format!(
                    "Range of CPUs is from 0.01 to {there}.00, as there are only {there} CPUs available"
                ))
            );
        }
        let both = Limits {
            cpu_period: Some(50_000),
            ..cpus(500_000_000)
        };
        assert!(
            refusal(both)
                .unwrap()
                .starts_with("Conflicting options: Nano CPUs and CPU Period")
        );
    }

    #[test]
    fn a_quota_or_a_period_alone_has_a_partner() {
        let with = |nano_cpus, cpu_quota, cpu_period| {
            let limits = Limits {
                nano_cpus,
                cpu_quota,
                cpu_period,
                ..Limits::default()
            };
            limits.cpu_time()
        };
        assert_eq!(with(None, None, None), None);
        assert_eq!(
            with(Some(1_500_000_000), None, None),
            Some((Some(150_000), 100_000))
        );
        assert_eq!(
            with(None, Some(20_000), None),
            Some((Some(20_000), 100_000))
        );
        assert_eq!(with(None, None, Some(50_000)), Some((None, 50_000)));
    }

    #[test]
    fn the_io_weight_has_a_range() {
        for (weight, fits) in [(9, false), (10, true), (1000, true), (1001, false)] {
            let limits = Limits {
                io_weight: Some(weight),
                ..Limits::default()
            };
            assert_eq!(limits.check().is_ok(), fits, "{weight}");
        }
    }
}
