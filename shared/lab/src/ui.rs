//! What a person sees. A reader who has gone away (`cargo lab | head`) is no reason to panic, as `println!` would.

use std::fmt;
use std::io::Write;
use std::time::Duration;

use comfy_table::presets::NOTHING;
use comfy_table::{CellAlignment, Table};

/// Writes a line to stdout.
macro_rules! say {
    ($($arg:tt)*) => {
        crate::ui::line(format_args!($($arg)*))
    };
}
pub(crate) use say;

pub(crate) fn line(text: fmt::Arguments<'_>) {
    let _ = writeln!(std::io::stdout().lock(), "{text}");
}

/// One step of what `lab` does: a word and a sentence.
pub(crate) fn step(word: &str, sentence: impl fmt::Display) {
    let (bold, plain) = if kit::program::colour() {
        ("\x1b[1m", "\x1b[0m")
    } else {
        ("", "")
    };
    line(format_args!("{bold}{word:>10}{plain}  {sentence}"));
}

/// An error, what led to it, and the hint where there is one.
pub(crate) fn error(error: &anyhow::Error) {
    let mut out = std::io::stderr().lock();
    let _ = writeln!(out, "lab: {error:#}");
    let hint = error
        .downcast_ref::<kit::Error>()
        .and_then(kit::Error::hint_text);
    if let Some(hint) = hint {
        let _ = writeln!(out, "hint: {hint}");
    }
}

/// A table without lines; `right` names the columns that hold numbers.
pub(crate) fn table(header: &[&str], right: &[usize], rows: Vec<Vec<String>>) -> Table {
    let mut table = Table::new();
    table.load_preset(NOTHING).set_header(header).add_rows(rows);
    for column in right {
        if let Some(column) = table.column_mut(*column) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    table
}

/// "0.4 s", "3 min 05 s".
pub(crate) fn duration(time: Duration) -> String {
    let seconds = time.as_secs();
    match seconds {
        0..10 => format!("{:.1} s", time.as_secs_f64()),
        10..60 => format!("{seconds} s"),
        _ => format!("{} min {:02} s", seconds / 60, seconds % 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_as_people_say_them() {
        let said = |millis| duration(Duration::from_millis(millis));
        assert_eq!(said(437), "0.4 s");
        assert_eq!(said(59_999), "59 s");
        assert_eq!(said(185_000), "3 min 05 s");
    }
}
