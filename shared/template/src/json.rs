//! Values as JSON, the way Go's encoder writes it when it does not escape HTML.

use std::fmt::Write;

use crate::value::{Struct, Value};

impl Value {
    /// Compact JSON: the template function `json`, and one line of `--format json`.
    pub fn to_json(&self) -> String {
        let mut out = String::new();
        write_value(&mut out, self, false, None);
        out
    }

    /// JSON over several lines, four spaces a level, as `docker inspect` prints it. No newline at the end.
    pub fn to_json_indented(&self) -> String {
        let mut out = String::new();
        write_value(&mut out, self, false, Some(0));
        out
    }
}

/// `level` is the depth of indentation, if there is to be any.
fn write_value(out: &mut String, value: &Value, escape_html: bool, level: Option<usize>) {
    match value {
        Value::Nil | Value::NilPointer | Value::Method(_) => out.push_str("null"),
        Value::Bool(value) => push(out, format_args!("{value}")),
        Value::Int(value) => push(out, format_args!("{value}")),
        Value::Uint(value) => push(out, format_args!("{value}")),
        Value::Float(value) => write_float(out, *value),
        Value::String(text) => write_string(out, text, escape_html),
        Value::List(list) if list.nil => out.push_str("null"),
        Value::Map(map) if map.nil => out.push_str("null"),
        Value::List(list) => {
            let items = list.items.iter().map(|item| (None, item));
            write_all(out, items, ['[', ']'], escape_html, level);
        }
        Value::Map(map) => {
            let entries = map
                .entries
                .iter()
                .map(|(key, item)| (Some(key.as_str()), item));
            write_all(out, entries, ['{', '}'], escape_html, level);
        }
        Value::Struct(record) => write_struct(out, record, escape_html, level),
    }
}

fn write_struct(out: &mut String, record: &Struct, escape_html: bool, level: Option<usize>) {
    let mut fields: Vec<_> = record
        .fields
        .iter()
        .map(|(name, value)| (Some(&**name), value))
        .collect();
    if record.methods {
        // Docker makes a map of a row, and a second encoder writes it, which does escape HTML.
        fields.sort_by_key(|(name, _)| *name);
    }
    let escape_html = escape_html || record.methods;
    write_all(out, fields.into_iter(), ['{', '}'], escape_html, level);
}

fn write_all<'v>(
    out: &mut String,
    items: impl Iterator<Item = (Option<&'v str>, &'v Value)>,
    brackets: [char; 2],
    escape_html: bool,
    level: Option<usize>,
) {
    out.push(brackets[0]);
    let inner = level.map(|level| level + 1);
    let mut first = true;
    for (key, item) in items.filter(|(_, item)| !matches!(item, Value::Method(_))) {
        if !std::mem::take(&mut first) {
            out.push(',');
        }
        new_line(out, inner);
        if let Some(key) = key {
            write_string(out, key, escape_html);
            out.push_str(if level.is_some() { ": " } else { ":" });
        }
        write_value(out, item, escape_html, inner);
    }
    if !first {
        new_line(out, level);
    }
    out.push(brackets[1]);
}

fn new_line(out: &mut String, level: Option<usize>) {
    if let Some(level) = level {
        out.push('\n');
        out.extend(std::iter::repeat_n("    ", level));
    }
}

/// As JavaScript writes it: an exponent below 1e-6 and from 1e21 on.
fn write_float(out: &mut String, value: f64) {
    let size = value.abs();
    if !value.is_finite() {
        return out.push_str("null");
    }
    if size != 0.0 && !(1e-6..1e21).contains(&size) {
        let text = format!("{value:e}");
        out.push_str(&if size < 1.0 {
            text
        } else {
            text.replace('e', "e+")
        });
    } else {
        push(out, format_args!("{value}"));
    }
}

fn write_string(out: &mut String, text: &str, escape_html: bool) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\x08' => out.push_str("\\b"),
            '\x0c' => out.push_str("\\f"),
            '<' | '>' | '&' if !escape_html => out.push(c),
            // The two line separators are none in JSON and are in JavaScript.
            '<' | '>' | '&' | '\0'..'\x20' | '\u{2028}' | '\u{2029}' => {
                push(out, format_args!("\\u{:04x}", c as u32));
            }
            c => out.push(c),
        }
    }
    out.push('"');
}

fn push(out: &mut String, text: std::fmt::Arguments<'_>) {
    let _ = out.write_fmt(text);
}
