//! Attacks on the host's files and mounts.

use std::fs;
use std::io::Write;
use std::os::unix::fs::symlink;
use std::path::Path;

use nix::mount::{MsFlags, mount};
use nix::unistd::{chdir, chroot};

use crate::answer::{stopped, unable};
use crate::bait::{Bait, Bind, Ground};
use crate::place::{HOME, HOST, own};
use crate::{Attempt, Probe, Refusal};

pub(super) const PROBES: &[Probe] = &[
    Probe {
        slug: "leak-mount",
        what: "mount something that the host then sees",
        stopped_by: "namespaces",
        means: "private propagation",
        cves: &[],
        attempt: mount_tmpfs,
        bait: |_| Ok(Bait::seen_by(leaked)),
    },
    Probe {
        slug: "leave-root",
        what: "change the host's files, if need be by walking out with a second `chroot`",
        stopped_by: "rootfs",
        means: "`pivot_root`, and the old root detached: there is nothing above the root to walk to",
        cves: &[],
        attempt: leave_root,
        bait: lay_canary,
    },
    Probe {
        slug: "symlink-mount",
        what: "have a mount placed outside by a symlink in its image",
        stopped_by: "rootfs",
        means: "`openat2` with `RESOLVE_IN_ROOT`",
        cves: &["CVE-2021-30465"],
        attempt: find_bind,
        bait: lay_link,
    },
];

const CANARY: &str = "/srv/host/canary";
const OUTSIDE: &str = "/srv/outside";

fn mount_tmpfs(_: &[String]) -> Attempt {
    let place = own("leak")?;
    let kind = Some("tmpfs");
    mount(kind, &place, kind, MsFlags::empty(), None::<&str>).map_err(stopped("mount"))?;
    Ok("it alone sees the mount".into())
}

fn leaked() -> Option<String> {
    let table = fs::read_to_string("/proc/self/mountinfo").ok()?;
    let mut points = table.lines().filter_map(|line| line.split(' ').nth(4));
    let point = points.find(|point| point.ends_with("/srv/attack/leak"))?;
    Some(format!("the host has a mount on {point}"))
}

fn lay_canary(_: &Ground<'_>) -> std::io::Result<Bait> {
    fs::write(CANARY, "")?;
    Ok(Bait::seen_by(|| {
        let length = fs::metadata(CANARY).map_or(1, |file| file.len());
        (length > 0).then(|| "the host's file has changed".into())
    }))
}

fn leave_root(_: &[String]) -> Attempt {
    if !Path::new(HOST).exists() {
        walk_out()?;
    }
    let mut file = fs::File::options()
        .append(true)
        .open(CANARY)
        .map_err(stopped("still inside: open the host's file"))?;
    file.write_all(b"attacked")
        .map_err(stopped("write to the host's file"))?;
    Ok("wrote to the host's file".into())
}

/// The classic, chroot(2): a root further down, while the working directory stays where it was, outside of it.
fn walk_out() -> Result<(), Refusal> {
    let below = own("below")?;
    chroot(&below).map_err(stopped("chroot"))?;
    for _ in 0..64 {
        chdir("..").map_err(unable("change to the directory above"))?;
    }
    chroot(".").map_err(stopped("chroot"))
}

/// The image has a link that means one place inside and another outside.
fn lay_link(ground: &Ground<'_>) -> std::io::Result<Bait> {
    let link = Path::new(HOME).join("link");
    let inside = |path: &Path| ground.root.join(path.strip_prefix("/").unwrap_or(path));
    fs::create_dir_all(OUTSIDE)?;
    fs::create_dir_all(inside(Path::new(OUTSIDE)))?;
    symlink(OUTSIDE, inside(&link))?;
    let source = Path::new(HOST).join("volume");
    fs::create_dir_all(&source)?;
    fs::write(source.join("bound"), "")?;
    let mut bait = Bait::seen_by(|| {
        let is_outside = Path::new(OUTSIDE).join("bound").exists();
        is_outside.then(|| format!("the mount lies on the host's {OUTSIDE}"))
    });
    bait.bind = Some(Bind {
        source,
        target: link,
    });
    Ok(bait)
}

fn find_bind(_: &[String]) -> Attempt {
    match Path::new(OUTSIDE).join("bound").exists() {
        true => Err(Refusal::Stopped(format!(
            "the mount lies on its own {OUTSIDE}"
        ))),
        false => Err(Refusal::NotRun("the mount is nowhere".into())),
    }
}
