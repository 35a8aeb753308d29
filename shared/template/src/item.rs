//! What an expression gives: a value, and how Go would hold it.

use crate::kind::Kind;
use crate::value::Value;

/// Go tells a missing value from an `interface {}` that holds nothing, and names a value's type by the interface if it
/// came out of a map or slice of those.
#[derive(Clone, Debug)]
pub(crate) enum Item {
    /// No value: a key that a map lacks, or nil once a pipeline has opened it.
    Missing,
    /// A value of its own type.
    Plain(Value),
    /// A value, perhaps nil, inside of an `interface {}`.
    Boxed(Value),
}

impl Item {
    /// An element of a list or map whose elements are of that type.
    pub(crate) fn element(value: &Value, kind: &Kind) -> Self {
        match (kind, value) {
            (Kind::Any, _) | (_, Value::Nil) => Self::Boxed(value.clone()),
            _ => Self::Plain(value.clone()),
        }
    }

    /// A field of a struct.
    pub(crate) fn field(value: &Value) -> Self {
        match value {
            Value::Nil => Self::Boxed(Value::Nil),
            _ => Self::Plain(value.clone()),
        }
    }

    /// The same without the interface around it.
    pub(crate) fn open(self) -> Self {
        match self {
            Self::Boxed(Value::Nil) => Self::Missing,
            Self::Boxed(value) => Self::Plain(value),
            other => other,
        }
    }

    /// The value itself.
    pub(crate) fn value(&self) -> Option<&Value> {
        match self {
            Self::Missing | Self::Plain(Value::Nil) | Self::Boxed(Value::Nil) => None,
            Self::Plain(value) | Self::Boxed(value) => Some(value),
        }
    }

    /// The value as an argument of any type; a missing one is nil.
    pub(crate) fn any(self) -> Value {
        match self {
            Self::Missing => Value::Nil,
            Self::Plain(value) | Self::Boxed(value) => value,
        }
    }

    pub(crate) fn kind(&self) -> Kind {
        match self {
            Self::Missing | Self::Boxed(_) => Kind::Any,
            Self::Plain(value) => Kind::of(value),
        }
    }

    pub(crate) fn is_true(&self) -> bool {
        self.value().is_some_and(Value::is_true)
    }
}
