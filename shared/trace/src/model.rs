//! The trace: plain data, and the JSON that `cargo lab trace --json` writes.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What a command and its descendants asked of the kernel.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Eq, Serialize)]
pub struct Trace {
    /// The command and its arguments, as far as they are UTF-8.
    pub command: Vec<String>,
    /// All processes, in the order in which they were born; events name them by their index.
    pub processes: Vec<Process>,
    /// What happened, in the order in which it was complete: a call that blocks stands where it returned.
    pub events: Vec<Event>,
    /// How the first process ended.
    pub end: Option<End>,
    /// What a reader should know about the trace itself.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}

/// One process.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Eq, Serialize)]
pub struct Process {
    /// What it is in the container's start: `parent`, `init`, `command`, a name that it gave itself, or `process 4`.
    pub role: String,
    /// Its pid in the tracer's PID namespace.
    pub pid: i32,
    /// The index of the process that made it.
    pub parent: Option<usize>,
}

/// Something that happened.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Eq, Serialize)]
#[serde(tag = "event", rename_all = "lowercase")]
pub enum Event {
    /// A mechanism of a step begins one of its moments.
    Marker {
        /// The index of the process.
        process: usize,
        /// The mechanism's name; `spawn` for the handshake itself.
        mechanism: String,
        /// `prepare`, `attach`, `enter`, `finish`; of the spawn `clone`, `gate`, `ready`, `exec`.
        moment: String,
    },
    /// A system call.
    Call(Call),
    /// A process ended.
    Ended {
        /// The index of the process.
        process: usize,
        /// How.
        #[serde(flatten)]
        end: End,
    },
}

/// How a process ended.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema, PartialEq, Eq, Serialize)]
#[serde(tag = "how", rename_all = "lowercase")]
pub enum End {
    /// It exited.
    Exited {
        /// With this code.
        code: i32,
    },
    /// A signal killed it.
    Killed {
        /// The signal's number.
        signal: i32,
    },
}

/// One system call.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Eq, Serialize)]
pub struct Call {
    /// The index of the process.
    pub process: usize,
    /// The thread that made it; the process's pid if it has only one.
    pub thread: i32,
    /// Its name.
    pub name: String,
    /// Its arguments, in the man page's order.
    pub arguments: Vec<Argument>,
    /// What came of it.
    pub outcome: Outcome,
    /// When it was entered and left, counted in stops of the whole trace: of two calls, one was over before the other
    /// began exactly if its `left` is smaller than the other's `entered`.
    pub entered: u64,
    /// See `entered`.
    pub left: u64,
}

/// One argument.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Eq, Serialize)]
pub struct Argument {
    /// The man page's name for it.
    pub name: String,
    /// Its value, as the man page writes it.
    pub text: String,
    /// The pid in the tracer's PID namespace, if the argument is a process.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pid: Option<i32>,
}

/// What came of a call.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// It returned.
    Returned {
        /// The value.
        value: i64,
        /// What the value stands for: the file behind a descriptor.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        meaning: Option<String>,
        /// The pid in the tracer's PID namespace, if the value is a process.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pid: Option<i32>,
    },
    /// It failed.
    Failed {
        /// The errno's name (`EPERM`).
        errno: String,
        /// What it means.
        description: String,
    },
    /// It does not return (exit_group).
    Never,
    /// The process ended inside it.
    Unfinished,
}

impl Event {
    /// The index of the process.
    pub fn process(&self) -> usize {
        match self {
            Self::Marker { process, .. } | Self::Ended { process, .. } => *process,
            Self::Call(call) => call.process,
        }
    }
}

impl Call {
    /// The call without its result: `mount("proc", "/proc", "proc", MS_NOSUID, NULL)`.
    pub fn invocation(&self) -> String {
        let arguments: Vec<_> = self.arguments.iter().map(|a| a.text.as_str()).collect();
        format!("{}({})", self.name, arguments.join(", "))
    }

    /// The text of the argument with the man page's name `name`.
    pub fn argument(&self, name: &str) -> Option<&str> {
        let found = self.arguments.iter().find(|argument| argument.name == name);
        found.map(|argument| argument.text.as_str())
    }

    /// The errno's name, if it failed.
    pub fn errno(&self) -> Option<&str> {
        match &self.outcome {
            Outcome::Failed { errno, .. } => Some(errno),
            _ => None,
        }
    }

    /// Whether it returned without an error.
    pub fn succeeded(&self) -> bool {
        matches!(self.outcome, Outcome::Returned { .. })
    }
}

impl End {
    /// A shell's and Docker's convention: the exit code, or 128 + n for signal n.
    pub fn exit_code(self) -> u8 {
        match self {
            Self::Exited { code } => code as u8,
            Self::Killed { signal } => 128 + signal as u8,
        }
    }
}

impl std::fmt::Display for End {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Exited { code } => write!(f, "exited with {code}"),
            Self::Killed { signal } => write!(f, "killed by {}", crate::decode::signal(*signal)),
        }
    }
}

impl Trace {
    /// All calls, in order.
    pub fn calls(&self) -> impl DoubleEndedIterator<Item = &Call> {
        self.events.iter().filter_map(|event| match event {
            Event::Call(call) => Some(call),
            _ => None,
        })
    }

    /// The events of the first process with this role.
    pub fn of<'a>(&'a self, role: &str) -> impl Iterator<Item = &'a Event> {
        let index = self
            .processes
            .iter()
            .position(|process| process.role == role);
        self.events
            .iter()
            .filter(move |event| Some(event.process()) == index)
    }
}
