//! Questions to a trace: is there such a call, and which of two came first?
//!
//! A pattern is a call as the trace shows it, with `…` for whatever is not asked about:
//!
//! | pattern | matches |
//! |---|---|
//! | `pivot_root` | any call of that name that succeeded |
//! | `mount(…MS_PRIVATE…)` | one whose text has `MS_PRIVATE` among its arguments |
//! | `mount("proc", "/proc", …)` | one that begins so |
//! | `unshare(…) = EPERM` | one that failed so |
//! | `init: sethostname` | one of the process with this role |

use crate::model::{Call, Trace};

/// What a question asks for; see the module's table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern {
    role: Option<String>,
    name: String,
    /// The text between the parentheses, cut at each `…`.
    parts: Option<Vec<String>>,
    errno: Option<String>,
}

impl From<&str> for Pattern {
    fn from(text: &str) -> Self {
        let (rest, errno) = match text.rsplit_once(" = ") {
            Some((rest, errno)) => (rest, Some(errno.to_owned())),
            None => (text, None),
        };
        let (head, arguments) = match rest.split_once('(') {
            Some((head, tail)) => (head, Some(tail.strip_suffix(')').unwrap_or(tail))),
            None => (rest, None),
        };
        let (role, name) = match head.split_once(": ") {
            Some((role, name)) => (Some(role.to_owned()), name),
            None => (None, head),
        };
        let parts = arguments.map(|a| {
            a.replace("...", "…")
                .split('…')
                .map(str::to_owned)
                .collect()
        });
        Self {
            role,
            name: name.to_owned(),
            parts,
            errno,
        }
    }
}

impl Pattern {
    fn matches(&self, trace: &Trace, call: &Call) -> bool {
        let role = || {
            trace
                .processes
                .get(call.process)
                .map(|process| &process.role)
        };
        let outcome = match &self.errno {
            Some(errno) => call.errno() == Some(errno),
            None => call.errno().is_none(),
        };
        outcome
            && call.name == self.name
            && (self.role.is_none() || self.role.as_ref() == role())
            && self.parts.as_ref().is_none_or(|parts| {
                let text = call.invocation();
                let inside = text[call.name.len() + 1..]
                    .strip_suffix(')')
                    .unwrap_or_default();
                fits(inside, parts)
            })
    }
}

/// Whether `text` is the parts in order with anything between them; the first is its beginning, the last its end.
fn fits(text: &str, parts: &[String]) -> bool {
    match parts {
        [] => text.is_empty(),
        [all] => text == all,
        [first, middle @ .., last] => {
            let Some(mut rest) = text.strip_prefix(first.as_str()) else {
                return false;
            };
            for part in middle {
                match rest.find(part.as_str()) {
                    Some(at) => rest = &rest[at + part.len()..],
                    None => return false,
                }
            }
            rest.ends_with(last.as_str())
        }
    }
}

impl Trace {
    /// The calls that match, in order.
    pub fn find(&self, pattern: impl Into<Pattern>) -> Vec<&Call> {
        let pattern = pattern.into();
        self.calls()
            .filter(|call| pattern.matches(self, call))
            .collect()
    }

    /// Whether some call matches.
    pub fn contains(&self, pattern: impl Into<Pattern>) -> bool {
        !self.find(pattern).is_empty()
    }

    /// Whether both happened, and the first call that matches `first` was over before the first that matches `second`
    /// began. Of two calls in two processes one may be over in the kernel before the tracer sees it return: ask about
    /// what each process does, not about the two ends of one message.
    pub fn before(&self, first: impl Into<Pattern>, second: impl Into<Pattern>) -> bool {
        match (self.find(first).first(), self.find(second).first()) {
            (Some(first), Some(second)) => first.left < second.entered,
            _ => false,
        }
    }

    /// The calls that a process made between two of its markers: those of `moment` of `mechanism`.
    pub fn during(&self, mechanism: &str, moment: &str) -> Vec<&Call> {
        use crate::model::Event;
        let mut current = vec![false; self.processes.len()];
        let mut calls = Vec::new();
        for event in &self.events {
            match event {
                Event::Marker {
                    process,
                    mechanism: m,
                    moment: n,
                } => current[*process] = m == mechanism && n == moment,
                Event::Call(call) if current[call.process] => calls.push(call),
                _ => {}
            }
        }
        calls
    }

    /// As [`before`](Self::before), for a test.
    ///
    /// # Panics
    /// If it was not so; the message has the calls of these names.
    #[track_caller]
    pub fn assert_before(&self, first: impl Into<Pattern>, second: impl Into<Pattern>) {
        let (first, second) = (first.into(), second.into());
        if self.before(first.clone(), second.clone()) {
            return;
        }
        let involved: Vec<_> = self
            .calls()
            .filter(|call| call.name == first.name || call.name == second.name)
            .map(|call| {
                let role = &self.processes[call.process].role;
                format!("  {role}: {}", crate::text::call(self, call))
            })
            .collect();
        panic!(
            "{first:?} was not over before {second:?} began; the calls of these names:\n{}",
            involved.join("\n")
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Argument, Outcome, Process};

    fn call(name: &str, arguments: &[&str], at: u64, errno: Option<&str>) -> crate::Event {
        let argument = |text: &&str| Argument {
            text: (*text).to_owned(),
            ..Argument::default()
        };
        crate::Event::Call(Call {
            process: 0,
            thread: 1,
            name: name.to_owned(),
            arguments: arguments.iter().map(argument).collect(),
            outcome: match errno {
                Some(errno) => Outcome::Failed {
                    errno: errno.to_owned(),
                    description: String::new(),
                },
                None => Outcome::Returned {
                    value: 0,
                    meaning: None,
                    pid: None,
                },
            },
            entered: at,
            left: at + 1,
        })
    }

    fn trace() -> Trace {
        Trace {
            processes: vec![Process {
                role: "init".to_owned(),
                pid: 1,
                parent: None,
            }],
            events: vec![
                call(
                    "mount",
                    &["\"none\"", "\"/\"", "MS_REC|MS_PRIVATE"],
                    1,
                    None,
                ),
                call("pivot_root", &["\".\"", "\".\""], 3, Some("EINVAL")),
                call("pivot_root", &["\".\"", "\".\""], 5, None),
            ],
            ..Trace::default()
        }
    }

    #[test]
    fn a_pattern_asks_for_as_much_as_it_says() {
        let trace = trace();
        for (pattern, there) in [
            ("mount", true),
            ("mount(…MS_PRIVATE…)", true),
            ("mount(…MS_PRIVATE)", true),
            ("mount(...MS_PRIVATE...)", true),
            ("mount(\"none\", …)", true),
            ("mount(\"/\", …)", false),
            ("mount(…MS_SHARED…)", false),
            ("mount(MS_PRIVATE)", false),
            ("init: mount", true),
            ("parent: mount", false),
            ("pivot_root(…) = EINVAL", true),
            ("pivot_root(…) = EBUSY", false),
            ("umount2", false),
        ] {
            assert_eq!(trace.contains(pattern), there, "{pattern}");
        }
    }

    #[test]
    fn before_takes_both_calls_and_their_order() {
        let trace = trace();
        assert!(trace.before("mount(…MS_PRIVATE…)", "pivot_root"));
        assert!(!trace.before("pivot_root", "mount"));
        assert!(!trace.before("mount", "umount2"));
        assert!(trace.before("pivot_root = EINVAL", "pivot_root"));
    }
}
