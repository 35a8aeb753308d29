//! The command line of this step, in groups: a step's `main.rs` puts those of its mechanisms side by side.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::PathBuf;

use clap::Args;
use clap::builder::{OsStringValueParser, TypedValueParser};
use kit::{Error, Result};
use nix::sys::stat::{major, minor};
use nix::unistd::Uid;
use rootfs::Bind;

use crate::cgroup::Cgroup;
use crate::devices::{self, Access, Policy, Rule};
use crate::limits::{Limits, Rate, Swap, Throttle};
use crate::values::{self, Limit};

/// The cgroups.
#[derive(Args, Clone, Debug, Default)]
#[group(skip)]
pub struct CgroupOptions {
    /// Name of the container [default: 12 random hex digits]
    #[arg(long, value_parser = values::name)]
    pub name: Option<String>,

    /// An existing cgroup to be in, below the mount point of each hierarchy
    #[arg(long, value_name = "PATH", value_parser = OsStringValueParser::new().try_map(|p| values::parent(&p)))]
    pub cgroup_parent: Option<PathBuf>,

    /// The limits.
    #[command(flatten)]
    pub limits: LimitOptions,

    /// The devices.
    #[command(flatten)]
    pub devices: DeviceOptions,
}

/// The limits, under Docker's names. 0 and -1 are no limit.
#[derive(Args, Clone, Debug, Default)]
#[group(skip)]
#[command(next_help_heading = "Limits")]
pub struct LimitOptions {
    /// Memory: bytes, or with a unit, as in 64m or 1.5g
    #[arg(long, short, value_name = "BYTES", value_parser = values::size, allow_hyphen_values = true)]
    pub memory: Option<Limit<u64>>,

    /// Memory and swap together; -1 for all the swap there is [default: twice --memory]
    #[arg(long, value_name = "BYTES", value_parser = values::size, allow_hyphen_values = true)]
    pub memory_swap: Option<Limit<u64>>,

    /// Memory that is left to the container when the machine runs short
    #[arg(long, value_name = "BYTES", value_parser = values::size, allow_hyphen_values = true)]
    pub memory_reservation: Option<Limit<u64>>,

    /// Processors' worth of time, as in 0.5 or 2
    #[arg(long, value_name = "NUMBER", value_parser = values::cpus, allow_hyphen_values = true)]
    pub cpus: Option<u64>,

    /// Microseconds of processor time in each period
    #[arg(long, value_name = "MICROSECONDS", value_parser = values::count, allow_hyphen_values = true)]
    pub cpu_quota: Option<Limit<u64>>,

    /// The period of the quota [default: 100000]
    #[arg(long, value_name = "MICROSECONDS", value_parser = values::count, allow_hyphen_values = true)]
    pub cpu_period: Option<Limit<u64>>,

    /// Share of the processors when they are scarce; everybody has 1024
    #[arg(long, short, value_name = "WEIGHT", value_parser = values::count, allow_hyphen_values = true)]
    pub cpu_shares: Option<Limit<u64>>,

    /// Processors to run on, as in 0-2,4
    #[arg(long, value_name = "LIST", value_parser = values::checked_list)]
    pub cpuset_cpus: Option<String>,

    /// Memory nodes to use
    #[arg(long, value_name = "LIST", value_parser = values::checked_list)]
    pub cpuset_mems: Option<String>,

    /// Processes and threads
    #[arg(long, value_name = "NUMBER", value_parser = values::count, allow_hyphen_values = true)]
    pub pids_limit: Option<Limit<u64>>,

    /// Share of the disks when they are busy, 10 to 1000
    #[arg(long, value_name = "WEIGHT", value_parser = clap::value_parser!(u16))]
    pub blkio_weight: Option<u16>,

    /// Bytes a second read from a disk (repeatable)
    #[arg(long, value_name = "DEVICE:RATE", value_parser = |v: &str| values::throttle(v, Rate::ReadBytes))]
    pub device_read_bps: Vec<Throttle>,

    /// Bytes a second written to a disk (repeatable)
    #[arg(long, value_name = "DEVICE:RATE", value_parser = |v: &str| values::throttle(v, Rate::WriteBytes))]
    pub device_write_bps: Vec<Throttle>,

    /// Reads a second from a disk (repeatable)
    #[arg(long, value_name = "DEVICE:NUMBER", value_parser = |v: &str| values::throttle(v, Rate::ReadOperations))]
    pub device_read_iops: Vec<Throttle>,

    /// Writes a second to a disk (repeatable)
    #[arg(long, value_name = "DEVICE:NUMBER", value_parser = |v: &str| values::throttle(v, Rate::WriteOperations))]
    pub device_write_iops: Vec<Throttle>,

    /// Huge pages of a size, as in 2MB=64m (repeatable)
    #[arg(long, value_name = "PAGE=BYTES", value_parser = values::hugetlb)]
    pub hugetlb: Vec<(String, u64)>,
}

/// The devices, under Docker's names.
#[derive(Args, Clone, Debug, Default)]
#[group(skip)]
#[command(next_help_heading = "Devices")]
pub struct DeviceOptions {
    /// Show a device of the host in the container, and allow its use (repeatable)
    #[arg(long, value_name = "SRC[:DST[:rwm]]", requires = "root", value_parser = OsStringValueParser::new().try_map(|d| Device::parse(&d)))]
    pub device: Vec<Device>,

    /// Allow devices by their numbers, as in 'c 10:229 rwm' (repeatable)
    #[arg(long, value_name = "RULE")]
    pub device_cgroup_rule: Vec<Rule>,
}

impl CgroupOptions {
    /// The container's name: the one that was given, or else `id`.
    pub fn name(&self, id: &str) -> String {
        self.name.clone().unwrap_or_else(|| id.to_owned())
    }

    /// The mechanism of this step.
    ///
    /// # Errors
    /// A device that does not exist.
    pub fn cgroup(&self, id: &str) -> Result<Cgroup> {
        let mut cgroup = Cgroup::new(self.name(id));
        cgroup.parent = self.cgroup_parent.clone();
        cgroup.limits = self.limits.limits();
        cgroup.devices = self.devices.policy()?;
        Ok(cgroup)
    }

    /// The nodes of the devices: each is bound as it is, so that nothing has to be made in the container.
    pub fn binds(&self) -> impl Iterator<Item = Bind> {
        self.devices.device.iter().map(|device| device.bind.clone())
    }
}

impl LimitOptions {
    /// What they ask for.
    pub fn limits(&self) -> Limits {
        let get = |limit: Option<Limit<u64>>| limit.and_then(Limit::get);
        let throttle = [
            &self.device_read_bps,
            &self.device_write_bps,
            &self.device_read_iops,
            &self.device_write_iops,
        ];
        Limits {
            memory: get(self.memory),
            swap: match self.memory_swap {
                None | Some(Limit::Unset) => Swap::AsMemory,
                Some(Limit::Unlimited) => Swap::Unlimited,
                Some(Limit::Of(bytes)) => Swap::Total(bytes),
            },
            reservation: get(self.memory_reservation),
            nano_cpus: self.cpus.filter(|nano| *nano > 0),
            cpu_quota: get(self.cpu_quota),
            cpu_period: get(self.cpu_period),
            cpu_shares: get(self.cpu_shares),
            cpuset_cpus: self.cpuset_cpus.clone(),
            cpuset_mems: self.cpuset_mems.clone(),
            pids: get(self.pids_limit),
            io_weight: self.blkio_weight.filter(|weight| *weight > 0),
            throttle: throttle.into_iter().flatten().copied().collect(),
            hugetlb: self.hugetlb.clone(),
        }
    }
}

impl DeviceOptions {
    /// The default devices and those that were given. Only root may set a policy; a user without privileges has none
    /// to hand on, and can neither make device nodes nor open what he could not open outside.
    fn policy(&self) -> Result<Option<Policy>> {
        let is_asked = !self.device.is_empty() || !self.device_cgroup_rule.is_empty();
        if !is_asked && !Uid::effective().is_root() {
            return Ok(None);
        }
        let mut rules = devices::defaults();
        for device in &self.device {
            rules.push(device.rule()?);
        }
        rules.extend(&self.device_cgroup_rule);
        Ok(Some(Policy::new(&rules)))
    }
}

/// `--device /dev/fuse`, `--device /dev/sda:/dev/xvda:r`.
#[derive(Clone, Debug)]
pub struct Device {
    bind: Bind,
    access: Access,
}

const FORM: &str =
    "the form is SOURCE, SOURCE:TARGET or SOURCE:TARGET:ACCESS, as in /dev/sda:/dev/xvda:r";

impl Device {
    /// # Errors
    /// Not in its form.
    fn parse(text: &OsStr) -> Result<Self> {
        let wrong = |why: &str| {
            Error::new(format!(
                "cannot give the container the device {}: {why}; {FORM}",
                text.display()
            ))
        };
        let parts: Vec<&OsStr> = text
            .as_bytes()
            .split(|byte| *byte == b':')
            .map(OsStr::from_bytes)
            .collect();
        let access = |text: &OsStr| text.to_str().and_then(|text| text.parse().ok());
        let (source, target, access) = match parts[..] {
            [source] => (source, source, Some(Access::ALL)),
            // Docker takes the second for access if it looks so.
            [source, second] if access(second).is_some() => (source, source, access(second)),
            [source, target] => (source, target, Some(Access::ALL)),
            [source, target, third] => (source, target, access(third)),
            _ => return Err(wrong("there are too many colons")),
        };
        Ok(Self {
            bind: Bind::new(source, target).map_err(wrong)?,
            access: access.ok_or_else(|| wrong("the access is one to three of r, w and m"))?,
        })
    }

    fn rule(&self) -> Result<Rule> {
        let source = &self.bind.source;
        let metadata = source
            .metadata()
            .map_err(|e| Error::io("find the device", source, &e))?;
        let kind = metadata.file_type();
        let kind = match (kind.is_block_device(), kind.is_char_device()) {
            (true, _) => devices::Kind::Block,
            (_, true) => devices::Kind::Character,
            _ => {
                return Err(Error::new(format!("{} is not a device", source.display()))
                    .hint("--bind shows files and directories"));
            }
        };
        Ok(Rule {
            allow: true,
            kind,
            major: Some(major(metadata.rdev()) as u32),
            minor: Some(minor(metadata.rdev()) as u32),
            access: self.access,
        })
    }
}
