//! Parts of `/proc` and `/sys` that belong to the host: hidden, or made read-only.

use std::cell::OnceCell;
use std::ffi::CStr;
use std::os::fd::{AsFd, OwnedFd};
use std::path::PathBuf;

use kit::sys::descriptor::openat2;
use kit::sys::mount::{Attributes, FileSystem, clone_tree, move_mount, set_attributes};
use nix::errno::Errno;
use nix::sys::stat::{FileStat, SFlag, fstat, makedev};

use crate::inside::is_directory;
use crate::resolve::STRICT;

/// What Docker hides (moby, `daemon/pkg/oci/defaults.go`): the host's hardware, memory, keys, and clocks fine enough to
/// measure its other work by. The per-processor thermal counters are there for the same reason
/// (GHSA-6fw5-f8r9-fgfm), and are added only where this machine has them.
pub fn masked_by_default() -> Vec<PathBuf> {
    let fixed = [
        "/proc/acpi",
        "/proc/asound",
        "/proc/interrupts",
        "/proc/kcore",
        "/proc/keys",
        "/proc/latency_stats",
        "/proc/sched_debug",
        "/proc/scsi",
        "/proc/timer_list",
        "/proc/timer_stats",
        "/sys/devices/virtual/powercap",
        "/sys/firmware",
    ];
    let mut masked: Vec<PathBuf> = fixed.map(PathBuf::from).to_vec();
    masked.extend(thermal_counters());
    masked
}

/// What Docker makes read-only: the switches by which root could reconfigure the host's kernel.
pub fn read_only_by_default() -> Vec<PathBuf> {
    let fixed = [
        "/proc/bus",
        "/proc/fs",
        "/proc/irq",
        "/proc/sys",
        "/proc/sysrq-trigger",
    ];
    fixed.map(PathBuf::from).to_vec()
}

/// Virtual machines have none, and then one look is all that this costs.
fn thermal_counters() -> impl Iterator<Item = PathBuf> {
    let of =
        |cpu: usize| PathBuf::from(format!("/sys/devices/system/cpu/cpu{cpu}/thermal_throttle"));
    let possible = if of(0).exists() {
        std::fs::read_to_string("/sys/devices/system/cpu/possible").unwrap_or_default()
    } else {
        String::new()
    };
    (0..processors(&possible)).map(of)
}

/// How many processors a list such as "0-7" or "0-3,8-11" reaches to; a processor may be plugged in later.
fn processors(possible: &str) -> usize {
    possible
        .trim()
        .rsplit(['-', ','])
        .next()
        .and_then(|last| last.parse::<usize>().ok())
        .map_or(0, |last| last + 1)
}

/// What is put over masked paths, made once and cloned for each: a mount costs little, a file system much.
#[derive(Debug, Default)]
pub(crate) struct Veils {
    null: OnceCell<OwnedFd>,
    empty: OnceCell<OwnedFd>,
}

// ANCHOR: mask
impl Veils {
    /// Hides what `target` stands for: a directory under an empty one, a file under the null device, which is at `path`
    /// below `base`.
    pub(crate) fn mask(&self, target: impl AsFd, base: impl AsFd, path: &CStr) -> nix::Result<()> {
        let mount = if is_directory(&fstat(&target)?) {
            match self.empty.get() {
                Some(empty) => clone_tree(empty, c"", libc::AT_EMPTY_PATH)?,
                None => return self.mask_first_directory(target),
            }
        } else {
            clone_tree(self.null(base, path)?, c"", libc::AT_EMPTY_PATH)?
        };
        move_mount(mount, target)
    }

    /// Only a mount that is attached can be cloned (before Linux 6.15), so the first one goes to its place as it is.
    fn mask_first_directory(&self, target: impl AsFd) -> nix::Result<()> {
        let empty = FileSystem::open(c"tmpfs")?;
        empty.set(c"source", c"tmpfs")?;
        empty.set_flag(c"ro")?;
        // Room for its own root directory and nothing else.
        empty.set(c"nr_inodes", c"1")?;
        let closed = libc::MOUNT_ATTR_NOSUID | libc::MOUNT_ATTR_NODEV | libc::MOUNT_ATTR_NOEXEC;
        let empty = empty.mount(libc::MOUNT_ATTR_RDONLY | closed)?;
        move_mount(&empty, target)?;
        let _ = self.empty.set(empty);
        Ok(())
    }

    /// The container's own `/dev/null`, known to be the null device, 1:3 (null(4)). What merely bears its name could be a
    /// link to the very file that is to be hidden, put there by another container in time: CVE-2025-31133.
    fn null(&self, base: impl AsFd, path: &CStr) -> nix::Result<&OwnedFd> {
        if let Some(null) = self.null.get() {
            return Ok(null);
        }
        let null = openat2(base, path, libc::O_PATH, 0, STRICT)?;
        if !is_device(&fstat(&null)?, 1, 3) {
            return Err(Errno::ENODEV);
        }
        Ok(self.null.get_or_init(|| null))
    }
}
// ANCHOR_END: mask

/// Makes what `target` stands for read-only, and all that is mounted below it, by mounting it over itself.
pub(crate) fn protect(target: impl AsFd) -> nix::Result<()> {
    let mount = clone_tree(&target, c"", libc::AT_EMPTY_PATH | libc::AT_RECURSIVE)?;
    let read_only = Attributes {
        set: libc::MOUNT_ATTR_RDONLY,
        ..Attributes::default()
    };
    set_attributes(
        &mount,
        c"",
        libc::AT_EMPTY_PATH | libc::AT_RECURSIVE,
        read_only,
    )?;
    move_mount(mount, target)
}

pub(crate) fn is_device(status: &FileStat, major: u64, minor: u64) -> bool {
    file_type(status) == SFlag::S_IFCHR && status.st_rdev == makedev(major, minor)
}

fn file_type(status: &FileStat) -> SFlag {
    SFlag::from_bits_truncate(status.st_mode & SFlag::S_IFMT.bits())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_processor_list_is_read_to_its_end() {
        for (list, count) in [
            ("0\n", 1),
            ("0-7\n", 8),
            ("0-3,8-11\n", 12),
            ("", 0),
            ("x", 0),
        ] {
            assert_eq!(processors(list), count, "{list:?}");
        }
    }

    #[test]
    fn a_file_that_is_only_called_null_masks_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let dev = std::fs::File::open(dir.path()).unwrap();
        let null = |name: &str| {
            Veils::default()
                .null(&dev, c"null")
                .map(drop)
                .map_err(|e| (name.to_owned(), e))
        };
        std::fs::write(dir.path().join("null"), "").unwrap();
        assert_eq!(null("a file"), Err(("a file".into(), Errno::ENODEV)));
        std::fs::remove_file(dir.path().join("null")).unwrap();
        std::os::unix::fs::symlink("/dev/null", dir.path().join("null")).unwrap();
        assert_eq!(null("a link"), Err(("a link".into(), Errno::ELOOP)));
        let dev = std::fs::File::open("/dev").unwrap();
        assert!(Veils::default().null(&dev, c"null").is_ok());
    }
}
