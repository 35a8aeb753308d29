//! Values as text, as Go's `fmt` has them.

mod float;
mod number;
mod printf;
mod text;

use std::fmt::Write;

pub(crate) use printf::printf;
pub(crate) use text::{is_printable, quote};

use crate::kind::Kind;
use crate::limits;
use crate::value::Value;

/// How one verb of `printf` is to be written.
#[derive(Clone, Debug, Default)]
pub(crate) struct Spec {
    pub(crate) width: Option<usize>,
    pub(crate) precision: Option<usize>,
    pub(crate) minus: bool,
    pub(crate) plus: bool,
    pub(crate) sharp: bool,
    pub(crate) space: bool,
    pub(crate) zero: bool,
    /// `%+v`: structs with their fields' names.
    pub(crate) plus_v: bool,
    /// `%#v`: Go syntax.
    pub(crate) sharp_v: bool,
}

/// Go's `fmt.Sprint`: spaces between operands of which neither is a string.
pub(crate) fn print(values: &[Value]) -> String {
    let mut out = String::new();
    let mut after_string = true;
    for value in values {
        let is_string = matches!(value, Value::String(_));
        if !is_string && !after_string {
            out.push(' ');
        }
        write_value(&mut out, value, &Spec::default(), 'v');
        after_string = is_string;
    }
    out
}

/// Go's `fmt.Sprintln`: spaces between all operands.
pub(crate) fn println(values: &[Value]) -> String {
    let mut out = String::new();
    for (index, value) in values.iter().enumerate() {
        if index > 0 {
            out.push(' ');
        }
        write_value(&mut out, value, &Spec::default(), 'v');
    }
    out.push('\n');
    out
}

/// The `%v` of a value.
pub(crate) fn plain(value: &Value) -> String {
    let mut out = String::new();
    write_value(&mut out, value, &Spec::default(), 'v');
    out
}

/// One operand of a verb.
pub(crate) fn write_value(out: &mut String, value: &Value, spec: &Spec, verb: char) {
    match (verb, value) {
        // It is for errors to be wrapped, and only elsewhere.
        ('w', _) => bad_verb(out, value, spec, verb),
        ('T', Value::Nil) => spec.pad(out, "<nil>"),
        ('T', _) => spec.pad_text(out, &Kind::of(value).to_string()),
        ('v', Value::NilPointer) if spec.sharp_v => out.push_str("(*struct {})(nil)"),
        ('v', Value::Nil | Value::NilPointer) => spec.pad(out, "<nil>"),
        _ => write_inner(out, value, spec, verb),
    }
}

/// A value by its type; the verb goes on to the elements of what has elements.
fn write_inner(out: &mut String, value: &Value, spec: &Spec, verb: char) {
    let done = match value {
        Value::Bool(value) if matches!(verb, 't' | 'v') => {
            spec.pad(out, if *value { "true" } else { "false" });
            true
        }
        Value::Int(value) => number::write_int(out, i128::from(*value), spec, verb),
        Value::Uint(value) => number::write_int(out, i128::from(*value), spec, verb),
        Value::Float(value) => float::write_float(out, *value, spec, verb),
        Value::String(value) => text::write_text(out, value, spec, verb),
        Value::List(_) | Value::Map(_) | Value::Struct(_) => {
            write_compound(out, value, spec, verb);
            true
        }
        // A nil pointer is the address nought, for the verbs that take addresses.
        Value::NilPointer if "bdoxX".contains(verb) => number::write_int(out, 0, spec, verb),
        Value::Nil | Value::NilPointer | Value::Method(_) | Value::Bool(_) => false,
    };
    if !done {
        bad_verb(out, value, spec, verb);
    }
}

fn write_compound(out: &mut String, value: &Value, spec: &Spec, verb: char) {
    match value {
        Value::List(list) => {
            open(out, value, spec, "[", "{", list.nil);
            for (index, item) in list.items.iter().enumerate() {
                separate(out, index, spec);
                element(out, item, spec, verb);
            }
            close(out, spec, "]", list.nil);
        }
        Value::Map(map) => {
            open(out, value, spec, "map[", "{", map.nil);
            for (index, (key, item)) in map.entries.iter().enumerate() {
                separate(out, index, spec);
                write_inner(out, &Value::from(key.as_str()), spec, verb);
                out.push(':');
                element(out, item, spec, verb);
            }
            close(out, spec, "]", map.nil);
        }
        Value::Struct(record) => {
            open(out, value, spec, "{", "{", false);
            let fields = record.fields.iter();
            let fields = fields.filter(|(_, item)| !matches!(item, Value::Method(_)));
            for (index, (name, item)) in fields.enumerate() {
                separate(out, index, spec);
                if spec.plus_v || spec.sharp_v {
                    let _ = write!(out, "{name}:");
                }
                element(out, item, spec, verb);
            }
            close(out, spec, "}", false);
        }
        _ => {}
    }
}

/// An `interface {}` that is nil inside something else prints so under every verb.
fn element(out: &mut String, value: &Value, spec: &Spec, verb: char) {
    match value {
        Value::Nil if spec.sharp_v => out.push_str("interface {}(nil)"),
        Value::NilPointer if spec.sharp_v => out.push_str("(*struct {})(nil)"),
        Value::Nil => out.push_str("<nil>"),
        _ => write_value(out, value, spec, verb),
    }
}

fn open(out: &mut String, value: &Value, spec: &Spec, plain: &str, go: &str, nil: bool) {
    if spec.sharp_v {
        let _ = write!(out, "{}{}", Kind::of(value), if nil { "(nil)" } else { go });
    } else {
        out.push_str(plain);
    }
}

fn close(out: &mut String, spec: &Spec, plain: &str, nil: bool) {
    match (spec.sharp_v, nil) {
        (true, true) => {}
        (true, false) => out.push('}'),
        (false, _) => out.push_str(plain),
    }
}

fn separate(out: &mut String, index: usize, spec: &Spec) {
    if index > 0 {
        out.push_str(if spec.sharp_v { ", " } else { " " });
    }
}

/// `%!d(string=hi)`
fn bad_verb(out: &mut String, value: &Value, spec: &Spec, verb: char) {
    let _ = write!(out, "%!{verb}(");
    match value {
        Value::Nil => out.push_str("<nil>"),
        _ => {
            let _ = write!(out, "{}=", Kind::of(value));
            write_value(out, value, spec, 'v');
        }
    }
    out.push(')');
}

impl Spec {
    /// Pads to the width, which counts characters.
    pub(crate) fn pad(&self, out: &mut String, text: &str) {
        // Far too much already: whoever asked for it will refuse it, and need not have all of it.
        if out.len() > limits::OUTPUT {
            return;
        }
        let missing = self.missing(text);
        let fill = if self.zero && !self.minus { '0' } else { ' ' };
        if !self.minus {
            out.extend(std::iter::repeat_n(fill, missing));
        }
        out.push_str(text);
        if self.minus {
            out.extend(std::iter::repeat_n(' ', missing));
        }
    }

    /// The same, cut to the precision first.
    pub(crate) fn pad_text(&self, out: &mut String, text: &str) {
        self.pad(out, self.cut(text));
    }

    /// The first characters of the text, as many as the precision says.
    pub(crate) fn cut<'t>(&self, text: &'t str) -> &'t str {
        let end = self
            .precision
            .and_then(|length| text.char_indices().nth(length));
        end.map_or(text, |(index, _)| &text[..index])
    }

    fn missing(&self, text: &str) -> usize {
        self.width
            .map_or(0, |width| width.saturating_sub(text.chars().count()))
    }
}
