//! What the command reads from and writes to, as values.

use std::fs::File;
use std::io::IoSlice;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};

use kit::sys::descriptor::{duplicate_above, duplicate_onto};
use kit::{Error, Failure, Result};
use nix::sys::socket::{ControlMessage, MsgFlags, sendmsg};

/// The command's standard streams, and what else it inherits.
#[derive(Debug, Default)]
pub struct Streams {
    /// Standard input, output and error. A terminal takes their place.
    pub standard: [Stream; 3],
    /// Where the terminal's master side goes, if the command has a terminal.
    pub console: Console,
    /// Descriptors that the command inherits as 3, 4 and so on.
    pub kept: Vec<OwnedFd>,
}

/// One of the standard streams.
#[derive(Debug, Default)]
pub enum Stream {
    /// The caller's own.
    #[default]
    Inherit,
    /// `/dev/null`.
    Null,
    /// This.
    Given(OwnedFd),
}

/// Who drives the command's terminal.
#[derive(Debug)]
pub enum Console {
    /// We do, from our own terminal.
    Pump {
        /// Whether our standard input is typed into it.
        input: bool,
    },
    /// Somebody who gets the master side on this unix socket (SCM_RIGHTS, unix(7)), as runc's `--console-socket` has it.
    Socket(OwnedFd),
}

impl Default for Console {
    fn default() -> Self {
        Self::Pump { input: false }
    }
}

impl Streams {
    /// The caller's own streams; without `input`, the command reads `/dev/null`, or nothing of what is typed.
    pub fn ours(input: bool) -> Self {
        let first = match input {
            true => Stream::Inherit,
            false => Stream::Null,
        };
        Self {
            standard: [first, Stream::Inherit, Stream::Inherit],
            console: Console::Pump { input },
            kept: Vec::new(),
        }
    }

    /// Opens what has to be opened: `/dev/null` on the host, where it is what it says.
    pub(crate) fn prepare(self, has_terminal: bool) -> Result<Prepared> {
        let [input, output, error] = self.standard;
        let open = |stream, is_input| match stream {
            Stream::Given(descriptor) if !has_terminal => Ok(Some(descriptor)),
            Stream::Null if !has_terminal => open_null(is_input).map(Some),
            _ => Ok(None),
        };
        Ok(Prepared {
            standard: [
                open(input, true)?,
                open(output, false)?,
                open(error, false)?,
            ],
            console: self.console,
            kept: self.kept,
        })
    }
}

/// [`Streams`] for the child.
#[derive(Debug)]
pub(crate) struct Prepared {
    standard: [Option<OwnedFd>; 3],
    pub(crate) console: Console,
    kept: Vec<OwnedFd>,
}

/// The first descriptor after standard input, output and error.
pub(crate) const FIRST: RawFd = 3;

impl Prepared {
    /// In the child: puts the standard streams in place.
    pub(crate) fn apply(&self) -> Result<(), Failure<'static>> {
        for (number, stream) in (0..).zip(&self.standard) {
            if let Some(stream) = stream {
                duplicate_onto(stream, number)
                    .map_err(Failure::of("make it a standard stream", b""))?;
            }
        }
        Ok(())
    }

    /// The first descriptor after those that the command inherits.
    pub(crate) fn end(&self) -> RawFd {
        FIRST + self.kept.len() as RawFd
    }

    /// In the child: puts what is kept at 3, 4 …, and what we ourselves still need (`ours`) behind it. Everything is moved
    /// out of the way first, since one's place may be another's number.
    pub(crate) fn keep<const N: usize>(
        &self,
        ours: [Option<BorrowedFd<'_>>; N],
    ) -> nix::Result<[Option<OwnedFd>; N]> {
        let end = self.end();
        let mut moved: [Option<OwnedFd>; N] = [const { None }; N];
        for (to, from) in moved.iter_mut().zip(ours) {
            *to = from.map(|from| duplicate_above(from, end)).transpose()?;
        }
        let mut aside = Vec::with_capacity(self.kept.len());
        for kept in &self.kept {
            aside.push(duplicate_above(kept.as_fd(), end)?);
        }
        for (number, kept) in (FIRST..).zip(&aside) {
            duplicate_onto(kept, number)?;
        }
        Ok(moved)
    }

    /// In the parent: what becomes of the terminal's master side. If we are to drive it, it comes back, with whether our
    /// standard input is typed into it.
    pub(crate) fn take_terminal(&self, master: OwnedFd) -> Result<Option<(OwnedFd, bool)>> {
        match &self.console {
            Console::Pump { input } => Ok(Some((master, *input))),
            Console::Socket(socket) => send_console(socket, &master).map(|()| None),
        }
    }

    pub(crate) fn keeps_any(&self) -> bool {
        !self.kept.is_empty()
    }
}

/// As runc sends it: one descriptor, with a name of the terminal that nobody has to believe.
fn send_console(socket: &OwnedFd, master: &OwnedFd) -> Result<()> {
    let descriptors = [master.as_raw_fd()];
    sendmsg::<()>(
        socket.as_raw_fd(),
        &[IoSlice::new(b"/dev/ptmx")],
        &[ControlMessage::ScmRights(&descriptors)],
        MsgFlags::MSG_NOSIGNAL,
        None,
    )
    .map(drop)
    .map_err(|errno| {
        Error::sys("send the terminal to the console socket", "", errno)
            .hint("it must be a unix socket that somebody is connected to and reads from")
    })
}

fn open_null(is_input: bool) -> Result<OwnedFd> {
    File::options()
        .read(is_input)
        .write(!is_input)
        .open("/dev/null")
        .map(OwnedFd::from)
        .map_err(|e| Error::io("open", "/dev/null", &e))
}
