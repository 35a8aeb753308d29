//! Floats: `%f`, `%e`, `%g`.

use super::Spec;

/// Writes a float, or says that the verb is none for floats.
pub(super) fn write_float(out: &mut String, value: f64, spec: &Spec, verb: char) -> bool {
    let number = match verb {
        'v' | 'g' => general(value, spec.precision),
        'G' => general(value, spec.precision).to_uppercase(),
        'e' => exponent(value, Some(spec.precision.unwrap_or(6))),
        'E' => exponent(value, Some(spec.precision.unwrap_or(6))).to_uppercase(),
        'f' | 'F' => fixed(value, spec.precision.unwrap_or(6)),
        _ => return false,
    };
    let number = match special(value) {
        Some(name) => name.to_owned(),
        None if spec.sharp => with_point(&number, spec.precision, verb),
        None => number,
    };
    let (negative, digits) = match number.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, &*number),
    };
    let sign = match negative {
        true => "-",
        false if spec.plus => "+",
        false if spec.space => " ",
        false => "",
    };
    // Zeros go between the sign and the digits, and never before an infinity.
    if spec.zero && !spec.minus && value.is_finite() {
        let width = spec.width.unwrap_or(0).saturating_sub(sign.len());
        out.push_str(sign);
        out.push_str(&"0".repeat(width.saturating_sub(digits.len())));
        out.push_str(digits);
    } else {
        let plain = Spec {
            zero: false,
            ..spec.clone()
        };
        plain.pad(out, &format!("{sign}{digits}"));
    }
    true
}

/// The `#` flag: a decimal point always, and with `%g` the zeros that it would drop.
fn with_point(number: &str, precision: Option<usize>, verb: char) -> String {
    let (digits, tail) = number.split_at(number.find(['e', 'E']).unwrap_or(number.len()));
    let point = if digits.contains('.') { "" } else { "." };
    let significant = digits.trim_start_matches(['-', '0', '.']);
    let count = significant.chars().filter(char::is_ascii_digit).count();
    let wanted = match verb {
        'v' | 'g' | 'G' => precision.unwrap_or(6),
        _ => 0,
    };
    let zeros = "0".repeat(wanted.saturating_sub(count.max(1)));
    format!("{digits}{point}{zeros}{tail}")
}

fn special(value: f64) -> Option<&'static str> {
    match value {
        _ if value.is_nan() => Some("NaN"),
        f64::INFINITY => Some("+Inf"),
        f64::NEG_INFINITY => Some("-Inf"),
        _ => None,
    }
}

/// Behind so many decimals every f64 has only zeros, and Rust's formatting takes no precision above 65535.
const DECIMALS: usize = 1100;

/// `%f`
fn fixed(value: f64, precision: usize) -> String {
    let mut text = format!("{value:.*}", precision.min(DECIMALS));
    text.push_str(&"0".repeat(precision.saturating_sub(DECIMALS)));
    text
}

/// `%e`: at least two digits in the exponent. Without a precision, as few digits as name the number.
fn exponent(value: f64, precision: Option<usize>) -> String {
    let text = match precision {
        Some(precision) => format!("{value:.*e}", precision.min(DECIMALS)),
        None => format!("{value:e}"),
    };
    let zeros = "0".repeat(precision.unwrap_or(0).saturating_sub(DECIMALS));
    let (digits, power) = text.split_once('e').unwrap_or((&text, "0"));
    let power: i32 = power.parse().unwrap_or(0);
    let sign = if power < 0 { '-' } else { '+' };
    format!("{digits}{zeros}e{sign}{:02}", power.abs())
}

/// `%g`: with an exponent if it is below -4, or not below the precision.
fn general(value: f64, precision: Option<usize>) -> String {
    let text = match precision {
        Some(precision) => format!("{value:.*e}", precision.clamp(1, DECIMALS) - 1),
        None => format!("{value:e}"),
    };
    let (digits, power) = text.split_once('e').unwrap_or((&text, "0"));
    let power: i32 = power.parse().unwrap_or(0);
    let digits = digits
        .chars()
        .filter(char::is_ascii_digit)
        .collect::<String>();
    let count = digits.trim_end_matches('0').len().max(1) as i32;
    let most = match precision {
        None => 6,
        // A precision beyond the digits does not call for an exponent.
        Some(precision) if precision > count as usize && count > power => count,
        Some(precision) => precision.max(1) as i32,
    };
    if power < -4 || power >= most {
        return exponent(value, Some(count as usize - 1));
    }
    format!("{value:.*}", (count - 1 - power).max(0) as usize)
}
