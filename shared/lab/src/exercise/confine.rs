//! The last mechanism of a cell: what even root in it may not do.

use kit::sys::capability::drop_from_bounding_set;
use kit::{Failure, Result};
use namespaces::{Gate, Mechanism, Plan};
use nix::errno::Errno;
use nix::sys::resource::{Resource, setrlimit};
use nix::unistd::{Gid, Uid, setgroups, setresgid, setresuid};

/// Capabilities that reach beyond every namespace, by number (capabilities(7)). The exercises need none of them.
const REACH_THE_HOST: [u32; 17] = [
    9,  // CAP_LINUX_IMMUTABLE
    16, // CAP_SYS_MODULE
    17, // CAP_SYS_RAWIO
    20, // CAP_SYS_PACCT
    22, // CAP_SYS_BOOT
    23, // CAP_SYS_NICE
    25, // CAP_SYS_TIME
    26, // CAP_SYS_TTY_CONFIG
    28, // CAP_LEASE
    29, // CAP_AUDIT_WRITE
    30, // CAP_AUDIT_CONTROL
    32, // CAP_MAC_OVERRIDE
    33, // CAP_MAC_ADMIN
    34, // CAP_SYSLOG
    35, // CAP_WAKE_ALARM
    36, // CAP_BLOCK_SUSPEND
    37, // CAP_AUDIT_READ
];

/// Gives up what reaches beyond the namespaces, and bounds what no cgroup counts.
#[derive(Debug)]
pub(super) struct Confine {
    file_size: u64,
    user: Option<(u32, u32)>,
    kept: &'static [u32],
}

impl Confine {
    /// `file_size`: the largest file that may be written, in bytes (RLIMIT_FSIZE). `user`: who to be, if not root.
    pub(super) fn to(file_size: u64, user: Option<(u32, u32)>) -> Self {
        Self {
            file_size,
            user,
            kept: &[],
        }
    }

    /// But for these capabilities, by number: for what has to be attacked.
    pub(super) fn keeping(self, kept: &'static [u32]) -> Self {
        Self { kept, ..self }
    }

    fn become_user(&self) -> nix::Result<()> {
        let Some((user, group)) = self.user else {
            return Ok(());
        };
        let (user, group) = (Uid::from_raw(user), Gid::from_raw(group));
        setgroups(&[])?;
        setresgid(group, group, group)?;
        setresuid(user, user, user)
    }
}

impl Mechanism for Confine {
    fn name(&self) -> &'static str {
        "confine"
    }

    fn prepare(&mut self, _: &mut Plan) -> Result<()> {
        Ok(())
    }

    fn enter(&self, _: &Gate) -> Result<(), Failure<'_>> {
        let given_up = REACH_THE_HOST
            .iter()
            .filter(|capability| !self.kept.contains(capability));
        for capability in given_up {
            match drop_from_bounding_set(*capability) {
                Ok(()) | Err(Errno::EINVAL) => {}
                Err(errno) => return Err(Failure::new("give up a capability", b"", errno)),
            }
        }
        let limit = |resource, most| setrlimit(resource, most, most);
        limit(Resource::RLIMIT_FSIZE, self.file_size)
            // A core file would be written by the kernel, wherever its pattern says.
            .and_then(|()| limit(Resource::RLIMIT_CORE, 0))
            .map_err(Failure::of("set a resource limit", b""))?;
        self.become_user()
            .map_err(Failure::of("become the user", b""))
    }
}
