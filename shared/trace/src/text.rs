//! A trace on a terminal: one line per event, the process first.

use crate::model::{Call, Event, Outcome, Process, Trace};

/// How lines are made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Style {
    /// Whether roles, markers and errors have colours.
    pub colour: bool,
    /// Where lines are broken, in columns; `None` leaves each event on one line, for other programs to read.
    pub width: Option<usize>,
}

const BOLD: &str = "1";
const RED: &str = "31";
const DIM: &str = "2";
/// A colour for each process, in turn; they are readable on light and dark.
const COLOURS: [&str; 6] = ["34", "32", "35", "36", "33", "31"];
/// Room for `command`.
const ROLE: usize = 8;

/// One event, without a newline at its end.
pub fn event(processes: &[Process], event: &Event, style: Style) -> String {
    let process = event.process();
    let role = processes
        .get(process)
        .map_or("?", |process| process.role.as_str());
    let (text, code) = match event {
        Event::Marker {
            mechanism, moment, ..
        } => (format!("── {mechanism}: {moment} ──"), BOLD),
        Event::Call(call) => {
            let code = if call.errno().is_some() { RED } else { "" };
            (call_text(processes, call), code)
        }
        Event::Ended { end, .. } => (end.to_string(), DIM),
    };
    let indent = ROLE.max(role.chars().count()) + 2;
    let lines = match style.width {
        Some(width) => wrapped(&text, width.saturating_sub(indent)),
        None => vec![text],
    };
    let head = paint(
        style,
        COLOURS[process % COLOURS.len()],
        &format!("{role:<ROLE$}  "),
    );
    let mut out = head;
    for (index, line) in lines.iter().enumerate() {
        if index > 0 {
            out.push('\n');
            out.push_str(&" ".repeat(indent));
        }
        out.push_str(&paint(style, code, line));
    }
    out
}

/// A call and its result.
pub(crate) fn call(trace: &Trace, call: &Call) -> String {
    call_text(&trace.processes, call)
}

fn call_text(processes: &[Process], call: &Call) -> String {
    format!(
        "{} = {}",
        call.invocation(),
        outcome(processes, &call.outcome)
    )
}

fn outcome(processes: &[Process], outcome: &Outcome) -> String {
    match outcome {
        Outcome::Returned {
            value,
            meaning: Some(meaning),
            ..
        } => format!("{value}<{meaning}>"),
        Outcome::Returned {
            value,
            pid: Some(pid),
            ..
        } => match role(processes, *pid) {
            Some(role) => format!("{value} ({role})"),
            None => value.to_string(),
        },
        // What big numbers are, brk and mmap tell in hexadecimal.
        Outcome::Returned { value, .. } if *value > 1 << 32 => format!("{value:#x}"),
        Outcome::Returned { value, .. } => value.to_string(),
        Outcome::Failed { errno, description } => format!("-1 {errno} ({description})"),
        Outcome::Never | Outcome::Unfinished => "?".to_owned(),
    }
}

/// The role of the process with this pid; of several that had the number, the last.
pub(crate) fn role(processes: &[Process], pid: i32) -> Option<&str> {
    let found = processes.iter().rev().find(|process| process.pid == pid);
    found.map(|process| process.role.as_str())
}

fn paint(style: Style, code: &str, text: &str) -> String {
    if style.colour && !code.is_empty() {
        format!("\x1b[{code}m{text}\x1b[0m")
    } else {
        text.to_owned()
    }
}

/// Broken behind a space or a `|`, and only where there is none, in the middle of a word; what follows is indented.
fn wrapped(text: &str, width: usize) -> Vec<String> {
    const INDENT: &str = "    ";
    let width = width.max(20);
    let mut lines = Vec::new();
    let mut rest = text.to_owned();
    while rest.chars().count() > width {
        let limit = rest
            .char_indices()
            .nth(width)
            .map_or(rest.len(), |(at, _)| at);
        let start = rest.len() - rest.trim_start().len();
        let cut = rest[start..limit]
            .rfind([' ', '|'])
            .map_or(limit, |at| start + at + 1);
        let tail = rest.split_off(cut);
        lines.push(rest.trim_end().to_owned());
        rest = format!("{INDENT}{tail}");
    }
    lines.push(rest);
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_lines_break_where_they_can_and_lose_nothing() {
        let text = "clone3({flags=CLONE_NEWNS|CLONE_NEWUTS|CLONE_NEWIPC, exit_signal=SIGCHLD}, 88) = 7 (init)";
        let lines = wrapped(text, 40);
        assert!(
            lines.iter().all(|line| line.chars().count() <= 40),
            "{lines:#?}"
        );
        let whole: String = lines.iter().map(|line| line.trim_start()).collect();
        assert_eq!(whole.replace(' ', ""), text.replace(' ', ""));
    }

    #[test]
    fn a_terminal_of_no_width_is_no_endless_loop() {
        assert!(wrapped(&"x".repeat(100), 0).len() > 1);
        assert_eq!(wrapped("", 0), [""]);
    }
}
