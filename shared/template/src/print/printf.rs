//! `printf`: the format string.

use std::fmt::Write;

use super::{Spec, plain, write_value};
use crate::kind::Kind;
use crate::limits;
use crate::value::Value;

/// Go's `fmt.Sprintf`. What does not fit is said in the output, never an error.
pub(crate) fn printf(format: &str, values: &[Value]) -> String {
    let mut printer = Printer {
        rest: format,
        values,
        next: 0,
        reordered: false,
        good: true,
        out: String::new(),
    };
    while printer.out.len() <= limits::OUTPUT {
        let Some(found) = printer.rest.find('%') else {
            break;
        };
        printer.out.push_str(&printer.rest[..found]);
        printer.rest = &printer.rest[found + 1..];
        printer.directive();
    }
    printer.out.push_str(printer.rest);
    printer.extra();
    printer.out
}

struct Printer<'f> {
    rest: &'f str,
    values: &'f [Value],
    next: usize,
    /// Whether an index such as `[2]` was used: then nothing is too many.
    reordered: bool,
    /// Whether the last index was one.
    good: bool,
    out: String,
}

impl Printer<'_> {
    /// One verb, behind its `%`.
    fn directive(&mut self) {
        let mut spec = self.flags();
        let mut indexed = self.index();
        self.reordered = indexed || self.reordered;
        if self.eat('*') {
            let width = self.star("BADWIDTH");
            // A negative width is the `-` flag and the width.
            spec.minus |= width.is_some_and(|width| width < 0);
            spec.zero &= !spec.minus;
            spec.width = width.map(|width| width.unsigned_abs() as usize);
            indexed = false;
        } else {
            spec.width = self.number();
            if indexed && spec.width.is_some() {
                self.good = false;
            }
        }
        if self.eat('.') {
            if indexed {
                self.good = false;
            }
            indexed = self.index();
            if self.eat('*') {
                let precision = self.star("BADPREC");
                // A negative precision is none.
                spec.precision = precision.and_then(|value| usize::try_from(value).ok());
                indexed = false;
            } else {
                spec.precision = Some(self.number().unwrap_or(0));
            }
        }
        if !indexed {
            self.index();
        }
        self.verb(spec);
    }

    fn verb(&mut self, mut spec: Spec) {
        let Some(verb) = self.rest.chars().next() else {
            self.out.push_str("%!(NOVERB)");
            return;
        };
        self.rest = &self.rest[verb.len_utf8()..];
        if verb == '%' {
            self.out.push('%');
        } else if !self.good {
            let _ = write!(self.out, "%!{verb}(BADINDEX)");
        } else if let Some(value) = self.values.get(self.next) {
            self.next += 1;
            if verb == 'v' {
                spec.sharp_v = std::mem::take(&mut spec.sharp);
                spec.plus_v = std::mem::take(&mut spec.plus);
            }
            write_value(&mut self.out, value, &spec, verb);
        } else {
            let _ = write!(self.out, "%!{verb}(MISSING)");
        }
    }

    fn extra(&mut self) {
        if self.reordered || self.next >= self.values.len() {
            return;
        }
        self.out.push_str("%!(EXTRA ");
        for (index, value) in self.values[self.next..].iter().enumerate() {
            let separator = if index > 0 { ", " } else { "" };
            let _ = match value {
                Value::Nil => write!(self.out, "{separator}<nil>"),
                _ => write!(self.out, "{separator}{}={}", Kind::of(value), plain(value)),
            };
        }
        self.out.push(')');
    }

    fn flags(&mut self) -> Spec {
        self.good = true;
        let mut spec = Spec::default();
        while let Some(flag) = self.rest.chars().next() {
            match flag {
                '#' => spec.sharp = true,
                '0' => spec.zero = !spec.minus,
                '+' => spec.plus = true,
                '-' => {
                    spec.minus = true;
                    spec.zero = false;
                }
                ' ' => spec.space = true,
                _ => break,
            }
            self.rest = &self.rest[1..];
        }
        spec
    }

    /// `[n]`, from 1.
    fn index(&mut self) -> bool {
        let Some(inside) = self.rest.strip_prefix('[') else {
            return false;
        };
        self.reordered = true;
        let Some(end) = inside.find(']') else {
            self.good = false;
            self.rest = inside;
            return false;
        };
        let number = inside[..end].parse::<usize>().ok();
        self.rest = &inside[end + 1..];
        match number.and_then(|number| number.checked_sub(1)) {
            Some(index) if index < self.values.len() => self.next = index,
            _ => self.good = false,
        }
        self.good
    }

    /// A width or precision that is itself a value.
    fn star(&mut self, problem: &str) -> Option<i64> {
        let value = match self.values.get(self.next) {
            Some(Value::Int(value)) => Some(*value),
            Some(Value::Uint(value)) => i64::try_from(*value).ok(),
            _ => None,
        };
        if self.next < self.values.len() {
            self.next += 1;
        }
        let value = value.filter(|value| value.abs() <= limits::WIDTH);
        if value.is_none() || (problem == "BADPREC" && value < Some(0)) {
            let _ = write!(self.out, "%!({problem})");
        }
        value
    }

    fn number(&mut self) -> Option<usize> {
        let end = self.rest.find(|c: char| !c.is_ascii_digit());
        let (digits, rest) = self.rest.split_at(end.unwrap_or(self.rest.len()));
        let mut number: usize = 0;
        for digit in digits.bytes() {
            // A crazy number: Go skips the rest of the format.
            if number > limits::WIDTH as usize {
                self.rest = "";
                return None;
            }
            number = number * 10 + usize::from(digit - b'0');
        }
        self.rest = rest;
        (!digits.is_empty()).then_some(number)
    }

    fn eat(&mut self, c: char) -> bool {
        let Some(rest) = self.rest.strip_prefix(c) else {
            return false;
        };
        self.rest = rest;
        true
    }
}
