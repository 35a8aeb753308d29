//! How a check program and `cargo lab` talk.
//!
//! `PROGRAM --list` writes the checks, one JSON object a line; `PROGRAM ID` runs one and writes its [`Verdict`], one
//! line, to what was standard output when it started. The submission's own output goes to standard error, all of it,
//! so that whatever it prints cannot be taken for a verdict. Without a verdict, the check has failed.

use std::any::Any;
use std::cell::RefCell;
use std::fs::File;
use std::io::{self, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;

use serde::{Deserialize, Serialize};

use crate::{Check, Finding, Outcome};

/// A check as `--list` shows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Question {
    /// [`Check::id`].
    pub id: String,
    /// [`Check::asks`].
    pub asks: String,
}

/// How one check ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verdict {
    /// [`Check::id`].
    pub check: String,
    /// Why it did not pass, if it did not.
    pub finding: Option<Finding>,
}

/// Code of a finding about a hole that was not filled in.
pub const HOLE: &str = "hole";
/// Code of a finding about a panic.
pub const PANIC: &str = "panic";

/// The whole life of a check program.
pub fn main(checks: &[Check]) -> ExitCode {
    answer(checks, std::env::args().nth(1).as_deref())
}

/// The same for a program that has read its command line itself: `argument` is `--list` or a check's id.
pub fn answer(checks: &[Check], argument: Option<&str>) -> ExitCode {
    let done = match argument {
        Some("--list") => list(checks, &mut io::stdout()),
        Some(id) => run(checks, id),
        None => {
            refuse("this program is run by `cargo lab check`, in a container that it may break")
        }
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // A closed stderr has nobody to tell.
            let _ = writeln!(io::stderr(), "check: {error}");
            ExitCode::FAILURE
        }
    }
}

fn refuse(why: &str) -> io::Result<()> {
    Err(io::Error::other(why))
}

fn list(checks: &[Check], out: &mut impl Write) -> io::Result<()> {
    for check in checks {
        let question = Question {
            id: check.id.to_owned(),
            asks: check.asks.to_owned(),
        };
        writeln!(out, "{}", serde_json::to_string(&question)?)?;
    }
    out.flush()
}

fn run(checks: &[Check], id: &str) -> io::Result<()> {
    let Some(check) = checks.iter().find(|check| check.id == id) else {
        return refuse(&format!("there is no check called {id}"));
    };
    let mut report = take_stdout()?;
    let verdict = Verdict {
        check: id.to_owned(),
        finding: guarded(check.run).err(),
    };
    let line = serde_json::to_string(&verdict)? + "\n";
    report.write_all(line.as_bytes())
}

/// Keeps standard output for the verdict, and makes standard error the submission's standard output.
fn take_stdout() -> io::Result<File> {
    let report = File::from(std::os::fd::AsFd::as_fd(&io::stdout()).try_clone_to_owned()?);
    kit::sys::descriptor::duplicate_onto(io::stderr(), libc::STDOUT_FILENO)?;
    Ok(report)
}

thread_local! {
    static PANICKED_AT: RefCell<String> = const { RefCell::new(String::new()) };
}

/// Runs `body`; a panic in it is a finding.
pub(crate) fn guarded<T>(body: impl FnOnce() -> Outcome<T>) -> Outcome<T> {
    std::panic::set_hook(Box::new(|info| {
        let place = info
            .location()
            .map(|l| format!("{}:{}", l.file(), l.line()));
        PANICKED_AT.set(place.unwrap_or_default());
    }));
    // Nothing of the body is used again.
    match catch_unwind(AssertUnwindSafe(body)) {
        Ok(outcome) => outcome,
        Err(panic) => Err(explain(&*panic, &PANICKED_AT.take())),
    }
}

fn explain(panic: &(dyn Any + Send), place: &str) -> Finding {
    let text = panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("a panic without a text");
    match text.strip_prefix("not yet implemented") {
        Some(hole) => Finding::new(HOLE, format!("{place} is still to be written{hole}")),
        None => Finding::new(PANIC, format!("your code panicked at {place}: {text}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[expect(clippy::todo, reason = "a hole in an exercise is one")]
    fn a_hole_is_told_from_a_panic() {
        let hole = guarded::<()>(|| todo!("reap the orphans")).unwrap_err();
        assert_eq!(hole.code, HOLE);
        assert!(
            hole.text
                .ends_with("is still to be written: reap the orphans"),
            "{hole:?}"
        );
        let panic = guarded::<()>(|| panic!("at {}", "once")).unwrap_err();
        assert_eq!(panic.code, PANIC);
        assert!(panic.text.ends_with(": at once"), "{panic:?}");
    }

    #[test]
    fn a_list_is_one_object_a_line() {
        let check = |id| Check {
            id,
            asks: "it holds",
            run: || Ok(()),
        };
        let mut out = Vec::new();
        list(&[check("a"), check("b")], &mut out).unwrap();
        let lines: Vec<Question> = out
            .split(|byte| *byte == b'\n')
            .filter(|line| !line.is_empty())
            .map(|line| serde_json::from_slice(line).unwrap())
            .collect();
        assert_eq!(lines.len(), 2);
        assert_eq!(lines[1].id, "b");
    }
}
