//! What an attempt comes to.

use std::fmt;
use std::io;
use std::str::FromStr;

use nix::errno::Errno;
use serde::{Deserialize, Serialize};

/// How an attack ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// The container got what it must not have.
    Escaped,
    /// It did not.
    Stopped,
    /// It could not be tried: something is missing. This is never counted as stopped.
    NotRun,
}

impl Outcome {
    const ALL: [Self; 3] = [Self::Escaped, Self::Stopped, Self::NotRun];

    /// The word at the beginning of an answer.
    pub fn word(self) -> &'static str {
        match self {
            Self::Escaped => "escaped",
            Self::Stopped => "stopped",
            Self::NotRun => "not run",
        }
    }

    /// The exit code of `attack`: 0 escaped, 1 stopped, 2 not run.
    pub fn exit_code(self) -> u8 {
        match self {
            Self::Escaped => 0,
            Self::Stopped => 1,
            Self::NotRun => 2,
        }
    }
}

/// An outcome, and what it is known by. As text it is one line, `stopped: open /proc/kcore: EACCES`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answer {
    /// How it ended.
    pub outcome: Outcome,
    /// What was seen, or what the kernel said.
    pub evidence: String,
}

impl Answer {
    /// An answer of one line, whatever the evidence was made of.
    pub fn new(outcome: Outcome, evidence: impl Into<String>) -> Self {
        let evidence = evidence.into().replace(['\n', '\r', '\0'], " ");
        Self {
            outcome,
            evidence: evidence.trim().to_owned(),
        }
    }
}

impl From<Result<String, Refusal>> for Answer {
    fn from(attempt: Result<String, Refusal>) -> Self {
        match attempt {
            Ok(what) => Self::new(Outcome::Escaped, what),
            Err(Refusal::Stopped(why)) => Self::new(Outcome::Stopped, why),
            Err(Refusal::NotRun(why)) => Self::new(Outcome::NotRun, why),
        }
    }
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.outcome.word(), self.evidence)
    }
}

impl FromStr for Answer {
    type Err = ();

    fn from_str(line: &str) -> Result<Self, ()> {
        let (word, evidence) = line.split_once(": ").ok_or(())?;
        let outcome = Outcome::ALL.into_iter().find(|o| o.word() == word);
        Ok(Self::new(outcome.ok_or(())?, evidence))
    }
}

/// Why an attempt got nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The kernel, or what it was shown, stood in the way.
    Stopped(String),
    /// It could not be tried at all.
    NotRun(String),
}

/// For `map_err`: what was tried, and the kernel's answer, mean that it was stopped.
pub(crate) fn stopped<E: Into<io::Error>>(what: impl fmt::Display) -> impl FnOnce(E) -> Refusal {
    move |error| Refusal::Stopped(format!("{what}: {}", errno(&error.into())))
}

/// The same for what every container may do: if it fails, something else is wrong.
pub(crate) fn unable<E: Into<io::Error>>(what: impl fmt::Display) -> impl FnOnce(E) -> Refusal {
    move |error| Refusal::NotRun(format!("{what}: {}", errno(&error.into())))
}

/// The kernel's own name for it.
pub(crate) fn errno(error: &io::Error) -> String {
    match error.raw_os_error() {
        Some(number) => format!("{:?}", Errno::from_raw(number)),
        None => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_one_line_and_can_be_read_back() {
        for attempt in [
            Ok("saw \"it\"\nand more".to_owned()),
            Err(stopped("open /x: y")(Errno::EACCES)),
            Err(Refusal::NotRun("no disk".to_owned())),
        ] {
            let answer = Answer::from(attempt);
            let line = answer.to_string();
            assert_eq!(line.lines().count(), 1);
            assert_eq!(line.parse(), Ok(answer));
        }
        assert_eq!(
            Answer::from(Err(stopped("open /x")(Errno::EACCES))).to_string(),
            "stopped: open /x: EACCES"
        );
        assert!("ready".parse::<Answer>().is_err());
    }
}
