//! What this machine must be, checked before anything is done to it.

use std::fs;

use anyhow::{Context, Result, bail};

/// The oldest kernel that has all the steps use: clone3 (5.3), openat2 (5.6), mount_setattr (5.12), cgroup.kill (5.14).
const OLDEST_KERNEL: (u32, u32) = (5, 14);

/// The machine, as far as the lab cares.
#[derive(Debug)]
pub(crate) struct Platform {
    /// The distribution's own name for itself.
    pub name: String,
    /// The kernel's release, as `uname -r` has it.
    pub kernel: String,
    /// Whether it takes Debian packages.
    pub debian: bool,
}

impl Platform {
    /// Looks at the machine. A kernel that is too old is an error; a distribution that we do not know is not.
    pub(crate) fn check() -> Result<Self> {
        let kernel = fs::read_to_string("/proc/sys/kernel/osrelease")
            .context("cannot ask the kernel for its release: is /proc mounted?")?
            .trim()
            .to_owned();
        if version(&kernel).is_none_or(|version| version < OLDEST_KERNEL) {
            bail!(
                "this kernel is Linux {kernel}, and the steps need {}.{} or newer (clone3, openat2, mount_setattr, \
                 cgroup.kill): upgrade it, or use the VM (`cargo lab vm`, book/src/vm.md)",
                OLDEST_KERNEL.0,
                OLDEST_KERNEL.1
            );
        }
        let release = fs::read_to_string("/etc/os-release").unwrap_or_default();
        Ok(Self {
            name: field(&release, "PRETTY_NAME").unwrap_or_else(|| "an unknown Linux".to_owned()),
            debian: is_debian(&release) && crate::privilege::in_path("apt-get"),
            kernel,
        })
    }
}

/// Major and minor of "6.1.0-18-amd64".
fn version(release: &str) -> Option<(u32, u32)> {
    let mut numbers = release.split(|c: char| !c.is_ascii_digit());
    Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
}

/// The value of one line of os-release(5), without its quotes.
fn field(release: &str, name: &str) -> Option<String> {
    release
        .lines()
        .filter_map(|line| line.split_once('='))
        .find(|(key, _)| *key == name)
        .map(|(_, value)| value.trim_matches(['"', '\'']).to_owned())
}

/// Debian, or something that says it is like it (Ubuntu and its kin do).
fn is_debian(release: &str) -> bool {
    ["ID", "ID_LIKE"]
        .iter()
        .filter_map(|name| field(release, name))
        .any(|value| value.split(' ').any(|id| id == "debian" || id == "ubuntu"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kernels_are_told_apart_by_number_and_not_by_text() {
        assert_eq!(version("6.1.0-18-amd64"), Some((6, 1)));
        assert_eq!(version("5.9-rc1"), Some((5, 9)));
        assert_eq!(version("linux"), None);
        assert!(version("5.9.1").unwrap() < OLDEST_KERNEL);
        assert!(version("5.100.0").unwrap() > OLDEST_KERNEL);
    }

    #[test]
    fn relatives_of_debian_are_known_by_what_they_say() {
        for (release, expected) in [
            ("ID=debian\nVERSION_ID=\"12\"\n", true),
            ("ID=ubuntu\nID_LIKE=debian\n", true),
            ("ID=pop\nID_LIKE=\"ubuntu debian\"\n", true),
            ("ID=fedora\n", false),
            ("NAME=\"not debian\"\n", false),
            ("", false),
        ] {
            assert_eq!(is_debian(release), expected, "{release:?}");
        }
    }
}
