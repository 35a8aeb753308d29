//! Go's literals: numbers, characters, strings.

use crate::print::quote;

/// A number, in every type that it fits exactly. Which one counts is the function's choice.
#[derive(Clone, Debug)]
pub(crate) struct Number {
    pub(crate) text: String,
    pub(crate) int: Option<i64>,
    pub(crate) uint: Option<u64>,
    pub(crate) float: Option<f64>,
}

impl Number {
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let mut number = Self {
            text: text.to_owned(),
            int: None,
            uint: None,
            float: None,
        };
        if text.starts_with('\'') {
            let c = character(text)?;
            number.int = Some(i64::from(c as u32));
            number.uint = Some(u64::from(c as u32));
            number.float = Some(f64::from(c as u32));
            return Ok(number);
        }
        if text.ends_with('i') {
            return Err(format!("imaginary numbers are not supported: {text}"));
        }
        let (negative, digits) = match text.as_bytes().first() {
            Some(b'-') => (true, &text[1..]),
            Some(b'+') => (false, &text[1..]),
            _ => (false, text),
        };
        let signed = text.len() != digits.len();
        let magnitude = whole(digits);
        number.uint = magnitude.filter(|_| !signed);
        number.int = magnitude.and_then(|size| match negative {
            true => 0i64.checked_sub_unsigned(size),
            false => i64::try_from(size).ok(),
        });
        if number.int == Some(0) {
            number.uint = Some(0);
        }
        number.float = match (number.int, number.uint) {
            (Some(int), _) => Some(int as f64),
            (None, Some(uint)) => Some(uint as f64),
            (None, None) => None,
        };
        if number.float.is_none() {
            number.float = Some(number.fraction(digits, negative)?);
        }
        Ok(number)
    }

    /// What is not whole as it is written: `1.5`, and `1e3`, which is an integer too.
    fn fraction(&mut self, digits: &str, negative: bool) -> Result<f64, String> {
        let illegal = || format!("illegal number syntax: {}", quote(&self.text));
        if digits.starts_with("0x") || digits.starts_with("0X") {
            if digits.contains(['p', 'P']) {
                return Err(format!(
                    "hexadecimal floating-point numbers are not supported: {}",
                    self.text
                ));
            }
            return Err(illegal());
        }
        let size: f64 = spaced(digits)
            .and_then(|digits| digits.parse().ok())
            .ok_or_else(illegal)?;
        if !digits.starts_with(|c: char| c.is_ascii_digit() || c == '.') || size.is_infinite() {
            return Err(illegal());
        }
        if !digits.contains(['.', 'e', 'E']) {
            return Err(format!("integer overflow: {}", quote(&self.text)));
        }
        let value = if negative { -size } else { size };
        if value.fract() == 0.0 && value.abs() < 9.2e18 {
            self.int = Some(value as i64);
            self.uint = (value >= 0.0).then_some(value as u64);
        }
        Ok(value)
    }

    /// Whether the text alone makes it a `float64`.
    pub(crate) fn is_float(&self) -> bool {
        let hex = self.text.starts_with("0x") || self.text.starts_with("0X");
        !hex && !self.text.starts_with('\'') && self.text.contains(['.', 'e', 'E'])
    }
}

/// The digits without their underscores, each of which stands between two.
fn spaced(text: &str) -> Option<String> {
    let bytes = text.as_bytes();
    let digit = |at: Option<usize>| {
        at.and_then(|at| bytes.get(at))
            .is_some_and(u8::is_ascii_digit)
    };
    let mut underscores = text.match_indices('_');
    let good = underscores.all(|(at, _)| digit(at.checked_sub(1)) && digit(Some(at + 1)));
    good.then(|| text.replace('_', ""))
}

/// An integer with Go's prefixes and underscores.
fn whole(text: &str) -> Option<u64> {
    let lower = text.to_ascii_lowercase();
    let (base, digits) = match lower.get(..2) {
        Some("0x") => (16, &lower[2..]),
        Some("0o") => (8, &lower[2..]),
        Some("0b") => (2, &lower[2..]),
        _ if lower.len() > 1 && lower.starts_with('0') => (8, &lower[1..]),
        _ => (10, lower.as_str()),
    };
    // An underscore stands between digits, or behind the prefix.
    let digits = match base {
        10 => digits,
        _ => digits.strip_prefix('_').unwrap_or(digits),
    };
    if digits.starts_with('_') || digits.ends_with('_') || digits.contains("__") {
        return None;
    }
    if !digits.starts_with(|c: char| c.is_ascii_hexdigit()) {
        return None;
    }
    u64::from_str_radix(&digits.replace('_', ""), base).ok()
}

fn character(text: &str) -> Result<char, String> {
    let malformed = || format!("malformed character constant: {text}");
    let inside = text
        .strip_prefix('\'')
        .and_then(|rest| rest.strip_suffix('\''));
    let inside = inside.ok_or_else(malformed)?;
    if inside.is_empty() {
        return Err("invalid syntax".to_owned());
    }
    let bytes = unescape(inside, '\'')?;
    let text = String::from_utf8(bytes).map_err(|_| malformed())?;
    let mut chars = text.chars();
    match (chars.next(), chars.next()) {
        (Some(c), None) => Ok(c),
        _ => Err(malformed()),
    }
}

/// The text that a quoted or raw string literal stands for.
pub(crate) fn unquote(literal: &str) -> Result<String, String> {
    let invalid = || "invalid syntax".to_owned();
    let quote = literal.chars().next().ok_or_else(invalid)?;
    let inside = literal
        .get(1..literal.len().saturating_sub(1))
        .ok_or_else(invalid)?;
    if quote == '`' {
        // Go drops carriage returns from raw strings.
        return Ok(inside.replace('\r', ""));
    }
    String::from_utf8(unescape(inside, quote)?)
        .map_err(|_| format!("string is not UTF-8: {literal}"))
}

fn unescape(text: &str, quote: char) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        rest = &rest[c.len_utf8()..];
        if c == quote || c == '\n' {
            return Err("invalid syntax".to_owned());
        }
        if c == '\\' {
            rest = escape(rest, quote, &mut bytes).ok_or("invalid syntax")?;
        } else {
            push(&mut bytes, c);
        }
    }
    Ok(bytes)
}

/// One escape, behind its backslash; gives what follows it.
fn escape<'t>(text: &'t str, quote: char, bytes: &mut Vec<u8>) -> Option<&'t str> {
    let c = text.chars().next()?;
    let rest = &text[c.len_utf8()..];
    let plain = match c {
        'a' => '\x07',
        'b' => '\x08',
        'f' => '\x0c',
        'n' => '\n',
        'r' => '\r',
        't' => '\t',
        'v' => '\x0b',
        '\\' => '\\',
        c if c == quote => c,
        'x' => return digits(rest, 2, 16).map(|(n, rest)| byte(bytes, n, quote, rest))?,
        '0'..='7' => return digits(text, 3, 8).map(|(n, rest)| byte(bytes, n, quote, rest))?,
        'u' | 'U' => {
            let (number, rest) = digits(rest, if c == 'u' { 4 } else { 8 }, 16)?;
            push(bytes, char::from_u32(number)?);
            return Some(rest);
        }
        _ => return None,
    };
    push(bytes, plain);
    Some(rest)
}

/// A byte of a string, or a character by its number.
fn byte<'t>(bytes: &mut Vec<u8>, number: u32, quote: char, rest: &'t str) -> Option<&'t str> {
    let value = u8::try_from(number).ok()?;
    if quote == '\'' {
        push(bytes, char::from(value));
    } else {
        bytes.push(value);
    }
    Some(rest)
}

fn digits(text: &str, count: usize, base: u32) -> Option<(u32, &str)> {
    let number = text.get(..count)?;
    if !number.chars().all(|c| c.is_digit(base)) {
        return None;
    }
    Some((u32::from_str_radix(number, base).ok()?, &text[count..]))
}

fn push(bytes: &mut Vec<u8>, c: char) {
    bytes.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
}
