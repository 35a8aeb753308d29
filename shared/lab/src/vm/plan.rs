//! QEMU's command line, as a plan: no side effects, the same for both kinds of machine.

use std::ffi::OsString;
use std::fmt;
use std::path::{Path, PathBuf};

use anyhow::{Result, bail};

/// Enough for every test at once; a learner's laptop has it to spare.
const MEMORY: &str = "2G";
/// The cpuset tests need one to take away.
const CPUS: &str = "2";

/// What kind of processor. The VM is of the host's kind, because it runs the host's programs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Arch {
    /// x86_64.
    Amd64,
    /// aarch64.
    Arm64,
}

impl Arch {
    fn of_host() -> Result<Self> {
        match std::env::consts::ARCH {
            "x86_64" => Ok(Self::Amd64),
            "aarch64" => Ok(Self::Arm64),
            other => bail!("the VM is made for x86_64 and aarch64, and this machine is {other}"),
        }
    }

    /// The emulator, the board, and the serial port that is built into Debian's kernel.
    fn parts(self) -> (&'static str, &'static str, &'static str) {
        match self {
            Self::Amd64 => ("qemu-system-x86_64", "q35", "ttyS0"),
            // The newest interrupt controller that the accelerator has: KVM cannot do an older one on newer boards.
            Self::Arm64 => ("qemu-system-aarch64", "virt,gic-version=max", "ttyAMA0"),
        }
    }

    pub(crate) fn emulator(self) -> &'static str {
        self.parts().0
    }
}

/// What runs the VM's instructions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Accelerator {
    /// The processor itself, through the kernel.
    Kvm,
    /// QEMU's translator, some ten times slower, which needs nothing of the host.
    Tcg,
}

impl fmt::Display for Accelerator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Kvm => "kvm",
            Self::Tcg => "tcg",
        })
    }
}

/// Which cgroup hierarchy the VM mounts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Hierarchy {
    /// The unified one, every controller handed down.
    #[default]
    V2,
    /// One for each controller, and an empty v2 beside them.
    V1,
}

impl fmt::Display for Hierarchy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::V2 => "v2",
            Self::V1 => "v1",
        })
    }
}

/// A disk of the VM.
#[derive(Clone, Debug)]
pub(crate) struct Disk {
    /// The file with its contents, which are raw.
    pub path: PathBuf,
    /// Whether the VM's writes reach that file; otherwise QEMU forgets them.
    pub keep: bool,
}

/// The VM, all but its run's own disks.
#[derive(Clone, Debug)]
pub(crate) struct Machine {
    pub arch: Arch,
    pub accelerator: Accelerator,
    /// vmlinuz.
    pub kernel: PathBuf,
    /// The root file system.
    pub root: PathBuf,
}

impl Machine {
    /// The machine that boots what is in `image`, on the accelerator that always works.
    pub(crate) fn new(image: PathBuf) -> Result<Self> {
        Ok(Self {
            arch: Arch::of_host()?,
            accelerator: Accelerator::Tcg,
            kernel: image.join("vmlinuz"),
            root: image.join("root.ext4"),
        })
    }

    /// QEMU's arguments. `disks` come behind the root, as `/dev/nvme0n2` and so on.
    pub(crate) fn arguments(&self, hierarchy: Hierarchy, disks: &[Disk]) -> Vec<OsString> {
        let (_, board, console) = self.arch.parts();
        let (accelerator, processor) = match self.accelerator {
            Accelerator::Kvm => ("kvm", "host"),
            Accelerator::Tcg => ("tcg,thread=multi", "max"),
        };
        let mut words: Vec<OsString> = [
            "-nodefaults",
            "-no-user-config",
            "-display",
            "none",
            "-no-reboot",
            "-machine",
            board,
            "-accel",
            accelerator,
            "-cpu",
            processor,
            "-smp",
            CPUS,
            "-m",
            MEMORY,
            // signal=off: Ctrl-C in an interactive shell is for the shell.
            "-chardev",
            "stdio,id=console,signal=off",
            "-serial",
            "chardev:console",
            "-device",
            "nvme,id=nvme,serial=drydock",
        ]
        .map(OsString::from)
        .to_vec();
        words.extend(["-kernel".into(), self.kernel.clone().into()]);
        words.extend([
            "-append".into(),
            kernel_command_line(console, hierarchy).into(),
        ]);
        let root = Disk {
            path: self.root.clone(),
            keep: false,
        };
        for (disk, number) in std::iter::once(&root).chain(disks).zip(1..) {
            words.extend(["-drive".into(), drive(disk, number)]);
            // Namespaces of one controller: controllers are probed in parallel, and would come in any order.
            words.extend([
                "-device".into(),
                format!("nvme-ns,bus=nvme,drive=disk{number},nsid={number}").into(),
            ]);
        }
        words
    }
}

fn kernel_command_line(console: &str, hierarchy: Hierarchy) -> String {
    // loglevel=1: what the kernel says of an OOM kill must not tear a test's line; a panic is still shown.
    // panic=-1 with -no-reboot ends QEMU. Huge pages, and swap in memsw files, are there only if asked for.
    format!(
        "console={console} root=/dev/nvme0n1 rw rootwait init=/sbin/drydock-init panic=-1 quiet loglevel=1 \
         hugepages=16 swapaccount=1 drydock.cgroups={hierarchy}"
    )
}

fn drive(disk: &Disk, number: u32) -> OsString {
    // unsafe: no disk outlives its run but the exit code, for which closing the file is enough.
    let mut drive = OsString::from(format!("if=none,id=disk{number},format=raw,cache=unsafe"));
    if !disk.keep {
        drive.push(",snapshot=on");
    }
    drive.push(",file=");
    drive.push(comma_doubled(&disk.path));
    drive
}

/// QEMU's own quoting: a comma in a value is written twice.
fn comma_doubled(path: &Path) -> OsString {
    use std::os::unix::ffi::{OsStrExt, OsStringExt};
    let mut doubled = Vec::new();
    for byte in path.as_os_str().as_bytes() {
        doubled.push(*byte);
        if *byte == b',' {
            doubled.push(b',');
        }
    }
    OsString::from_vec(doubled)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(arch: Arch, accelerator: Accelerator, hierarchy: Hierarchy) -> String {
        let machine = Machine {
            arch,
            accelerator,
            kernel: "/i/vmlinuz".into(),
            root: "/i/root.ext4".into(),
        };
        let exit = Disk {
            path: "/proc/1/fd/3,4".into(),
            keep: true,
        };
        let words = machine.arguments(hierarchy, &[exit]);
        words.join(std::ffi::OsStr::new(" ")).into_string().unwrap()
    }

    #[test]
    fn the_two_kinds_of_machine_differ_in_board_and_console_alone() {
        let amd64 = line(Arch::Amd64, Accelerator::Tcg, Hierarchy::V2);
        let arm64 = line(Arch::Arm64, Accelerator::Tcg, Hierarchy::V2);
        assert!(
            amd64.contains("-machine q35 ") && amd64.contains("console=ttyS0 "),
            "{amd64}"
        );
        let translated = amd64
            .replace("-machine q35 ", "-machine virt,gic-version=max ")
            .replace("console=ttyS0 ", "console=ttyAMA0 ");
        assert_eq!(arm64, translated);
        assert_eq!(Arch::Arm64.emulator(), "qemu-system-aarch64");
    }

    #[test]
    fn only_kvm_passes_the_hosts_processor_through() {
        let kvm = line(Arch::Amd64, Accelerator::Kvm, Hierarchy::V2);
        assert!(kvm.contains("-accel kvm -cpu host "), "{kvm}");
        let tcg = line(Arch::Amd64, Accelerator::Tcg, Hierarchy::V2);
        assert!(tcg.contains("-accel tcg,thread=multi -cpu max "), "{tcg}");
    }

    #[test]
    fn the_root_forgets_and_the_exit_disk_keeps() {
        let line = line(Arch::Amd64, Accelerator::Tcg, Hierarchy::V1);
        assert!(
            line.contains("id=disk1,format=raw,cache=unsafe,snapshot=on,file=/i/root.ext4"),
            "{line}"
        );
        assert!(
            line.contains("id=disk2,format=raw,cache=unsafe,file=/proc/1/fd/3,,4"),
            "{line}"
        );
        assert!(line.contains("drive=disk2,nsid=2"), "{line}");
        assert!(line.contains("drydock.cgroups=v1"), "{line}");
    }
}
