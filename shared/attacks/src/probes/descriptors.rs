//! Attacks by what the caller has left to its child: descriptors, environment, keys.

use std::fs::{self, File};
use std::io::Write;
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::Path;

use kit::sys::keyring;
use nix::errno::Errno;
use nix::fcntl::{FcntlArg, FdFlag, fcntl};

use crate::answer::stopped;
use crate::bait::{Bait, Ground};
use crate::place::{HOST, proc};
use crate::{Attempt, Probe, Refusal};

pub(super) const PROBES: &[Probe] = &[
    Probe {
        slug: "inherited-file",
        what: "read a file of the host that was left open",
        stopped_by: "namespaces",
        means: "`close_range` before the command",
        cves: &["CVE-2016-9962"],
        attempt: read_file,
        bait: leave_file,
    },
    Probe {
        slug: "inherited-directory",
        what: "reach the host's files through a directory that was left open",
        stopped_by: "namespaces",
        means: "`close_range` before the command",
        cves: &["CVE-2016-9962", "CVE-2024-21626"],
        attempt: walk_directory,
        bait: leave_directory,
    },
    Probe {
        slug: "environment",
        what: "read a secret in its caller's environment",
        stopped_by: "namespaces",
        means: "an environment of its own",
        cves: &[],
        attempt: read_environment,
        bait: |ground| {
            let mut bait = Bait::token();
            bait.environment
                .push(("CALLERS_SECRET".into(), ground.token.into()));
            Ok(bait)
        },
    },
    Probe {
        slug: "keyring",
        what: "read a key in its caller's session keyring",
        stopped_by: "runtime",
        means: "a session keyring of its own",
        cves: &[],
        attempt: read_key,
        bait: leave_key,
    },
];

/// One that has no name any more: there is no other way to it.
fn leave_file(ground: &Ground<'_>) -> std::io::Result<Bait> {
    let path = Path::new(HOST).join("deleted");
    let mut file = File::options()
        .create(true)
        .truncate(true)
        .read(true)
        .write(true)
        .open(&path)?;
    file.write_all(ground.token.as_bytes())?;
    fs::remove_file(&path)?;
    leave(file.into(), Bait::token())
}

fn leave_directory(ground: &Ground<'_>) -> std::io::Result<Bait> {
    fs::write(Path::new(HOST).join("behind"), ground.token)?;
    leave(File::open(HOST)?.into(), Bait::token())
}

/// As a careless caller does: not close-on-exec.
fn leave(descriptor: OwnedFd, bait: Bait) -> std::io::Result<Bait> {
    fcntl(&descriptor, FcntlArg::F_SETFD(FdFlag::empty()))?;
    Ok(bait.telling(descriptor.as_raw_fd()).keeping(descriptor))
}

fn read_file(words: &[String]) -> Attempt {
    read(words, "")
}

fn walk_directory(words: &[String]) -> Attempt {
    read(words, "/behind")
}

/// By the link in `/proc`, which leads to the file itself, wherever it is.
fn read(words: &[String], below: &str) -> Attempt {
    let number = words.first().map_or("3", String::as_str);
    let link = proc()?.join("self/fd").join(number);
    fs::read_to_string(format!("{}{below}", link.display()))
        .map_err(stopped(format_args!("open descriptor {number}")))
        .map(|text| format!("descriptor {number} has {text}"))
}

fn read_environment(_: &[String]) -> Attempt {
    std::env::var("CALLERS_SECRET")
        .map(|secret| format!("CALLERS_SECRET is {secret}"))
        .map_err(|_| Refusal::Stopped("the environment is another".into()))
}

fn leave_key(ground: &Ground<'_>) -> std::io::Result<Bait> {
    keyring::join_new_session()?;
    keyring::add_to_session(c"attack", ground.token.as_bytes())?;
    Ok(Bait::token())
}

fn read_key(_: &[String]) -> Attempt {
    let key = keyring::search_session(c"attack").map_err(|errno| match errno {
        Errno::ENOSYS => Refusal::NotRun("this kernel keeps no keys".into()),
        errno => stopped("search the session keyring")(errno),
    })?;
    let mut secret = [0; 128];
    let length = keyring::read(key, &mut secret).map_err(stopped("read the key"))?;
    let secret = String::from_utf8_lossy(&secret[..length.min(128)]);
    Ok(format!("the key is {secret}"))
}
