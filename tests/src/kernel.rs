//! Which kernel the tests meet.

use std::fs;

/// Whether it is Linux `major`.`minor` or later (`/proc/sys/kernel/osrelease`), for what cannot be asked otherwise.
///
/// # Panics
/// If /proc is not mounted.
pub fn linux_is_at_least(major: u32, minor: u32) -> bool {
    let release = fs::read_to_string("/proc/sys/kernel/osrelease").expect("/proc is mounted");
    is_at_least(&release, major, minor)
}

fn is_at_least(release: &str, major: u32, minor: u32) -> bool {
    let numbers: Vec<u32> = release
        .split(['.', '-'])
        .map_while(|number| number.parse().ok())
        .collect();
    numbers.as_slice() >= &[major, minor]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn releases_are_compared_as_numbers() {
        assert!(is_at_least("6.8.0-rc1+", 6, 8));
        assert!(is_at_least("6.18.5", 6, 8));
        assert!(is_at_least("7.0-1-amd64", 6, 8));
        assert!(!is_at_least("6.1.0-40-cloud-amd64\n", 6, 8));
        assert!(!is_at_least("5.15", 6, 8));
    }
}
