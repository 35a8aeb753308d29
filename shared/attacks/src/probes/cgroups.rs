//! Attacks on the cgroups themselves.

use std::fs;
use std::path::{Path, PathBuf};

use nix::mount::{MsFlags, mount};

use crate::answer::{stopped, unable};
use crate::bait::{Bait, attackers};
use crate::place::{own, proc};
use crate::{Attempt, Probe, Refusal};

pub(super) const PROBES: &[Probe] = &[
    Probe {
        slug: "leave-cgroup",
        what: "move into another cgroup, where no limit holds",
        stopped_by: "cgroups",
        means: "a cgroup namespace: there is no other cgroup to be seen",
        cves: &[],
        attempt: leave,
        bait: |_| Ok(Bait::seen_by(is_free)),
    },
    Probe {
        slug: "raise-limit",
        what: "lift its own limits",
        stopped_by: "runtime",
        means: "no CAP_SYS_ADMIN, and so no cgroup file system that can be written to",
        cves: &[],
        attempt: raise,
        bait: |_| Ok(Bait::seen_by(is_free)),
    },
    Probe {
        slug: "release-agent",
        what: "have the host run a program, by a cgroup's `release_agent`",
        stopped_by: "runtime",
        means: "no CAP_SYS_ADMIN",
        cves: &["CVE-2022-0492"],
        attempt: name_agent,
        bait: Bait::none,
    },
];

/// A hierarchy: what `/proc/PID/cgroup` says of it.
struct Hierarchy {
    /// The options to mount it with; none for v2.
    controllers: String,
    /// The process's cgroup in it, as the reader sees it.
    path: String,
}

/// One line each, `4:memory:/a` or `0::/a` (cgroups(7)).
fn hierarchies(proc: &Path, pid: &str) -> Result<Vec<Hierarchy>, Refusal> {
    let table = fs::read_to_string(proc.join(pid).join("cgroup"))
        .map_err(unable("read /proc/self/cgroup"))?;
    let hierarchy = |line: &str| {
        let mut fields = line.splitn(3, ':').skip(1);
        Some(Hierarchy {
            controllers: fields.next()?.to_owned(),
            path: fields.next()?.trim_start_matches('/').to_owned(),
        })
    };
    Ok(table.lines().filter_map(hierarchy).collect())
}

impl Hierarchy {
    fn has_pids(&self) -> bool {
        self.controllers.split(',').any(|name| name == "pids")
    }

    /// A mount of it of our own: what there is may be read-only.
    fn mounted(&self) -> Result<PathBuf, Refusal> {
        let place = own(&format!("cgroup-{}", self.controllers.replace('=', "-")))?;
        let (kind, options) = match self.controllers.as_str() {
            "" => ("cgroup2", None),
            name if name.starts_with("name=") => ("cgroup", Some(format!("none,{name}"))),
            controllers => ("cgroup", Some(controllers.to_owned())),
        };
        let none = MsFlags::empty();
        mount(Some(kind), &place, Some(kind), none, options.as_deref())
            .map_err(stopped(format_args!("mount {kind} {}", self.controllers)))?;
        Ok(place)
    }
}

/// The one in which processes are counted: v1's where there is one, else v2's.
fn counting() -> Result<Hierarchy, Refusal> {
    let all = hierarchies(&proc()?, "self")?;
    let (v1, v2): (Vec<_>, Vec<_>) = all.into_iter().partition(Hierarchy::has_pids);
    let unified = v2.into_iter().find(|h| h.controllers.is_empty());
    let counting = v1.into_iter().next().or(unified);
    counting.ok_or_else(|| Refusal::NotRun("nothing counts processes here".into()))
}

/// To the top, and to whatever else there is: on v2 a cgroup that hands controllers down takes no process.
fn leave(_: &[String]) -> Attempt {
    let hierarchy = counting()?;
    let top = hierarchy.mounted()?;
    let own = top.join(&hierarchy.path);
    let entries = fs::read_dir(&top).map_err(stopped("list the cgroups"))?;
    let below = entries.flatten().map(|entry| entry.path());
    let mut others = std::iter::once(top.clone())
        .chain(below.filter(|path| path.is_dir()))
        .filter(|path| *path != own);
    match others.find(|path| fs::write(path.join("cgroup.procs"), "0").is_ok()) {
        Some(_) => Ok("moved to another cgroup".into()),
        None => Err(Refusal::Stopped(
            "there is no other cgroup to move to".into(),
        )),
    }
}

fn raise(_: &[String]) -> Attempt {
    let hierarchy = counting()?;
    let limit = hierarchy.mounted()?.join(&hierarchy.path).join("pids.max");
    fs::write(&limit, "max").map_err(stopped("write pids.max"))?;
    Ok("wrote max to pids.max".into())
}

/// What the host sees: no cgroup of the attacker's but the host's own top one limits its processes.
fn is_free() -> Option<String> {
    let pid = attackers().into_iter().max()?.to_string();
    let all = hierarchies(Path::new("/proc"), &pid).ok()?;
    let counting = all.iter().find(|h| h.has_pids());
    let counting = counting.or_else(|| all.iter().find(|h| h.controllers.is_empty()))?;
    let top = match counting.has_pids() {
        true => "/sys/fs/cgroup/pids",
        false => "/sys/fs/cgroup",
    };
    let mut level = PathBuf::from(top);
    for part in Path::new(&counting.path) {
        level.push(part);
        let limit = fs::read_to_string(level.join("pids.max")).unwrap_or_default();
        if limit.trim().parse::<u64>().is_ok() {
            return None;
        }
    }
    Some("no limit on its processes holds".into())
}

/// The file is in the root of a v1 hierarchy alone. What stands in it is written back as it was: that the kernel takes it
/// is the escape, and the machine keeps what it had.
fn name_agent(_: &[String]) -> Attempt {
    let all = hierarchies(&proc()?, "self")?;
    let old: Vec<_> = all.iter().filter(|h| !h.controllers.is_empty()).collect();
    if old.is_empty() {
        return Err(Refusal::NotRun("the host has no cgroup v1".into()));
    }
    let mut refusal = Refusal::Stopped("no hierarchy shows its root".into());
    for hierarchy in old {
        let agent = match hierarchy.mounted() {
            Ok(top) => top.join("release_agent"),
            Err(why) => {
                refusal = why;
                continue;
            }
        };
        let Ok(text) = fs::read_to_string(&agent) else {
            continue;
        };
        match fs::write(&agent, text.trim()) {
            Ok(()) => return Ok(format!("the agent of {} can be set", hierarchy.controllers)),
            Err(error) => refusal = stopped("write release_agent")(error),
        }
    }
    Err(refusal)
}
