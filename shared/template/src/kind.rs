//! Go's types, as far as its messages name them.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use crate::value::{List, Map, Value};

/// A Go type. Its text is Go's name of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `interface {}`
    Any,
    /// `bool`
    Bool,
    /// `int`
    Int,
    /// `uint64`
    Uint,
    /// `float64`
    Float,
    /// `string`
    String,
    /// A slice of these.
    List(Box<Kind>),
    /// A map from string to these.
    Map(Box<Kind>),
    /// A struct of this name.
    Struct(Arc<str>),
    /// A pointer to a struct that is not there.
    Pointer,
    /// A method of one string.
    Method,
}

impl Kind {
    /// The type of a value.
    pub fn of(value: &Value) -> Self {
        match value {
            Value::Nil => Self::Any,
            Value::NilPointer => Self::Pointer,
            Value::Bool(_) => Self::Bool,
            Value::Int(_) => Self::Int,
            Value::Uint(_) => Self::Uint,
            Value::Float(_) => Self::Float,
            Value::String(_) => Self::String,
            Value::List(list) => Self::List(Box::new(list.element.clone())),
            Value::Map(map) => Self::Map(Box::new(map.element.clone())),
            Value::Struct(record) => Self::Struct(record.name.clone()),
            Value::Method(_) => Self::Method,
        }
    }

    /// The one type that all values have. Without a value it is `string`, which is what nearly all of Docker's slices
    /// and maps hold.
    pub(crate) fn common<'a>(mut values: impl Iterator<Item = &'a Value>) -> Self {
        let Some(first) = values.next().map(Self::of) else {
            return Self::String;
        };
        if values.all(|value| Self::of(value) == first) {
            first
        } else {
            Self::Any
        }
    }

    /// What Go gives for a key that is not there.
    pub(crate) fn zero(&self) -> Value {
        match self {
            Self::Any => Value::Nil,
            Self::Bool => Value::Bool(false),
            Self::Int => Value::Int(0),
            Self::Uint => Value::Uint(0),
            Self::Float => Value::Float(0.0),
            Self::String => Value::from(""),
            Self::List(element) => Value::List(Arc::new(List {
                element: (**element).clone(),
                items: Vec::new(),
                nil: true,
            })),
            Self::Map(element) => Value::Map(Arc::new(Map {
                element: (**element).clone(),
                entries: BTreeMap::new(),
                nil: true,
            })),
            Self::Struct(_) | Self::Pointer | Self::Method => Value::NilPointer,
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Any => f.write_str("interface {}"),
            Self::Bool => f.write_str("bool"),
            Self::Int => f.write_str("int"),
            Self::Uint => f.write_str("uint64"),
            Self::Float => f.write_str("float64"),
            Self::String => f.write_str("string"),
            Self::List(element) => write!(f, "[]{element}"),
            Self::Map(element) => write!(f, "map[string]{element}"),
            Self::Struct(name) => f.write_str(name),
            Self::Pointer => f.write_str("*struct {}"),
            Self::Method => f.write_str("func(string) string"),
        }
    }
}
