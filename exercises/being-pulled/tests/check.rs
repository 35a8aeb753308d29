//! Pulls and collections at once: who waits for whom, and what is left.

use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::process::ExitCode;
use std::thread::sleep;
use std::time::{Duration, SystemTime};

use checks::child::wait_until;
use checks::{Check, Finding, Outcome, Probation, ensure, found, probation, proc};
use exercise::{Lease, Store};
use kit::sys::branch::branch;
use nix::sys::stat::Mode;
use nix::sys::wait::waitpid;

pub fn main() -> ExitCode {
    checks::main(&[
        Check {
            id: "garbage",
            asks: "what nobody names is removed, and what an image names is not",
            run: garbage,
        },
        Check {
            id: "leased",
            asks: "what somebody has a lease on is not removed",
            run: leased,
        },
        Check {
            id: "given-back",
            asks: "what somebody had a lease on is removed",
            run: given_back,
        },
        Check {
            id: "killed",
            asks: "the lease of a process that was killed is worth nothing, and goes",
            run: killed,
        },
        Check {
            id: "container",
            asks: "the lease of a process in another PID namespace is as good as any",
            run: container,
        },
        Check {
            id: "old",
            asks: "a lease is good for as long as its holder lives",
            run: old,
        },
        Check {
            id: "damaged",
            asks: "if an image cannot be read, nothing is removed",
            run: damaged,
        },
        Check {
            id: "new-lease",
            asks: "a lease is not made in the middle of a collection",
            run: new_lease,
        },
        Check {
            id: "new-blob",
            asks: "nothing is added to a lease in the middle of a collection",
            run: new_blob,
        },
        Check {
            id: "collection",
            asks: "a collection has the store's lock when it finds out what is needed",
            run: collection,
        },
    ])
}

const ROOT: &str = "/tmp/store";

fn at(path: &str) -> std::path::PathBuf {
    Path::new(ROOT).join(path)
}

/// A store with the blobs `image`, `leased` and `garbage`, and an image that needs `image`.
fn store() -> Outcome<Store> {
    for folder in ["blobs", "images", "leases"] {
        fs::create_dir_all(at(folder))?;
    }
    for blob in ["image", "leased", "garbage"] {
        fs::write(at("blobs").join(blob), blob)?;
    }
    fs::write(at("images/one"), "image\n")?;
    Ok(Store::new(Path::new(ROOT)))
}

fn names(folder: &str) -> Outcome<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(at(folder))? {
        names.push(entry?.file_name().to_string_lossy().into_owned());
    }
    names.sort();
    Ok(names)
}

fn must<T>(what: &str, result: std::io::Result<T>) -> Outcome<T> {
    result.map_err(|error| Finding::new("failed", format!("{what} failed: {error}")))
}

fn leased_by(store: &Store) -> Outcome<Lease<'_>> {
    let lease = must("lease", store.lease())?;
    must("add", lease.add("leased"))?;
    Ok(lease)
}

/// Collects; of the blobs these must be left.
fn leaves(store: &Store, expected: &[&str]) -> Outcome {
    must("collect", store.collect())?;
    let left = names("blobs")?;
    let gone = expected
        .iter()
        .find(|name| !left.contains(&(**name).to_owned()));
    if let Some(gone) = gone {
        return found!("gone", "collect has removed the blob {gone}");
    }
    ensure!(
        left == expected,
        "kept",
        "collect has left {left:?}, and should leave {expected:?}"
    );
    Ok(())
}

fn garbage() -> Outcome {
    leaves(&store()?, &["image"])
}

fn leased() -> Outcome {
    let store = store()?;
    let _lease = leased_by(&store)?;
    let _empty = must("lease", store.lease())?;
    leaves(&store, &["image", "leased"])?;
    // Once more: to be looked at does it no harm.
    leaves(&store, &["image", "leased"])
}

fn given_back() -> Outcome {
    let store = store()?;
    drop(leased_by(&store)?);
    leaves(&store, &["image"])
}

fn hold() -> Outcome {
    let store = Store::new(Path::new(ROOT));
    let _lease = leased_by(&store)?;
    fs::write(at("ready"), "")?;
    sleep(Duration::from_secs(60));
    Ok(())
}

/// Waits until the child has said so, by a file in the store.
fn said(child: Probation, file: &str) -> Outcome<Probation> {
    let is_there = || at(file).exists();
    let done = wait_until(|| (is_there() || !proc::lives(child.pid)).then(is_there));
    match done {
        Some(true) => Ok(child),
        // It says why.
        _ => child
            .outcome::<()>()
            .and_then(|()| found!("ended", "the holder of the lease has ended")),
    }
}

fn killed() -> Outcome {
    let store = store()?;
    let mut holder = said(probation(0, hold)?, "ready")?;
    holder.signal(libc::SIGKILL)?;
    holder.wait()?;
    leaves(&store, &["image"])?;
    let leases = names("leases")?;
    ensure!(
        leases.is_empty(),
        "lease-kept",
        "its holder was killed, and the lease {leases:?} is still there"
    );
    Ok(())
}

fn container() -> Outcome {
    let store = store()?;
    let pid_one = probation(libc::CLONE_NEWPID, || {
        // So that the holder has a number that nobody has outside.
        for _ in 0..8 {
            let (pid, _pidfd) = branch(0, || 0)?;
            waitpid(pid, None)?;
        }
        let mut holder = probation(0, hold)?;
        if said_nothing(&holder) {
            return holder.outcome();
        }
        holder.wait()?;
        Ok(())
    })?;
    let _holder = said(pid_one, "ready")?;
    leaves(&store, &["image", "leased"])
}

/// Whether it ended before it had its lease. It is in a PID namespace that this `/proc` does not show.
fn said_nothing(holder: &Probation) -> bool {
    wait_until(|| at("ready").exists().then_some(())).is_none() && holder.ends()
}

fn old() -> Outcome {
    let store = store()?;
    let _lease = leased_by(&store)?;
    for folder in ["blobs", "leases"] {
        for name in names(folder)? {
            let file = OpenOptions::new().write(true).open(at(folder).join(name))?;
            file.set_modified(SystemTime::UNIX_EPOCH)?;
        }
    }
    leaves(&store, &["image", "leased"])
}

fn damaged() -> Outcome {
    let store = store()?;
    fs::create_dir(at("images/damaged"))?;
    let result = store.collect();
    let left = names("blobs")?;
    ensure!(
        left.len() == 3,
        "gone",
        "an image could not be read, and collect has left {left:?} of three blobs"
    );
    ensure!(
        result.is_err(),
        "no-error",
        "an image could not be read, and collect returned Ok"
    );
    Ok(())
}

/// Whether anybody in this container waits for a lock (proc_locks(5)).
fn somebody_waits() -> bool {
    proc::text("/proc/locks").contains("->")
}

/// Takes the store's lock, sees whether the child waits for it, and gives it back. True if it has waited.
fn has_waited(lock: &File, child: Probation) -> Outcome<bool> {
    wait_until(|| (somebody_waits() || !proc::lives(child.pid)).then_some(()));
    fs::write(at("given-back"), "")?;
    lock.unlock()?;
    child.outcome()
}

fn lock() -> Outcome<File> {
    let file = File::create(at("lock"))?;
    file.lock()?;
    Ok(file)
}

const ALONE: &str = "somebody else had the store's lock, a collection say, which may have looked at the leases already";

fn new_lease() -> Outcome {
    let store = store()?;
    let lock = lock()?;
    let child = probation(0, || {
        let _lease = must("lease", store.lease())?;
        Ok(at("given-back").exists())
    })?;
    ensure!(
        has_waited(&lock, child)?,
        "unlocked",
        "lease made one while {ALONE}"
    );
    Ok(())
}

fn new_blob() -> Outcome {
    let store = store()?;
    let child = probation(0, || {
        let lease = must("lease", store.lease())?;
        fs::write(at("ready"), "")?;
        while !at("locked").exists() {
            sleep(Duration::from_millis(1));
        }
        must("add", lease.add("leased"))?;
        Ok(at("given-back").exists())
    })?;
    let child = said(child, "ready")?;
    let lock = lock()?;
    fs::write(at("locked"), "")?;
    ensure!(
        has_waited(&lock, child)?,
        "unlocked",
        "add returned while {ALONE}"
    );
    Ok(())
}

fn collection() -> Outcome {
    let store = store()?;
    // An image that takes long to be read: until we write it.
    nix::unistd::mkfifo(&at("images/slow"), Mode::from_bits_truncate(0o644))?;
    let child = probation(0, || must("collect", store.collect()))?;
    let open = || {
        let mut options = OpenOptions::new();
        options.write(true).custom_flags(libc::O_NONBLOCK);
        options.open(at("images/slow")).ok()
    };
    let Some(mut slow) = wait_until(open) else {
        return found!("not-read", "collect does not read the image `slow`");
    };
    let is_free = File::create(at("lock"))?.try_lock().is_ok();
    slow.write_all(b"leased\n")?;
    drop(slow);
    let mut removed: Vec<String> = child.outcome()?;
    removed.sort();
    ensure!(
        !is_free,
        "unlocked",
        "collect was reading an image, and nobody had the store's lock"
    );
    ensure!(
        removed == ["garbage"],
        "kept",
        "collect has removed {removed:?}, and garbage is all that nobody needs"
    );
    Ok(())
}
