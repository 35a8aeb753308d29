//! `HEALTHCHECK`, as a Dockerfile has it.

use crate::command::{Form, command};
use crate::config::HealthCheck;

/// What stands behind `HEALTHCHECK`: `NONE`, or options and then `CMD` with what is run.
///
/// # Errors
/// An option or a form that Docker does not have either; the text says which.
pub(crate) fn parse(text: &str) -> Result<HealthCheck, String> {
    let mut check = HealthCheck::default();
    let mut rest = text;
    while rest.starts_with("--") {
        let (flag, behind) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
        option(flag, &mut check)?;
        rest = behind.trim_start();
    }
    let (form, rest) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
    check.test = Some(match (form.to_uppercase().as_str(), rest.trim()) {
        ("NONE", "") => vec!["NONE".to_owned()],
        ("NONE", _) => return Err("HEALTHCHECK NONE takes no arguments".to_owned()),
        ("CMD", "") => return Err("Missing command after HEALTHCHECK CMD".to_owned()),
        ("CMD", rest) => test(command(rest)?),
        (other, _) => return Err(format!("Unknown type {other:?} in HEALTHCHECK (try CMD)")),
    });
    Ok(check)
}

/// A list is run as it is, any other text by whatever shell the container then has.
fn test(command: Form) -> Vec<String> {
    match command {
        Form::Shell(text) => vec!["CMD-SHELL".to_owned(), text],
        Form::Exec(words) => [vec!["CMD".to_owned()], words].concat(),
    }
}

fn option(flag: &str, check: &mut HealthCheck) -> Result<(), String> {
    let (name, value) = flag.split_once('=').unwrap_or((flag, ""));
    let time = || {
        nanoseconds(value).ok_or_else(|| {
            format!(
                "{name}={value} is not a duration of at least a millisecond, such as 30s or 1m30s"
            )
        })
    };
    match name {
        "--interval" => check.interval = time()?,
        "--timeout" => check.timeout = time()?,
        "--start-period" => check.start_period = time()?,
        "--start-interval" => check.start_interval = time()?,
        "--retries" => {
            check.retries = value
                .parse()
                .ok()
                .filter(|retries| *retries >= 0)
                .ok_or_else(|| {
                    format!("--retries must be a number that is not negative, not {value:?}")
                })?;
        }
        _ => return Err(format!("unknown flag: {name}")),
    }
    Ok(())
}

/// The units of Go's durations, the longer before those that they begin with.
const UNITS: [(&str, f64); 7] = [
    ("ms", 1e6),
    ("us", 1e3),
    ("µs", 1e3),
    ("ns", 1.0),
    ("h", 3600e9),
    ("m", 60e9),
    ("s", 1e9),
];

/// `1m30s`, `1.5s`: 0, or at least a millisecond.
fn nanoseconds(text: &str) -> Option<i64> {
    if text == "0" {
        return Some(0);
    }
    let mut rest = text;
    let mut sum = 0.0;
    while !rest.is_empty() {
        let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let number: f64 = rest[..end].parse().ok()?;
        let (unit, factor) = UNITS
            .iter()
            .find(|(unit, _)| rest[end..].starts_with(unit))?;
        sum += number * factor;
        rest = &rest[end + unit.len()..];
    }
    // So much a double holds exactly, 104 days.
    let is_sound = !text.is_empty() && (sum == 0.0 || (1e6..9e15).contains(&sum));
    #[expect(clippy::cast_possible_truncation, reason = "it is in range, and whole")]
    is_sound.then_some(sum.round() as i64)
}
