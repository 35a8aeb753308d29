//! Time limits on machines that are slow.

use std::time::Duration;

/// `limit`, times `DRYDOCK_PATIENCE` if that is set to a number: where instructions are translated, everything takes ten
/// times as long.
pub fn patient(limit: Duration) -> Duration {
    let factor = std::env::var("DRYDOCK_PATIENCE").ok();
    limit.mul_f64(factor.map_or(1.0, |factor| of(&factor)))
}

/// Whether `DRYDOCK_PATIENCE` says that this machine is slow.
pub fn is_asked_for() -> bool {
    let second = Duration::from_secs(1);
    patient(second) > second
}

/// Nonsense makes nobody more patient, and no number less than one anybody hasty.
fn of(factor: &str) -> f64 {
    let factor: f64 = factor.parse().unwrap_or(1.0);
    if factor.is_finite() {
        factor.clamp(1.0, 1000.0)
    } else {
        1.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_factor_is_a_number_of_at_least_one() {
        for (text, factor) in [
            ("10", 10.0),
            ("2.5", 2.5),
            ("0", 1.0),
            ("-3", 1.0),
            ("", 1.0),
            ("many", 1.0),
            ("inf", 1.0),
            ("NaN", 1.0),
            ("1e300", 1000.0),
        ] {
            assert!((of(text) - factor).abs() < f64::EPSILON, "{text}");
        }
    }
}
