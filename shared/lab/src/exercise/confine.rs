//! The last mechanism of a cell: what even root in it may not do.

use kit::sys::capability::drop_from_bounding_set;
use kit::{Failure, Result};
use namespaces::{Inside, Mechanism, Plan, Rlimit, Stage};
use nix::errno::Errno;
use nix::sys::resource::Resource;

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

/// Gives up what reaches beyond the namespaces.
#[derive(Debug, Default)]
pub(super) struct Confine {
    /// But for these capabilities, by number: for what has to be attacked.
    pub(super) kept: &'static [u32],
}

impl Mechanism for Confine {
    fn name(&self) -> &'static str {
        "confine"
    }

    fn stages(&self) -> &'static [Stage] {
        &[Stage::Entered]
    }

    fn prepare(&mut self, _: &mut Plan) -> Result<()> {
        Ok(())
    }

    fn enter(&self, _: Stage, _: &mut Inside<'_>) -> Result<(), Failure<'_>> {
        let given_up = REACH_THE_HOST
            .iter()
            .filter(|capability| !self.kept.contains(capability));
        for capability in given_up {
            match drop_from_bounding_set(*capability) {
                Ok(()) | Err(Errno::EINVAL) => {}
                Err(errno) => return Err(Failure::new("give up a capability", b"", errno)),
            }
        }
        Ok(())
    }
}

/// Bounds what no cgroup counts: the largest file that may be written, in bytes.
pub(super) fn rlimits(file_size: u64) -> Vec<Rlimit> {
    let limit = |resource, most| Rlimit {
        resource,
        soft: most,
        hard: most,
    };
    vec![
        limit(Resource::RLIMIT_FSIZE, file_size),
        // A core file would be written by the kernel, wherever its pattern says.
        limit(Resource::RLIMIT_CORE, 0),
    ]
}
