//! Questions to whoever sits at the terminal.

use std::io::{BufRead, IsTerminal, stdin};

use kit::{Error, Result};
use nix::sys::termios::{LocalFlags, SetArg, Termios, tcgetattr, tcsetattr};

use super::Streams;
use crate::streams::written;

/// Whether anybody can answer.
pub(super) fn is_possible() -> bool {
    stdin().is_terminal()
}

/// A line, as it is typed.
pub(super) fn ask(question: &str, streams: &mut Streams<'_>) -> Result<String> {
    show(question, streams)?;
    let mut answer = String::new();
    stdin()
        .lock()
        .read_line(&mut answer)
        .map_err(|e| failed(&e))?;
    Ok(answer.trim_end_matches(['\r', '\n']).to_owned())
}

/// A line that is not shown while it is typed.
pub(super) fn ask_secretly(question: &str, streams: &mut Streams<'_>) -> Result<String> {
    // Before the question, so that nothing of the answer is shown, or lost.
    let quiet = Quiet::new()?;
    show(question, streams)?;
    let answer = read_secret(stdin().lock());
    drop(quiet);
    show("\n", streams)?;
    answer
}

fn show(question: &str, streams: &mut Streams<'_>) -> Result<()> {
    streams.text(question)?;
    written(streams.out.flush())
}

fn failed(error: &std::io::Error) -> Error {
    Error::io("read from", "the terminal", error)
}

/// The terminal's keys do not signal meanwhile, so that an interrupted question leaves no terminal that shows nothing;
/// what they mean is done here.
fn read_secret(input: impl BufRead) -> Result<String> {
    let mut word = Vec::new();
    for byte in input.bytes() {
        match byte.map_err(|e| failed(&e))? {
            b'\r' | b'\n' => break,
            // ctrl-c, ctrl-d, ctrl-u and the two that mean backspace.
            3 => return Err(Error::new("interrupted")),
            4 => break,
            21 => word.clear(),
            8 | 127 => drop_character(&mut word),
            byte => word.push(byte),
        }
    }
    String::from_utf8(word).map_err(|_| Error::new("what was typed is not UTF-8"))
}

/// In UTF-8 a character's further bytes begin with the bits 10.
fn drop_character(word: &mut Vec<u8>) {
    while word.pop().is_some_and(|byte| byte & 0xc0 == 0x80) {}
}

/// A terminal that does not show what is typed, until this is dropped.
struct Quiet(Termios);

impl Quiet {
    fn new() -> Result<Self> {
        let fails = |errno| Error::sys("hide what is typed on", "the terminal", errno);
        let before = tcgetattr(stdin()).map_err(fails)?;
        let mut quiet = before.clone();
        quiet
            .local_flags
            .remove(LocalFlags::ECHO | LocalFlags::ICANON | LocalFlags::ISIG);
        tcsetattr(stdin(), SetArg::TCSAFLUSH, &quiet).map_err(fails)?;
        Ok(Self(before))
    }
}

impl Drop for Quiet {
    fn drop(&mut self) {
        // A terminal that has gone has nothing to be restored.
        let _ = tcsetattr(stdin(), SetArg::TCSAFLUSH, &self.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_mean_what_they_mean() {
        for (typed, word) in [
            (&b"word\nmore"[..], Some("word")),
            (b"wo\x7f\x7fword\r", Some("word")),
            (b"wrong\x15word", Some("word")),
            ("w\u{e9}\u{7f}ord\u{4}x".as_bytes(), Some("word")),
            (b"\x7f\n", Some("")),
            (b"wo\x03", None),
            (b"\xff\n", None),
        ] {
            assert_eq!(read_secret(typed).ok().as_deref(), word, "{typed:?}");
        }
    }
}
