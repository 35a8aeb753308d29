//! The end of a container: no process of it is left.

use std::fs;
use std::io;
use std::path::Path;
use std::thread::sleep;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// Kills every process in `cgroup` and in the cgroups below it, and returns when none is left.
pub fn kill_all(cgroup: &Path) -> io::Result<()> {
    //< kill_all: nobody is left, however they fork, and wherever below they are
    let end = Instant::now() + Duration::from_secs(2);
    while Instant::now() < end {
        if fs::write(cgroup.join("cgroup.kill"), "1").is_err() {
            kill_listed(cgroup)?;
        }
        if is_empty(cgroup)? {
            return Ok(());
        }
        sleep(Duration::from_millis(1));
    }
    Err(io::Error::other("some processes do not end"))
    //= let _ = (sleep, Instant::now, Duration::from_secs);
    //= for pid in processes(cgroup)? {
    //=     let _ = kill(pid, Signal::SIGKILL);
    //= }
    //= Ok(())
    //>
}
//< below: what you need besides

fn kill_listed(cgroup: &Path) -> io::Result<()> {
    for pid in processes(cgroup)? {
        let _ = kill(pid, Signal::SIGKILL);
    }
    for below in fs::read_dir(cgroup)? {
        let below = below?.path();
        if below.is_dir() {
            kill_listed(&below)?;
        }
    }
    Ok(())
}

fn is_empty(cgroup: &Path) -> io::Result<bool> {
    let mut empty = processes(cgroup)?.is_empty();
    for below in fs::read_dir(cgroup)? {
        let below = below?.path();
        empty &= !below.is_dir() || is_empty(&below)?;
    }
    Ok(empty)
}
//= // Functions of your own may stand here.
//>

/// The processes that are in this cgroup at this moment.
fn processes(cgroup: &Path) -> io::Result<Vec<Pid>> {
    let list = fs::read_to_string(cgroup.join("cgroup.procs"))?;
    let pids = list.lines().filter_map(|line| line.parse().ok());
    Ok(pids.map(Pid::from_raw).collect())
}
