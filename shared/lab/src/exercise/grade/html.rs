//! The report as a page: one file, without a request to anybody.

use std::fmt::Write;

use super::report::{Class, Graded, State, Submission};

const STYLE: &str = "\
:root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif; }
body { margin: 2rem auto; max-width: 70rem; padding: 0 1rem; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; min-width: 100%; }
th, td { padding: .3rem .6rem; text-align: left; border-bottom: 1px solid #8884; vertical-align: top; }
td.number, th.number { text-align: right; font-variant-numeric: tabular-nums; }
details { margin: .5rem 0; }
code { font-size: .9em; }
.passed { color: light-dark(#116329, #4ac26b); }
.failed { color: light-dark(#a40e26, #ff8182); }
";

/// The page.
pub(crate) fn page(class: &Class) -> String {
    let mut body = String::from(
        "<h1>Grades</h1>\n<div class=\"wide\"><table>\n<tr><th>Learner</th><th class=\"number\">Score</th>",
    );
    for exercise in &class.exercises {
        let _ = write!(
            body,
            "<th class=\"number\" title=\"{}\">{} ({})</th>",
            escaped(&exercise.title),
            escaped(&exercise.slug),
            exercise.points
        );
    }
    body.push_str("<th class=\"number\">Minutes</th><th class=\"number\">Hints</th></tr>\n");
    for submission in &class.submissions {
        row(&mut body, submission);
    }
    body.push_str("</table></div>\n");
    for submission in &class.submissions {
        details(&mut body, submission);
    }
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n<meta name=\"viewport\" content=\"width=device-width\">\n\
         <title>Grades</title>\n<style>\n{STYLE}</style>\n{body}</html>\n"
    )
}

fn row(body: &mut String, submission: &Submission) {
    let _ = write!(
        body,
        "<tr><td>{}</td><td class=\"number\">{}</td>",
        escaped(&submission.learner),
        submission.score
    );
    for graded in &submission.exercises {
        let _ = write!(
            body,
            "<td class=\"number {}\" title=\"{}\">{}</td>",
            class_of(graded),
            graded.state.word(),
            graded.points
        );
    }
    let _ = writeln!(
        body,
        "<td class=\"number\">{}</td><td class=\"number\">{}</td></tr>",
        submission.seconds / 60,
        submission.hints
    );
}

fn class_of(graded: &Graded) -> &'static str {
    match graded.state {
        State::Passed => "passed",
        State::Failed | State::DoesNotCompile | State::Unreadable => "failed",
        State::Untouched | State::Missing => "",
    }
}

fn details(body: &mut String, submission: &Submission) {
    let name = escaped(&submission.learner);
    let _ = writeln!(
        body,
        "<details><summary>{name}: {} of 100</summary>",
        submission.score
    );
    if let Some(note) = &submission.note {
        let _ = writeln!(body, "<p>{}</p>", escaped(note));
    }
    for graded in &submission.exercises {
        let _ = writeln!(
            body,
            "<h3>{}: <span class=\"{}\">{}</span>, {} of {} checks</h3>\n<ul>",
            escaped(&graded.slug),
            class_of(graded),
            graded.state.word(),
            graded.passed,
            graded.checks
        );
        for failure in &graded.failures {
            let (check, text) = (escaped(&failure.check), escaped(&failure.text));
            let _ = writeln!(
                body,
                "<li><code>{check}</code> {}</li>",
                text.replace('\n', "<br>")
            );
        }
        for name in &graded.misconceptions {
            let _ = writeln!(
                body,
                "<li>misconception met: <code>{}</code></li>",
                escaped(name)
            );
        }
        body.push_str("</ul>\n");
    }
    body.push_str("</details>\n");
}

fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            c if c.is_control() && c != '\n' && c != '\t' => escaped.push('\u{fffd}'),
            c => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_learner_wrote_is_text_and_not_markup() {
        let submission = Submission::new(
            "<script>alert(1)</script>",
            Some("\x1b<b>".into()),
            Vec::new(),
        );
        let page = page(&Class {
            version: 1,
            exercises: Vec::new(),
            submissions: vec![submission],
        });
        assert!(page.contains("&lt;script&gt;") && !page.contains("<script>"));
        assert!(!page.contains('\x1b') && !page.contains("<b>"));
        assert!(!page.contains("http"), "the page asks nobody for anything");
    }
}
