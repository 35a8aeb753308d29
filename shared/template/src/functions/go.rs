//! Go's own functions, but for comparisons and escapes.

use std::sync::Arc;

use super::text::string;
use crate::item::Item;
use crate::kind::Kind;
use crate::print;
use crate::value::{List, Map, Value};

/// `and` and `or` are not called, for they do not look at all of their arguments; nor is `call`, which quotes its first.
pub(super) fn unreachable(_: &[Item]) -> Result<Item, String> {
    Err("it is not a function".to_owned())
}

pub(super) fn not(arguments: &[Item]) -> Result<Item, String> {
    Ok(Item::Plain(Value::Bool(!arguments[0].is_true())))
}

pub(super) fn print(arguments: &[Item]) -> Result<Item, String> {
    text(print::print(&values(arguments)))
}

pub(super) fn println(arguments: &[Item]) -> Result<Item, String> {
    text(print::println(&values(arguments)))
}

pub(super) fn printf(arguments: &[Item]) -> Result<Item, String> {
    text(print::printf(
        string(&arguments[0]),
        &values(&arguments[1..]),
    ))
}

fn values(arguments: &[Item]) -> Vec<Value> {
    arguments.iter().map(|item| item.clone().any()).collect()
}

pub(super) fn len(arguments: &[Item]) -> Result<Item, String> {
    let length = match &arguments[0] {
        Item::Missing => {
            return Err("reflect: call of reflect.Value.Type on zero Value".to_owned());
        }
        Item::Plain(value) | Item::Boxed(value) => match value {
            Value::String(text) => text.len(),
            Value::List(list) => list.items.len(),
            Value::Map(map) => entries(map),
            Value::Nil | Value::NilPointer => return Err("len of nil pointer".to_owned()),
            other => return Err(format!("len of type {}", Kind::of(other))),
        },
    };
    Ok(Item::Plain(Value::Int(length as i64)))
}

fn entries(map: &Map) -> usize {
    let values = map.entries.values();
    values
        .filter(|value| !matches!(value, Value::Method(_)))
        .count()
}

/// `index x 1 "a"` is `x[1]["a"]`.
pub(super) fn index(arguments: &[Item]) -> Result<Item, String> {
    let (first, indexes) = arguments.split_first().ok_or("missing argument")?;
    let mut item = first.clone().open();
    if matches!(item, Item::Missing) {
        return Err("index of untyped nil".to_owned());
    }
    for index in indexes {
        item = match item.value() {
            None | Some(Value::NilPointer) => return Err("index of nil pointer".to_owned()),
            Some(Value::List(list)) => {
                let found = list.items.get(position(index, list.items.len())?);
                let found = found.ok_or("reflect: slice index out of range")?;
                Item::element(found, &list.element)
            }
            Some(Value::String(text)) => {
                let byte = text.as_bytes().get(position(index, text.len())?);
                let byte = byte.ok_or("reflect: string index out of range")?;
                Item::Plain(Value::Uint(u64::from(*byte)))
            }
            Some(Value::Map(map)) => entry(map, index)?,
            Some(other) => return Err(format!("can't index item of type {}", Kind::of(other))),
        };
    }
    Ok(item)
}

fn entry(map: &Map, key: &Item) -> Result<Item, String> {
    match key.value() {
        None => Err("value is nil; should be of type string".to_owned()),
        Some(Value::String(key)) => Ok(match map.entries.get(&**key) {
            Some(found) => Item::element(found, &map.element),
            None => Item::element(&map.element.zero(), &map.element),
        }),
        Some(other) => Err(format!(
            "value has type {}; should be string",
            Kind::of(other)
        )),
    }
}

/// An index of a slice. One past the end is no error yet: a slice may end there.
fn position(index: &Item, length: usize) -> Result<usize, String> {
    let position = match index.value() {
        Some(Value::Int(value)) => i128::from(*value),
        Some(Value::Uint(value)) => i128::from(*value),
        None => return Err("cannot index slice/array with nil".to_owned()),
        Some(other) => {
            return Err(format!(
                "cannot index slice/array with type {}",
                Kind::of(other)
            ));
        }
    };
    usize::try_from(position)
        .ok()
        .filter(|position| *position <= length)
        .ok_or_else(|| format!("index out of range: {position}"))
}

/// `slice x 1 2` is `x[1:2]`.
pub(super) fn slice(arguments: &[Item]) -> Result<Item, String> {
    let (first, indexes) = arguments.split_first().ok_or("missing argument")?;
    let item = first.clone().open();
    let Some(value) = item.value() else {
        return Err("slice of untyped nil".to_owned());
    };
    if indexes.len() > 3 {
        return Err(format!("too many slice indexes: {}", indexes.len()));
    }
    let length = match value {
        Value::String(_) if indexes.len() == 3 => {
            return Err("cannot 3-index slice a string".to_owned());
        }
        Value::String(text) => text.len(),
        Value::List(list) => list.items.len(),
        other => return Err(format!("can't slice item of type {}", Kind::of(other))),
    };
    let mut bounds = [0, length, length];
    for (bound, index) in bounds.iter_mut().zip(indexes) {
        // Unlike `index`, Go's `slice` does not look into an interface.
        if let Item::Boxed(_) = index {
            return Err("cannot index slice/array with type interface {}".to_owned());
        }
        *bound = position(index, length)?;
    }
    let [start, end, most] = bounds;
    if start > end {
        return Err(format!("invalid slice index: {start} > {end}"));
    }
    if end > most {
        return Err(format!("invalid slice index: {end} > {most}"));
    }
    Ok(Item::Plain(part(value, start, end)))
}

/// A string is cut between characters, as `truncate` does it.
fn part(value: &Value, start: usize, end: usize) -> Value {
    match value {
        Value::List(list) => Value::List(Arc::new(List {
            element: list.element.clone(),
            items: list.items[start..end].to_vec(),
            nil: false,
        })),
        Value::String(text) => {
            let (start, end) = (
                text.floor_char_boundary(start),
                text.floor_char_boundary(end),
            );
            Value::from(&text[start..end])
        }
        other => other.clone(),
    }
}

fn text(text: String) -> Result<Item, String> {
    Ok(Item::Plain(Value::from(text)))
}
