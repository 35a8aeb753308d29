//! JSON as Go's decoder takes it, for that is what wrote most documents that come here and what everybody else reads
//! them with. An image that Docker runs must not fail here over a `null`.
//!
//! | in the document | what is read |
//! |---|---|
//! | a key that is absent, or `null` | the zero of its type: no text, 0, false, an empty list |
//! | a key in other letters' case (`MediaType`) | the same key; of a key twice, the last that is not `null` |
//! | two objects under one key | both, as one |
//! | a key that nobody knows | nothing |
//! | `null` in a list | the zero of the list's type |
//! | 7.0 for a whole number | 7 |
//! | half a surrogate pair, bytes that are not UTF-8 | U+FFFD, the sign for what cannot be read |
//! | a byte order mark before it | nothing |
//! | another type | an error that names the place: `config.Env[0]` |

mod deserialize;
#[cfg(test)]
mod tests;
mod text;

use std::fmt;

use serde::de::{Deserialize, DeserializeOwned, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

/// A document, with its keys in their order, and each as often as it stands there.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) enum Json {
    #[default]
    Null,
    Bool(bool),
    Number(Number),
    Text(String),
    List(Vec<Json>),
    Object(Vec<(String, Json)>),
}

/// What was wrong, and where: `config.Env[0]: a number, where a text belongs`.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Wrong {
    place: String,
    what: String,
}

/// Reads a document, and nothing may follow it.
pub(crate) fn read<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Wrong> {
    T::deserialize(&Json::parse(bytes)?)
}

/// Reads the first document. What follows it is passed over, as Go's stream decoder does, by which Docker reads answers
/// and files that are its own.
pub(crate) fn read_first<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Wrong> {
    T::deserialize(&Json::parse_first(bytes)?)
}

/// The same of a file that is changed and written again, in which all has to stay as it is; `None` if it is empty.
pub(crate) fn read_object(bytes: &[u8]) -> serde_json::Result<Option<Map<String, Value>>> {
    let text = text::readable(bytes);
    let mut stream = serde_json::Deserializer::from_str(&text).into_iter();
    stream.next().transpose()
}

/// What stands in such an object under `key`, in whatever case; `None` for `null` too.
pub(crate) fn field<'a>(object: &'a Map<String, Value>, key: &str) -> Option<&'a Value> {
    let value = object.get(key_of(object, key)?);
    value.filter(|value| !value.is_null())
}

/// How `key` is written there.
pub(crate) fn key_of<'a>(object: &'a Map<String, Value>, key: &str) -> Option<&'a str> {
    let mut keys = object.keys().map(String::as_str);
    match object.contains_key(key) {
        true => keys.find(|name| *name == key),
        false => keys.find(|name| matches(name, key)),
    }
}

impl Json {
    /// A document, and nothing after it.
    pub(crate) fn parse(bytes: &[u8]) -> Result<Self, Wrong> {
        Ok(serde_json::from_str(&text::readable(bytes))?)
    }

    /// The first document.
    pub(crate) fn parse_first(bytes: &[u8]) -> Result<Self, Wrong> {
        let text = text::readable(bytes);
        let mut stream = serde_json::Deserializer::from_str(&text).into_iter();
        match stream.next() {
            Some(first) => Ok(first?),
            None => Err(serde::de::Error::custom("it is empty")),
        }
    }

    /// What stands under `key`; `None` for `null` too.
    pub(crate) fn get(&self, key: &str) -> Option<&Self> {
        let Self::Object(pairs) = self else {
            return None;
        };
        let mut all = pairs.iter().rev();
        all.find(|(name, value)| matches(name, key) && *value != Self::Null)
            .map(|(_, value)| value)
    }

    /// What stands under the key of a map, which is nothing but itself.
    pub(crate) fn entry(&self, key: &str) -> Option<&Self> {
        let Self::Object(pairs) = self else {
            return None;
        };
        let mut all = pairs.iter().rev();
        all.find_map(|(name, value)| (name == key).then_some(value))
    }

    /// The text, if it is one.
    pub(crate) fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The list, if it is one.
    pub(crate) fn as_list(&self) -> Option<&[Self]> {
        match self {
            Self::List(list) => Some(list),
            _ => None,
        }
    }

    /// The number that it is, or that it is a text of.
    pub(crate) fn as_seconds(&self) -> Option<f64> {
        match self {
            Self::Number(number) => number.as_f64(),
            Self::Text(text) => text.trim().parse().ok(),
            _ => None,
        }
    }

    fn kind(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool(_) => "a truth value",
            Self::Number(_) => "a number",
            Self::Text(_) => "a text",
            Self::List(_) => "a list",
            Self::Object(_) => "an object",
        }
    }
}

/// Go folds the letters of keys.
fn matches(name: &str, key: &str) -> bool {
    name.eq_ignore_ascii_case(key)
}

impl<'de> Deserialize<'de> for Json {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(Builder)
    }
}

struct Builder;

impl<'de> Visitor<'de> for Builder {
    type Value = Json;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Json, E> {
        Ok(Json::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Json, E> {
        Ok(Json::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Json, E> {
        Ok(Json::Number(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Json, E> {
        Ok(Json::Number(value.into()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Json, E> {
        Ok(Number::from_f64(value).map_or(Json::Null, Json::Number))
    }

    fn visit_str<E>(self, value: &str) -> Result<Json, E> {
        Ok(Json::Text(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Json, E> {
        Ok(Json::Text(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Json, A::Error> {
        let mut list = Vec::new();
        while let Some(value) = seq.next_element()? {
            list.push(value);
        }
        Ok(Json::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Json, A::Error> {
        let mut pairs = Vec::new();
        while let Some(pair) = map.next_entry()? {
            pairs.push(pair);
        }
        Ok(Json::Object(pairs))
    }
}

impl Wrong {
    /// The same, seen from the object above.
    fn under(mut self, key: &str) -> Self {
        let dot = if self.place.is_empty() || self.place.starts_with('[') {
            ""
        } else {
            "."
        };
        self.place = format!("{key}{dot}{}", self.place);
        self
    }
}

impl From<serde_json::Error> for Wrong {
    fn from(error: serde_json::Error) -> Self {
        serde::de::Error::custom(error)
    }
}

impl serde::de::Error for Wrong {
    fn custom<T: fmt::Display>(what: T) -> Self {
        Self {
            place: String::new(),
            what: what.to_string(),
        }
    }
}

impl std::error::Error for Wrong {}

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.place.as_str() {
            "" => f.write_str(&self.what),
            place => write!(f, "{place}: {}", self.what),
        }
    }
}
