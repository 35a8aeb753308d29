//! The matrix as a page that asks for nothing else: no script, no font, no image.

use std::fmt::Write;

use attacks::{Outcome, Probe};

use super::Cell;
use super::subject::Subject;

pub(super) fn page(subjects: &[Subject], probes: &[&Probe], cells: &[Cell]) -> String {
    let mut head = String::new();
    for subject in subjects {
        let _ = write!(head, "<th scope=\"col\">{}</th>", escape(subject.name));
    }
    let mut body = String::new();
    for (probe, row) in probes.iter().zip(cells.chunks(subjects.len())) {
        write_row(&mut body, probe, row);
    }
    format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
         <title>The attack matrix</title><style>{STYLE}</style></head>\n\
         <body><h1>The attack matrix</h1><p>What a container tries, and what comes of it in each way to run one. \
         <em>nothing</em> is the bare host: an attack that does not escape there would prove nothing.</p>\n\
         <div class=\"wide\"><table><thead><tr><th scope=\"col\">the container tries to</th>{head}</tr></thead>\n\
         <tbody>{body}</tbody></table></div></body></html>\n"
    )
}

fn write_row(out: &mut String, probe: &Probe, row: &[Cell]) {
    let Probe {
        slug,
        what,
        stopped_by,
        means,
        cves,
        ..
    } = probe;
    let cves: String = cves
        .iter()
        .map(|id| format!(" <span class=\"cve\">{}</span>", escape(id)))
        .collect();
    let _ = write!(
        out,
        "<tr><th scope=\"row\">{}<small><code>{}</code>, to be stopped by <b>{}</b>: {}{cves}</small></th>",
        code(what),
        escape(slug),
        escape(stopped_by),
        code(means),
    );
    for cell in row {
        let (class, word) = match cell.answer.outcome {
            Outcome::Escaped => ("escaped", "escapes"),
            Outcome::Stopped => ("stopped", "stopped"),
            Outcome::NotRun => ("idle", "not run"),
        };
        let evidence = escape(&cell.answer.evidence);
        let _ = write!(
            out,
            "<td class=\"{class}\">{word}<small>{evidence}</small></td>"
        );
    }
    out.push_str("</tr>\n");
}

/// Markdown's backquotes, which the book's tables have, as HTML.
fn code(text: &str) -> String {
    let parts = escape(text);
    let mut html = String::new();
    for (number, part) in parts.split('`').enumerate() {
        match number % 2 {
            0 => html.push_str(part),
            _ => html.push_str(&format!("<code>{part}</code>")),
        }
    }
    html
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}

const STYLE: &str = "
:root { color-scheme: light dark; --line: #8884; --bad: #b3261e; --good: #1b6e3c; }
@media (prefers-color-scheme: dark) { :root { --bad: #ff8a80; --good: #7bd88f; } }
body { font: 16px/1.4 system-ui, sans-serif; margin: 1.5rem; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; }
th, td { border: 1px solid var(--line); padding: .4rem .6rem; text-align: left; vertical-align: top; }
th { font-weight: 600; }
tbody th { min-width: 18rem; font-weight: 400; }
small { display: block; opacity: .75; font-size: .75rem; overflow-wrap: anywhere; }
td { min-width: 7rem; }
.escaped { color: var(--bad); font-weight: 600; }
.stopped { color: var(--good); }
.idle { opacity: .6; }
.cve { white-space: nowrap; }
";

#[cfg(test)]
mod tests {
    use attacks::Answer;

    use super::super::subject::find;
    use super::*;

    #[test]
    fn what_an_attacker_says_is_text_and_the_page_asks_for_nothing() {
        let subjects = [find("rootfs").unwrap()];
        let probes = [attacks::find("leave-root").unwrap()];
        let cell = Cell {
            subject: "rootfs".into(),
            probe: "leave-root".into(),
            answer: Answer::new(Outcome::Stopped, "<script>alert(1)</script>"),
        };
        let page = page(&subjects, &probes, &[cell]);
        assert!(page.contains("<td class=\"stopped\">stopped"), "{page}");
        assert!(page.contains("<code>chroot</code>"), "{page}");
        for request in ["<script", "src=", "href=", "url(", "@import", "http"] {
            assert!(!page.contains(request), "{request}");
        }
    }
}
