//! The user namespace: root inside, somebody else outside.
//!
//! Until both maps are written, the child is nobody (65534) and can do nothing useful; so they are written in
//! `attach`, while it waits (user_namespaces(7)).

use std::fs;
use std::path::Path;
use std::process::Command;
use std::str::FromStr;

use kit::{Error, Failure, Result};
use nix::errno::Errno;
use nix::unistd::{Gid, Pid, Uid, getegid, geteuid, setgroups, setresgid, setresuid};

use crate::mechanism::Child;

/// The two maps of a user namespace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserNamespace {
    /// User ids; empty means: root inside is whoever we are outside.
    pub uids: Vec<Mapping>,
    /// Group ids; empty likewise.
    pub gids: Vec<Mapping>,
}

/// `count` ids, from `inside` on, are those from `outside` on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mapping {
    /// The first id as the container sees it.
    pub inside: u32,
    /// The first id as we see it.
    pub outside: u32,
    /// How many.
    pub count: u32,
}

impl UserNamespace {
    /// Fills in the default maps and refuses what the kernel would.
    pub(crate) fn prepare(&mut self) -> Result<()> {
        if self.uids.is_empty() {
            self.uids = vec![Mapping::root(geteuid().as_raw())];
        }
        if self.gids.is_empty() {
            self.gids = vec![Mapping::root(getegid().as_raw())];
        }
        check("--uid-map", &self.uids)?;
        check("--gid-map", &self.gids)
    }

    /// Writes the maps of the waiting child.
    pub(crate) fn map(&self, child: &Child<'_>) -> Result<()> {
        if geteuid().is_root() {
            write(child.pid, "gid_map", &lines(&self.gids))?;
            return write(child.pid, "uid_map", &lines(&self.uids));
        }
        self.map_gids_unprivileged(child.pid)?;
        if is_own(&self.uids, geteuid().as_raw()) {
            write(child.pid, "uid_map", &lines(&self.uids))
        } else {
            with_helper("newuidmap", child.pid, &self.uids)
        }
    }

    // ANCHOR: setgroups
    /// Without privilege the kernel takes a group map only if setgroups(2) has been denied for good: a file may give a
    /// group *less* than everybody, and who could drop that group would gain by it (CVE-2014-8989). So: setgroups
    /// first, then the map.
    fn map_gids_unprivileged(&self, pid: Pid) -> Result<()> {
        if is_own(&self.gids, getegid().as_raw()) {
            write(pid, "setgroups", "deny")?;
            write(pid, "gid_map", &lines(&self.gids))
        } else {
            with_helper("newgidmap", pid, &self.gids)
        }
    }
    // ANCHOR_END: setgroups
}

impl Mapping {
    fn root(outside: u32) -> Self {
        Self {
            inside: 0,
            outside,
            count: 1,
        }
    }
}

impl FromStr for Mapping {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let numbers: Option<Vec<u32>> = text.split(':').map(|n| n.parse().ok()).collect();
        match numbers.as_deref() {
            Some(&[inside, outside, count]) => Ok(Self {
                inside,
                outside,
                count,
            }),
            _ => {
                Err("expected INSIDE:OUTSIDE:COUNT, three numbers, as in 0:100000:65536".to_owned())
            }
        }
    }
}

/// In the child, once the maps are there: take root's ids. With a map of one id the child has them already; else it is
/// still nobody.
pub(crate) fn become_root() -> Result<(), Failure<'static>> {
    setresgid(Gid::from_raw(0), Gid::from_raw(0), Gid::from_raw(0))
        .map_err(Failure::of("become group 0", b""))?;
    match setgroups(&[]) {
        // Denied for good, see above: then the caller's other groups stay, shown as nogroup.
        Ok(()) | Err(Errno::EPERM) => {}
        Err(errno) => return Err(Failure::new("drop the other groups", b"", errno)),
    }
    setresuid(Uid::from_raw(0), Uid::from_raw(0), Uid::from_raw(0))
        .map_err(Failure::of("become user 0", b""))
}

/// The one map that needs no privilege: a single id, our own.
fn is_own(map: &[Mapping], own: u32) -> bool {
    matches!(map, [Mapping { outside, count: 1, .. }] if *outside == own)
}

fn lines(map: &[Mapping]) -> String {
    map.iter()
        .map(|m| format!("{} {} {}\n", m.inside, m.outside, m.count))
        .collect()
}

/// What the kernel would only call EINVAL.
fn check(flag: &str, map: &[Mapping]) -> Result<()> {
    const MAX_LINES: usize = 340;
    let wrong = |why: &str| Err(Error::new(format!("{flag}: {why}")));
    let overlaps = |first: fn(&Mapping) -> u32| {
        let mut ranges: Vec<_> = map
            .iter()
            .map(|m| {
                (
                    u64::from(first(m)),
                    u64::from(first(m)) + u64::from(m.count),
                )
            })
            .collect();
        ranges.sort_unstable();
        ranges.windows(2).any(|pair| pair[0].1 > pair[1].0)
    };
    let beyond = |m: &Mapping| {
        let last = |first: u32| first.checked_add(m.count).is_none();
        last(m.inside) || last(m.outside)
    };
    match map {
        _ if map.len() > MAX_LINES => wrong("the kernel takes 340 ranges"),
        _ if map.iter().any(|m| m.count == 0) => wrong("a range of 0 ids maps nothing"),
        _ if map.iter().any(beyond) => wrong("a range reaches beyond the last id"),
        _ if overlaps(|m| m.inside) || overlaps(|m| m.outside) => wrong("two ranges overlap"),
        _ if !map.iter().any(|m| m.inside == 0) => {
            wrong("id 0 is not mapped, and the container starts as root")
        }
        _ => Ok(()),
    }
}

fn write(pid: Pid, file: &str, text: &str) -> Result<()> {
    let path = format!("/proc/{pid}/{file}");
    fs::write(&path, text).map_err(|e| {
        let error = Error::io("write the user namespace's", &path, &e);
        match e.raw_os_error() {
            Some(libc::EPERM) => error.hint(
                "without privilege a user namespace can map one id, your own; more need ranges in /etc/subuid and \
                 /etc/subgid and Debian's package uidmap",
            ),
            _ => error,
        }
    })
}

/// Ranges of /etc/subuid are handed out by a setuid program: no system call of ours can replace it.
fn with_helper(helper: &str, pid: Pid, map: &[Mapping]) -> Result<()> {
    let numbers = map
        .iter()
        .flat_map(|m| [m.inside, m.outside, m.count])
        .map(|n| n.to_string());
    // By its own path: PATH is the caller's, and this program is to be trusted with the map.
    let helper = Path::new("/usr/bin").join(helper);
    let output = Command::new(&helper)
        .arg(pid.to_string())
        .args(numbers)
        .output()
        .map_err(|e| Error::io("run", &helper, &e).hint("it comes with Debian's package uidmap"))?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(Error::new(format!(
        "{} refused the map: {}",
        helper.display(),
        said.trim()
    ))
    .hint("the outside ids must be ranges that /etc/subuid and /etc/subgid give to you"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(ranges: &[(u32, u32, u32)]) -> Vec<Mapping> {
        ranges
            .iter()
            .map(|&(inside, outside, count)| Mapping {
                inside,
                outside,
                count,
            })
            .collect()
    }

    #[test]
    fn maps_that_the_kernel_would_refuse_are_refused_by_name() {
        type Ranges = &'static [(u32, u32, u32)];
        let cases: [(Ranges, Option<&str>); 7] = [
            (&[(0, 1000, 1)], None),
            (&[(0, 1000, 1), (1, 100_000, 65_536)], None),
            (&[(0, 1000, 0)], Some("0 ids")),
            (&[(0, 1000, 2), (1, 5000, 1)], Some("overlap")),
            (&[(0, 1000, 2), (5, 1001, 1)], Some("overlap")),
            (&[(0, u32::MAX, 2)], Some("last id")),
            (&[(1, 1000, 1)], Some("id 0")),
        ];
        for (ranges, expected) in cases {
            match (check("--uid-map", &map(ranges)), expected) {
                (Ok(()), None) => {}
                (Err(error), Some(part)) => assert!(error.to_string().contains(part), "{error}"),
                (result, _) => panic!("{ranges:?}: {result:?}"),
            }
        }
    }

    #[test]
    fn a_mapping_is_three_numbers() {
        assert_eq!("0:1000:1".parse(), Ok(Mapping::root(1000)));
        for wrong in [
            "",
            "0",
            "0:1",
            "0:1:2:3",
            "a:b:c",
            "-1:0:1",
            "0:0:4294967296",
        ] {
            assert!(wrong.parse::<Mapping>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn only_a_single_own_id_needs_no_helper() {
        assert!(is_own(&map(&[(0, 1000, 1)]), 1000));
        assert!(!is_own(&map(&[(0, 1000, 2)]), 1000));
        assert!(!is_own(&map(&[(0, 1001, 1)]), 1000));
    }
}
