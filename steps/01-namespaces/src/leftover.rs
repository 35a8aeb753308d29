//! What is left of a container when nobody remembers it, written down: enough for any process to undo it.

use std::fs::{self, File};
use std::io::ErrorKind;
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};

use kit::sys::process::{pidfd_open, pidfd_send_signal};
use kit::{Error, Result, marker};
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::unistd::Pid;
use serde::{Deserialize, Serialize};

use crate::exit::Exit;
use crate::program::Program;

/// What one mechanism has made.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Leftover {
    /// The mechanism's name.
    pub mechanism: String,
    /// In a form of the mechanism's own.
    pub made: serde_json::Value,
}

impl Leftover {
    /// What `mechanism` has made.
    ///
    /// # Errors
    /// It cannot be written as JSON.
    pub fn new(mechanism: &str, made: &impl Serialize) -> Result<Self> {
        Ok(Self {
            mechanism: mechanism.to_owned(),
            made: serde_json::to_value(made)
                .map_err(|e| Error::new(format!("cannot write down what {mechanism} made: {e}")))?,
        })
    }

    /// What was made, read again.
    ///
    /// # Errors
    /// It is not of this form.
    pub fn read<T: serde::de::DeserializeOwned>(&self) -> Result<T> {
        serde_json::from_value(self.made.clone()).map_err(|e| {
            Error::new(format!(
                "what is written down of {} cannot be read: {e}",
                self.mechanism
            ))
        })
    }
}

/// How what a mechanism has left is undone, by whoever is there.
#[derive(Clone, Copy, Debug)]
pub struct Undo {
    /// The mechanism's name.
    pub mechanism: &'static str,
    /// Lets the processes run on that it has stopped: a frozen process does not take SIGKILL (cgroup v1).
    pub thaw: Option<fn(&Leftover) -> Result<()>>,
    /// Undoes it; what is gone already is no error.
    pub undo: fn(&Leftover, &mut Exit) -> Result<()>,
    /// Removes what the dead have made and not yet written down, of this container and of others.
    pub sweep: Option<fn()>,
}

impl Undo {
    /// For a mechanism that stops no process, and whose dead leave nothing that is not written down.
    pub const fn new(
        mechanism: &'static str,
        undo: fn(&Leftover, &mut Exit) -> Result<()>,
    ) -> Self {
        Self {
            mechanism,
            thaw: None,
            undo,
            sweep: None,
        }
    }
}

/// A container, written down: `container.json` in its directory.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// Its first process, as the host sees it.
    pub pid: i32,
    /// When that process started, in clock ticks after the boot (proc_pid_stat(5), field 22): no other process has both.
    pub started: u64,
    /// Which boot that was (`/proc/sys/kernel/random/boot_id`).
    pub boot: String,
    /// What is run, to explain why it could not be.
    pub program: Program,
    /// What the mechanisms have made, in the order of the list.
    pub made: Vec<Leftover>,
}

const FILE: &str = "container.json";
/// How the name of a record begins that was not written to its end (`kit::fs`).
const UNFINISHED: &str = ".tmp-";
/// The second gate's socket.
pub(crate) const SOCKET: &str = "start";

impl Record {
    pub(crate) fn new(pid: Pid, program: Program, made: Vec<Leftover>) -> Result<Self> {
        Ok(Self {
            pid: pid.as_raw(),
            started: start_time(pid)
                .ok_or_else(|| Error::sys("look at the process", pid.to_string(), Errno::ESRCH))?,
            boot: boot()?,
            program,
            made,
        })
    }

    /// Reads the record of the container in `directory`; `None` if none was written.
    ///
    /// # Errors
    /// It cannot be read, or is none.
    pub fn read(directory: &Path) -> Result<Option<Self>> {
        let path = directory.join(FILE);
        let text = match fs::read(&path) {
            Err(e) if e.kind() == ErrorKind::NotFound => return Ok(None),
            other => other.map_err(|e| Error::io("read", &path, &e))?,
        };
        serde_json::from_slice(&text).map(Some).map_err(|e| {
            Error::new(format!(
                "{} is not the record of a container: {e}",
                path.display()
            ))
        })
    }

    pub(crate) fn write(&self, directory: &Path) -> Result<()> {
        let text = serde_json::to_vec_pretty(self)
            .map_err(|e| Error::new(format!("cannot write the record of the container: {e}")))?;
        kit::fs::write_atomically(&directory.join(FILE), &text)
    }

    /// The first process, if it is alive.
    ///
    /// # Errors
    /// It cannot be looked at, for want of descriptors or of `/proc`. It may be alive then.
    pub fn process(&self) -> Result<Option<OwnedFd>> {
        if boot()? != self.boot {
            return Ok(None);
        }
        let pid = Pid::from_raw(self.pid);
        let pidfd = match pidfd_open(pid) {
            // EINVAL: the number is no process's, or a thread's that is none.
            Err(Errno::ESRCH | Errno::EINVAL) => return Ok(None),
            other => {
                other.map_err(|errno| Error::sys("look at the process", pid.to_string(), errno))?
            }
        };
        // Looked at after it was opened: if the number was given to another process, that one started later.
        let is_it = start_time(pid) == Some(self.started) && !has_ended(&pidfd);
        Ok(is_it.then_some(pidfd))
    }

    /// The same, for so many milliseconds at most.
    pub(crate) fn wait_at_most(&self, patience: u16) -> Result<()> {
        match self.process()? {
            Some(process) => wait_for_end(&process, PollTimeout::from(patience)),
            None => Ok(()),
        }
    }

    /// Waits until the first process has ended. Only its parent can learn how.
    ///
    /// # Errors
    /// What poll(2) says.
    pub fn wait(&self) -> Result<()> {
        match self.process()? {
            Some(process) => wait_for_end(&process, PollTimeout::NONE),
            None => Ok(()),
        }
    }
}

/// The right to make or to undo the container in a directory, which one process at a time has (flock(2)). The child
/// inherits it for as long as it is being made; so of a creator that was killed, nothing is left any more once somebody
/// else has the right.
#[derive(Debug)]
pub(crate) struct Claim {
    _directory: File,
}

impl Claim {
    /// For a new container.
    ///
    /// # Errors
    /// The directory is another's.
    pub(crate) fn take(directory: &Path) -> Result<Self> {
        let file = File::open(directory).map_err(|e| Error::io("open", directory, &e))?;
        let is_used = |name| directory.join(name).symlink_metadata().is_ok();
        if file.try_lock().is_err() || [SOCKET, FILE].into_iter().any(is_used) {
            return Err(Error::new(format!(
                "{} is another container's directory",
                directory.display()
            ))
            .hint("each container needs one of its own; of one that is gone, what it has left must be undone first"));
        }
        Ok(Self { _directory: file })
    }

    /// To undo. `None` if there is no such directory.
    fn wait_for(directory: &Path) -> Result<Option<Self>> {
        let file = match File::open(directory) {
            Err(e) if e.kind() == ErrorKind::NotFound => return Ok(None),
            other => other.map_err(|e| Error::io("open", directory, &e))?,
        };
        file.lock().map_err(|e| Error::io("lock", directory, &e))?;
        Ok(Some(Self { _directory: file }))
    }
}

// ANCHOR: undo
/// Undoes the container in `directory`, whoever made it: kills what lives, has each mechanism's part undone, the last first,
/// and removes what is written down. It can be done again after a failure, and what is gone already is no error. One that
/// is still being created is waited for.
///
/// # Errors
/// The first part that could not be undone; the others have been nevertheless, and the record stays.
pub fn undo(directory: &Path, ways: &[Undo]) -> Result<Exit> {
    let mut exit = Exit::default();
    let Some(_claim) = Claim::wait_for(directory)? else {
        return Ok(exit);
    };
    if let Some(record) = Record::read(directory)? {
        if let Some(process) = record.process()? {
            kill(&process, &record.made, ways)?;
        }
        let mut result = Ok(());
        for leftover in record.made.iter().rev() {
            marker("spawn", "undo");
            let undone = match way(ways, leftover) {
                Some(way) => (way.undo)(leftover, &mut exit),
                None => Err(Error::new(format!(
                    "nobody here knows how to undo {}",
                    leftover.mechanism
                ))),
            };
            result = result.and(undone);
        }
        result?;
    }
    for sweep in ways.iter().filter_map(|way| way.sweep) {
        sweep();
    }
    sweep(directory)?;
    forget(directory)?;
    Ok(exit)
}
// ANCHOR_END: undo

fn way<'a>(ways: &'a [Undo], leftover: &Leftover) -> Option<&'a Undo> {
    ways.iter().find(|way| way.mechanism == leftover.mechanism)
}

/// SIGKILL, and the end. Where that does not come, the process may be frozen.
fn kill(process: &OwnedFd, made: &[Leftover], ways: &[Undo]) -> Result<()> {
    let _ = pidfd_send_signal(process, libc::SIGKILL);
    if wait_for_end(process, PollTimeout::from(SOON)).is_ok() {
        return Ok(());
    }
    for leftover in made {
        if let Some(thaw) = way(ways, leftover).and_then(|way| way.thaw) {
            thaw(leftover)?;
        }
    }
    wait_for_end(process, PollTimeout::from(10_000u16))
}

/// How long a process takes to end that is not frozen, in milliseconds. A large one takes a while to give its memory back.
const SOON: u16 = 500;

/// Removes the records that were not written to their end.
fn sweep(directory: &Path) -> Result<()> {
    let fails = |e| Error::io("read", directory, &e);
    for entry in fs::read_dir(directory).map_err(fails)? {
        let entry = entry.map_err(fails)?;
        if entry
            .file_name()
            .as_encoded_bytes()
            .starts_with(UNFINISHED.as_bytes())
        {
            remove(&entry.path())?;
        }
    }
    Ok(())
}

/// Removes what is written down, the record last.
pub(crate) fn forget(directory: &Path) -> Result<()> {
    for name in [SOCKET, FILE] {
        remove(&directory.join(name))?;
    }
    Ok(())
}

fn remove(path: &PathBuf) -> Result<()> {
    match fs::remove_file(path) {
        Err(e) if e.kind() != ErrorKind::NotFound => Err(Error::io("remove", path, &e)),
        _ => Ok(()),
    }
}

fn wait_for_end(process: &OwnedFd, patience: PollTimeout) -> Result<()> {
    loop {
        let mut set = [PollFd::new(process.as_fd(), PollFlags::POLLIN)];
        match poll(&mut set, patience) {
            Err(Errno::EINTR) => {}
            Ok(0) => {
                return Err(
                    Error::new("the container's first process outlives SIGKILL").hint(
                        "it hangs in the kernel, for a disk or a server: `ps` shows it in state D",
                    ),
                );
            }
            Ok(_) => return Ok(()),
            Err(errno) => return Err(Error::sys("wait for the container", "", errno)),
        }
    }
}

/// A zombie has ended too, and its pidfd is readable.
fn has_ended(process: &OwnedFd) -> bool {
    let mut set = [PollFd::new(process.as_fd(), PollFlags::POLLIN)];
    poll(&mut set, PollTimeout::ZERO) != Ok(0)
}

/// The name, in brackets, may hold brackets and spaces: what follows begins after the last one.
fn start_time(pid: Pid) -> Option<u64> {
    let stat = fs::read(format!("/proc/{pid}/stat")).ok()?;
    let end = stat.iter().rposition(|byte| *byte == b')')?;
    let fields = std::str::from_utf8(&stat[end + 1..]).ok()?;
    // State is the third.
    fields.split_whitespace().nth(22 - 3)?.parse().ok()
}

fn boot() -> Result<String> {
    let path = "/proc/sys/kernel/random/boot_id";
    let text = fs::read_to_string(path).map_err(|e| Error::io("read", path, &e))?;
    Ok(text.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(pid: Pid) -> Record {
        Record::new(pid, Program::default(), Vec::new()).unwrap()
    }

    #[test]
    fn a_process_is_known_by_its_number_and_its_start() {
        let ours = record(Pid::this());
        assert!(ours.process().unwrap().is_some());
        let earlier = Record {
            started: ours.started - 1,
            ..ours.clone()
        };
        assert!(earlier.process().unwrap().is_none());
        let boot = "another".to_owned();
        assert!(
            Record {
                boot,
                ..ours.clone()
            }
            .process()
            .unwrap()
            .is_none()
        );
        for pid in [i32::MIN, -1, 0, i32::MAX] {
            assert!(
                Record {
                    pid,
                    ..ours.clone()
                }
                .process()
                .unwrap()
                .is_none()
            );
        }
    }

    #[test]
    fn what_is_written_down_is_undone_once_and_the_last_first() {
        let directory = tempfile::tempdir().unwrap();
        let made = ["one", "two"].map(|name| Leftover::new(name, &name).unwrap());
        let gone = Record {
            pid: i32::MAX,
            made: made.to_vec(),
            ..record(Pid::this())
        };
        gone.write(directory.path()).unwrap();
        assert_eq!(Record::read(directory.path()).unwrap(), Some(gone));
        let note: fn(&Leftover, &mut Exit) -> Result<()> = |leftover, exit| {
            exit.notes.push(leftover.read()?);
            Ok(())
        };
        let way = |mechanism| Undo::new(mechanism, note);
        let refused = undo(directory.path(), &[way("one")]).unwrap_err();
        assert!(refused.to_string().contains("two"), "{refused}");
        let both = [way("one"), way("two")];
        assert_eq!(undo(directory.path(), &both).unwrap().notes, ["two", "one"]);
        assert!(undo(directory.path(), &both).unwrap().notes.is_empty());
    }

    #[test]
    fn what_is_no_record_is_not_acted_upon() {
        let directory = tempfile::tempdir().unwrap();
        for text in ["", "{}", "null", "[1]", "{\"pid\": 1}"] {
            fs::write(directory.path().join(FILE), text).unwrap();
            assert!(undo(directory.path(), &[]).is_err(), "{text}");
        }
    }
}
