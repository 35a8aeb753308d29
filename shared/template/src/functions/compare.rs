//! `eq`, `ne`, `lt`, `le`, `gt`, `ge`.

use std::cmp::Ordering;

use crate::item::Item;
use crate::kind::Kind;
use crate::print::{plain, printf};
use crate::value::Value;

const INCOMPATIBLE: &str = "incompatible types for comparison";
const INVALID: &str = "invalid type for comparison";

/// Whether the first equals any of the others.
pub(super) fn eq(arguments: &[Item]) -> Result<Item, String> {
    let (first, others) = arguments
        .split_first()
        .ok_or("missing argument for comparison")?;
    if others.is_empty() {
        return Err("missing argument for comparison".to_owned());
    }
    for other in others {
        if equal(first, other)? {
            return truth(true);
        }
    }
    truth(false)
}

pub(super) fn ne(arguments: &[Item]) -> Result<Item, String> {
    truth(!equal(&arguments[0], &arguments[1])?)
}

pub(super) fn lt(arguments: &[Item]) -> Result<Item, String> {
    truth(less(&arguments[0], &arguments[1])?)
}

pub(super) fn le(arguments: &[Item]) -> Result<Item, String> {
    truth(less_or_equal(&arguments[0], &arguments[1])?)
}

pub(super) fn gt(arguments: &[Item]) -> Result<Item, String> {
    truth(!less_or_equal(&arguments[0], &arguments[1])?)
}

pub(super) fn ge(arguments: &[Item]) -> Result<Item, String> {
    truth(!less(&arguments[0], &arguments[1])?)
}

fn truth(value: bool) -> Result<Item, String> {
    Ok(Item::Plain(Value::Bool(value)))
}

fn less_or_equal(a: &Item, b: &Item) -> Result<bool, String> {
    Ok(less(a, b)? || equal(a, b)?)
}

fn equal(a: &Item, b: &Item) -> Result<bool, String> {
    let (Some(x), Some(y)) = (a.value(), b.value()) else {
        return equals_nothing(a, b);
    };
    match (x, y) {
        (Value::Bool(x), Value::Bool(y)) => Ok(x == y),
        (Value::Int(_) | Value::Uint(_), Value::Int(_) | Value::Uint(_)) => {
            Ok(integer(x) == integer(y))
        }
        (Value::Float(x), Value::Float(y)) => Ok(x == y),
        (Value::String(x), Value::String(y)) => Ok(x == y),
        _ if is_basic(x) || is_basic(y) => Err(INCOMPATIBLE.to_owned()),
        (Value::NilPointer, Value::NilPointer) => Ok(true),
        // The struct stands for a pointer to it.
        (Value::NilPointer, Value::Struct(_)) | (Value::Struct(_), Value::NilPointer) => Ok(false),
        _ => compound(x, y),
    }
}

/// One of them, at least, is nil.
fn equals_nothing(a: &Item, b: &Item) -> Result<bool, String> {
    match (a.value(), b.value()) {
        (None, None) => Ok(true),
        (Some(value), None) | (None, Some(value)) => Ok(is_nil(value)),
        (Some(_), Some(_)) => Ok(false),
    }
}

fn is_nil(value: &Value) -> bool {
    match value {
        Value::NilPointer => true,
        Value::List(list) => list.nil,
        Value::Map(map) => map.nil,
        _ => false,
    }
}

/// Go compares structs and neither slices nor maps, but for whether they are nil.
fn compound(x: &Value, y: &Value) -> Result<bool, String> {
    if std::mem::discriminant(x) != std::mem::discriminant(y) {
        let (kind, other) = (Kind::of(x), Kind::of(y));
        return Err(format!(
            "non-comparable types {}: {kind}, {other}: {}",
            printf("%s", std::slice::from_ref(x)),
            plain(y)
        ));
    }
    if is_nil(x) || is_nil(y) {
        return Ok(is_nil(x) == is_nil(y));
    }
    match (x, y) {
        (Value::Struct(x), Value::Struct(y)) if x.name == y.name => {
            let fields = x.fields.iter().zip(&y.fields);
            for ((_, x), (_, y)) in fields {
                if !equal(&Item::field(x), &Item::field(y))? {
                    return Ok(false);
                }
            }
            Ok(true)
        }
        (Value::Struct(_), _) => Ok(false),
        _ => {
            let shown = printf("%s", std::slice::from_ref(y));
            Err(format!("non-comparable type {shown}: {}", Kind::of(y)))
        }
    }
}

fn less(a: &Item, b: &Item) -> Result<bool, String> {
    let (Some(x), Some(y)) = (a.value(), b.value()) else {
        return Err(INVALID.to_owned());
    };
    match (x, y) {
        _ if !is_basic(x) || !is_basic(y) => Err(INVALID.to_owned()),
        (Value::Bool(_), Value::Bool(_)) => Err(INVALID.to_owned()),
        (Value::Int(_) | Value::Uint(_), Value::Int(_) | Value::Uint(_)) => {
            Ok(integer(x) < integer(y))
        }
        (Value::Float(x), Value::Float(y)) => Ok(x.partial_cmp(y) == Some(Ordering::Less)),
        (Value::String(x), Value::String(y)) => Ok(x < y),
        _ => Err(INCOMPATIBLE.to_owned()),
    }
}

fn is_basic(value: &Value) -> bool {
    use Value::{Bool, Float, Int, String, Uint};
    matches!(value, Bool(_) | Int(_) | Uint(_) | Float(_) | String(_))
}

fn integer(value: &Value) -> i128 {
    match value {
        Value::Int(value) => i128::from(*value),
        Value::Uint(value) => i128::from(*value),
        _ => 0,
    }
}
