//! The second gate: a socket in the container's directory, at which the child waits before execve, and to which whoever
//! starts the container connects. What the child has to say then, it says to him.

use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::path::Path;

use kit::{Error, Result};
use nix::errno::Errno;
use nix::fcntl::{OFlag, open};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::socket::{
    AddressFamily, Backlog, SockFlag, SockType, UnixAddr, bind, connect, listen, socket,
};
use nix::sys::stat::Mode;

use crate::gate::{EMPTY, Gate, LAST_STEP, Word};
use crate::leftover::{Record, SOCKET};

/// Makes the socket in `directory`, for the child to be born with.
pub(crate) fn listen_in(directory: &Path) -> Result<OwnedFd> {
    let fails = |errno| Error::sys("make the second gate in", directory, errno);
    let listener = new_socket().map_err(fails)?;
    with_address(directory, |address| bind(listener.as_raw_fd(), address)).map_err(fails)?;
    // A second starter waits in line, and is told that the container has been started.
    listen(&listener, Backlog::new(8).map_err(fails)?).map_err(fails)?;
    Ok(listener)
}

/// In the child: waits for a starter, and tells him that it begins. One that has died meanwhile, so that he cannot be
/// told, has not started it, and it waits for the next. From `Ready` on it needs nobody: a starter that dies then has
/// started it.
///
/// # Errors
/// ESRCH: `init`, the parent of this process, has died. The kernel does not always say so: if init has become a user, its
/// death may not kill who is still root (PR_SET_PDEATHSIG).
pub(crate) fn wait(listener: &OwnedFd, init: Option<&OwnedFd>) -> nix::Result<Gate> {
    loop {
        let mut set = [listener, init.unwrap_or(listener)]
            .map(|descriptor| PollFd::new(descriptor.as_fd(), PollFlags::POLLIN));
        match poll(&mut set, PollTimeout::NONE) {
            Ok(_) | Err(Errno::EINTR) => {}
            Err(errno) => return Err(errno),
        }
        if init.is_some() && set[1].any() == Some(true) {
            return Err(Errno::ESRCH);
        }
        if set[0].any() != Some(true) {
            continue;
        }
        let gate = match kit::sys::descriptor::accept(listener) {
            Err(Errno::EINTR) => continue,
            other => Gate::from(other?),
        };
        if gate.ready().is_ok() {
            return Ok(gate);
        }
    }
}

/// Opens the second gate of the container in `directory`, whoever has made it, and returns when its command has been
/// executed.
///
/// # Errors
/// There is no container there, it has been started already or has ended; the command is not found (exit code 127) or
/// cannot be executed (126).
pub fn start(directory: &Path) -> Result<()> {
    let record = Record::read(directory)?.ok_or_else(|| {
        Error::new(format!("there is no container in {}", directory.display()))
            .hint("create it first")
    })?;
    let fails = |errno| match errno {
        Errno::ECONNREFUSED | Errno::ENOENT | Errno::ECONNRESET => not_waiting(&record),
        _ => Error::sys("open the second gate in", directory, errno),
    };
    let socket = new_socket().map_err(fails)?;
    with_address(directory, |address| {
        loop {
            match connect(socket.as_raw_fd(), address) {
                // While the line of starters is full.
                Err(Errno::EINTR) => {}
                other => return other,
            }
        }
    })
    .map_err(fails)?;
    hear(&Gate::from(socket), &record)
}

fn hear(gate: &Gate, record: &Record) -> Result<()> {
    let mut is_ready = false;
    let mut buffer = EMPTY;
    loop {
        let word = gate.hear(&mut buffer);
        match word.map_err(|errno| Error::sys("hear from the container", "", errno))? {
            Word::Ready => is_ready = true,
            Word::Failed(LAST_STEP, failure) => return Err(record.program.explain(failure)),
            Word::Failed(_, failure) => return Err(failure.to_error()),
            Word::EndOfFile if is_ready => return Ok(()),
            _ => {
                // Its socket closes a little before it is seen to have ended.
                let _ = record.wait_at_most(GOING);
                return Err(not_waiting(record));
            }
        }
    }
}

/// How long a process that has closed its socket may take to end, in milliseconds.
const GOING: u16 = 100;

fn not_waiting(record: &Record) -> Error {
    match record.process() {
        Ok(Some(_)) => Error::new("the container has been started already"),
        Ok(None) => Error::new("the container has ended"),
        Err(error) => error,
    }
}

fn new_socket() -> nix::Result<OwnedFd> {
    socket(
        AddressFamily::Unix,
        SockType::SeqPacket,
        SockFlag::SOCK_CLOEXEC,
        None,
    )
}

/// A socket's address has 108 bytes, and a path may have 4096: it is named through a descriptor of its directory.
fn with_address<T>(
    directory: &Path,
    call: impl FnOnce(&UnixAddr) -> nix::Result<T>,
) -> nix::Result<T> {
    let flags = OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
    let place = open(directory, flags, Mode::empty())?;
    let path = format!("/proc/self/fd/{}/{SOCKET}", place.as_fd().as_raw_fd());
    call(&UnixAddr::new(path.as_str())?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::program::Program;
    use nix::unistd::Pid;

    #[test]
    fn nobody_is_started_where_nobody_waits() {
        let directory = tempfile::tempdir().unwrap();
        let sentence = || start(directory.path()).unwrap_err().to_string();
        assert!(sentence().starts_with("there is no container in"));
        let record = Record::new(Pid::this(), Program::default(), Vec::new()).unwrap();
        record.write(directory.path()).unwrap();
        assert_eq!(sentence(), "the container has been started already");
        let dead = Record {
            pid: i32::MAX,
            ..record
        };
        dead.write(directory.path()).unwrap();
        assert_eq!(sentence(), "the container has ended");
        // The socket of a process that is dead.
        drop(listen_in(directory.path()).unwrap());
        assert_eq!(sentence(), "the container has ended");
        assert!(listen_in(directory.path()).is_err());
    }

    #[test]
    fn a_starter_that_has_died_is_passed_over() {
        let directory = tempfile::tempdir().unwrap();
        let listener = listen_in(directory.path()).unwrap();
        let [dead, alive] = [(); 2].map(|()| {
            let socket = new_socket().unwrap();
            with_address(directory.path(), |address| {
                connect(socket.as_raw_fd(), address)
            })
            .unwrap();
            Gate::from(socket)
        });
        drop(dead);
        let _theirs = wait(&listener, None).unwrap();
        let mut buffer = EMPTY;
        assert!(matches!(alive.hear(&mut buffer), Ok(Word::Ready)));
    }

    #[test]
    fn a_long_path_is_no_obstacle() {
        let root = tempfile::tempdir().unwrap();
        let directory = root.path().join("x".repeat(200));
        std::fs::create_dir(&directory).unwrap();
        let listener = listen_in(&directory).unwrap();
        let socket = new_socket().unwrap();
        with_address(&directory, |address| connect(socket.as_raw_fd(), address)).unwrap();
        let _theirs = wait(&listener, None).unwrap();
        let mut buffer = EMPTY;
        assert!(matches!(
            Gate::from(socket).hear(&mut buffer),
            Ok(Word::Ready)
        ));
    }
}
