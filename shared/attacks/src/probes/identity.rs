//! Attacks of one that is not root: towards root, and towards more of the kernel.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};

use nix::sched::{CloneFlags, unshare};
use nix::unistd::{Gid, Uid, geteuid, setgroups, setresgid, setresuid};

use crate::answer::{stopped, unable};
use crate::bait::{Bait, Ground, attackers};
use crate::place::{HOME, PROGRAM};
use crate::{Attempt, Probe, Refusal};

pub(super) const PROBES: &[Probe] = &[
    Probe {
        slug: "setuid",
        what: "gain root's rights by a setuid program",
        stopped_by: "runtime",
        means: "`no_new_privs`",
        cves: &[],
        attempt: gain,
        bait: lay_secret,
    },
    Probe {
        slug: "user-namespace",
        what: "make a user namespace, in which much more of the kernel can be reached",
        stopped_by: "runtime",
        means: "a seccomp filter",
        cves: &["CVE-2022-0185"],
        attempt: enter_user_namespace,
        bait: |_| Ok(Bait::seen_by(has_user_namespace)),
    },
];

const SECRET: &str = "secret";
const NOBODY: u32 = 65534;

/// For root's eyes, beside the program, which is setuid.
fn lay_secret(ground: &Ground<'_>) -> std::io::Result<Bait> {
    let home = Path::new(HOME);
    let inside = ground.root.join(home.strip_prefix("/").unwrap_or(home));
    for place in [home, &inside] {
        let secret = place.join(SECRET);
        fs::write(&secret, ground.token)?;
        fs::set_permissions(&secret, fs::Permissions::from_mode(0o600))?;
        fs::set_permissions(place.join("attack"), fs::Permissions::from_mode(0o4755))?;
    }
    Ok(Bait::token())
}

/// Becomes nobody, and runs itself anew.
fn gain(words: &[String]) -> Attempt {
    let secret = Path::new(HOME).join(SECRET);
    if words.first().is_some_and(|word| word == "again") {
        let text = fs::read_to_string(secret).map_err(stopped("read root's file"))?;
        return Ok(format!("as user {} it read {text}", geteuid()));
    }
    become_nobody()?;
    if fs::read(secret).is_ok() {
        return Err(Refusal::NotRun("anybody can read the secret".into()));
    }
    let output = Command::new(PROGRAM)
        .args(["setuid", "again"])
        // Else /dev/null, which a bare root does not have.
        .stdin(Stdio::inherit())
        .output()
        .map_err(unable("run the setuid program"))?;
    match String::from_utf8_lossy(&output.stdout).parse::<crate::Answer>() {
        Ok(answer) if output.status.success() => Ok(answer.evidence),
        Ok(answer) => Err(Refusal::Stopped(answer.evidence)),
        Err(()) => Err(Refusal::NotRun("the setuid program said nothing".into())),
    }
}

fn become_nobody() -> Result<(), Refusal> {
    let (user, group) = (Uid::from_raw(NOBODY), Gid::from_raw(NOBODY));
    setgroups(&[])
        .and_then(|()| setresgid(group, group, group))
        .and_then(|()| setresuid(user, user, user))
        .map_err(unable("become nobody"))
}

fn enter_user_namespace(_: &[String]) -> Attempt {
    become_nobody()?;
    unshare(CloneFlags::CLONE_NEWUSER).map_err(stopped("unshare"))?;
    Ok("it has all capabilities in a user namespace".into())
}

fn has_user_namespace() -> Option<String> {
    let of = |pid: &str| fs::read_link(format!("/proc/{pid}/ns/user")).ok();
    let theirs = of(&attackers().into_iter().max()?.to_string())?;
    (Some(theirs) != of("self")).then(|| "a user namespace of its own".into())
}
