//! Attacks on what there is only once: the kernel, its settings, its devices.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use kit::sys::clock;
use nix::errno::Errno;
use nix::mount::{MntFlags, MsFlags, mount, umount2};
use nix::sys::stat::{Mode, SFlag, makedev, mknod};

use crate::answer::{stopped, unable};
use crate::bait::{Bait, Ground};
use crate::place::{HOST, mounted, own, proc};
use crate::{Attempt, Probe, Refusal};

pub(super) const PROBES: &[Probe] = &[
    Probe {
        slug: "read-kernel",
        what: "read the kernel's memory in `/proc/kcore`, or its timers",
        stopped_by: "rootfs",
        means: "masked paths",
        cves: &[],
        attempt: |_| read_kernel(&proc()?),
        bait: Bait::none,
    },
    Probe {
        slug: "write-sysctl",
        what: "write the kernel's settings in `/proc/sys`",
        stopped_by: "rootfs",
        means: "read-only paths",
        cves: &[],
        attempt: |_| write_sysctl(&proc()?),
        bait: Bait::none,
    },
    Probe {
        slug: "mknod-disk",
        what: "make a device node for a disk and read it",
        stopped_by: "cgroups",
        means: "the device rules",
        cves: &[],
        attempt: read_disk,
        bait: find_disk,
    },
    Probe {
        slug: "unmask",
        what: "take the masks off `/proc`",
        stopped_by: "runtime",
        means: "no CAP_SYS_ADMIN",
        cves: &[],
        attempt: unmask,
        bait: Bait::none,
    },
    Probe {
        slug: "remount-proc",
        what: "mount `/proc` anew, and write the kernel's settings there",
        stopped_by: "runtime",
        means: "no CAP_SYS_ADMIN",
        cves: &[],
        attempt: |_| write_sysctl(&mounted("proc", "new-proc")?),
        bait: Bait::none,
    },
    Probe {
        slug: "remount-sys",
        what: "make `/sys` writable, and write the kernel's settings there",
        stopped_by: "runtime",
        means: "no CAP_SYS_ADMIN",
        cves: &[],
        attempt: write_sys,
        bait: Bait::none,
    },
    Probe {
        slug: "kernel-log",
        what: "read the kernel's log",
        stopped_by: "runtime",
        means: "no CAP_SYSLOG",
        cves: &[],
        attempt: open_log,
        bait: Bait::none,
    },
    Probe {
        slug: "set-clock",
        what: "change the host's clock",
        stopped_by: "runtime",
        means: "no CAP_SYS_TIME",
        cves: &[],
        attempt: set_clock,
        bait: Bait::none,
    },
];

/// What a mask hides; kernels differ in what they have.
const TELLING: [&str; 2] = ["kcore", "timer_list"];

fn read_kernel(proc: &Path) -> Attempt {
    let there = TELLING.map(|name| proc.join(name));
    let Some(file) = there.iter().find(|file| file.exists()) else {
        return Err(Refusal::NotRun("this kernel has neither".into()));
    };
    let mut bytes = [0; 64];
    let read = File::open(file).and_then(|mut file| file.read(&mut bytes));
    match read.map_err(stopped(format_args!("open {}", file.display())))? {
        0 => Err(Refusal::Stopped(format!("{} is empty", file.display()))),
        _ => Ok(format!("read {}", file.display())),
    }
}

fn unmask(_: &[String]) -> Attempt {
    let proc = proc()?;
    for name in TELLING.map(|name| proc.join(name)) {
        match umount2(&name, MntFlags::MNT_DETACH) {
            // EINVAL: there is no mask on it.
            Ok(()) | Err(Errno::EINVAL | Errno::ENOENT) => {}
            Err(errno) => return Err(stopped("unmount the mask")(errno)),
        }
    }
    read_kernel(&proc)
}

/// The program that the kernel runs when a process crashes: a well-known way out. It stays as it was.
fn write_sysctl(proc: &Path) -> Attempt {
    rewrite(&proc.join("sys/kernel/core_pattern"))
}

/// Writes a setting of the machine's back as it was: the kernel takes it, and nothing changes.
fn rewrite(path: &Path) -> Attempt {
    let failed = |what: &str| format!("{what} {}", path.display());
    let old = fs::read(path).map_err(stopped(failed("read")))?;
    File::options()
        .write(true)
        .open(path)
        .map_err(stopped(failed("open")))?
        .write_all(&old)
        .map_err(stopped(failed("write")))?;
    Ok(format!("wrote {}", path.display()))
}

/// Which everyone may read, root may write, and every kernel has.
const SETTING: &str = "kernel/rcu_expedited";

fn write_sys(_: &[String]) -> Attempt {
    let present = Path::new("/sys");
    if present.join(SETTING).exists() {
        let flags = MsFlags::MS_REMOUNT | MsFlags::MS_BIND;
        let none = None::<&str>;
        mount(none, present, none, flags, none).map_err(stopped("remount /sys"))?;
        return rewrite(&present.join(SETTING));
    }
    rewrite(&mounted("sysfs", "new-sys")?.join(SETTING))
}

/// A disk that the host itself can read: some virtual machines lock theirs away.
fn find_disk(_: &Ground<'_>) -> std::io::Result<Bait> {
    let table = fs::read_to_string("/proc/partitions")?;
    let node = Path::new(HOST).join("disk");
    let is_readable = |device: &Device| {
        let found = make_node(&node, device.number).and_then(|()| File::open(&node).map(drop));
        let _ = fs::remove_file(&node);
        found.is_ok()
    };
    let mut disks: Vec<_> = table.lines().filter_map(Device::parse).collect();
    disks.sort_by_key(|device| std::cmp::Reverse(device.blocks));
    // Holds nothing as long as nobody uses it, but is a disk like any other to the rules that are to stop this.
    disks.push(Device {
        number: makedev(7, 0),
        blocks: 0,
        name: "loop0".into(),
    });
    let disk = disks.into_iter().find(is_readable);
    let disk = disk.ok_or_else(|| std::io::Error::other("it has no disk that it can read"))?;
    Ok(Bait::default().telling(disk.name).telling(disk.number))
}

/// A line of `/proc/partitions`.
struct Device {
    number: u64,
    blocks: u64,
    name: String,
}

impl Device {
    /// `major minor blocks name` (proc_partitions(5)).
    fn parse(line: &str) -> Option<Self> {
        let mut fields = line.split_whitespace();
        let (major, minor) = (fields.next()?.parse().ok()?, fields.next()?.parse().ok()?);
        Some(Self {
            number: makedev(major, minor),
            blocks: fields.next()?.parse().ok()?,
            name: fields.next()?.to_owned(),
        })
    }
}

fn make_node(path: &Path, device: u64) -> std::io::Result<()> {
    Ok(mknod(path, SFlag::S_IFBLK, Mode::S_IRUSR, device)?)
}

/// It is opened for reading, and never for more.
fn read_disk(words: &[String]) -> Attempt {
    let [name, number] = words else {
        return Err(Refusal::NotRun("name a disk and its number".into()));
    };
    let node = own("nodes")?.join("disk");
    let number = number
        .parse()
        .map_err(|_| Refusal::NotRun("that is no number".into()))?;
    make_node(&node, number).map_err(stopped("mknod"))?;
    let mut sector = [0; 512];
    let read = File::open(&node).and_then(|mut disk| disk.read(&mut sector));
    read.map_err(stopped(format_args!("open a node of {name}")))?;
    Ok(format!("opened the disk {name}"))
}

/// It is opened and not read: what is read there is gone for the host's own reader.
fn open_log(_: &[String]) -> Attempt {
    let log: PathBuf = proc()?.join("kmsg");
    let flags = libc::O_NONBLOCK;
    File::options()
        .read(true)
        .custom_flags(flags)
        .open(&log)
        .map_err(stopped(format_args!("open {}", log.display())))?;
    Ok(format!("opened {}", log.display()))
}

/// To the speed that it has.
fn set_clock(_: &[String]) -> Attempt {
    let frequency = clock::frequency().map_err(unable("read the clock"))?;
    clock::set_frequency(frequency).map_err(stopped("adjtimex"))?;
    Ok("set the speed of the clock".into())
}
