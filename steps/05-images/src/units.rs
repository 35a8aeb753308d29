//! Sizes and times as Docker shows them (its package `go-units`).

/// `7.8MB`: thousands, and so many significant digits.
pub fn size(bytes: u64, digits: usize) -> String {
    const UNITS: [&str; 7] = ["B", "kB", "MB", "GB", "TB", "PB", "EB"];
    #[expect(clippy::cast_precision_loss, reason = "four digits are shown")]
    let mut value = bytes as f64;
    let mut unit = 0;
    while value >= 1000.0 && unit < UNITS.len() - 1 {
        value /= 1000.0;
        unit += 1;
    }
    general(value, digits) + UNITS[unit]
}

/// C's `%.*g`, for 0 ≤ value < 10,000.
fn general(value: f64, digits: usize) -> String {
    let rounded = format!("{value:.0}");
    if rounded.len() > digits {
        // 999.96 with three digits: Docker shows it so too.
        return "1e+03".to_owned();
    }
    let whole = if value < 1.0 {
        0
    } else {
        format!("{}", value.trunc()).len()
    };
    let text = format!("{value:.*}", digits - whole);
    match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
        false => text,
    }
}

/// `2 weeks`, of which Docker says "ago".
pub fn duration(seconds: i64) -> String {
    let (minutes, hours) = (seconds / 60, (seconds as f64 / 3600.0).round() as i64);
    match seconds {
        ..1 => "Less than a second".to_owned(),
        1 => "1 second".to_owned(),
        2..60 => format!("{seconds} seconds"),
        _ if minutes == 1 => "About a minute".to_owned(),
        _ if minutes < 60 => format!("{minutes} minutes"),
        _ if hours == 1 => "About an hour".to_owned(),
        _ if hours < 48 => format!("{hours} hours"),
        _ if hours < 24 * 7 * 2 => format!("{} days", hours / 24),
        _ if hours < 24 * 30 * 2 => format!("{} weeks", hours / 24 / 7),
        _ if hours < 24 * 365 * 2 => format!("{} months", hours / 24 / 30),
        _ => format!("{} years", hours / 24 / 365),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_dockers() {
        for (bytes, text) in [
            (0, "0B"),
            (5, "5B"),
            (999, "999B"),
            (1000, "1kB"),
            (1234, "1.23kB"),
            (7_800_000, "7.8MB"),
            (187_654_321, "188MB"),
            (1_240_000_000, "1.24GB"),
            (999_960, "1e+03kB"),
        ] {
            assert_eq!(size(bytes, 3), text, "{bytes}");
        }
        assert_eq!(size(1_234_567, 4), "1.235MB");
    }

    #[test]
    fn durations_are_dockers() {
        const HOUR: i64 = 3600;
        for (seconds, text) in [
            (-5, "Less than a second"),
            (1, "1 second"),
            (59, "59 seconds"),
            (60, "About a minute"),
            (125, "2 minutes"),
            (HOUR, "About an hour"),
            (47 * HOUR, "47 hours"),
            (50 * HOUR, "2 days"),
            (24 * 14 * HOUR, "2 weeks"),
            (24 * 61 * HOUR, "2 months"),
            (24 * 800 * HOUR, "2 years"),
        ] {
            assert_eq!(duration(seconds), text, "{seconds}");
        }
    }
}
