//! Resource limits, inotify, ptrace.

use std::fs::{self, File};

use harness::Need;
use nix::errno::Errno;
use nix::sys::ptrace;
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use rustix::fs::inotify;

use crate::cgroups::spawn;
use crate::{FIXTURE, Fixture, NOBODY, fresh};

/// Nobody else's, so that its processes are ours alone.
const SOMEBODY: u32 = 54_321;
const USER: &[Need] = &[Need::Root, Need::UserNamespaces];

pub(crate) const FIXTURES: &[Fixture] = &[
    Fixture {
        name: "a_hard_limit_is_not_raised_by_anybody",
        call: "prlimit64",
        errno: "EPERM",
        rules: &["limit-cannot-be-raised"],
        user: Some(NOBODY),
        induce: || {
            setrlimit(Resource::RLIMIT_NOFILE, 100, 100).unwrap();
            setrlimit(Resource::RLIMIT_NOFILE, 101, 101).unwrap_err()
        },
        ..FIXTURE
    },
    Fixture {
        name: "descriptors_are_limited_for_root_too",
        call: "prlimit64",
        errno: "EPERM",
        rules: &["limit-above-nr-open"],
        induce: || {
            let ceiling = fs::read_to_string("/proc/sys/fs/nr_open").unwrap();
            let above = ceiling.trim().parse::<u64>().unwrap() + 1;
            setrlimit(Resource::RLIMIT_NOFILE, above, above).unwrap_err()
        },
        ..FIXTURE
    },
    Fixture {
        name: "a_user_has_only_so_many_processes",
        call: "clone3",
        errno: "EAGAIN",
        rules: &["process-limit"],
        user: Some(SOMEBODY),
        induce: || {
            setrlimit(Resource::RLIMIT_NPROC, 1, 1).unwrap();
            spawn()
        },
        ..FIXTURE
    },
    Fixture {
        name: "a_process_has_only_so_many_descriptors",
        call: "openat",
        errno: "EMFILE",
        rules: &["too-many-files"],
        induce: || {
            let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE).unwrap();
            setrlimit(Resource::RLIMIT_NOFILE, 20, hard).unwrap();
            let mut files = Vec::new();
            loop {
                match File::open("/dev/null") {
                    Ok(file) => files.push(file),
                    Err(error) => return Errno::from_raw(error.raw_os_error().unwrap()),
                }
            }
        },
        ..FIXTURE
    },
    Fixture {
        name: "a_user_has_only_so_many_inotify_instances",
        needs: USER,
        call: "inotify_init1",
        errno: "EMFILE",
        rules: &["inotify-instances"],
        around: &[
            "unshare",
            "--user",
            "--map-root-user",
            "sh",
            "-c",
            "echo 0 >/proc/sys/user/max_inotify_instances && exec \"$@\"",
            "sh",
        ],
        induce: || errno(inotify::init(inotify::CreateFlags::empty()).unwrap_err()),
        ..FIXTURE
    },
    Fixture {
        name: "a_user_has_only_so_many_inotify_watches",
        needs: USER,
        call: "inotify_add_watch",
        errno: "ENOSPC",
        rules: &["inotify-watches"],
        around: &[
            "unshare",
            "--user",
            "--map-root-user",
            "sh",
            "-c",
            "echo 0 >/proc/sys/user/max_inotify_watches && exec \"$@\"",
            "sh",
        ],
        induce: || {
            let instance = inotify::init(inotify::CreateFlags::empty()).unwrap();
            errno(inotify::add_watch(&instance, fresh(), inotify::WatchFlags::CREATE).unwrap_err())
        },
        ..FIXTURE
    },
    Fixture {
        name: "a_process_has_one_tracer",
        needs: &[],
        call: "ptrace",
        errno: "EPERM",
        rules: &["traced-already"],
        // The tracer is `lab why` itself.
        induce: || ptrace::traceme().unwrap_err(),
        ..FIXTURE
    },
];

fn errno(errno: rustix::io::Errno) -> Errno {
    Errno::from_raw(errno.raw_os_error())
}
