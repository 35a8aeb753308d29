//! Docker's functions.

use crate::item::Item;
use crate::limits;
use crate::print::plain;
use crate::value::Value;

pub(super) fn unchanged(arguments: &[Item]) -> Result<Item, String> {
    Ok(arguments[0].clone())
}

pub(super) fn json(arguments: &[Item]) -> Result<Item, String> {
    text(arguments[0].clone().any().to_json())
}

/// Joins the elements of a slice, or the values of a map in their own order.
pub(super) fn join(arguments: &[Item]) -> Result<Item, String> {
    let separator = string(&arguments[1]);
    let mut parts: Vec<String> = match arguments[0].value() {
        None => Vec::new(),
        Some(Value::List(list)) => list.items.iter().map(plain).collect(),
        Some(Value::Map(map)) => {
            let mut parts: Vec<_> = map.entries.values().map(plain).collect();
            parts.sort();
            parts
        }
        Some(other) => {
            return Err(format!(
                "expected slice, got {}",
                crate::kind::Kind::of(other)
            ));
        }
    };
    if parts.len() == 1 {
        return text(parts.remove(0));
    }
    text(parts.join(separator))
}

pub(super) fn split(arguments: &[Item]) -> Result<Item, String> {
    let (whole, separator) = (string(&arguments[0]), string(&arguments[1]));
    let parts: Vec<Value> = match separator {
        // Without a separator Go splits between the characters.
        "" => whole.chars().map(|c| Value::from(c.to_string())).collect(),
        _ => whole.split(separator).map(Value::from).collect(),
    };
    Ok(Item::Plain(Value::list(parts)))
}

pub(super) fn lower(arguments: &[Item]) -> Result<Item, String> {
    text(string(&arguments[0]).chars().map(lower_char).collect())
}

pub(super) fn upper(arguments: &[Item]) -> Result<Item, String> {
    text(string(&arguments[0]).chars().map(upper_char).collect())
}

/// The first letter of each word large, the others as they are.
pub(super) fn title(arguments: &[Item]) -> Result<Item, String> {
    let mut after_separator = true;
    let titled = string(&arguments[0]).chars().map(|c| {
        let starts = std::mem::replace(&mut after_separator, separates(c));
        if starts { upper_char(c) } else { c }
    });
    text(titled.collect())
}

/// Spaces before and after, but not around nothing.
pub(super) fn pad(arguments: &[Item]) -> Result<Item, String> {
    let source = string(&arguments[0]);
    if source.is_empty() {
        return text(String::new());
    }
    let (before, after) = (spaces(&arguments[1])?, spaces(&arguments[2])?);
    text(format!("{before}{source}{after}"))
}

fn spaces(count: &Item) -> Result<String, String> {
    let count = int(count);
    let length = usize::try_from(count).map_err(|_| "strings: negative Repeat count")?;
    if length > limits::OUTPUT {
        return Err(format!("more than {} spaces", limits::OUTPUT));
    }
    Ok(" ".repeat(length))
}

/// At most so many bytes. Go cuts through a character; here a character that does not fit is left out whole.
pub(super) fn truncate(arguments: &[Item]) -> Result<Item, String> {
    let (source, length) = (string(&arguments[0]), int(&arguments[1]));
    let Ok(length) = usize::try_from(length) else {
        return Err(format!(
            "runtime error: slice bounds out of range [:{length}]"
        ));
    };
    text(source[..source.floor_char_boundary(length)].to_owned())
}

fn text(text: String) -> Result<Item, String> {
    Ok(Item::Plain(Value::from(text)))
}

/// The text of an argument whose type the caller has checked.
pub(super) fn string(item: &Item) -> &str {
    match item.value() {
        Some(Value::String(text)) => text,
        _ => "",
    }
}

fn int(item: &Item) -> i64 {
    match item.value() {
        Some(Value::Int(value)) => *value,
        _ => 0,
    }
}

/// Go maps a character to one character: what would become two stays.
fn upper_char(c: char) -> char {
    let mut upper = c.to_uppercase();
    match (upper.next(), upper.next()) {
        (Some(single), None) => single,
        _ => c,
    }
}

fn lower_char(c: char) -> char {
    let mut lower = c.to_lowercase();
    match (lower.next(), lower.next()) {
        (Some(single), None) => single,
        _ => c,
    }
}

fn separates(c: char) -> bool {
    match c {
        '_' => false,
        c if c.is_ascii() => !c.is_ascii_alphanumeric(),
        c => !c.is_alphanumeric() && c.is_whitespace(),
    }
}
