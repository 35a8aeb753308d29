//! The values that a template sees, with as much of Go's typing as shows in its output.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use crate::kind::Kind;

/// A value as Go would hold it.
///
/// It is made from anything that serde can write ([`Value::of`]), where Rust's structs become Go's structs, or from
/// JSON of unknown shape (`From<serde_json::Value>`), where every object is a `map[string]interface {}`. The difference
/// shows: a field that a struct lacks is an error, a key that a map lacks is `<no value>`.
#[derive(Clone, Debug)]
pub enum Value {
    /// An `interface {}` that holds nothing, JSON's null. Printed as `<no value>`.
    Nil,
    /// A nil pointer to a struct. Printed as `<nil>`.
    NilPointer,
    /// `bool`
    Bool(bool),
    /// `int`, which here stands for all of Go's signed integers.
    Int(i64),
    /// `uint64`, which here stands for all of Go's unsigned integers.
    Uint(u64),
    /// `float64`
    Float(f64),
    /// `string`
    String(Arc<str>),
    /// A slice.
    List(Arc<List>),
    /// A map with strings as keys, sorted, as Go prints and ranges over them.
    Map(Arc<Map>),
    /// A struct, its fields in their own order.
    Struct(Arc<Struct>),
    /// A method that takes one string, such as `.Label` of `docker ps`.
    Method(Method),
}

/// A slice, with the type of its elements.
#[derive(Clone, Debug)]
pub struct List {
    /// The elements' type; [`Kind::Any`] where they differ or nothing is known.
    pub element: Kind,
    /// The elements.
    pub items: Vec<Value>,
    /// A nil slice prints like an empty one, and is `null` in JSON.
    pub nil: bool,
}

/// A map, with the type of its values.
#[derive(Clone, Debug)]
pub struct Map {
    /// The values' type; [`Kind::Any`] where they differ or nothing is known.
    pub element: Kind,
    /// The entries.
    pub entries: BTreeMap<String, Value>,
    /// A nil map prints like an empty one, and is `null` in JSON.
    pub nil: bool,
}

/// A struct.
#[derive(Clone, Debug)]
pub struct Struct {
    /// Go's name of the type, for errors: `container.Config`, `*formatter.imageContext`.
    pub name: Arc<str>,
    /// Whether the fields are answered by methods, as in the rows of Docker's lists. JSON then has them sorted, with
    /// `<`, `>` and `&` escaped.
    pub methods: bool,
    /// The fields, in order.
    pub fields: Vec<(Arc<str>, Value)>,
    /// Fields that are empty, and that JSON therefore leaves out (`omitempty`). A template finds them.
    pub omitted: Vec<(Arc<str>, Value)>,
}

impl Struct {
    /// The field of that name.
    pub fn field(&self, name: &str) -> Option<&Value> {
        let mut all = self.fields.iter().chain(&self.omitted);
        let found = all.find(|(field, _)| &**field == name);
        found.map(|(_, value)| value)
    }
}

/// A method that takes one string and gives one.
#[derive(Clone)]
pub struct Method(Arc<dyn Fn(&str) -> String + Send + Sync>);

impl Method {
    /// Wraps the function.
    pub fn new(function: impl Fn(&str) -> String + Send + Sync + 'static) -> Self {
        Self(Arc::new(function))
    }

    pub(crate) fn call(&self, argument: &str) -> Value {
        Value::from((self.0)(argument))
    }
}

impl fmt::Debug for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Method")
    }
}

impl Value {
    /// A slice of values whose type is found from the values themselves.
    pub fn list(items: Vec<Value>) -> Self {
        Self::List(Arc::new(List {
            element: Kind::common(items.iter()),
            items,
            nil: false,
        }))
    }

    /// A map of values whose type is found from the values themselves.
    pub fn map(entries: BTreeMap<String, Value>) -> Self {
        Self::Map(Arc::new(Map {
            element: Kind::common(entries.values()),
            entries,
            nil: false,
        }))
    }

    /// A struct, its fields in the given order.
    pub fn record(name: &str, fields: Vec<(Arc<str>, Value)>) -> Self {
        Self::Struct(Arc::new(Struct {
            name: name.into(),
            methods: false,
            fields,
            omitted: Vec::new(),
        }))
    }

    /// A struct with a field more, which templates find and JSON leaves out; unless it has a field of that name.
    #[must_use]
    pub fn with_omitted(mut self, name: &str, value: Value) -> Self {
        if let Self::Struct(record) = &mut self
            && record.field(name).is_none()
        {
            Arc::make_mut(record).omitted.push((name.into(), value));
        }
        self
    }

    /// A struct with one of its fields changed, if it has that field.
    #[must_use]
    pub fn map_field(mut self, name: &str, change: impl FnOnce(Value) -> Value) -> Self {
        if let Self::Struct(record) = &mut self {
            let mut fields = Arc::make_mut(record).fields.iter_mut();
            if let Some((_, value)) = fields.find(|(field, _)| &**field == name) {
                *value = change(std::mem::replace(value, Self::Nil));
            }
        }
        self
    }

    /// A nil slice of strings.
    pub fn nil_list() -> Self {
        Self::List(Arc::new(List {
            element: Kind::String,
            items: Vec::new(),
            nil: true,
        }))
    }

    /// A nil map of strings.
    pub fn nil_map() -> Self {
        Self::Map(Arc::new(Map {
            element: Kind::String,
            entries: BTreeMap::new(),
            nil: true,
        }))
    }

    /// Go's `if`: false, zero, and whatever is empty or nil are not true. A struct is.
    pub fn is_true(&self) -> bool {
        match self {
            Self::Nil | Self::NilPointer => false,
            Self::Bool(value) => *value,
            Self::Int(value) => *value != 0,
            Self::Uint(value) => *value != 0,
            Self::Float(value) => *value != 0.0,
            Self::String(value) => !value.is_empty(),
            Self::List(list) => !list.items.is_empty(),
            Self::Map(map) => !map.entries.is_empty(),
            Self::Struct(_) | Self::Method(_) => true,
        }
    }

    /// The same value as Go has it after decoding its JSON without knowing the types: structs are maps, every element
    /// is an `interface {}`. `docker inspect` falls back to this.
    #[must_use]
    pub fn untyped(&self) -> Self {
        match self {
            Self::List(list) if list.nil => Self::Nil,
            Self::Map(map) if map.nil => Self::Nil,
            Self::NilPointer | Self::Method(_) => Self::Nil,
            Self::List(list) => Self::List(Arc::new(List {
                element: Kind::Any,
                items: list.items.iter().map(Self::untyped).collect(),
                nil: false,
            })),
            Self::Map(map) => untyped_map(map.entries.iter().map(|(k, v)| (k.as_str(), v))),
            Self::Struct(record) => untyped_map(record.fields.iter().map(|(k, v)| (&**k, v))),
            other => other.clone(),
        }
    }
}

fn untyped_map<'a>(entries: impl Iterator<Item = (&'a str, &'a Value)>) -> Value {
    let known = entries.filter(|(_, value)| !matches!(value, Value::Method(_)));
    Value::Map(Arc::new(Map {
        element: Kind::Any,
        entries: known.map(|(k, v)| (k.to_owned(), v.untyped())).collect(),
        nil: false,
    }))
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::String(text.into())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::String(text.into())
    }
}

impl From<bool> for Value {
    fn from(value: bool) -> Self {
        Self::Bool(value)
    }
}

impl From<i64> for Value {
    fn from(value: i64) -> Self {
        Self::Int(value)
    }
}

/// JSON of unknown shape. Whole numbers are `int`, others `float64`: Docker's structs have integers where Go's own
/// decoder would make a `float64` of every number.
impl From<serde_json::Value> for Value {
    fn from(json: serde_json::Value) -> Self {
        use serde_json::Value as Json;
        match json {
            Json::Null => Self::Nil,
            Json::Bool(value) => Self::Bool(value),
            Json::Number(number) => number
                .as_i64()
                .map(Self::Int)
                .or_else(|| number.as_u64().map(Self::Uint))
                .unwrap_or_else(|| Self::Float(number.as_f64().unwrap_or(f64::NAN))),
            Json::String(text) => text.into(),
            Json::Array(items) => Self::List(Arc::new(List {
                element: Kind::Any,
                items: items.into_iter().map(Self::from).collect(),
                nil: false,
            })),
            Json::Object(entries) => Self::Map(Arc::new(Map {
                element: Kind::Any,
                entries: entries.into_iter().map(|(k, v)| (k, v.into())).collect(),
                nil: false,
            })),
        }
    }
}
