//! The mechanism: the command becomes a user.

use kit::{Error, Failure, Result};
use nix::errno::Errno;
use nix::unistd::{Gid, Uid, fchown, setgroups, setresgid, setresuid};

use crate::account::Account;
use crate::mechanism::Mechanism;
use crate::plan::Plan;
use crate::process::Process;
use crate::stage::Stage;

/// The user of the command. All that needs root comes before.
#[derive(Debug)]
pub struct User {
    uid: Uid,
    gid: Gid,
    /// All of them, the group itself among them: a process that is not in its own group as a member could leave it and
    /// gain what the group is denied (CVE-2022-36109).
    groups: Vec<Gid>,
    has_terminal: bool,
}

impl User {
    /// The user of `process`, if it names one. A terminal that is made for it is then the user's.
    pub fn of(process: &Process) -> Option<Self> {
        let account = process.user.as_ref()?;
        Some(Self::new(account, process.terminal))
    }

    fn new(account: &Account, has_terminal: bool) -> Self {
        let mut groups = vec![Gid::from_raw(account.gid)];
        groups.extend(account.groups.iter().copied().map(Gid::from_raw));
        groups.dedup();
        Self {
            uid: Uid::from_raw(account.uid),
            gid: Gid::from_raw(account.gid),
            groups,
            has_terminal,
        }
    }

    fn is_root(&self) -> bool {
        self.uid.is_root() && self.gid.as_raw() == 0
    }
}

const SET_GROUPS: &str = "set the groups";
const SET_GROUP: &str = "become the group";
const SET_USER: &str = "become the user";
/// `NGROUPS_MAX` (credentials(7)).
const MOST_GROUPS: usize = 65_536;

impl Mechanism for User {
    fn name(&self) -> &'static str {
        "user"
    }

    fn stages(&self) -> &'static [Stage] {
        &[Stage::User]
    }

    fn prepare(&mut self, plan: &mut Plan) -> Result<()> {
        if self.groups.len() > MOST_GROUPS {
            return Err(Error::new(format!(
                "the user is in {} groups, and the kernel takes {MOST_GROUPS}",
                self.groups.len()
            )));
        }
        if plan.own_user {
            // Few ids are mapped there, and whoever has not mapped any may not even say which groups he is in.
            match self.is_root() {
                true => self.groups.clear(),
                false => self.groups.truncate(1),
            }
        }
        Ok(())
    }

    // ANCHOR: seal
    /// Groups first: whoever is no longer root may change neither (credentials(7)).
    fn seal(&self, _: Stage) -> Result<(), Failure<'_>> {
        if self.groups.is_empty() {
            return Ok(());
        }
        if self.has_terminal {
            // Its group stays tty, by which write(1) and its like may reach it.
            fchown(std::io::stdin(), Some(self.uid), None)
                .map_err(Failure::of("give the user the terminal", b""))?;
        }
        setgroups(&self.groups).map_err(Failure::of(SET_GROUPS, b""))?;
        setresgid(self.gid, self.gid, self.gid).map_err(Failure::of(SET_GROUP, b""))?;
        setresuid(self.uid, self.uid, self.uid).map_err(Failure::of(SET_USER, b""))
    }
    // ANCHOR_END: seal

    fn hint(&self, failure: &Failure<'_>) -> Option<String> {
        let hint = match (failure.operation, failure.errno) {
            (SET_GROUPS, Errno::EPERM) => {
                "in a user namespace whose maps you wrote yourself groups cannot be set: map ids with --uid-map and \
                 --gid-map as root, or run it without -u"
            }
            (_, Errno::EINVAL) => {
                "the user namespace has no such id: map it with --uid-map and --gid-map"
            }
            (_, Errno::EPERM) => "to become somebody else takes root",
            _ => return None,
        };
        Some(hint.to_owned())
    }
}
