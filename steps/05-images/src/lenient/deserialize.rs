//! From a [`Json`] to what a structure asks for.

use std::borrow::Cow;

use serde::de::value::StrDeserializer;
use serde::de::{
    DeserializeSeed, Deserializer, Error as _, IntoDeserializer, MapAccess, SeqAccess, Visitor,
};
use serde_json::Number;

use super::{Json, Wrong, matches};

impl Json {
    fn is_not(&self, wanted: &str) -> Wrong {
        Wrong::custom(format_args!("{}, where {wanted} belongs", self.kind()))
    }

    fn integer<'de, V: Visitor<'de>>(&self, visitor: V) -> Result<V::Value, Wrong> {
        match self {
            Self::Null => visitor.visit_u64(0),
            Self::Number(number) => match whole(number) {
                Some(Whole::Positive(number)) => visitor.visit_u64(number),
                Some(Whole::Negative(number)) => visitor.visit_i64(number),
                None => Err(Wrong::custom("it is no whole number")),
            },
            other => Err(other.is_not("a number")),
        }
    }
}

enum Whole {
    Positive(u64),
    Negative(i64),
}

/// So much a double holds exactly.
const EXACT: f64 = 9_007_199_254_740_992.0;

fn whole(number: &Number) -> Option<Whole> {
    if let Some(number) = number.as_u64() {
        return Some(Whole::Positive(number));
    }
    if let Some(number) = number.as_i64() {
        return Some(Whole::Negative(number));
    }
    let number = number.as_f64()?;
    #[expect(clippy::cast_possible_truncation, reason = "it is in range, and whole")]
    let exact = (number.fract() == 0.0 && number.abs() < EXACT).then_some(number as i64)?;
    Some(u64::try_from(exact).map_or(Whole::Negative(exact), Whole::Positive))
}

macro_rules! integers {
    ($($name:ident)*) => {$(
        fn $name<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Wrong> {
            self.integer(visitor)
        }
    )*};
}

impl<'de> Deserializer<'de> for &Json {
    type Error = Wrong;

    integers! {
        deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64
        deserialize_u8 deserialize_u16 deserialize_u32 deserialize_u64
    }

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Wrong> {
        match self {
            Json::Null => visitor.visit_unit(),
            Json::Bool(value) => visitor.visit_bool(*value),
            Json::Number(number) => match (number.as_u64(), number.as_i64(), number.as_f64()) {
                (Some(number), _, _) => visitor.visit_u64(number),
                (_, Some(number), _) => visitor.visit_i64(number),
                (_, _, number) => visitor.visit_f64(number.unwrap_or_default()),
            },
            Json::Text(text) => visitor.visit_str(text),
            Json::List(list) => visitor.visit_seq(Elements::new(list)),
            Json::Object(pairs) => visitor.visit_map(Pairs::new(all(pairs))),
        }
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Wrong> {
        match self {
            Json::Null => visitor.visit_bool(false),
            Json::Bool(value) => visitor.visit_bool(*value),
            other => Err(other.is_not("a truth value")),
        }
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Wrong> {
        match self {
            Json::Null => visitor.visit_str(""),
            Json::Text(text) => visitor.visit_str(text),
            other => Err(other.is_not("a text")),
        }
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Wrong> {
        self.deserialize_str(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Wrong> {
        match self {
            Json::Null => visitor.visit_none(),
            _ => visitor.visit_some(self),
        }
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Wrong> {
        match self {
            Json::Null => visitor.visit_seq(Elements::new(&[])),
            Json::List(list) => visitor.visit_seq(Elements::new(list)),
            other => Err(other.is_not("a list")),
        }
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Wrong> {
        match self {
            Json::Null => visitor.visit_map(Pairs::new(Vec::new())),
            Json::Object(pairs) => visitor.visit_map(Pairs::new(all(pairs))),
            other => Err(other.is_not("an object")),
        }
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Wrong> {
        match self {
            Json::Null => visitor.visit_map(Pairs::new(Vec::new())),
            Json::Object(pairs) => visitor.visit_map(Pairs::new(known(pairs, fields))),
            other => Err(other.is_not("an object")),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Wrong> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_identifier<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Wrong> {
        self.deserialize_str(visitor)
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Wrong> {
        visitor.visit_unit()
    }

    serde::forward_to_deserialize_any! {
        i128 u128 f32 f64 char bytes byte_buf unit unit_struct tuple tuple_struct enum
    }
}

type Pair<'a> = (&'a str, Cow<'a, Json>);

fn all(pairs: &[(String, Json)]) -> Vec<Pair<'_>> {
    let pairs = pairs.iter();
    pairs
        .map(|(key, value)| (key.as_str(), Cow::Borrowed(value)))
        .collect()
}

/// The pairs that a structure knows, by its own names for them.
fn known<'a>(pairs: &'a [(String, Json)], fields: &[&'static str]) -> Vec<Pair<'a>> {
    let mut found: Vec<Pair<'a>> = Vec::new();
    for (key, value) in pairs {
        let exact = fields.iter().find(|field| *field == key);
        let Some(field) = exact.or_else(|| fields.iter().find(|field| matches(key, field))) else {
            continue;
        };
        match found.iter_mut().find(|(known, _)| known == field) {
            None => found.push((field, Cow::Borrowed(value))),
            Some(_) if *value == Json::Null => {}
            Some((_, earlier)) => *earlier = together(earlier, value),
        }
    }
    found
}

/// What stands under one key twice.
fn together<'a>(earlier: &Json, later: &'a Json) -> Cow<'a, Json> {
    match (earlier, later) {
        (Json::Object(earlier), Json::Object(later)) => {
            let both = earlier.iter().chain(later).cloned().collect();
            Cow::Owned(Json::Object(both))
        }
        _ => Cow::Borrowed(later),
    }
}

struct Elements<'a> {
    left: std::slice::Iter<'a, Json>,
    index: usize,
}

impl<'a> Elements<'a> {
    fn new(list: &'a [Json]) -> Self {
        Self {
            left: list.iter(),
            index: 0,
        }
    }
}

impl<'de> SeqAccess<'de> for Elements<'_> {
    type Error = Wrong;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, Wrong> {
        let Some(value) = self.left.next() else {
            return Ok(None);
        };
        let index = self.index;
        self.index += 1;
        let read = seed.deserialize(value);
        read.map(Some)
            .map_err(|wrong| wrong.under(&format!("[{index}]")))
    }
}

struct Pairs<'a> {
    left: std::vec::IntoIter<Pair<'a>>,
    value: Option<Pair<'a>>,
}

impl<'a> Pairs<'a> {
    fn new(pairs: Vec<Pair<'a>>) -> Self {
        Self {
            left: pairs.into_iter(),
            value: None,
        }
    }
}

impl<'de> MapAccess<'de> for Pairs<'_> {
    type Error = Wrong;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, Wrong> {
        self.value = self.left.next();
        let Some((key, _)) = &self.value else {
            return Ok(None);
        };
        let key: StrDeserializer<'_, Wrong> = (*key).into_deserializer();
        seed.deserialize(key).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Wrong> {
        let Some((key, value)) = self.value.take() else {
            return Err(Wrong::custom("a value without a key"));
        };
        let read = seed.deserialize(value.as_ref());
        read.map_err(|wrong| wrong.under(key))
    }
}
