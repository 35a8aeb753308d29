//! How a judgement is told to a learner.

use std::fmt::Write;

use super::catalogue::Exercise;
use super::judge::{Answer, Judgement};

/// The judgement in sentences. `is_starter`: the learner has not changed anything yet.
pub(crate) fn judgement(exercise: &Exercise, judgement: &Judgement, is_starter: bool) -> String {
    let answers = match judgement {
        Judgement::Broken(messages) => {
            return format!(
                "{messages}{} does not compile yet: see above.",
                exercise.slug
            );
        }
        Judgement::Checked(answers) => answers,
    };
    let mut text = self::answers(answers);
    if let Some((_, misconception)) = judgement.misconception(exercise).filter(|_| !is_starter) {
        let _ = write!(
            text,
            "\n\nThis is how it fails if one believes: “{}”\n{}",
            misconception.belief,
            wrapped(&misconception.truth, "").trim_end()
        );
    }
    text
}

/// What was asked, and what came of it.
pub(crate) fn answers(answers: &[Answer]) -> String {
    let mut text = String::new();
    for answer in answers {
        let _ = writeln!(
            text,
            "  {}  {}",
            mark(answer.finding.is_none()),
            answer.question.asks
        );
        if let Some(finding) = &answer.finding {
            text.push_str(&wrapped(&finding.text, "        "));
        }
    }
    text.push_str(&output(answers));
    let passed = answers
        .iter()
        .filter(|answer| answer.finding.is_none())
        .count();
    let _ = write!(text, "\n{passed} of {} checks passed.", answers.len());
    text
}

fn mark(passed: bool) -> &'static str {
    if passed { "pass" } else { "FAIL" }
}

/// What the first failing check's submission printed, if it printed anything.
fn output(answers: &[Answer]) -> String {
    let Some(answer) = answers
        .iter()
        .find(|answer| answer.finding.is_some() && answer.printed > 0)
    else {
        return String::new();
    };
    let shown = answer
        .output
        .lines()
        .take(20)
        .map(|line| format!("  | {}\n", printable(line)));
    let mut text = format!(
        "\nYour code printed, while “{}” was checked:\n",
        answer.question.asks
    );
    text.extend(shown);
    if answer.printed > answer.output.len() as u64 || answer.output.lines().count() > 20 {
        let _ = writeln!(text, "  | … ({} bytes in all)", answer.printed);
    }
    text
}

/// A terminal obeys control characters, and these are a stranger's.
fn printable(line: &str) -> String {
    line.chars()
        .map(|c| {
            if c.is_control() && c != '\t' {
                '\u{fffd}'
            } else {
                c
            }
        })
        .collect()
}

/// Broken into lines that fit a narrow terminal.
pub(crate) fn wrapped(text: &str, indent: &str) -> String {
    const WIDTH: usize = 96;
    let mut lines = String::new();
    let mut line = String::new();
    for word in text.split_whitespace().map(printable) {
        if !line.is_empty()
            && indent.len() + line.chars().count() + 1 + word.chars().count() > WIDTH
        {
            let _ = writeln!(lines, "{indent}{line}");
            line.clear();
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(&word);
    }
    if !line.is_empty() {
        let _ = writeln!(lines, "{indent}{line}");
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_broken_at_blanks_and_hold_no_control_characters() {
        let text = wrapped(&format!("{} \x1b[2Jend", "word ".repeat(30)), "  ");
        assert!(
            text.lines()
                .all(|line| line.starts_with("  ") && line.chars().count() <= 96)
        );
        assert!(
            text.lines().count() == 2 && !text.contains('\x1b'),
            "{text}"
        );
    }
}
