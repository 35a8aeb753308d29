//! What the checks of the exercises are written with.
//!
//! A check looks at what the kernel shows (`/proc`, mounts, descriptors, cgroups), not at what a submission prints, and
//! says what it found as a sentence about that view. Each finding has a code besides, so that the same mistake can be
//! recognised again: the codes of all failing checks together tell one misconception from another.
//!
//! ```no_run
//! use std::process::ExitCode;
//!
//! use checks::{Check, Outcome, ensure};
//!
//! pub fn main() -> ExitCode {
//!     checks::main(&[Check {
//!         id: "own-pid-namespace",
//!         asks: "the child is in a PID namespace of its own",
//!         run: own_pid_namespace,
//!     }])
//! }
//!
//! fn own_pid_namespace() -> Outcome {
//!     let (ours, theirs) = (checks::proc::namespace("self", "pid"), checks::proc::namespace(4711, "pid"));
//!     ensure!(ours != theirs, "pid-shared", "the child's /proc/PID/ns/pid is {theirs}, the same as the host's");
//!     Ok(())
//! }
//! ```
//!
//! `cargo lab check` runs every check in a container of its own, made by the steps' libraries; see [`protocol`].

pub mod cgroup;
pub mod child;
pub mod client;
pub mod proc;
pub mod protocol;
pub mod server;
pub mod tester;

pub use child::{Probation, probation};
pub use protocol::{Verdict, answer, main};

/// One question that a submission is asked.
#[derive(Clone, Copy, Debug)]
pub struct Check {
    /// Its stable name, in lower case with hyphens.
    pub id: &'static str,
    /// What must be true, as a clause: "the child waits until it is mapped".
    pub asks: &'static str,
    /// Finds out.
    pub run: fn() -> Outcome,
}

/// What a check comes to.
pub type Outcome<T = ()> = Result<T, Finding>;

/// Why a submission does not pass: what the kernel shows, and what that means.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Finding {
    /// The kind of mistake, stable and the same on every machine.
    pub code: String,
    /// The sentence for the learner.
    pub text: String,
}

impl Finding {
    /// A finding; [`found!`] formats the text.
    pub fn new(code: impl Into<String>, text: impl Into<String>) -> Self {
        Self {
            code: code.into(),
            text: text.into(),
        }
    }
}

/// What goes wrong in a check's own preparations is no finding about the submission, but has to be said too.
impl From<nix::errno::Errno> for Finding {
    fn from(errno: nix::errno::Errno) -> Self {
        Self::new(
            "check-broken",
            format!("the check itself failed: {} ({errno:?})", errno.desc()),
        )
    }
}

impl From<std::io::Error> for Finding {
    fn from(error: std::io::Error) -> Self {
        Self::new("check-broken", format!("the check itself failed: {error}"))
    }
}

/// `found!("code", "sentence {}", x)`: an `Err` with this finding.
#[macro_export]
macro_rules! found {
    ($code:expr, $($text:tt)+) => {
        Err($crate::Finding::new($code, format!($($text)+)))
    };
}

/// `ensure!(condition, "code", "sentence {}", x)`: returns the finding unless the condition holds.
#[macro_export]
macro_rules! ensure {
    ($condition:expr, $code:expr, $($text:tt)+) => {
        if !$condition {
            return $crate::found!($code, $($text)+);
        }
    };
}
