//! One run of QEMU: watched, limited in time, and believed only when the guest has said how it ended.

use std::fs::File;
use std::io::BufReader;
use std::os::fd::AsRawFd;
use std::path::PathBuf;
use std::process::{Command, ExitCode, ExitStatus, Stdio};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::Store;
use super::plan::{Disk, Hierarchy, Machine};
use crate::process::each_line;

/// What the guest's first program prints (tests/vm/stub).
pub(crate) const USERLAND: &str = "drydock: the VM has reached userland";
/// The kernel's last word, at a level that nothing can silence.
const POWER_DOWN: &str = "] reboot: Power down";

/// How QEMU ended.
#[derive(Clone, Copy, Debug)]
pub(crate) enum End {
    Exited(ExitStatus),
    TimedOut,
}

/// Boots with the payload, shows the guest's lines to `each`, and returns the exit code of its job.
pub(crate) fn batch(
    store: &Store,
    machine: &Machine,
    hierarchy: Hierarchy,
    payload: &File,
    limit: Duration,
    mut each: impl FnMut(&str),
) -> Result<u8> {
    let exit = ExitDisk::new(store)?;
    let disks = [disk(payload), exit.disk()];
    let stderr = Stdio::inherit();
    let jobs = |line: &str| {
        if line != USERLAND && !line.ends_with(POWER_DOWN) {
            each(line);
        }
    };
    match watch(store, machine, hierarchy, &disks, limit, stderr, jobs)? {
        End::TimedOut => bail!(
            "the VM was not done after {} seconds, and was stopped",
            limit.as_secs()
        ),
        End::Exited(status) => exit.code(status),
    }
}

/// The same on the user's terminal, for as long as the user likes.
pub(crate) fn interactive(
    store: &Store,
    machine: &Machine,
    hierarchy: Hierarchy,
    payload: &File,
) -> Result<ExitCode> {
    let exit = ExitDisk::new(store)?;
    let disks = [disk(payload), exit.disk()];
    let status = qemu(store, machine, hierarchy, &disks)
        .status()
        .context("cannot run QEMU")?;
    Ok(ExitCode::from(exit.code(status)?))
}

/// Runs QEMU without input. The lines end at the guest's end, or when `limit` has passed and QEMU is killed.
pub(crate) fn watch(
    store: &Store,
    machine: &Machine,
    hierarchy: Hierarchy,
    disks: &[Disk],
    limit: Duration,
    stderr: Stdio,
    mut each: impl FnMut(&str),
) -> Result<End> {
    let mut child = qemu(store, machine, hierarchy, disks)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(stderr)
        .spawn()
        .with_context(|| {
            format!(
                "cannot run {} (`cargo lab test` installs it)",
                machine.arch.emulator()
            )
        })?;
    let stdout = child.stdout.take().context("QEMU's output is not a pipe")?;
    let pid = Pid::from_raw(i32::try_from(child.id())?);
    let (done, ended) = channel::<()>();
    let (timed_out, read) = std::thread::scope(|scope| {
        let watchman = scope.spawn(move || {
            let late = ended.recv_timeout(limit) == Err(RecvTimeoutError::Timeout);
            if late {
                // The child has not been waited for, so the pid is still its own.
                let _ = kill(pid, Signal::SIGKILL);
            }
            late
        });
        let read = each_line(BufReader::new(stdout), &mut each);
        drop(done);
        (watchman.join().unwrap_or(false), read)
    });
    let status = child.wait()?;
    read?;
    Ok(if timed_out {
        End::TimedOut
    } else {
        End::Exited(status)
    })
}

fn qemu(store: &Store, machine: &Machine, hierarchy: Hierarchy, disks: &[Disk]) -> Command {
    // QEMU dies with us, however we die: it is the kernel that kills it (PR_SET_PDEATHSIG).
    let mut command = Command::new("setpriv");
    command
        .args(["--pdeathsig", "KILL", "--", machine.arch.emulator()])
        .args(machine.arguments(hierarchy, disks))
        // What the VM writes to its root is kept here for its lifetime, in a file without a name.
        .env("TMPDIR", &store.directory);
    command
}

/// A file of ours, by a name that holds for as long as we live: it may have no other.
pub(crate) fn name(file: &File) -> PathBuf {
    PathBuf::from(format!(
        "/proc/{}/fd/{}",
        std::process::id(),
        file.as_raw_fd()
    ))
}

fn disk(file: &File) -> Disk {
    Disk {
        path: name(file),
        keep: false,
    }
}

/// The last disk: one sector, to which the guest writes "exit N" as the last thing it does.
struct ExitDisk {
    file: File,
}

impl ExitDisk {
    fn new(store: &Store) -> Result<Self> {
        let file = tempfile::tempfile_in(&store.directory)?;
        file.set_len(4096)?;
        Ok(Self { file })
    }

    fn disk(&self) -> Disk {
        Disk {
            path: name(&self.file),
            keep: true,
        }
    }

    fn code(&self, status: ExitStatus) -> Result<u8> {
        let contents = std::fs::read(name(&self.file))?;
        parse_exit(&contents).with_context(|| {
            format!("the VM ended without an exit code (QEMU: {status}): its last lines say why")
        })
    }
}

fn parse_exit(sector: &[u8]) -> Option<u8> {
    let line = sector.split(|byte| *byte == b'\n').next()?;
    std::str::from_utf8(line)
        .ok()?
        .strip_prefix("exit ")?
        .parse()
        .ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_the_guest_wrote_whole_is_an_exit_code() {
        let mut sector = vec![0; 4096];
        assert_eq!(parse_exit(&sector), None);
        sector[..8].copy_from_slice(b"exit 101");
        assert_eq!(
            parse_exit(&sector),
            None,
            "without the line's end it may be half a number"
        );
        sector[8] = b'\n';
        assert_eq!(parse_exit(&sector), Some(101));
        assert_eq!(parse_exit(b"exit 256\n"), None);
        assert_eq!(parse_exit(b""), None);
    }

    #[test]
    fn a_file_without_a_name_can_be_opened_by_the_one_it_is_given() {
        use std::io::Write;
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(b"exit 7\n").unwrap();
        assert_eq!(std::fs::read(name(&file)).unwrap(), b"exit 7\n");
    }
}
