//! A trace without what differs from run to run and from machine to machine: for snapshots.

use crate::model::{Argument, Call, Event, Outcome, Process, Trace};
use crate::text::role;

/// Turns a trace into a text that is the same each time.
///
/// Processes that run side by side do so in no fixed order, so each has a section of its own. Pids become roles,
/// descriptors what they stand for, addresses `ADDR`, inode numbers vanish, and what looks like a random id is `ID`.
#[derive(Clone, Debug, Default)]
pub struct Normaliser {
    replacements: Vec<(String, String)>,
    left_out: Vec<fn(&Call) -> bool>,
    roles: Option<Vec<String>>,
}

impl Normaliser {
    /// One that knows the rules above.
    pub fn new() -> Self {
        Self::default()
    }

    /// Shows `from`, a temporary directory for example, as `to`.
    #[must_use]
    pub fn replace(mut self, from: impl Into<String>, to: impl Into<String>) -> Self {
        self.replacements.push((from.into(), to.into()));
        self
    }

    /// Leaves out the calls for which this is true: those that depend on what a kernel has.
    #[must_use]
    pub fn leave_out(mut self, is_left_out: fn(&Call) -> bool) -> Self {
        self.left_out.push(is_left_out);
        self
    }

    /// Shows only the processes with these roles: not those that may be killed before they have done anything.
    #[must_use]
    pub fn only(mut self, roles: &[&str]) -> Self {
        self.roles = Some(roles.iter().map(|role| (*role).to_owned()).collect());
        self
    }

    /// The text, one section for each process, ended by a newline.
    pub fn text(&self, trace: &Trace) -> String {
        let mut out = String::new();
        let is_shown = |role: &String| self.roles.as_ref().is_none_or(|roles| roles.contains(role));
        let shown = trace
            .processes
            .iter()
            .enumerate()
            .filter(|(_, process)| is_shown(&process.role));
        for (index, process) in shown {
            out.push_str(&format!("{}\n", process.role));
            for event in trace.events.iter().filter(|event| event.process() == index) {
                let line = match event {
                    Event::Call(call)
                        if self.left_out.iter().any(|is_left_out| is_left_out(call)) =>
                    {
                        continue;
                    }
                    Event::Marker {
                        mechanism, moment, ..
                    } => format!("  ── {mechanism}: {moment}"),
                    Event::Call(call) => format!("    {}", self.call(&trace.processes, call)),
                    Event::Ended { end, .. } => format!("  {end}"),
                };
                out.push_str(&line);
                out.push('\n');
            }
        }
        out
    }

    fn call(&self, processes: &[Process], call: &Call) -> String {
        let shown = |argument: &Argument| {
            let role = argument.pid.and_then(|pid| role(processes, pid));
            match (call.name.as_str(), argument.name.as_str(), role) {
                (_, _, Some(role)) => role.to_owned(),
                ("close_range", end @ ("first" | "last"), _) => range(end, &argument.text),
                _ => self.value(processes, &argument.text),
            }
        };
        let arguments: Vec<_> = call.arguments.iter().map(shown).collect();
        let outcome = match &call.outcome {
            Outcome::Returned {
                meaning: Some(meaning),
                ..
            } => format!("<{}>", self.value(processes, meaning)),
            Outcome::Returned { pid: Some(pid), .. } => {
                role(processes, *pid).unwrap_or("PID").to_owned()
            }
            Outcome::Returned { value, .. } => value.to_string(),
            Outcome::Failed { errno, .. } => errno.clone(),
            Outcome::Never | Outcome::Unfinished => "?".to_owned(),
        };
        format!("{}({}) = {outcome}", call.name, arguments.join(", "))
    }

    fn value(&self, processes: &[Process], text: &str) -> String {
        let mut text = text.to_owned();
        for (from, to) in &self.replacements {
            text = text.replace(from, to);
        }
        if text.ends_with(" variables]") {
            return "[environment]".to_owned();
        }
        let mut out = String::new();
        let mut rest = text.as_str();
        while !rest.is_empty() {
            let (token, tail) = token(rest);
            out.push_str(&shown(processes, &out, token, tail));
            rest = skipped(&out, token, tail);
        }
        out
    }
}

/// The numbers of descriptors say nothing, but for the first that is not standard, and "all".
fn range(end: &str, text: &str) -> String {
    match (end, text) {
        ("first", "0" | "3") | ("last", "~0U") => text.to_owned(),
        _ => "FD".to_owned(),
    }
}

/// The next run of letters and digits, or one character that is neither.
fn token(text: &str) -> (&str, &str) {
    let is_word = |c: char| c.is_ascii_alphanumeric();
    let end = match text.chars().next() {
        Some(first) if is_word(first) => text.find(|c| !is_word(c)).unwrap_or(text.len()),
        Some(first) => first.len_utf8(),
        None => 0,
    };
    text.split_at(end)
}

fn shown(processes: &[Process], before: &str, token: &str, after: &str) -> String {
    let is_number = !token.is_empty() && token.bytes().all(|byte| byte.is_ascii_digit());
    if is_number && after.starts_with('<') {
        // The number of a descriptor says nothing.
        return String::new();
    }
    let stands_alone = before.ends_with('"') && after.starts_with('"');
    if is_number && (before.ends_with("/proc/") || before.ends_with('-') || stands_alone) {
        let known = token.parse().ok().and_then(|pid| role(processes, pid));
        return known.unwrap_or(token).to_owned();
    }
    if token
        .strip_prefix("0x")
        .is_some_and(|digits| digits.len() > 5)
    {
        return "ADDR".to_owned();
    }
    let is_hex = |byte: u8| byte.is_ascii_digit() || matches!(byte, b'a'..=b'f');
    if token.len() >= 12 && token.bytes().all(is_hex) {
        return "ID".to_owned();
    }
    token.to_owned()
}

/// What follows the token, without an inode number in brackets: `socket:[4711]`, `net:[4026531840]`.
fn skipped<'a>(out: &str, token: &str, after: &'a str) -> &'a str {
    if token == ":"
        && out.ends_with(':')
        && let Some((number, rest)) = after
            .strip_prefix('[')
            .and_then(|rest| rest.split_once(']'))
        && number.bytes().all(|byte| byte.is_ascii_digit())
    {
        return rest;
    }
    after
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_differs_from_run_to_run_is_gone() {
        let processes = [Process {
            role: "init".to_owned(),
            pid: 4711,
            parent: None,
        }];
        let normal = Normaliser::new().replace("/tmp/x1", "ROOT");
        for (text, expected) in [
            ("5</proc/4711/uid_map>", "</proc/init/uid_map>"),
            ("\"/tmp/x1/proc\"", "\"ROOT/proc\""),
            (
                "[3<socket:[991]>, 4<socket:[992]>]",
                "[<socket:>, <socket:>]",
            ),
            ("0x7ffc12345678", "ADDR"),
            ("\"a1b2c3d4e5f6\"", "\"ID\""),
            ("\"4711\"", "\"init\""),
            ("88", "88"),
            ("makedev(1, 3)", "makedev(1, 3)"),
            ("[12 variables]", "[environment]"),
        ] {
            assert_eq!(normal.value(&processes, text), expected, "{text}");
        }
    }
}
