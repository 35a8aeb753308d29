//! What a test needs of the machine, whether it is there, and whether it was promised.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use nix::unistd::Uid;

use crate::sample::everything;

/// Something a test cannot do without.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// To be root, in the user namespace the tests run in.
    Root,
    /// At least one controller on a cgroup v1 hierarchy.
    CgroupV1,
    /// At least one controller on the cgroup v2 hierarchy.
    CgroupV2,
    /// This controller, by its v2 name (`io`, which v1 calls `blkio`), on either version.
    Controller(&'static str),
    /// This controller, by its v1 name, on v1.
    ControllerV1(&'static str),
    /// This controller on v2.
    ControllerV2(&'static str),
    /// To be allowed to make a user namespace.
    UserNamespaces,
    /// Time namespaces (Linux 5.6).
    TimeNamespaces,
    /// Swap space that is switched on.
    Swap,
    /// A kernel with huge pages.
    HugePages,
    /// A way to Debian's packages, from which a root file system can be made.
    Mirror,
    /// This program in `PATH`.
    Program(&'static str),
    /// To be asked for with everything else (`DRYDOCK_EVERYTHING`), because it takes long. `cargo lab test` counts it as
    /// left, and not as a test that ran nowhere.
    Everything,
    /// A program whose Debian package has another name: first the program, then the package.
    Package(&'static str, &'static str),
}

impl Need {
    /// The word by which `DRYDOCK_PROMISES` and `DRYDOCK_ONLY` know it.
    pub fn key(self) -> &'static str {
        match self {
            Self::Root => "root",
            Self::CgroupV1 | Self::ControllerV1(_) => "cgroup1",
            Self::CgroupV2 | Self::ControllerV2(_) => "cgroup2",
            Self::Controller(_) => "controllers",
            Self::UserNamespaces => "userns",
            Self::TimeNamespaces => "timens",
            Self::Swap => "swap",
            Self::HugePages => "hugepages",
            Self::Mirror => "mirror",
            Self::Everything => "everything",
            Self::Program(_) | Self::Package(..) => "programs",
        }
    }

    /// Why the machine does not satisfy it; `None` if it does.
    pub fn missing(self) -> Option<String> {
        match self {
            Self::Root => (!Uid::effective().is_root()).then(|| "needs root".into()),
            Self::CgroupV1 => absent(
                any_v1_controller(),
                "cgroup v1: no controller is mounted there",
            ),
            Self::CgroupV2 => absent(
                !v2_controllers().is_empty(),
                "cgroup v2: it has no controller",
            ),
            Self::Controller(name) => absent(
                has_v2(name) || has_v1(v1_name(name)),
                &format!("the cgroup controller {name}"),
            ),
            Self::ControllerV1(name) => {
                absent(has_v1(name), &format!("the cgroup controller {name} on v1"))
            }
            Self::ControllerV2(name) => {
                absent(has_v2(name), &format!("the cgroup controller {name} on v2"))
            }
            Self::UserNamespaces => absent(may_make_user_namespace(), "user namespaces"),
            Self::TimeNamespaces => {
                absent(Path::new("/proc/self/ns/time").exists(), "time namespaces")
            }
            Self::Swap => absent(read("/proc/swaps").lines().count() > 1, "swap space"),
            Self::HugePages => absent(Path::new("/sys/kernel/mm/hugepages").exists(), "huge pages"),
            Self::Mirror => absent(has_default_route(), "a network, to fetch Debian's packages"),
            // `cargo lab test` knows these words.
            Self::Everything => (!everything()).then(|| "left to DRYDOCK_EVERYTHING=1".into()),
            Self::Program(name) => absent(in_path(name), &format!("the program {name}")),
            Self::Package(name, package) => absent(
                in_path(name),
                &format!("the program {name} (apt-get install {package})"),
            ),
        }
    }

    /// Whether `list`, in the form of `DRYDOCK_PROMISES`, has it.
    pub(crate) fn is_in(self, list: &str) -> bool {
        // That is not the machine's to have.
        self != Self::Everything && promises(list, self.key())
    }
}

/// Whether `list` (`all,-swap`) holds `key`; the last word on a key counts.
fn promises(list: &str, key: &str) -> bool {
    list.split(',')
        .map(str::trim)
        .fold(false, |promised, word| match word.strip_prefix('-') {
            Some(taken) if taken == key => false,
            None if word == key || word == "all" => true,
            _ => promised,
        })
}

fn absent(present: bool, what: &str) -> Option<String> {
    (!present).then(|| format!("needs {what}"))
}

/// The same controller under its older name.
fn v1_name(name: &str) -> &str {
    if name == "io" { "blkio" } else { name }
}

fn has_v1(name: &str) -> bool {
    v1_options()
        .iter()
        .any(|options| options.split(',').any(|option| option == name))
}

fn has_v2(name: &str) -> bool {
    v2_controllers().iter().any(|controller| controller == name)
}

fn any_v1_controller() -> bool {
    // A hierarchy `name=systemd` tracks processes and controls nothing.
    v1_options()
        .iter()
        .any(|options| !options.contains("name="))
}

/// The super options of every cgroup v1 mount: `rw,memory`.
fn v1_options() -> Vec<String> {
    cgroup_mounts("cgroup")
        .into_iter()
        .map(|(_, options)| options)
        .collect()
}

fn v2_controllers() -> Vec<String> {
    cgroup_mounts("cgroup2")
        .into_iter()
        .flat_map(|(mount_point, _)| {
            let controllers = read(&format!("{mount_point}/cgroup.controllers"));
            controllers
                .split_whitespace()
                .map(str::to_owned)
                .collect::<Vec<_>>()
        })
        .collect()
}

/// Mount point and super options of each mount of this file system type (proc_pid_mountinfo(5)).
fn cgroup_mounts(kind: &str) -> Vec<(String, String)> {
    read("/proc/self/mountinfo")
        .lines()
        .filter_map(|line| {
            let (mount, file_system) = line.split_once(" - ")?;
            let mut file_system = file_system.split(' ');
            (file_system.next()? == kind).then_some(())?;
            Some((
                mount.split(' ').nth(4)?.to_owned(),
                file_system.nth(1)?.to_owned(),
            ))
        })
        .collect()
}

/// Destination and mask are zero (proc_pid_net(5), `route`).
fn has_default_route() -> bool {
    read("/proc/net/route").lines().skip(1).any(|line| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        fields.get(1) == Some(&"00000000") && fields.get(7) == Some(&"00000000")
    })
}

fn may_make_user_namespace() -> bool {
    static MAY: OnceLock<bool> = OnceLock::new();
    *MAY.get_or_init(|| {
        Command::new("unshare")
            .args(["--user", "true"])
            .stderr(Stdio::null())
            .status()
            .is_ok_and(|status| status.success())
    })
}

fn in_path(name: &str) -> bool {
    std::env::var_os("PATH")
        .is_some_and(|path| std::env::split_paths(&path).any(|folder| folder.join(name).is_file()))
}

fn read(path: &str) -> String {
    fs::read_to_string(path).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_promise_is_a_word_of_the_list() {
        for (list, promised) in [
            ("", false),
            ("swap", true),
            ("root, swap", true),
            ("root", false),
            ("all", true),
            ("all,-swap", false),
            ("all,-root", true),
            ("-swap,all", true),
            ("swapper", false),
        ] {
            assert_eq!(promises(list, "swap"), promised, "{list:?}");
        }
    }

    #[test]
    fn what_is_missing_says_its_name_and_package() {
        assert_eq!(
            Need::Package("no-such-program", "nothing")
                .missing()
                .as_deref(),
            Some("needs the program no-such-program (apt-get install nothing)")
        );
        assert_eq!(Need::Program("sh").missing(), None);
        assert!(Need::Controller("no-such-controller").missing().is_some());
    }
}
