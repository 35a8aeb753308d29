//! The matrix on a terminal.

use std::io::IsTerminal;

use attacks::{Outcome, Probe};

use super::Cell;
use super::subject::Subject;
use crate::ui::say;

/// How a cell is shown.
#[derive(Clone, Copy)]
struct Style {
    colour: bool,
    /// One letter a cell, where the words would not fit.
    is_narrow: bool,
}

/// The matrix; what was not run, with its reason; and, of one row or one column, what was seen.
pub(super) fn matrix(subjects: &[Subject], probes: &[&Probe], cells: &[Cell]) {
    let stdout = std::io::stdout();
    let refused = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    let width = terminal_size::terminal_size_of(&stdout).map(|(width, _)| usize::from(width.0));
    let style = Style {
        colour: stdout.is_terminal() && !refused,
        is_narrow: width.is_some_and(|width| width < full_width(subjects, probes)),
    };
    say!("\n{}", table(subjects, probes, cells, style));
    let is_short = subjects.len() == 1 || probes.len() == 1;
    for cell in cells {
        if is_short || cell.answer.outcome == Outcome::NotRun {
            say!("{} in {}: {}", cell.probe, cell.subject, cell.answer);
        }
    }
    let count = |outcome| cells.iter().filter(|c| c.answer.outcome == outcome).count();
    say!(
        "{} escape, {} are stopped, {} were not run",
        count(Outcome::Escaped),
        count(Outcome::Stopped),
        count(Outcome::NotRun)
    );
}

fn first_column(probes: &[&Probe]) -> usize {
    probes
        .iter()
        .map(|probe| probe.slug.len())
        .max()
        .unwrap_or(0)
}

/// A column is as wide as its heading, and as its longest word.
fn column(subject: &Subject) -> usize {
    subject.name.len().max("escapes".len())
}

fn full_width(subjects: &[Subject], probes: &[&Probe]) -> usize {
    first_column(probes) + subjects.iter().map(|s| 2 + column(s)).sum::<usize>()
}

fn table(subjects: &[Subject], probes: &[&Probe], cells: &[Cell], style: Style) -> String {
    let first = first_column(probes);
    let mut text = heading(subjects, first, style);
    for (probe, row) in probes.iter().zip(cells.chunks(subjects.len())) {
        let mut line = format!("{:first$}", probe.slug);
        for (subject, cell) in subjects.iter().zip(row) {
            let width = if style.is_narrow { 1 } else { column(subject) };
            line.push_str("  ");
            line.push_str(&shown(cell.answer.outcome, width, style));
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

/// The subjects' names, or, where they do not fit, numbers that a list explains.
fn heading(subjects: &[Subject], first: usize, style: Style) -> String {
    let mut line = " ".repeat(first);
    if !style.is_narrow {
        for subject in subjects {
            line.push_str(&format!(
                "  {:width$}",
                subject.name,
                width = column(subject)
            ));
        }
        return line.trim_end().to_owned() + "\n";
    }
    let mut list = String::new();
    for (number, subject) in (1..).zip(subjects) {
        line.push_str(&format!("  {number}"));
        list.push_str(&format!("{number} {}\n", subject.name));
    }
    format!("{list}E escapes, s stopped, - not run\n\n{line}\n")
}

fn shown(outcome: Outcome, width: usize, style: Style) -> String {
    let (long, short, colour) = match outcome {
        Outcome::Escaped => ("escapes", "E", "\x1b[1;31m"),
        Outcome::Stopped => ("stopped", "s", "\x1b[32m"),
        Outcome::NotRun => ("not run", "-", "\x1b[2m"),
    };
    let word = format!("{:width$}", if style.is_narrow { short } else { long });
    match style.colour {
        true => format!("{colour}{word}\x1b[0m"),
        false => word,
    }
}

#[cfg(test)]
mod tests {
    use attacks::Answer;

    use super::super::subject::find;
    use super::*;

    fn example(style: Style) -> String {
        let subjects = [find("nothing").unwrap(), find("rootfs").unwrap()];
        let probes = [attacks::find("setuid").unwrap()];
        let cell = |subject: &str, outcome| Cell {
            subject: subject.into(),
            probe: "setuid".into(),
            answer: Answer::new(outcome, "x"),
        };
        let cells = [
            cell("nothing", Outcome::Escaped),
            cell("rootfs", Outcome::Stopped),
        ];
        table(&subjects, &probes, &cells, style)
    }

    #[test]
    fn a_wide_table_has_words_and_a_narrow_one_letters() {
        let style = |is_narrow| Style {
            colour: false,
            is_narrow,
        };
        assert_eq!(
            example(style(false)),
            "        nothing  rootfs\nsetuid  escapes  stopped\n"
        );
        assert_eq!(
            example(style(true)),
            "1 nothing\n2 rootfs\nE escapes, s stopped, - not run\n\n        1  2\nsetuid  E  s\n"
        );
    }

    #[test]
    fn colours_are_for_terminals() {
        let coloured = example(Style {
            colour: true,
            is_narrow: false,
        });
        assert!(coloured.contains("\x1b[1;31mescapes\x1b[0m"), "{coloured}");
    }
}
