//! Resource limits, inotify, and who may trace whom.

use std::fs;

use super::{Finding, Refuted, Rule, Unknown, seen};
use crate::cmd::map::process::Proc;
use crate::cmd::why::scene::{CAP_SYS_RESOURCE, Scene, read};

pub(super) const RULES: &[Rule] = &[
    Rule {
        id: "limit-cannot-be-raised",
        calls: &["setrlimit", "prlimit64"],
        errno: "EPERM",
        cause: "to raise a hard limit takes CAP_SYS_RESOURCE in the first user namespace",
        how: "the new hard limit is above the old one in /proc/PID/limits, and CapEff lacks CAP_SYS_RESOURCE or counts only in an inner user namespace",
        mend: "lower what is asked for, or have whoever starts the process raise it (systemd's LimitNOFILE=, /etc/security/limits.conf)",
        page: "getrlimit(2)",
        examine: |scene| {
            let Some((new, old)) = hard_limits(scene) else {
                return Unknown("the old or the new limit cannot be read".to_owned());
            };
            if scene.has_flag("RLIMIT_NOFILE") && nr_open().is_some_and(|ceiling| new > ceiling) {
                return Refuted(
                    "fs.nr_open forbids it to everybody, and is asked first".to_owned(),
                );
            }
            let raises = new > old;
            let powerless = !scene.may(CAP_SYS_RESOURCE) || !scene.is_in_first_user_namespace();
            seen(
                raises && powerless,
                format!(
                    "the hard limit is {}, asked for was {}; it {} CAP_SYS_RESOURCE over the system",
                    number(old),
                    number(new),
                    if powerless { "lacks" } else { "has" }
                ),
            )
        },
    },
    Rule {
        id: "limit-above-nr-open",
        calls: &["setrlimit", "prlimit64"],
        errno: "EPERM",
        cause: "RLIMIT_NOFILE cannot be above fs.nr_open, not even for root",
        how: "the new hard limit is above /proc/sys/fs/nr_open",
        mend: "ask for less, or raise it: `sysctl fs.nr_open=…`",
        page: "getrlimit(2)",
        examine: |scene| match (
            scene.has_flag("RLIMIT_NOFILE"),
            hard_limits(scene),
            nr_open(),
        ) {
            (true, Some((new, _)), Some(ceiling)) => seen(
                new > ceiling,
                format!("asked for was {}, fs.nr_open is {ceiling}", number(new)),
            ),
            (false, ..) => Refuted("it is not about RLIMIT_NOFILE".to_owned()),
            _ => Unknown("the limit cannot be read".to_owned()),
        },
    },
    Rule {
        id: "process-limit",
        calls: &["fork", "vfork", "clone", "clone3"],
        errno: "EAGAIN",
        cause: "the user has as many processes as RLIMIT_NPROC allows",
        how: "the processes and threads of this user are not below `Max processes` in /proc/PID/limits",
        mend: "raise it (`ulimit -u`), or find what forks: `ps -u USER -L`",
        page: "fork(2)",
        examine: |scene| {
            let (Some((Some(soft), _)), Some((user, _))) =
                (scene.limit("Max processes"), scene.process.ids())
            else {
                return Refuted("it has no such limit".to_owned());
            };
            let threads = |process: &Proc| {
                process
                    .field("Threads")
                    .and_then(|count| count.parse::<u64>().ok())
                    .unwrap_or(0)
            };
            let used: u64 = Proc::all()
                .iter()
                .filter(|process| process.ids().is_some_and(|ids| ids.0 == user))
                .map(threads)
                .sum();
            let is_exempt = user == 0 && scene.is_in_first_user_namespace();
            seen(
                used >= soft && !is_exempt,
                format!("user {user} has {used} threads, the limit is {soft}"),
            )
        },
    },
    Rule {
        id: "too-many-files",
        calls: &[
            "openat",
            "open",
            "openat2",
            "socket",
            "socketpair",
            "pipe2",
            "dup",
            "fcntl",
            "pidfd_open",
            "open_tree",
            "fsopen",
            "inotify_init1",
            "memfd_create",
            "eventfd2",
            "signalfd4",
        ],
        errno: "EMFILE",
        cause: "the process has as many descriptors open as RLIMIT_NOFILE allows",
        how: "the entries of /proc/PID/fd are not below `Max open files` in /proc/PID/limits",
        mend: "close what is not needed, or raise it: `ulimit -n`",
        page: "open(2)",
        examine: |scene| {
            let open = fs::read_dir(scene.process.path("fd")).map(|entries| entries.count() as u64);
            match (scene.limit("Max open files"), open) {
                (Some((Some(soft), _)), Ok(open)) => seen(
                    open >= soft,
                    format!("{open} are open, the limit is {soft}"),
                ),
                _ => Unknown("its descriptors cannot be counted".to_owned()),
            }
        },
    },
    Rule {
        id: "inotify-instances",
        calls: &["inotify_init1", "inotify_init"],
        errno: "EMFILE",
        cause: "the user has as many inotify instances as the limit allows",
        how: "user.max_inotify_instances or fs.inotify.max_user_instances is not above the number that this user's processes have",
        mend: "`sysctl fs.inotify.max_user_instances=1024`; a container's share counts for its user outside",
        page: "inotify(7)",
        examine: |scene| inotify(scene, "instances"),
    },
    Rule {
        id: "inotify-watches",
        calls: &["inotify_add_watch"],
        errno: "ENOSPC",
        cause: "the user has as many inotify watches as the limit allows: no disk is full",
        how: "user.max_inotify_watches or fs.inotify.max_user_watches is not above the number that this user's processes have",
        mend: "`sysctl fs.inotify.max_user_watches=524288`",
        page: "inotify(7)",
        examine: |scene| inotify(scene, "watches"),
    },
    Rule {
        id: "traced-already",
        calls: &["ptrace"],
        errno: "EPERM",
        cause: "a process has one tracer, and that one has another already",
        how: "TracerPid in /proc/PID/status of the one to be traced, or of the caller for PTRACE_TRACEME, is not 0",
        mend: "end the other tracer; `lab trace` and `lab why` are tracers too: what traces cannot be traced with them",
        page: "ptrace(2)",
        examine: |scene| {
            // PTRACE_TRACEME, whose number is 0, is about the caller itself.
            let target = match scene.argument("request") {
                "NULL" | "0" | "PTRACE_TRACEME" => Some(scene.process),
                _ => scene.argument("pid").parse().ok().map(Proc),
            };
            match target.and_then(|target| target.field("TracerPid")) {
                Some(tracer) => seen(tracer != "0", format!("its TracerPid is {tracer}")),
                None => Unknown("that process cannot be seen".to_owned()),
            }
        },
    },
];

fn nr_open() -> Option<u64> {
    read("/proc/sys/fs/nr_open".as_ref())?.trim().parse().ok()
}

/// The new and the old hard limit; no limit is the largest number.
fn hard_limits(scene: &Scene) -> Option<(u64, u64)> {
    let limit = if scene.call == "setrlimit" {
        scene.argument("rlim")
    } else {
        scene.argument("new_limit")
    };
    let new = limit.split("rlim_max=").nth(1)?.trim_end_matches('}');
    let new = if new == "RLIM_INFINITY" {
        u64::MAX
    } else {
        new.parse().ok()?
    };
    let name = match scene.argument("resource") {
        "RLIMIT_NOFILE" => "Max open files",
        "RLIMIT_NPROC" => "Max processes",
        "RLIMIT_CORE" => "Max core file size",
        "RLIMIT_STACK" => "Max stack size",
        "RLIMIT_MEMLOCK" => "Max locked memory",
        "RLIMIT_AS" => "Max address space",
        "RLIMIT_FSIZE" => "Max file size",
        "RLIMIT_CPU" => "Max cpu time",
        _ => return None,
    };
    let (_, old) = scene.limit(name)?;
    Some((new, old.unwrap_or(u64::MAX)))
}

fn number(limit: u64) -> String {
    if limit == u64::MAX {
        "no limit".to_owned()
    } else {
        limit.to_string()
    }
}

/// `what` is `instances` or `watches`.
fn inotify(scene: &Scene, what: &str) -> Finding {
    let ours = Proc(std::process::id() as i32);
    let is_ours = scene.process.namespace("user") == ours.namespace("user");
    let value = |path: String| read(path.as_ref()).and_then(|text| text.trim().parse::<u64>().ok());
    // The first counts in the user namespace that we read it in, the second in all.
    let inner = value(format!("/proc/sys/user/max_inotify_{what}")).filter(|_| is_ours);
    let whole = value(format!("/proc/sys/fs/inotify/max_user_{what}"));
    let Some(limit) = inner.into_iter().chain(whole).min() else {
        return Unknown("the limits cannot be read".to_owned());
    };
    let user = scene.process.ids().map(|ids| ids.0);
    let used: u64 = Proc::all()
        .into_iter()
        .filter(|process| process.ids().map(|ids| ids.0) == user)
        .map(|process| count(process, what))
        .sum();
    seen(
        used >= limit,
        format!("the limit is {limit}, and {used} were found"),
    )
}

fn count(process: Proc, what: &str) -> u64 {
    let Ok(entries) = fs::read_dir(process.path("fd")) else {
        return 0;
    };
    let inotify = entries.flatten().filter(|entry| {
        fs::read_link(entry.path()).is_ok_and(|link| link.as_os_str() == "anon_inode:inotify")
    });
    if what == "instances" {
        return inotify.count() as u64;
    }
    let watches = |fd: String| {
        process
            .read(&format!("fdinfo/{fd}"))
            .lines()
            .filter(|line| line.starts_with("inotify wd:"))
            .count() as u64
    };
    inotify
        .map(|entry| watches(entry.file_name().to_string_lossy().into_owned()))
        .sum()
}
