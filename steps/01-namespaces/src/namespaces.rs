//! The first mechanism: namespaces of the container's own, and what makes each of them fit to live in.

use std::ffi::OsString;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;

use kit::sys::mount::{Attributes, set_attributes};
use kit::{Error, Failure, Result};
use nix::errno::Errno;
use nix::fcntl::{AT_FDCWD, OFlag, open};
use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, setns, unshare};
use nix::sys::stat::Mode;
use nix::unistd::{sethostname, write};

use crate::inside::Inside;
use crate::kind::Kind;
use crate::mechanism::{Child, Mechanism};
use crate::plan::Plan;
use crate::stage::Stage;
use crate::userns::UserNamespace;

/// New namespaces (namespaces(7)): which, and how they are furnished.
#[derive(Debug)]
pub struct Namespaces {
    /// The kinds to make new.
    pub kinds: Vec<Kind>,
    /// Those that exist, to be joined: descriptors of files as in `/proc/PID/ns`. All others stay the caller's.
    pub joined: Vec<(Kind, OwnedFd)>,
    /// The host name inside; needs a UTS namespace.
    pub hostname: OsString,
    /// The user namespace's maps; `Some` exactly if `kinds` has [`Kind::User`].
    pub user: Option<UserNamespace>,
    /// Seconds added to the boot-time and the monotonic clock; used if `kinds` has [`Kind::Time`].
    pub clocks: Clocks,
}

/// Offsets of the clocks that a time namespace has (time_namespaces(7)), in whole seconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Clocks {
    /// CLOCK_BOOTTIME, which `uptime` shows.
    pub boottime: i64,
    /// CLOCK_MONOTONIC.
    pub monotonic: i64,
}

/// `HOST_NAME_MAX`: the kernel takes up to this many bytes (sethostname(2)).
const HOST_NAME_MAX: usize = 64;

impl Namespaces {
    /// These kinds, new, and nothing else out of the ordinary.
    pub fn new(kinds: &[Kind], hostname: impl Into<OsString>) -> Self {
        Self {
            kinds: kinds.to_vec(),
            joined: Vec::new(),
            hostname: hostname.into(),
            user: None,
            clocks: Clocks::default(),
        }
    }
}

impl Mechanism for Namespaces {
    fn name(&self) -> &'static str {
        "namespaces"
    }

    fn stages(&self) -> &'static [Stage] {
        &[Stage::Namespaces]
    }

    fn prepare(&mut self, plan: &mut Plan) -> Result<()> {
        self.check_hostname()?;
        self.check_joined()?;
        plan.flags |= self
            .kinds
            .iter()
            .filter(|kind| kind.is_made_by_clone())
            .fold(0, |flags, kind| flags | kind.flag() as u64);
        plan.own_mounts |= self.has(Kind::Mount) || self.joins(Kind::Mount);
        plan.own_user |= self.has(Kind::User) || self.joins(Kind::User);
        plan.own_cgroups |= self.has(Kind::Cgroup);
        if let Some(at) = self.joined.iter().position(|(kind, _)| *kind == Kind::Pid) {
            plan.pid_namespace = Some(self.joined.remove(at).1);
        }
        if let Some(user) = &mut self.user {
            user.prepare()?;
        }
        Ok(())
    }

    fn attach(&mut self, child: &Child<'_>) -> Result<()> {
        match &self.user {
            Some(user) => user.map(child),
            None => Ok(()),
        }
    }

    // ANCHOR: enter
    fn enter(&self, _: Stage, inside: &mut Inside<'_>) -> Result<(), Failure<'_>> {
        self.join()?;
        if self.user.is_some() || self.joins(Kind::User) {
            crate::userns::become_root()?;
        }
        if self.has(Kind::Cgroup) {
            self.enter_cgroup_namespace()?;
        }
        if self.has(Kind::Time) {
            self.enter_time_namespace()?;
        }
        if self.has(Kind::Uts) {
            sethostname(&self.hostname)
                .map_err(Failure::of("set the host name", self.hostname.as_bytes()))?;
        }
        if self.has(Kind::Network) {
            kit::sys::network::link_up(c"lo")
                .map_err(Failure::of("bring up the interface", b"lo"))?;
        }
        if self.has(Kind::Mount) {
            set_propagation(inside.propagation)?;
        }
        // A root file system that comes later brings a `/proc` of its own.
        if !inside.new_root && self.has(Kind::Mount) && self.has(Kind::Pid) {
            self.mount_proc()?;
        }
        Ok(())
    }
    // ANCHOR_END: enter

    fn hint(&self, failure: &Failure<'_>) -> Option<String> {
        let hint = match (failure.operation, failure.errno) {
            (MOUNT_PROC, Errno::EPERM) => {
                "in a user namespace the kernel mounts /proc only where a whole one is visible already: around us \
                 somebody has covered parts of it, as Docker and Podman do (mount_namespaces(7))"
            }
            (MAKE_PRIVATE, Errno::EINVAL) => {
                "the root directory is not a mount point: are we in a chroot?"
            }
            (SET_CLOCKS, Errno::ERANGE) => {
                "a clock may not be set before 0 or beyond 146 years (time_namespaces(7))"
            }
            (SET_CLOCKS | UNSHARE_TIME, Errno::EINVAL | Errno::ENOENT) => {
                "time namespaces need Linux 5.6 with CONFIG_TIME_NS"
            }
            (JOIN, Errno::EPERM) => {
                "joining needs CAP_SYS_ADMIN in the user namespace that owns it"
            }
            _ => return None,
        };
        Some(hint.to_owned())
    }
}

const MOUNT_PROC: &str = "mount proc on";
const MAKE_PRIVATE: &str = "make every mount private, from";
const SET_CLOCKS: &str = "set the clocks of the time namespace in";
const JOIN: &str = "join the namespace";
const UNSHARE_TIME: &str = "make a time namespace";

impl Namespaces {
    fn has(&self, kind: Kind) -> bool {
        self.kinds.contains(&kind)
    }

    fn joins(&self, kind: Kind) -> bool {
        self.joined.iter().any(|(joined, _)| *joined == kind)
    }

    /// One by one, the user namespace first, because it gives the right to join the others (setns(2)).
    fn join(&self) -> Result<(), Failure<'_>> {
        for kind in Kind::ALL {
            for (_, namespace) in self.joined.iter().filter(|(joined, _)| *joined == kind) {
                setns(namespace, CloneFlags::from_bits_retain(kind.flag()))
                    .map_err(Failure::of(JOIN, kind.file().as_bytes()))?;
            }
        }
        Ok(())
    }

    /// What the kernel would only call EINVAL.
    fn check_joined(&self) -> Result<()> {
        for (kind, namespace) in &self.joined {
            let name = kind.file();
            if self.has(*kind) || self.joined.iter().filter(|(k, _)| k == kind).count() > 1 {
                return Err(
                    Error::new(format!("the {name} namespace cannot be two at once")).hint(
                        "a namespace of each kind is new, kept or joined, and only one of these",
                    ),
                );
            }
            match kit::sys::namespace::kind(namespace) {
                Ok(found) if found == kind.flag() => {}
                Ok(_) => {
                    return Err(Error::new(format!(
                        "what is to be joined as the {name} namespace is a namespace of another kind"
                    )));
                }
                Err(errno) => {
                    return Err(Error::sys("join the namespace", name, errno).hint(
                        "it takes a file as /proc/PID/ns has them, or one that it was bound to",
                    ));
                }
            }
        }
        // They would belong to the namespace that we leave, and the container's root could do nothing in them.
        if self.joins(Kind::User) && !self.kinds.is_empty() {
            return Err(Error::new(
                "a container that joins a user namespace cannot have new namespaces beside it",
            )
            .hint("join those of the same container, or keep the caller's"));
        }
        Ok(())
    }

    fn check_hostname(&self) -> Result<()> {
        let length = self.hostname.len();
        if self.has(Kind::Uts) && !(1..=HOST_NAME_MAX).contains(&length) {
            return Err(
                Error::new(format!("a host name of {length} bytes is not possible"))
                    .hint(format!("the kernel takes 1 to {HOST_NAME_MAX} bytes")),
            );
        }
        // The kernel takes any bytes; prompts, logs and /etc/hosts do not.
        let is_odd = |byte: &u8| byte.is_ascii_control() || matches!(byte, b' ' | b'/');
        if self.has(Kind::Uts) && self.hostname.as_bytes().iter().any(is_odd) {
            return Err(
                Error::new(format!("{:?} is not a host name", self.hostname))
                    .hint("letters, digits, hyphens and dots are (RFC 1123)"),
            );
        }
        Ok(())
    }

    /// `/proc` shows the PID namespace of whoever mounted it, so the old one would show the host's processes.
    fn mount_proc(&self) -> Result<(), Failure<'_>> {
        let flags = MsFlags::MS_NOSUID | MsFlags::MS_NODEV | MsFlags::MS_NOEXEC;
        mount(
            Some(c"proc"),
            c"/proc",
            Some(c"proc"),
            flags,
            None::<&std::ffi::CStr>,
        )
        .map_err(Failure::of(MOUNT_PROC, b"/proc"))
    }

    /// The cgroup that this process is in *now* becomes the root of what it sees. Had clone3 made the namespace, that
    /// would be the parent's cgroup; after the gate, it is the container's (cgroup_namespaces(7)).
    fn enter_cgroup_namespace(&self) -> Result<(), Failure<'_>> {
        unshare(CloneFlags::CLONE_NEWCGROUP).map_err(Failure::of("make a cgroup namespace", b""))
    }

    /// The clocks can be set only while the namespace is empty: so it is unshared, which does not enter it, then set,
    /// then joined (time_namespaces(7)).
    fn enter_time_namespace(&self) -> Result<(), Failure<'_>> {
        let failed = Failure::of(UNSHARE_TIME, b"");
        unshare(CloneFlags::from_bits_retain(CLONE_NEWTIME)).map_err(failed)?;
        let path = c"/proc/self/timens_offsets";
        let failure = |errno| Failure::new(SET_CLOCKS, path.to_bytes(), errno);
        let file =
            open(path, OFlag::O_WRONLY | OFlag::O_CLOEXEC, Mode::empty()).map_err(failure)?;
        write(&file, self.clocks.offsets().as_bytes()).map_err(failure)?;
        let path = c"/proc/self/ns/time_for_children";
        let failure = |errno| Failure::new("join the time namespace", path.to_bytes(), errno);
        let file =
            open(path, OFlag::O_RDONLY | OFlag::O_CLOEXEC, Mode::empty()).map_err(failure)?;
        setns(file, CloneFlags::from_bits_retain(CLONE_NEWTIME)).map_err(failure)
    }
}

// ANCHOR: private
/// A new mount namespace is a copy, and a copy of a *shared* mount is a peer: what we mounted would appear on the host,
/// and systemd makes `/` shared at boot. So this comes before any mount (mount_namespaces(7)).
fn set_propagation(propagation: u64) -> Result<(), Failure<'static>> {
    if propagation == libc::MS_SHARED {
        return Ok(());
    }
    let attributes = Attributes {
        propagation,
        ..Attributes::default()
    };
    set_attributes(AT_FDCWD, c"/", libc::AT_RECURSIVE, attributes)
        .map_err(Failure::of(MAKE_PRIVATE, b"/"))
}
// ANCHOR_END: private

const CLONE_NEWTIME: i32 = Kind::Time.flag();

impl Clocks {
    /// As `/proc/PID/timens_offsets` takes it: clock, seconds, nanoseconds.
    fn offsets(self) -> String {
        format!(
            "monotonic {} 0\nboottime {} 0\n",
            self.monotonic, self.boottime
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn namespaces(hostname: &str) -> Namespaces {
        Namespaces::new(&Kind::DEFAULT, hostname)
    }

    #[test]
    fn a_host_name_must_fit_the_kernel() {
        for (name, fits) in [
            ("", false),
            ("a", true),
            ("a b", false),
            ("../x", false),
            ("a\n", false),
            (&"a".repeat(64), true),
            (&"a".repeat(65), false),
        ] {
            let prepared = namespaces(name).prepare(&mut Plan::default());
            assert_eq!(prepared.is_ok(), fits, "{name:?}");
        }
    }

    #[test]
    fn the_cgroup_and_time_namespaces_are_not_made_by_clone() {
        let mut plan = Plan::default();
        let mut all = namespaces("box");
        all.kinds.push(Kind::Time);
        all.prepare(&mut plan).unwrap();
        assert!(plan.has(libc::CLONE_NEWPID) && plan.has(libc::CLONE_NEWNS));
        assert!(!plan.has(libc::CLONE_NEWCGROUP) && !plan.has(CLONE_NEWTIME));
    }

    #[test]
    fn clock_offsets_are_as_the_kernel_reads_them() {
        let clocks = Clocks {
            boottime: 86_400,
            monotonic: -1,
        };
        assert_eq!(clocks.offsets(), "monotonic -1 0\nboottime 86400 0\n");
    }
}
