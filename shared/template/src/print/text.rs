//! Strings: `%s`, `%q`, `%x`.

use std::fmt::Write;

use super::Spec;

/// Writes a string, or says that the verb is none for strings.
pub(super) fn write_text(out: &mut String, text: &str, spec: &Spec, verb: char) -> bool {
    match verb {
        'v' if spec.sharp_v => write_quoted(out, text, spec),
        'v' | 's' => spec.pad_text(out, text),
        'q' => write_quoted(out, text, spec),
        'x' => write_hex(out, text, spec, false),
        'X' => write_hex(out, text, spec, true),
        _ => return false,
    }
    true
}

fn write_quoted(out: &mut String, text: &str, spec: &Spec) {
    let text = spec.cut(text);
    // What a raw string cannot hold: itself, and control characters other than the tab.
    let raw = |c: char| c == '\t' || !(c == '`' || c == '\u{feff}' || c.is_control());
    if spec.sharp && text.chars().all(raw) {
        spec.pad(out, &format!("`{text}`"));
    } else {
        spec.pad(out, &quote_with(text, '"', spec.plus));
    }
}

fn write_hex(out: &mut String, text: &str, spec: &Spec, upper: bool) {
    let length = spec
        .precision
        .map_or(text.len(), |most| most.min(text.len()));
    let mut hex = String::new();
    for (index, byte) in text.as_bytes()[..length].iter().enumerate() {
        if spec.space && index > 0 {
            hex.push(' ');
        }
        if spec.sharp && (spec.space || index == 0) {
            hex.push_str(if upper { "0X" } else { "0x" });
        }
        let _ = match upper {
            true => write!(hex, "{byte:02X}"),
            false => write!(hex, "{byte:02x}"),
        };
    }
    spec.pad(out, &hex);
}

/// Go's `%q` of a string.
pub(crate) fn quote(text: &str) -> String {
    quote_with(text, '"', false)
}

/// The text between quotes, with what is not printable escaped, and with `ascii` all that is not ASCII.
pub(super) fn quote_with(text: &str, mark: char, ascii: bool) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push(mark);
    for c in text.chars() {
        let plain = if ascii {
            c.is_ascii() && is_printable(c)
        } else {
            is_printable(c)
        };
        match c {
            c if c == mark || c == '\\' => out.extend(['\\', c]),
            c if plain => out.push(c),
            '\x07' => out.push_str("\\a"),
            '\x08' => out.push_str("\\b"),
            '\x0c' => out.push_str("\\f"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\x0b' => out.push_str("\\v"),
            c if c < ' ' || c == '\x7f' => {
                push_escape(&mut out, format_args!("\\x{:02x}", c as u32))
            }
            c if (c as u32) < 0x10000 => push_escape(&mut out, format_args!("\\u{:04x}", c as u32)),
            c => push_escape(&mut out, format_args!("\\U{:08x}", c as u32)),
        }
    }
    out.push(mark);
    out
}

fn push_escape(out: &mut String, escape: std::fmt::Arguments<'_>) {
    let _ = out.write_fmt(escape);
}

/// Go's `strconv.IsPrint`. The standard library tells the same of a character only by escaping it, or not; the
/// letter before it is for combining marks, which are escaped when they come first.
pub(crate) fn is_printable(c: char) -> bool {
    if c.is_ascii() {
        return !c.is_ascii_control();
    }
    format!("a{c}").escape_debug().nth(1) == Some(c)
}
