// ANCHOR: drawing
//! The gate: the one socket pair between parent and child, and all that is ever said on it.
//!
//! ```text
//!    parent                                     child
//!      │                  clone3                  │
//!      ├─────────────────────────────────────────▶│  waits
//!      │  attach …                                │
//!      │                    Go                    │
//!      ├─────────────────────────────────────────▶│  enter …
//!      │           Ask (mechanism, words)         │  only if a mechanism does
//!      │◀─────────────────────────────────────────┤
//!      │                  Answer                  │
//!      ├─────────────────────────────────────────▶│
//!      │            Terminal (a descriptor)       │  only with -t
//!      │◀─────────────────────────────────────────┤
//!      │      Failed (mechanism, operation,       │  and the child is gone
//!      │◀┄┄┄┄┄┄┄┄┄┄┄┄ path, errno) ┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┤
//!      │                 Created                  │  only if it is not to start yet:
//!      │◀─────────────────────────────────────────┤
//!      │                   Keep                   │  the parent has written all down,
//!      ├─────────────────────────────────────────▶│  and may go
//!      ┊                                          │
//!    whoever starts it        connects            │  the second gate
//!      ├─────────────────────────────────────────▶│
//!      │                   Ready                  │  seal … (not if he has died: it waits for the next)
//!      │◀─────────────────────────────────────────┤
//!      │               end of file                │  execve closed it
//!      │◀═════════════════════════════════════════╡
//! ```
//!
//! End of file before `Ready` means that the other side died. SOCK_SEQPACKET keeps the messages apart, and, unlike a
//! datagram socket, has an end of file (unix(7)).
// ANCHOR_END: drawing

use std::io::IoSlice;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};

use kit::Failure;
use nix::errno::Errno;
use nix::sys::socket::{
    AddressFamily, ControlMessage, MsgFlags, SockFlag, SockType, sendmsg, socketpair,
};

/// One end of the socket pair.
#[derive(Debug)]
pub(crate) struct Gate {
    socket: OwnedFd,
}

/// What the child says.
#[derive(Debug)]
pub(crate) enum Word<'a> {
    /// Every mechanism is entered; what is left is to seal and to execute.
    Ready,
    /// It waits at the second gate, as soon as it is told that all is written down.
    Created,
    /// The mechanism of this index asks its other half.
    Ask(u8, &'a [u8], Option<OwnedFd>),
    /// The pseudoterminal's master side.
    Terminal(OwnedFd),
    /// It has failed, in the mechanism of this index of the list, or in the last step, [`LAST_STEP`].
    Failed(u8, Failure<'a>),
    /// It is gone, or has executed the command.
    EndOfFile,
}

/// In place of a mechanism's index: what comes after the mechanisms, up to execve.
pub(crate) const LAST_STEP: u8 = u8::MAX;

/// Room for one message: a path may have PATH_MAX bytes, and what does not fit is cut.
pub(crate) type Buffer = [u8; 4600];
/// A buffer for [`Gate::hear`].
pub(crate) const EMPTY: Buffer = [0; 4600];

const GO: &[u8] = b"G";
const KEEP: &[u8] = b"K";
const ANSWER: u8 = b'A';
const ASK: u8 = b'Q';
const CREATED: u8 = b'C';
const READY: u8 = b'R';
const TERMINAL: u8 = b'T';
const FAILED: u8 = b'F';
/// Tag, mechanism, errno, length of the operation.
const HEAD: usize = 1 + 1 + 4 + 2;

impl Gate {
    /// The parent's end and the child's end.
    pub(crate) fn pair() -> nix::Result<(Self, Self)> {
        let (parent, child) = socketpair(
            AddressFamily::Unix,
            SockType::SeqPacket,
            None,
            SockFlag::SOCK_CLOEXEC,
        )?;
        Ok((Self { socket: parent }, Self { socket: child }))
    }

    /// Parent: opens the gate.
    pub(crate) fn open(&self) -> nix::Result<()> {
        self.send(GO, &[])
    }

    /// Child: waits until the gate opens. False if the parent died first.
    pub(crate) fn wait(&self) -> bool {
        let mut byte = [0; 1];
        self.receive(&mut byte)
            .is_ok_and(|(length, _)| length == 1 && byte == GO)
    }

    /// Parent: everything is written down, and the child may live without us.
    pub(crate) fn keep(&self) -> nix::Result<()> {
        self.send(KEEP, &[])
    }

    /// Child: says that it is created, and waits until that is written down. False if the parent died first.
    pub(crate) fn created(&self) -> bool {
        let mut byte = [0; 1];
        self.send(&[CREATED], &[]).is_ok()
            && self
                .receive(&mut byte)
                .is_ok_and(|(length, _)| length == 1 && byte == KEEP)
    }

    /// Child: asks the parent's half of a mechanism.
    pub(crate) fn ask(
        &self,
        mechanism: u8,
        question: &[u8],
        descriptor: Option<BorrowedFd<'_>>,
    ) -> nix::Result<()> {
        let mut buffer = EMPTY;
        let end = 2 + question.len();
        let message = buffer.get_mut(..end).ok_or(Errno::EMSGSIZE)?;
        message[..2].copy_from_slice(&[ASK, mechanism]);
        message[2..].copy_from_slice(question);
        match descriptor {
            Some(descriptor) => self.send(message, &[descriptor.as_raw_fd()]),
            None => self.send(message, &[]),
        }
    }

    /// Parent: answers.
    pub(crate) fn answer(&self, words: &[u8]) -> nix::Result<()> {
        if words.len() >= EMPTY.len() {
            return Err(Errno::EMSGSIZE);
        }
        self.send(&[&[ANSWER], words].concat(), &[])
    }

    /// Child: the answer to what was asked.
    pub(crate) fn hear_answer(&self, answer: &mut [u8]) -> nix::Result<usize> {
        let mut buffer = EMPTY;
        let (length, _) = self.receive(&mut buffer)?;
        match &buffer[..length] {
            [ANSWER, words @ ..] => {
                let room = answer.get_mut(..words.len()).ok_or(Errno::EMSGSIZE)?;
                room.copy_from_slice(words);
                Ok(words.len())
            }
            [] => Err(Errno::EPIPE),
            _ => Err(Errno::EBADMSG),
        }
    }

    /// Child: says that all is entered.
    pub(crate) fn ready(&self) -> nix::Result<()> {
        self.send(&[READY], &[])
    }

    /// Child: hands the master side of its terminal to the parent.
    pub(crate) fn send_terminal(&self, master: impl AsFd) -> nix::Result<()> {
        self.send(&[TERMINAL], &[master.as_fd().as_raw_fd()])
    }

    /// Child: reports what failed. There is nobody to tell if even this fails.
    pub(crate) fn fail(&self, mechanism: u8, failure: &Failure<'_>) {
        let mut buffer = EMPTY;
        let length = encode(&mut buffer, mechanism, failure);
        let _ = self.send(&buffer[..length], &[]);
    }

    /// Parent: the child's next word. Blocks.
    pub(crate) fn hear<'b>(&self, buffer: &'b mut Buffer) -> nix::Result<Word<'b>> {
        let (length, descriptor) = match self.receive(buffer) {
            Ok(received) => received,
            // The child died with our word unread.
            Err(Errno::ECONNRESET) => return Ok(Word::EndOfFile),
            Err(errno) => return Err(errno),
        };
        match (&buffer[..length], descriptor) {
            ([], _) => Ok(Word::EndOfFile),
            ([READY], None) => Ok(Word::Ready),
            ([CREATED], None) => Ok(Word::Created),
            ([ASK, mechanism, words @ ..], descriptor) => {
                Ok(Word::Ask(*mechanism, words, descriptor))
            }
            ([TERMINAL], Some(master)) => Ok(Word::Terminal(master)),
            (message, _) => decode(message).ok_or(Errno::EBADMSG),
        }
    }

    /// Child: whether the parent has died meanwhile.
    pub(crate) fn is_abandoned(&self) -> bool {
        let mut byte = [0; 1];
        let peeked = nix::sys::socket::recv(
            self.socket.as_raw_fd(),
            &mut byte,
            MsgFlags::MSG_PEEK | MsgFlags::MSG_DONTWAIT,
        );
        matches!(peeked, Ok(0) | Err(Errno::ECONNRESET))
    }

    fn send(&self, message: &[u8], descriptors: &[RawFd]) -> nix::Result<()> {
        let rights = [ControlMessage::ScmRights(descriptors)];
        let control = if descriptors.is_empty() {
            &[]
        } else {
            &rights[..]
        };
        sendmsg::<()>(
            self.socket.as_raw_fd(),
            &[IoSlice::new(message)],
            control,
            // A peer that died is an errno for us, not a signal.
            MsgFlags::MSG_NOSIGNAL,
            None,
        )
        .map(drop)
    }

    fn receive(&self, buffer: &mut [u8]) -> nix::Result<(usize, Option<OwnedFd>)> {
        loop {
            match kit::sys::descriptor::receive(&self.socket, buffer) {
                Err(Errno::EINTR) => {}
                other => return other,
            }
        }
    }
}

impl From<OwnedFd> for Gate {
    /// A connection to the second gate.
    fn from(socket: OwnedFd) -> Self {
        Self { socket }
    }
}

impl AsFd for Gate {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

/// Writes the message and returns its length; the path is cut to the room that is left.
fn encode(buffer: &mut Buffer, mechanism: u8, failure: &Failure<'_>) -> usize {
    let operation = failure.operation.as_bytes();
    let operation = &operation[..operation.len().min(255)];
    let room = buffer.len() - HEAD - operation.len();
    let path = &failure.path[..failure.path.len().min(room)];
    buffer[0] = FAILED;
    buffer[1] = mechanism;
    buffer[2..6].copy_from_slice(&(failure.errno as i32).to_le_bytes());
    buffer[6..8].copy_from_slice(&(operation.len() as u16).to_le_bytes());
    let end = HEAD + operation.len();
    buffer[HEAD..end].copy_from_slice(operation);
    buffer[end..end + path.len()].copy_from_slice(path);
    end + path.len()
}

fn decode(message: &[u8]) -> Option<Word<'_>> {
    let (head, rest) = message.split_at_checked(HEAD)?;
    if head[0] != FAILED {
        return None;
    }
    let errno = i32::from_le_bytes(head[2..6].try_into().ok()?);
    let length = u16::from_le_bytes(head[6..8].try_into().ok()?);
    let (operation, path) = rest.split_at_checked(length.into())?;
    let operation = std::str::from_utf8(operation).ok()?;
    Some(Word::Failed(
        head[1],
        Failure::new(operation, path, Errno::from_raw(errno)),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_comes_home_whole() {
        let (parent, child) = Gate::pair().unwrap();
        let failure = Failure::new("mount proc on", b"/proc/\xff", Errno::EPERM);
        child.fail(3, &failure);
        let mut buffer = EMPTY;
        match parent.hear(&mut buffer).unwrap() {
            Word::Failed(3, heard) => assert_eq!(heard, failure),
            other => panic!("heard {other:?}"),
        }
    }

    #[test]
    fn a_path_too_long_is_cut_and_does_not_lose_the_errno() {
        let (parent, child) = Gate::pair().unwrap();
        let path = vec![b'x'; 100_000];
        child.fail(0, &Failure::new("open", &path, Errno::ENAMETOOLONG));
        let mut buffer = EMPTY;
        match parent.hear(&mut buffer).unwrap() {
            Word::Failed(0, heard) => assert_eq!(heard.errno, Errno::ENAMETOOLONG),
            other => panic!("heard {other:?}"),
        }
    }

    #[test]
    fn a_question_is_answered() {
        let (parent, child) = Gate::pair().unwrap();
        let file = std::fs::File::open("/dev/null").unwrap();
        child.ask(2, b"what?", Some(file.as_fd())).unwrap();
        let mut buffer = EMPTY;
        match parent.hear(&mut buffer).unwrap() {
            Word::Ask(2, b"what?", Some(_)) => {}
            other => panic!("heard {other:?}"),
        }
        parent.answer(b"that").unwrap();
        let mut answer = [0; 4];
        assert_eq!(child.hear_answer(&mut answer), Ok(4));
        assert_eq!(&answer, b"that");
        parent.answer(b"too long").unwrap();
        assert_eq!(child.hear_answer(&mut answer), Err(Errno::EMSGSIZE));
        assert_eq!(child.ask(0, &[b'x'; 5000], None), Err(Errno::EMSGSIZE));
        assert_eq!(parent.answer(&[b'x'; 4600]), Err(Errno::EMSGSIZE));
        drop(parent);
        assert_eq!(child.hear_answer(&mut answer), Err(Errno::EPIPE));
    }

    #[test]
    fn a_dead_peer_is_end_of_file_for_both() {
        let (parent, child) = Gate::pair().unwrap();
        assert!(!child.is_abandoned());
        drop(parent);
        assert!(child.is_abandoned());
        assert!(!child.wait());

        let (parent, child) = Gate::pair().unwrap();
        parent.open().unwrap();
        drop(child);
        let mut buffer = EMPTY;
        assert!(matches!(parent.hear(&mut buffer), Ok(Word::EndOfFile)));
    }

    #[test]
    fn nonsense_on_the_wire_is_not_a_word() {
        assert!(decode(b"").is_none());
        assert!(decode(b"F").is_none());
        assert!(decode(b"F\x00\x01\x00\x00\x00\xff\xffopen").is_none());
    }
}
