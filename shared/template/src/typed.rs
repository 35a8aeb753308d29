//! From Rust's types to Go's: whatever serde can write becomes a [`Value`].

mod serializer;

use serde::{Serialize, Serializer};

use crate::value::Value;
use serializer::ToValue;

/// Names by which the two helpers below tell this crate's serializer what they mean; any other writes null.
const NIL_SLICE: &str = "template::nil_slice";
const NIL_MAP: &str = "template::nil_map";

impl Value {
    /// The value of anything that serde can write. A struct is Go's struct of that name with its fields in order, a map
    /// is a map, `None` a nil pointer. Fails only if the type's own `Serialize` does.
    pub fn of(value: &impl Serialize) -> crate::Result<Self> {
        value
            .serialize(ToValue)
            .map_err(|error| crate::Error::Execute(format!("cannot make a value of it: {error}")))
    }
}

/// For `#[serde(serialize_with)]` on an optional list: `None` is a nil slice, which prints as `[]` and is null in JSON.
/// Without this it is a nil pointer, `<nil>`.
pub fn nil_slice<T: Serialize, S: Serializer>(
    list: &Option<T>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    match list {
        Some(list) => list.serialize(serializer),
        None => serializer.serialize_newtype_struct(NIL_SLICE, &()),
    }
}

/// The same for an optional map, which prints as `map[]`.
pub fn nil_map<T: Serialize, S: Serializer>(
    map: &Option<T>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    match map {
        Some(map) => map.serialize(serializer),
        None => serializer.serialize_newtype_struct(NIL_MAP, &()),
    }
}

/// What the two names above stand for.
fn nil_of(name: &str) -> Option<Value> {
    match name {
        NIL_SLICE => Some(Value::nil_list()),
        NIL_MAP => Some(Value::nil_map()),
        _ => None,
    }
}
