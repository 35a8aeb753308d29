//! What belongs to one test: a directory, and a mark that all its processes carry.
//!
//! Several tests run at once, and the machine has other users. So that "nothing is left behind" can be asked of one
//! test alone, every process started by [`Run`](crate::Run) is given a mark that each of its descendants inherits,
//! whatever it does to its parent, session, name, environment, namespaces or user: a limit on the processor time of
//! real-time processes (RLIMIT_RTTIME, getrlimit(2)), which is a 64-bit number that nobody uses and that
//! `/proc/PID/limits` shows.

use std::cell::RefCell;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tempfile::TempDir;

/// One test, or one thread that is none.
#[derive(Debug)]
pub(crate) struct Scene {
    number: u64,
    directory: Option<TempDir>,
    runs: u64,
}

thread_local! {
    static SCENE: RefCell<Option<Scene>> = const { RefCell::new(None) };
}

static SCENES: AtomicU64 = AtomicU64::new(0);
static SPAWN: Mutex<()> = Mutex::new(());

/// Above every limit that anybody would set on purpose (2^62 microseconds are 146 thousand years).
const BASE: u64 = 1 << 62;

/// What the processes of one run carry: our pid, the number of the test, the number of the run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Mark(u64);

impl Mark {
    fn scene(self) -> u64 {
        self.0 >> 16
    }
}

/// The mark for the next run of this test.
pub(crate) fn next_mark() -> Mark {
    with(|scene| {
        scene.runs += 1;
        Mark(scene.number << 16 | scene.runs & 0xffff)
    })
}

/// This test's own temporary directory, which goes when the test ends. Programs started by [`Run`](crate::Run) keep
/// their data (`DRYDOCK_ROOT`, `DRYDOCK_RUN`, `TMPDIR`) below it. Everybody may enter it: some tests run as nobody.
pub fn directory() -> PathBuf {
    with(|scene| {
        let directory = scene.directory.get_or_insert_with(|| {
            let directory = tempfile::Builder::new()
                .prefix("drydock-test-")
                .tempdir()
                .expect("no temporary directory can be made");
            fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o755))
                .expect("a directory of ours can be opened to all");
            for name in ["data", "run", "tmp"] {
                fs::create_dir(directory.path().join(name)).expect("the directory is new");
            }
            directory
        });
        directory.path().to_owned()
    })
}

/// A name that no other test has, on the whole machine, beginning with `stem`: for what all share, such as cgroups.
pub fn unique(stem: &str) -> String {
    let directory = directory();
    let suffix = directory
        .file_name()
        .and_then(|name| name.to_str())
        .unwrap_or_default();
    format!("{stem}-{}", suffix.trim_start_matches("drydock-test-"))
}

/// Ends the scene: returns what processes it left, and kills them. Those that are just about to end are given a second
/// to do so.
pub(crate) fn end() -> Vec<String> {
    let patience = Instant::now() + Duration::from_secs(1);
    let mut left = living();
    while !left.is_empty() && Instant::now() < patience {
        std::thread::sleep(Duration::from_millis(5));
        left = living();
    }
    for (pid, _) in &left {
        let _ = kill(*pid, Signal::SIGKILL);
    }
    // The directory goes too, but not before the processes that may have it mounted.
    drop(SCENE.take());
    left.into_iter()
        .map(|(pid, name)| format!("{name} ({pid})"))
        .collect()
}

/// The processes of this test that live now, by pid and name.
pub(crate) fn living() -> Vec<(Pid, String)> {
    let number = with(|scene| scene.number);
    processes(|mark| mark.scene() == number)
}

/// SIGKILL to all processes of one run, until none is left.
pub(crate) fn kill_all(mark: Mark) {
    // A process may fork between the listing and the signal, so look again.
    loop {
        let living = processes(|other| other == mark);
        if living.is_empty() {
            return;
        }
        for (pid, _) in living {
            let _ = kill(pid, Signal::SIGKILL);
        }
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// Runs `spawn` such that the processes it starts carry `mark`.
pub(crate) fn marked<T>(mark: Mark, spawn: impl FnOnce() -> T) -> T {
    // A limit belongs to our whole process, so only one thread at a time may change it.
    let _alone = SPAWN
        .lock()
        .unwrap_or_else(|poisoned| poisoned.into_inner());
    let (soft, hard) = getrlimit(Resource::RLIMIT_RTTIME).expect("getrlimit knows RTTIME");
    setrlimit(Resource::RLIMIT_RTTIME, mark.0, hard)
        .expect("RLIMIT_RTTIME must not have a hard limit");
    let result = spawn();
    setrlimit(Resource::RLIMIT_RTTIME, soft, hard).expect("a limit that was may be again");
    result
}

fn with<T>(f: impl FnOnce(&mut Scene) -> T) -> T {
    SCENE.with_borrow_mut(|scene| f(scene.get_or_insert_with(Scene::new)))
}

impl Scene {
    fn new() -> Self {
        let pid = u64::from(std::process::id());
        let count = SCENES.fetch_add(1, Ordering::Relaxed);
        Self {
            number: (BASE >> 16) | pid << 16 | count & 0xffff,
            directory: None,
            runs: 0,
        }
    }
}

/// Processes whose mark is `wanted`, without zombies: those wait only for their parent.
fn processes(wanted: impl Fn(Mark) -> bool) -> Vec<(Pid, String)> {
    let own = std::process::id();
    let Ok(entries) = fs::read_dir("/proc") else {
        return Vec::new();
    };
    entries
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok())
        .filter(|pid| *pid != own && mark_of(*pid).is_some_and(&wanted) && !is_zombie(*pid))
        .map(|pid| (Pid::from_raw(pid as i32), name_of(pid)))
        .collect()
}

fn mark_of(pid: u32) -> Option<Mark> {
    let limits = fs::read_to_string(format!("/proc/{pid}/limits")).ok()?;
    let line = limits
        .lines()
        .find_map(|line| line.strip_prefix("Max realtime timeout"))?;
    let soft: u64 = line.split_whitespace().next()?.parse().ok()?;
    (soft & BASE != 0 && soft != u64::MAX).then_some(Mark(soft))
}

fn is_zombie(pid: u32) -> bool {
    // The name, in parentheses, may hold anything, even parentheses (proc_pid_stat(5)).
    let stat = fs::read_to_string(format!("/proc/{pid}/stat"));
    stat.is_ok_and(|stat| {
        stat.rsplit(')')
            .next()
            .is_some_and(|rest| rest.starts_with(" Z") || rest.starts_with(" X"))
    })
}

fn name_of(pid: u32) -> String {
    fs::read_to_string(format!("/proc/{pid}/comm"))
        .map_or_else(|_| "?".into(), |name| name.trim_end().to_owned())
}
