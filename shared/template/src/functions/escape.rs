//! `html`, `js`, `urlquery`.

use std::fmt::Write;

use crate::item::Item;
use crate::print::{is_printable, print};
use crate::value::Value;

pub(super) fn html(arguments: &[Item]) -> Result<Item, String> {
    escape(arguments, |out, c| match c {
        '\0' => out.push('\u{fffd}'),
        '"' => out.push_str("&#34;"),
        '\'' => out.push_str("&#39;"),
        '&' => out.push_str("&amp;"),
        '<' => out.push_str("&lt;"),
        '>' => out.push_str("&gt;"),
        c => out.push(c),
    })
}

pub(super) fn js(arguments: &[Item]) -> Result<Item, String> {
    escape(arguments, |out, c| match c {
        '\\' | '\'' | '"' => out.extend(['\\', c]),
        '<' | '>' | '&' | '=' => push_unicode(out, c),
        // Printable ones stay; DEL is the only other one of ASCII that Go leaves alone.
        c if c == '\x7f' || is_printable(c) => out.push(c),
        c => push_unicode(out, c),
    })
}

fn push_unicode(out: &mut String, c: char) {
    let _ = write!(out, "\\u{:04X}", c as u32);
}

pub(super) fn urlquery(arguments: &[Item]) -> Result<Item, String> {
    escape(arguments, |out, c| match c {
        ' ' => out.push('+'),
        'a'..='z' | 'A'..='Z' | '0'..='9' | '-' | '_' | '.' | '~' => out.push(c),
        c => {
            for byte in c.encode_utf8(&mut [0; 4]).bytes() {
                let _ = write!(out, "%{byte:02X}");
            }
        }
    })
}

/// The arguments as `print` has them, each character written by `escape`. What is missing is `<no value>` here.
fn escape(arguments: &[Item], escape: fn(&mut String, char)) -> Result<Item, String> {
    let values: Vec<Value> = arguments.iter().map(printable).collect();
    let mut out = String::new();
    for c in print(&values).chars() {
        escape(&mut out, c);
    }
    Ok(Item::Plain(Value::from(out)))
}

fn printable(item: &Item) -> Value {
    item.value()
        .cloned()
        .unwrap_or_else(|| Value::from("<no value>"))
}
