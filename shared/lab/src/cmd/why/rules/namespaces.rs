//! clone, unshare, setns, sethostname.

use super::{Established, Finding, Refuted, Rule, Unknown, seen};
use crate::cmd::why::scene::{CAP_SYS_ADMIN, CAP_SYS_CHROOT, Scene, read};

pub(super) const RULES: &[Rule] = &[
    Rule {
        id: "namespace-without-privilege",
        calls: &["unshare", "clone", "clone3"],
        errno: "EPERM",
        cause: "a new namespace takes CAP_SYS_ADMIN, and the process does not have it",
        how: "CapEff in /proc/PID/status lacks CAP_SYS_ADMIN, and no user namespace is made in the same call",
        mend: "run it as root, or make a user namespace in the same call (CLONE_NEWUSER, `unshare --user`)",
        page: "namespaces(7)",
        examine: |scene| {
            if scene.has_flag("CLONE_NEWUSER") {
                return Refuted(
                    "a user namespace is made in the same call, which needs no privilege"
                        .to_owned(),
                );
            }
            let is_new = NEW.iter().any(|(flag, _)| scene.has_flag(flag));
            lacks(scene, CAP_SYS_ADMIN, "CAP_SYS_ADMIN", is_new)
        },
    },
    Rule {
        id: "user-namespace-in-chroot",
        calls: &["unshare", "clone", "clone3"],
        errno: "EPERM",
        cause: "a process in a chroot may not make a user namespace: it would gain the power to leave",
        how: "/proc/PID/root is not the root of its mount namespace",
        mend: "use pivot_root instead of chroot",
        page: "user_namespaces(7)",
        examine: |scene| {
            if !scene.has_flag("CLONE_NEWUSER") {
                return Refuted("no user namespace was asked for".to_owned());
            }
            match scene.process.link("root") {
                Some(root) => seen(
                    root.as_os_str() != "/",
                    format!("its root is {}", root.display()),
                ),
                None => Unknown("its root cannot be read".to_owned()),
            }
        },
    },
    Rule {
        id: "user-namespaces-forbidden",
        calls: &["unshare", "clone", "clone3"],
        errno: "EPERM",
        cause: "this system forbids user namespaces to ordinary users",
        how: "kernel.unprivileged_userns_clone is 0, or kernel.apparmor_restrict_unprivileged_userns is 1, and the process lacks CAP_SYS_ADMIN",
        mend: "`sysctl kernel.unprivileged_userns_clone=1` (Debian), `sysctl kernel.apparmor_restrict_unprivileged_userns=0` (Ubuntu), or run it as root",
        page: "user_namespaces(7)",
        examine: |scene| {
            if !scene.has_flag("CLONE_NEWUSER") || scene.may(CAP_SYS_ADMIN) {
                return Refuted(
                    "the process is privileged, or asked for no user namespace".to_owned(),
                );
            }
            let value = |name: &str| {
                read(format!("/proc/sys/kernel/{name}").as_ref()).map(|text| text.trim().to_owned())
            };
            let debian = value("unprivileged_userns_clone");
            let ubuntu = value("apparmor_restrict_unprivileged_userns");
            let forbids = debian.as_deref() == Some("0") || ubuntu.as_deref() == Some("1");
            seen(
                forbids,
                format!(
                    "unprivileged_userns_clone: {}, apparmor_restrict_unprivileged_userns: {}",
                    show(debian),
                    show(ubuntu)
                ),
            )
        },
    },
    Rule {
        id: "namespace-limit",
        calls: &["unshare", "clone", "clone3"],
        errno: "ENOSPC",
        cause: "the limit on namespaces of this kind is reached, or is 0",
        how: "user.max_…_namespaces is 0, or not above the number that this user's processes are in",
        mend: "`sysctl user.max_…_namespaces`: raise the one that is named, in the user namespace that it is low in",
        page: "namespaces(7)",
        examine: limit,
    },
    Rule {
        id: "namespaces-nested-too-deep",
        calls: &["unshare", "clone", "clone3"],
        errno: "ENOSPC",
        cause: "user and PID namespaces nest at most 32 deep",
        how: "the number of parents that NS_GET_PARENT finds, or the pids in NSpid of /proc/PID/status",
        mend: "nest less: something around it makes namespaces in a loop",
        page: "user_namespaces(7)",
        examine: nested,
    },
    Rule {
        id: "user-namespace-of-threads",
        calls: &["unshare", "setns"],
        errno: "EINVAL",
        cause: "a process with several threads can neither make nor join a user or mount namespace by itself",
        how: "Threads in /proc/PID/status is more than 1",
        mend: "do it before the first thread is started, or in a child (fork, then unshare or setns)",
        page: "setns(2)",
        examine: |scene| {
            let target = scene.argument("fd");
            let concerns = ["CLONE_NEWUSER", "CLONE_NEWNS"]
                .iter()
                .any(|flag| scene.has_flag(flag))
                || ["user:", "mnt:"].iter().any(|kind| target.contains(kind));
            let threads = scene
                .process
                .field("Threads")
                .and_then(|count| count.parse::<u32>().ok());
            match threads {
                Some(count) if concerns => seen(count > 1, format!("it has {count} threads")),
                Some(_) => Refuted("neither a user nor a mount namespace is concerned".to_owned()),
                None => Unknown("its threads cannot be counted".to_owned()),
            }
        },
    },
    Rule {
        id: "own-user-namespace",
        calls: &["setns"],
        errno: "EINVAL",
        cause: "a process cannot join the user namespace that it is in: it would get all capabilities back",
        how: "the descriptor and /proc/PID/ns/user have the same inode number",
        mend: "leave the user namespace out where it is the same already",
        page: "setns(2)",
        examine: |scene| match (inode(scene.argument("fd")), scene.process.namespace("user")) {
            (Some(target), Some(own)) => seen(
                scene.argument("fd").contains("user:") && target == own,
                format!(
                    "its own is user:[{own}], the descriptor is {}",
                    scene.argument("fd")
                ),
            ),
            _ => Unknown("the descriptor is no file of /proc/PID/ns that we can see".to_owned()),
        },
    },
    Rule {
        id: "host-name-without-privilege",
        calls: &["sethostname", "setdomainname"],
        errno: "EPERM",
        cause: "the host name belongs to a UTS namespace over which the process has no power",
        how: "CapEff lacks CAP_SYS_ADMIN, or the UTS namespace is owned by another user namespace (NS_GET_USERNS)",
        mend: "make a UTS namespace together with the user namespace (`unshare --user --uts`), or run it as root",
        page: "uts_namespaces(7)",
        examine: |scene| power_over(scene, "uts"),
    },
    Rule {
        id: "chroot-without-privilege",
        calls: &["chroot"],
        errno: "EPERM",
        cause: "chroot takes CAP_SYS_CHROOT, and the process does not have it",
        how: "CapEff in /proc/PID/status lacks CAP_SYS_CHROOT",
        mend: "run it as root, or in a user namespace of its own (`unshare --user --map-root-user`)",
        page: "chroot(2)",
        examine: |scene| lacks(scene, CAP_SYS_CHROOT, "CAP_SYS_CHROOT", true),
    },
];

/// Flags, and the sysctl that limits each.
const NEW: [(&str, &str); 8] = [
    ("CLONE_NEWUSER", "user"),
    ("CLONE_NEWNS", "mnt"),
    ("CLONE_NEWPID", "pid"),
    ("CLONE_NEWUTS", "uts"),
    ("CLONE_NEWIPC", "ipc"),
    ("CLONE_NEWNET", "net"),
    ("CLONE_NEWCGROUP", "cgroup"),
    ("CLONE_NEWTIME", "time"),
];

pub(super) fn lacks(scene: &Scene, capability: u8, name: &str, concerns: bool) -> Finding {
    match scene.process.capabilities() {
        Some(set) if concerns => seen(
            !scene.may(capability),
            format!(
                "CapEff is {set:016x}, {} {name}",
                if scene.may(capability) {
                    "with"
                } else {
                    "without"
                }
            ),
        ),
        Some(_) => Refuted(format!("{name} is not asked for here")),
        None => Unknown("its capabilities cannot be read".to_owned()),
    }
}

/// Whether the process lacks the power over its namespace of this kind: the capability counts in the user namespace
/// that owns it.
pub(super) fn power_over(scene: &Scene, kind: &str) -> Finding {
    if !scene.may(CAP_SYS_ADMIN) {
        return lacks(scene, CAP_SYS_ADMIN, "CAP_SYS_ADMIN", true);
    }
    match (scene.owner_of(kind), scene.process.namespace("user")) {
        (Some(owner), Some(own)) => seen(
            owner != own && !scene.is_in_first_user_namespace(),
            format!("it is in user:[{own}], and its {kind} namespace belongs to user:[{owner}]"),
        ),
        // NS_GET_USERNS fails with EPERM for an owner that is not ours or below.
        _ => Unknown(format!(
            "who owns its {kind} namespace cannot be told from here"
        )),
    }
}

fn limit(scene: &Scene) -> Finding {
    let ours = crate::cmd::map::process::Proc(std::process::id() as i32);
    if scene.process.namespace("user") != ours.namespace("user") {
        return Unknown(
            "its user namespace is not ours, and limits can be read only from inside".to_owned(),
        );
    }
    let mut values = Vec::new();
    for (flag, kind) in NEW.iter().filter(|(flag, _)| scene.has_flag(flag)) {
        let Some(limit) = read(format!("/proc/sys/user/max_{kind}_namespaces").as_ref())
            .and_then(|text| text.trim().parse::<u64>().ok())
        else {
            continue;
        };
        let used = used(scene, kind);
        if limit <= used {
            return Established(format!(
                "user.max_{kind}_namespaces is {limit}, for {flag}, and {used} are in use"
            ));
        }
        values.push(format!("max_{kind}_namespaces is {limit}, {used} in use"));
    }
    Refuted(values.join(", "))
}

/// How many namespaces of a kind this user's processes are in, without the one that everybody shares: fewer than there
/// are, for one may be kept by a file alone.
fn used(scene: &Scene, kind: &str) -> u64 {
    use crate::cmd::map::process::Proc;
    let user = scene.process.ids();
    let mut found: Vec<_> = Proc::all()
        .into_iter()
        .filter(|process| process.ids().map(|ids| ids.0) == user.map(|ids| ids.0))
        .filter_map(|process| process.namespace(kind))
        .filter(|inode| *inode < 0xEFFF_FFF0)
        .collect();
    found.sort_unstable();
    found.dedup();
    // The namespaces that came with our own user namespace are charged to its maker.
    let own = Proc(std::process::id() as i32).namespace(kind);
    found.iter().filter(|inode| Some(**inode) != own).count() as u64
}

fn nested(scene: &Scene) -> Finding {
    const DEEPEST: usize = 32;
    let pids = scene
        .process
        .field("NSpid")
        .map_or(0, |pids| pids.split_whitespace().count());
    let users = scene.user_namespace_depth().unwrap_or(0);
    let what = format!("{users} user namespaces are around its own, and it has {pids} pids");
    let too_deep = (scene.has_flag("CLONE_NEWUSER") && users >= DEEPEST)
        || (scene.has_flag("CLONE_NEWPID") && pids > DEEPEST);
    seen(too_deep, what)
}

/// The number in `3<user:[4026531837]>`.
fn inode(descriptor: &str) -> Option<u64> {
    let (_, rest) = descriptor.split_once(":[")?;
    rest.split(']').next()?.parse().ok()
}

fn show(value: Option<String>) -> String {
    value.unwrap_or_else(|| "not here".to_owned())
}
