//! User and group ids: the maps of a user namespace, and changing to an id.

use super::{Finding, Refuted, Rule, Unknown, seen};
use crate::cmd::why::scene::{CAP_SETGID, CAP_SETUID, Scene};

pub(super) const RULES: &[Rule] = &[
    Rule {
        id: "map-already-written",
        calls: &["write", "pwrite64"],
        errno: "EPERM",
        cause: "a map of a user namespace can be written once",
        how: "the file holds a map already",
        mend: "write all lines in one write, once",
        page: "user_namespaces(7)",
        examine: |scene| match map(scene) {
            Some(_) => match scene.descriptor_text(scene.argument("fd")) {
                Some(text) => seen(
                    !text.trim().is_empty(),
                    format!("the map is {:?}", squeezed(&text)),
                ),
                None => Unknown("the map cannot be read".to_owned()),
            },
            None => Refuted(NO_MAP.to_owned()),
        },
    },
    Rule {
        id: "setgroups-not-denied",
        calls: &["write", "pwrite64"],
        errno: "EPERM",
        cause: "without privilege, gid_map can be written only after setgroups has been denied (CVE-2014-8989)",
        how: "the file is gid_map, /proc/PID/setgroups beside it says allow, and the writer has no CAP_SETGID outside",
        mend: "write `deny` to /proc/PID/setgroups first",
        page: "user_namespaces(7)",
        examine: |scene| {
            if map(scene) != Some("gid_map") {
                return Refuted("it is not a gid_map".to_owned());
            }
            let path = scene
                .argument("fd")
                .split_once('<')
                .map_or("", |(_, path)| path)
                .trim_end_matches('>');
            let Some(setgroups) = scene.read(path.replace("gid_map", "setgroups").as_ref()) else {
                return Unknown("setgroups cannot be read".to_owned());
            };
            let unprivileged = is_unprivileged(scene, CAP_SETGID);
            seen(
                unprivileged && setgroups.trim() == "allow",
                format!(
                    "setgroups is {}, the writer is {}",
                    setgroups.trim(),
                    privilege(unprivileged)
                ),
            )
        },
    },
    Rule {
        id: "map-of-more-than-oneself",
        calls: &["write", "pwrite64"],
        errno: "EPERM",
        cause: "without privilege, a user namespace can map one id: the writer's own",
        how: "the text has more than one line, a count above 1 or another outside id, and the writer has no CAP_SETUID outside",
        mend: "map only your own id, or have newuidmap and newgidmap (Debian's package uidmap) write a range from /etc/subuid",
        page: "user_namespaces(7)",
        examine: |scene| {
            let Some(file) = map(scene) else {
                return Refuted(NO_MAP.to_owned());
            };
            let capability = if file == "gid_map" {
                CAP_SETGID
            } else {
                CAP_SETUID
            };
            let unprivileged = is_unprivileged(scene, capability);
            let text = scene.argument("buf").replace("\\n", "\n");
            let own = scene
                .process
                .ids()
                .map(|(uid, gid)| if file == "gid_map" { gid } else { uid });
            let lines: Vec<Vec<u32>> = text
                .lines()
                .map(|line| {
                    line.split_whitespace()
                        .filter_map(|n| n.parse().ok())
                        .collect()
                })
                .collect();
            let is_own = matches!(lines.as_slice(), [line] if line.get(2) == Some(&1) && line.get(1).copied() == own);
            seen(
                unprivileged && !is_own,
                format!(
                    "the text is {:?}, the writer is {} {} and {}",
                    squeezed(&text),
                    if file == "gid_map" { "group" } else { "user" },
                    own.unwrap_or(u32::MAX),
                    privilege(unprivileged)
                ),
            )
        },
    },
    Rule {
        id: "setgroups-denied",
        calls: &["setgroups"],
        errno: "EPERM",
        cause: "setgroups has been denied for good in this user namespace",
        how: "/proc/PID/setgroups says deny",
        mend: "keep the groups, or have a privileged process write gid_map (newgidmap), which needs no denial",
        page: "user_namespaces(7)",
        examine: |scene| {
            let text = scene.process.read("setgroups");
            seen(
                text.trim() == "deny",
                format!("/proc/PID/setgroups says {}", text.trim()),
            )
        },
    },
    Rule {
        id: "id-not-mapped",
        calls: &[
            "setuid",
            "setgid",
            "setreuid",
            "setregid",
            "setresuid",
            "setresgid",
            "fchownat",
            "fchown",
            "chown",
        ],
        errno: "EINVAL",
        cause: "the id has no mapping in the user namespace of the process",
        how: "/proc/PID/uid_map or gid_map has no line for one of the ids",
        mend: "map it, before: write it into uid_map or gid_map with the others",
        page: "user_namespaces(7)",
        examine: unmapped,
    },
];

const NO_MAP: &str = "it is no uid_map or gid_map";

/// Which of the two it is.
fn map(scene: &Scene) -> Option<&'static str> {
    let path = scene.argument("fd").trim_end_matches('>');
    ["uid_map", "gid_map"]
        .into_iter()
        .find(|name| path.ends_with(&format!("/{name}")))
}

/// Whether the writer lacks the capability outside the namespace: it has none, or it is inside itself.
fn is_unprivileged(scene: &Scene, capability: u8) -> bool {
    let path = scene
        .argument("fd")
        .split_once('<')
        .map_or("", |(_, path)| path);
    let target: Option<i32> = path.split('/').find_map(|part| part.parse().ok());
    let own = scene.process.namespace("user");
    let is_inside = target
        .is_some_and(|pid| crate::cmd::map::process::Proc(pid).namespace("user") == own)
        && !scene.is_in_first_user_namespace();
    !scene.may(capability) || is_inside
}

fn privilege(unprivileged: bool) -> &'static str {
    if unprivileged {
        "unprivileged"
    } else {
        "privileged"
    }
}

fn unmapped(scene: &Scene) -> Finding {
    let ids = |names: &[&str]| -> Vec<u32> {
        names
            .iter()
            .filter_map(|name| scene.argument(name).parse().ok())
            .collect()
    };
    let users = ids(&["uid", "ruid", "euid", "suid", "owner"]);
    let groups = ids(&["gid", "rgid", "egid", "sgid", "group"]);
    let missing = |file: &str, ids: &[u32]| -> Option<String> {
        let text = scene.process.read(file);
        let has = |id: u32| {
            text.lines().any(|line| {
                let numbers: Vec<u64> = line.split_whitespace().filter_map(|n| n.parse().ok()).collect();
                matches!(numbers[..], [inside, _, count] if (inside..inside + count).contains(&id.into()))
            })
        };
        let id = ids.iter().find(|id| !has(**id))?;
        Some(format!(
            "{id} is not in {file}, which is {:?}",
            squeezed(&text)
        ))
    };
    match missing("uid_map", &users).or_else(|| missing("gid_map", &groups)) {
        Some(what) => Finding::Established(what),
        None => Refuted("every id is mapped".to_owned()),
    }
}

/// On one line, with single spaces.
fn squeezed(text: &str) -> String {
    let lines: Vec<_> = text
        .lines()
        .map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "))
        .collect();
    lines.join(", ")
}
