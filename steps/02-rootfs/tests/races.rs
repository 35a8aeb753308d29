//! Races: the root file system changes while a container starts on it.

#[expect(dead_code, reason = "each suite uses its own part")]
mod common;

use std::fs::{self, File};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use common::{host_mounts, inside, mounts, outside};
use harness::{Need, Run, busybox_root, test};
use nix::fcntl::{RenameFlags, renameat2};

const ROOT: [Need; 2] = [Need::Root, Need::Package("busybox", "busybox-static")];

fn main() -> ExitCode {
    harness::run(
        "rootfs",
        vec![
            test(
                "a_race_for_the_target_of_a_bind",
                &ROOT,
                a_race_for_the_target_of_a_bind,
            ),
            test(
                "a_race_for_a_mount_point_that_is_made",
                &ROOT,
                a_race_for_a_mount_point_that_is_made,
            ),
            test("a_race_for_proc", &ROOT, a_race_for_proc),
            test(
                "a_race_for_the_root_itself",
                &ROOT,
                a_race_for_the_root_itself,
            ),
        ],
    )
}

/// Two names of one directory that change places as fast as they can, in a thread of its own.
struct Swapper {
    stop: Arc<AtomicBool>,
    swaps: Arc<AtomicU64>,
    thread: Option<JoinHandle<()>>,
}

impl Swapper {
    fn start(directory: &Path, one: &'static str, other: &'static str) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let swaps = Arc::new(AtomicU64::new(0));
        let directory = File::open(directory).unwrap();
        let (stopped, counted) = (Arc::clone(&stop), Arc::clone(&swaps));
        let thread = std::thread::spawn(move || {
            while !stopped.load(Ordering::Relaxed) {
                renameat2(
                    &directory,
                    one,
                    &directory,
                    other,
                    RenameFlags::RENAME_EXCHANGE,
                )
                .unwrap();
                counted.fetch_add(1, Ordering::Relaxed);
            }
        });
        Self {
            stop,
            swaps,
            thread: Some(thread),
        }
    }

    fn stop(&mut self) -> u64 {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            thread.join().unwrap();
        }
        self.swaps.load(Ordering::Relaxed)
    }
}

impl Drop for Swapper {
    fn drop(&mut self) {
        self.stop();
    }
}

/// How a race of many runs ended.
#[derive(Debug, Default)]
struct Tally {
    succeeded: u32,
    refused: u32,
}

impl Tally {
    /// Whether the race was won by either side at least once.
    fn has_both(&self) -> bool {
        self.succeeded > 0 && self.refused > 0
    }
}

/// Runs `run` again and again while the swapper works; each must succeed or be refused with one sentence. `check` sees
/// what a good run has written. A slow machine is spared most
/// rounds, but not those until `is_enough`.
fn race(run: impl Fn() -> Run, check: impl Fn(&str), is_enough: impl Fn(&Tally) -> bool) -> Tally {
    let mut tally = Tally::default();
    let end = Instant::now() + Duration::from_secs(5);
    for _ in 0..250 {
        if Instant::now() > end && is_enough(&tally) {
            break;
        }
        let output = run().output();
        match output.code {
            Some(0) => {
                tally.succeeded += 1;
                check(&output.out());
            }
            Some(125) => {
                tally.refused += 1;
                assert_eq!(output.err().lines().count(), 2, "{output}");
            }
            _ => panic!("neither succeeded nor refused: {output}"),
        }
    }
    tally
}

fn is_empty(directory: &Path) -> bool {
    fs::read_dir(directory).unwrap().next().is_none()
}

/// CVE-2021-30465: the target is a directory when it is checked, and a link to the outside when it is mounted on.
fn a_race_for_the_target_of_a_bind() {
    let (root, data, away) = (busybox_root(), outside("data"), outside("away"));
    fs::write(data.join("here"), "").unwrap();
    fs::write(data.join("file"), "").unwrap();
    for place in [root.join("swap"), away.clone()] {
        fs::create_dir_all(place.join("target")).unwrap();
    }
    // The same path also exists inside, so that the link too leads somewhere, and the run succeeds.
    let inner = root.join(away.strip_prefix("/").unwrap());
    fs::create_dir_all(inner.join("target")).unwrap();
    symlink(&away, root.join("link")).unwrap();

    let mut swapper = Swapper::start(&root, "swap", "link");
    let binds = [
        format!("{}:/swap/target", data.display()),
        format!("{}:/swap/file", data.join("file").display()),
    ];
    let options = [
        "--bind",
        &binds[0],
        "--bind",
        &binds[1],
        "--tmpfs",
        "/swap/tmp",
    ];
    let run = || inside(&root, &options, "cat /proc/self/mountinfo");
    let inside_away = away.to_str().unwrap();
    let check = |table: &str| {
        for target in ["target", "file", "tmp"] {
            let places = ["/swap", "/link", inside_away].map(|place| format!("{place}/{target}"));
            let found = mounts(table)
                .iter()
                .filter(|mount| places.contains(&mount.target))
                .count();
            assert_eq!(
                found, 1,
                "{target} is not where the container can see it:\n{table}"
            );
        }
    };
    let tally = race(run, check, |tally| tally.succeeded > 0);
    let swaps = swapper.stop();
    assert!(swaps > 100, "the race was none: {swaps} swaps");
    assert!(tally.succeeded > 0, "{tally:?}");

    // Outside there is what there was: the one directory, empty.
    assert_eq!(fs::read_dir(&away).unwrap().count(), 1);
    assert!(is_empty(&away.join("target")));
    assert_eq!(host_mounts(&away), Vec::<String>::new());
    assert_eq!(host_mounts(&root), Vec::<String>::new());
}

/// The same for a target that has to be made: nothing may be made outside.
fn a_race_for_a_mount_point_that_is_made() {
    let (root, data, away) = (busybox_root(), outside("data"), outside("away"));
    fs::create_dir(root.join("swap")).unwrap();
    let up = format!(
        "{}{}",
        "../".repeat(30),
        away.strip_prefix("/").unwrap().display()
    );
    symlink(up, root.join("link")).unwrap();
    // Where the link leads inside the root: what it leads to is made there, as is what lies in the directory.
    let inner = root.join(away.strip_prefix("/").unwrap());
    let is_filled = |place: PathBuf| fs::read_dir(place).is_ok_and(|mut all| all.next().is_some());
    let has_both = || {
        let directory = ["swap", "link"].map(|name| root.join(name));
        let directory = directory.into_iter().find(|path| !path.is_symlink());
        is_filled(inner.clone()) && directory.is_some_and(is_filled)
    };

    let mut swapper = Swapper::start(&root, "swap", "link");
    let next = AtomicU64::new(0);
    let tally = race(
        || {
            let n = next.fetch_add(1, Ordering::Relaxed);
            let bind = format!("{}:/swap/{n}/deep", data.display());
            inside(
                &root,
                &["--bind", &bind, "--tmpfs", &format!("/swap/tmp{n}")],
                "true",
            )
        },
        |_| {},
        |_| has_both(),
    );
    let swaps = swapper.stop();
    assert!(swaps > 100, "the race was none: {swaps} swaps");
    assert!(has_both(), "{tally:?}");
    assert!(is_empty(&away), "something was made outside");
    assert_eq!(host_mounts(&away), Vec::<String>::new());
}

/// CVE-2019-19921, CVE-2025-52881: `/proc` becomes something else between its mount and its masks.
fn a_race_for_proc() {
    let root = busybox_root();
    fs::create_dir_all(root.join("fake/sys")).unwrap();
    for name in ["keys", "interrupts", "timer_list", "sysrq-trigger"] {
        fs::write(root.join("fake").join(name), "").unwrap();
    }
    let mut swapper = Swapper::start(&root, "proc", "fake");
    // Wherever procfs has come to lie, its masks lie on it.
    let script =
        "cat /proc/self/mountinfo 2>/dev/null || cat /fake/self/mountinfo 2>/dev/null || true";
    let found = AtomicU64::new(0);
    let tally = race(
        || inside(&root, &[], script),
        |table| {
            if table.is_empty() {
                return;
            }
            found.fetch_add(1, Ordering::Relaxed);
            let table = mounts(table);
            let proc = table
                .iter()
                .find(|mount| mount.kind == "proc" && mount.root == "/")
                .unwrap();
            for (name, is_masked) in [
                ("keys", true),
                ("interrupts", true),
                ("sys", false),
                ("bus", false),
            ] {
                // A target is shown by the names it has when we look, and they are swapped while we do.
                let places = ["/proc", "/fake"].map(|place| format!("{place}/{name}"));
                let over = table.iter().filter(|mount| places.contains(&mount.target));
                let over: Vec<_> = over.collect();
                assert_eq!(over.len(), 1, "{name} of {proc:?}: {table:?}");
                assert!(
                    is_masked || (over[0].kind == "proc" && over[0].is_read_only()),
                    "{table:?}"
                );
            }
        },
        |_| found.load(Ordering::Relaxed) > 0,
    );
    let swaps = swapper.stop();
    assert!(swaps > 100, "the race was none: {swaps} swaps");
    assert!(found.load(Ordering::Relaxed) > 0, "{tally:?}");
    assert_eq!(host_mounts(&root), Vec::<String>::new());
    for name in ["keys", "interrupts", "timer_list"] {
        assert!(root.join("fake").join(name).exists() || root.join("proc").join(name).exists());
    }
}

/// The directory of the root file system itself is swapped with another, which is noticed (ESTALE). Whatever root comes
/// out, it is one of the two, whole.
fn a_race_for_the_root_itself() {
    let (one, other, dir) = (busybox_root(), busybox_root(), outside("swapped"));
    fs::write(one.join("etc/name"), "one").unwrap();
    fs::write(other.join("etc/name"), "other").unwrap();
    fs::rename(&one, dir.join("one")).unwrap();
    fs::rename(&other, dir.join("other")).unwrap();
    let mut swapper = Swapper::start(&dir, "one", "other");
    let root = dir.join("one");
    let tally = race(
        || inside(&root, &[], "cat /etc/name"),
        |name| assert!(["one", "other"].contains(&name)),
        Tally::has_both,
    );
    let swaps = swapper.stop();
    assert!(swaps > 100, "the race was none: {swaps} swaps");
    assert!(tally.has_both(), "{tally:?}");
    assert_eq!(host_mounts(&dir), Vec::<String>::new());
}
