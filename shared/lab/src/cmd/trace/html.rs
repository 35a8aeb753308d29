//! A trace as a page: on the left what the processes ask of the kernel, on the right what the book says about it.

use std::fmt::Write;

use trace::{Event, Style, Trace, event_text};

use super::book::Book;

/// What runs between two markers of one process.
struct Section<'a> {
    process: usize,
    marker: Option<(&'a str, &'a str)>,
    events: Vec<&'a Event>,
}

/// A browser shows so many lines without trouble; a reader reads fewer.
const MOST: usize = 20_000;

/// The whole page. It asks for nothing else: no script, no font, no image.
pub(super) fn page(trace: &Trace, book: &Book) -> String {
    let command = escape(&trace.command.join(" "));
    let mut body = String::new();
    for section in sections(trace) {
        write_section(&mut body, trace, &section, book);
    }
    if trace.events.len() > MOST {
        let more = trace.events.len() - MOST;
        let _ = write!(
            body,
            "<p class=\"cut\">{more} more events are not shown; <code>--json</code> has them all.</p>"
        );
    }
    let end = trace.end.map(|end| end.to_string()).unwrap_or_default();
    let notes: String = trace
        .notes
        .iter()
        .map(|note| format!("<p class=\"cut\">{}</p>", escape(note)))
        .collect();
    format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
         <title>Trace of {command}</title><style>{STYLE}</style></head>\n\
         <body><header><h1><code>{command}</code></h1><p>{} processes, {} system calls; {end}.</p>{notes}</header>\n\
         <main>{body}</main></body></html>\n",
        trace.processes.len(),
        trace.calls().count(),
    )
}

/// Cuts the events at each marker. Processes that run at the same time have sections of their own, in the order in
/// which these begin.
fn sections(trace: &Trace) -> Vec<Section<'_>> {
    let mut sections: Vec<Section<'_>> = Vec::new();
    let mut current: Vec<Option<usize>> = vec![None; trace.processes.len()];
    for event in trace.events.iter().take(MOST) {
        let process = event.process();
        let marker = match event {
            Event::Marker {
                mechanism, moment, ..
            } => Some((mechanism.as_str(), moment.as_str())),
            _ => None,
        };
        if marker.is_some() || current[process].is_none() {
            current[process] = Some(sections.len());
            sections.push(Section {
                process,
                marker,
                events: Vec::new(),
            });
        }
        if let (None, Some(at)) = (marker, current[process]) {
            sections[at].events.push(event);
        }
    }
    sections
}

fn write_section(out: &mut String, trace: &Trace, section: &Section<'_>, book: &Book) {
    let role = escape(&trace.processes[section.process].role);
    let title = match section.marker {
        Some((mechanism, moment)) => format!("{}: {}", escape(mechanism), escape(moment)),
        None => "before the first marker".to_owned(),
    };
    let colour = section.process % 6;
    let _ = write!(
        out,
        "<section><div class=\"calls\"><h2><span class=\"role c{colour}\">{role}</span> {title}</h2>"
    );
    if section.events.is_empty() {
        out.push_str("<p class=\"none\">no call of interest</p>");
    }
    for event in &section.events {
        let class = match event {
            Event::Call(call) if call.errno().is_some() => "failed",
            Event::Call(_) => "call",
            _ => "end",
        };
        let line = event_text(&trace.processes, event, Style::default());
        let text = line
            .strip_prefix(&trace.processes[section.process].role)
            .unwrap_or(&line);
        let _ = write!(
            out,
            "<pre class=\"{class}\">{}</pre>",
            named(&escape(text.trim_start())).replace('|', "|<wbr>")
        );
    }
    let _ = writeln!(
        out,
        "</div><aside>{}</aside></section>",
        aside(section, book)
    );
}

/// The call's name stands out.
fn named(call: &str) -> String {
    match call.split_once('(') {
        Some((name, rest)) => format!("<b>{name}</b>({rest}"),
        None => call.to_owned(),
    }
}

fn aside(section: &Section<'_>, book: &Book) -> String {
    let Some((mechanism, moment)) = section.marker else {
        return String::new();
    };
    match book.passage(mechanism, moment) {
        Some(passage) => format!("<h3>{}</h3>{}", escape(&passage.chapter), passage.html),
        None => format!("<p>{}</p>", general(mechanism, moment)),
    }
}

/// What a moment is, where the book has no passage for this mechanism's.
fn general(mechanism: &str, moment: &str) -> &'static str {
    match (mechanism, moment) {
        ("spawn", "clone") => "The parent makes the child, in new namespaces.",
        ("spawn", "gate") => {
            "The child waits at the gate until the parent has attached every mechanism, and opens it."
        }
        ("spawn", "seal") => {
            "The child closes what it must not keep, and puts itself out of the container's reach."
        }
        ("spawn", "ready") => "The child says that only execve is left.",
        ("spawn", "exec") => "The child becomes the command.",
        (_, "prepare") => "In the parent, before the child exists: check, open, allocate, plan.",
        (_, "attach") => {
            "In the parent, once the child exists and waits at the gate: what needs its pid."
        }
        (_, "enter") => {
            "In the child, after the gate has opened: system calls only, in a fixed order."
        }
        (_, "finish") => "In the parent, once the container is gone: undo.",
        _ => "",
    }
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}

const STYLE: &str = "
:root { color-scheme: light dark; --line: #8884; --dim: #667; --bad: #b3261e; }
@media (prefers-color-scheme: dark) { :root { --dim: #99a; --bad: #ff8a80; } }
body { font: 16px/1.5 system-ui, sans-serif; margin: 0 auto; max-width: 90rem; padding: 1rem; }
h1 { font-size: 1.3rem; overflow-wrap: anywhere; }
h2 { font-size: 1rem; margin: 0 0 .4rem; }
h3 { font-size: .9rem; margin: 0; color: var(--dim); }
section { display: grid; grid-template-columns: minmax(0, 3fr) minmax(0, 2fr); gap: 1.5rem; padding: 1rem 0;
  border-top: 1px solid var(--line); }
@media (max-width: 50rem) { section { grid-template-columns: minmax(0, 1fr); gap: .5rem; } }
pre { font: .82rem/1.45 ui-monospace, monospace; margin: 0; white-space: pre-wrap; overflow-wrap: anywhere;
  padding-left: 2rem; text-indent: -2rem; }
.failed { color: var(--bad); } .end, .none, .cut { color: var(--dim); } .none { margin: 0; }
.role { border-radius: .3rem; padding: 0 .4rem; font-weight: 600; color: #fff; }
.c0 { background: #2859a8; } .c1 { background: #2c6e33; } .c2 { background: #7a3a8c; }
.c3 { background: #1d6a73; } .c4 { background: #80560c; } .c5 { background: #a03030; }
aside { font-size: .95rem; } aside p { margin: .2rem 0 .6rem; }
";

#[cfg(test)]
mod tests {
    use super::*;
    use trace::{End, Process};

    #[test]
    fn what_a_program_says_is_text_and_not_markup() {
        let process = |role: &str| Process {
            role: role.to_owned(),
            pid: 1,
            parent: None,
        };
        let trace = Trace {
            command: vec!["<script>alert(1)</script>".to_owned()],
            processes: vec![process("parent"), process("<img src=x>")],
            events: vec![
                Event::Marker {
                    process: 0,
                    mechanism: "spawn".to_owned(),
                    moment: "gate".to_owned(),
                },
                Event::Ended {
                    process: 1,
                    end: End::Exited { code: 0 },
                },
            ],
            ..Trace::default()
        };
        let page = page(&trace, &Book::default());
        assert!(
            !page.contains("<script") && !page.contains("<img"),
            "{page}"
        );
        assert!(page.contains("waits at the gate"));
        assert!(!page.contains("http"), "a page that asks for something");
    }
}
