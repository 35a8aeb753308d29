//! One chapter's sandbox, seen from outside: a process that is given commands, and what they print.
//!
//! The commands become one script for one shell (so that `cd` and `$?` work as in a terminal), with a marker behind
//! each command's output. The shell is the child of a process that `inside` describes; when that ends, or we do, the
//! kernel ends everything in it.

use std::fs;
use std::io::{PipeReader, Read};
use std::os::fd::AsFd;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use super::transcript::{Exchange, Prompt};

/// What a command did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Done {
    /// Its standard output and standard error, in the order in which they came; whole lines.
    pub output: String,
    /// Its exit code; `None` if the shell was gone before it ended.
    pub code: Option<u8>,
}

/// What a sandbox is made of.
pub(crate) struct Setup<'a> {
    /// Where the steps' programs are.
    pub programs: &'a Path,
    /// Whether it keeps the machine's network.
    pub network: bool,
    /// How long one command may take.
    pub patience: Duration,
}

/// How long the sandbox may take to be set up, however little its commands may: a busy machine needs seconds for it.
const SETUP: Duration = Duration::from_secs(300);

/// How long processes that were killed may take to be gone.
const ENDING: Duration = Duration::from_secs(30);

/// More than anybody would read: a command that prints this much has gone wrong.
const MOST_OUTPUT: usize = 256 * 1024;

/// Runs the commands, one after the other, and returns what each did. After one that never ends, or ends the shell,
/// there is nothing more to return.
pub(crate) fn run(setup: &Setup<'_>, exchanges: &[Exchange]) -> Result<Vec<Done>> {
    let scratch = tempfile::Builder::new().prefix("drydock-book.").tempdir()?;
    let marker = Marker(format!("\x1e{}", kit::id::Id::random()?));
    let script = scratch.path().join("script");
    fs::write(&script, marker.script(exchanges))?;
    let (reader, writer) = std::io::pipe()?;
    let mut command =
        Command::new(std::env::current_exe().context("cannot tell which program we are")?);
    command
        .args(["book", "inside", "--programs"])
        .arg(setup.programs)
        .args(setup.network.then_some("--network"))
        .arg(scratch.path())
        // Inside, the lab's roots are where they are by default, and private.
        .env_remove("DRYDOCK_ROOT")
        .env_remove("DRYDOCK_RUN")
        .stdin(Stdio::null())
        .stdout(writer.try_clone()?)
        .stderr(writer);
    let child = command.spawn().context("cannot start the sandbox")?;
    // It holds the pipe's other end, which has to be closed for the end of file to come.
    drop(command);
    let mut reading = Reading {
        reader,
        child,
        text: Vec::new(),
        marker,
        dones: Vec::new(),
    };
    let result = reading.all(1 + exchanges.len(), setup.patience);
    reading.end();
    result?;
    let mut dones = reading.dones.into_iter();
    match dones.next() {
        Some(Done { code: Some(_), .. }) => Ok(dones.collect()),
        begun => bail!(
            "the sandbox could not be set up: {}",
            begun.map(|done| done.output).unwrap_or_default().trim()
        ),
    }
}

/// What stands behind each command's output; no command can guess it.
struct Marker(String);

impl Marker {
    /// The whole chapter as a script for bash(1).
    fn script(&self, exchanges: &[Exchange]) -> String {
        let marker = quote(&self.0);
        let mut script =
            format!("set_code() {{ return \"$1\"; }}\ncode=0; printf '%s 0\\n' {marker}\n");
        for exchange in exchanges {
            let command = quote(&exchange.command);
            let line = match exchange.prompt {
                Prompt::Root => format!("set_code $code; eval {command}"),
                // The user's shell is a new one, but `echo $?` has to work in it.
                Prompt::User => format!(
                    "setpriv --reuid=1000 --regid=1000 --clear-groups --inh-caps=-all \
                     bash --noprofile --norc -c \"(exit $code); \"{command}"
                ),
            };
            script.push_str(&format!(
                "{line}\ncode=$?; printf '%s %d\\n' {marker} $code\n"
            ));
        }
        script
    }

    /// Cuts the first command's output and code off the front of `text`.
    fn cut(&self, text: &mut Vec<u8>) -> Option<Done> {
        let marker = self.0.as_bytes();
        let at = text
            .windows(marker.len())
            .position(|window| window == marker)?;
        let end = at + text[at..].iter().position(|byte| *byte == b'\n')?;
        let code = std::str::from_utf8(&text[at + marker.len()..end])
            .ok()?
            .trim()
            .parse()
            .ok();
        let done = Done {
            output: lines(&text[..at]),
            code,
        };
        text.drain(..=end);
        Some(done)
    }
}

/// As a page can show it: valid text of whole lines.
fn lines(output: &[u8]) -> String {
    let mut text = String::from_utf8_lossy(output).replace("\r\n", "\n");
    if !text.is_empty() && !text.ends_with('\n') {
        text.push('\n');
    }
    text
}

/// As one word of a shell.
fn quote(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

struct Reading {
    reader: PipeReader,
    child: Child,
    text: Vec<u8>,
    marker: Marker,
    dones: Vec<Done>,
}

impl Reading {
    fn all(&mut self, count: usize, patience: Duration) -> Result<()> {
        let mut last = Instant::now();
        let mut buffer = [0; 16 * 1024];
        while self.dones.len() < count {
            // The first marker says that the shell has begun.
            let patience = if self.dones.is_empty() {
                SETUP
            } else {
                patience
            };
            let left = patience.saturating_sub(last.elapsed());
            let gone = left.is_zero() || !self.is_readable(left)?;
            if gone || self.text.len() > MOST_OUTPUT {
                let why = if gone {
                    format!("\n[not ended after {} s, and killed]\n", patience.as_secs())
                } else {
                    self.text.truncate(4096);
                    "\n[prints without end, and killed]\n".to_owned()
                };
                self.text.extend_from_slice(why.as_bytes());
                return self.broken_off();
            }
            match self.reader.read(&mut buffer)? {
                0 => return self.broken_off(),
                length => self.text.extend_from_slice(&buffer[..length]),
            }
            while let Some(done) = self.marker.cut(&mut self.text) {
                self.dones.push(done);
                last = Instant::now();
            }
        }
        Ok(())
    }

    /// What came of the command that did not end is shown, without an exit code.
    fn broken_off(&mut self) -> Result<()> {
        self.dones.push(Done {
            output: lines(&self.text),
            code: None,
        });
        Ok(())
    }

    fn is_readable(&self, patience: Duration) -> Result<bool> {
        let mut set = [PollFd::new(self.reader.as_fd(), PollFlags::POLLIN)];
        let timeout = PollTimeout::try_from(patience).unwrap_or(PollTimeout::MAX);
        Ok(poll(&mut set, timeout)? > 0)
    }

    /// The sandbox's first process dies with this child, and with it all others (pid_namespaces(7)).
    fn end(&mut self) {
        // An error means that it has ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
        // Whatever still ends has the pipe open: the end of file says that nobody is left.
        let mut rest = [0; 16 * 1024];
        while self.is_readable(ENDING).unwrap_or(false)
            && self.reader.read(&mut rest).is_ok_and(|length| length > 0)
        {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outputs_are_cut_at_the_marker_as_they_come() {
        let marker = Marker("\x1eM".into());
        let mut text = b"one\n\x1eM 0\ntwo\x1eM 3\n\x1eM".to_vec();
        let done = |output: &str, code| {
            Some(Done {
                output: output.into(),
                code: Some(code),
            })
        };
        assert_eq!(marker.cut(&mut text), done("one\n", 0));
        assert_eq!(marker.cut(&mut text), done("two\n", 3));
        assert_eq!(
            marker.cut(&mut text),
            None,
            "the marker's own line is not whole"
        );
        assert_eq!(text, b"\x1eM");
    }

    #[test]
    fn the_script_keeps_exit_codes_from_one_command_to_the_next() {
        let exchange = |command: &str| Exchange {
            prompt: Prompt::Root,
            command: command.into(),
            output: String::new(),
        };
        let marker = Marker("=".into());
        let script =
            marker.script(&["sh -c 'exit 3'", "echo $?", "cd /", "pwd; false"].map(exchange));
        let output = Command::new("bash").args(["-c", &script]).output().unwrap();
        assert_eq!(
            String::from_utf8_lossy(&output.stdout),
            "= 0\n= 3\n3\n= 0\n= 0\n/\n= 1\n"
        );
    }
}
