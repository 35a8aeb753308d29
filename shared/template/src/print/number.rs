//! Integers: `%d`, `%x`, `%c` and their kin.

use super::Spec;
use super::text::quote_with;

/// Writes an integer, or says that the verb is none for integers.
pub(super) fn write_int(out: &mut String, value: i128, spec: &Spec, verb: char) -> bool {
    match verb {
        'd' | 'v' => integer(out, value, spec, verb, 10),
        'b' => integer(out, value, spec, verb, 2),
        'o' | 'O' => integer(out, value, spec, verb, 8),
        'x' | 'X' => integer(out, value, spec, verb, 16),
        'c' => spec.pad(out, &character(value).to_string()),
        'q' => spec.pad(
            out,
            &quote_with(&character(value).to_string(), '\'', spec.plus),
        ),
        'U' => unicode(out, value, spec),
        _ => return false,
    }
    true
}

/// A number that is no character is the replacement character.
fn character(value: i128) -> char {
    let number = u32::try_from(value).ok();
    number
        .and_then(char::from_u32)
        .unwrap_or(char::REPLACEMENT_CHARACTER)
}

fn unicode(out: &mut String, value: i128, spec: &Spec) {
    // Go takes a negative number as the unsigned one with the same bits.
    let bits = if value < 0 {
        value as u64
    } else {
        value.unsigned_abs() as u64
    };
    let digits = format!("{bits:04X}");
    let zeros = spec.precision.unwrap_or(4).saturating_sub(digits.len());
    let mut text = format!("U+{}{digits}", "0".repeat(zeros));
    if spec.sharp && bits <= 0x10ffff && super::is_printable(character(value)) {
        text.push_str(&format!(" '{}'", character(value)));
    }
    Spec {
        zero: false,
        ..spec.clone()
    }
    .pad(out, &text);
}

fn integer(out: &mut String, value: i128, spec: &Spec, verb: char, base: u32) {
    let blank = Spec {
        zero: false,
        ..spec.clone()
    };
    // A precision of nothing and a value of zero: only the padding.
    if spec.precision == Some(0) && value == 0 {
        return blank.pad(out, "");
    }
    let size = value.unsigned_abs();
    let mut digits = match base {
        2 => format!("{size:b}"),
        8 => format!("{size:o}"),
        16 if verb == 'X' => format!("{size:X}"),
        16 => format!("{size:x}"),
        _ => size.to_string(),
    };
    let signed = value < 0 || spec.plus || spec.space;
    let least = match (spec.precision, spec.width) {
        (Some(precision), _) => precision,
        (None, Some(width)) if spec.zero && !spec.minus => width - usize::from(signed && width > 0),
        _ => 0,
    };
    if digits.len() < least {
        digits.insert_str(0, &"0".repeat(least - digits.len()));
    }
    let prefix = match (base, verb) {
        (_, 'O') => "0o",
        (2, _) if spec.sharp => "0b",
        (8, _) if spec.sharp && !digits.starts_with('0') => "0",
        (16, 'X') if spec.sharp => "0X",
        (16, _) if spec.sharp => "0x",
        _ => "",
    };
    let sign = match value < 0 {
        true => "-",
        false if spec.plus => "+",
        false if spec.space => " ",
        false => "",
    };
    blank.pad(out, &format!("{sign}{prefix}{digits}"));
}
