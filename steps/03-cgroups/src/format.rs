//! Figures as people read them.

use std::time::Duration;

/// `64 MiB`, `1.5 GiB`: powers of 1024, at most two decimal places, none that are zero.
pub fn bytes(bytes: u64) -> String {
    const UNITS: [&str; 6] = ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
    if bytes < 1024 {
        return format!("{bytes} B");
    }
    let power = bytes.ilog2() as usize / 10;
    let value = bytes as f64 / 1024_f64.powi(power as i32);
    let text = format!("{value:.2}");
    let text = text.trim_end_matches('0').trim_end_matches('.');
    format!("{text} {}", UNITS[power - 1])
}

/// `1.234 s`, from microseconds.
pub fn time(microseconds: u64) -> String {
    format!("{:.3} s", Duration::from_micros(microseconds).as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_have_the_unit_that_fits() {
        for (number, text) in [
            (0, "0 B"),
            (1023, "1023 B"),
            (1024, "1 KiB"),
            (64 << 20, "64 MiB"),
            (3 << 29, "1.5 GiB"),
            ((1 << 20) + 12345, "1.01 MiB"),
            (u64::MAX, "16 EiB"),
        ] {
            assert_eq!(bytes(number), text);
        }
    }

    #[test]
    fn times_are_seconds() {
        assert_eq!(time(1_234_567), "1.235 s");
    }
}
