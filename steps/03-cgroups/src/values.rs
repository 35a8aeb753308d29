//! The values of the command line: sizes, processors, lists, device rates. Pure functions, all of them.

use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::Path;

use crate::limits::{Rate, Throttle};

/// A value with Docker's two ways to say "no limit": 0 and -1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limit<T> {
    /// 0: as if it had not been given.
    Unset,
    /// -1: explicitly none.
    Unlimited,
    /// A limit.
    Of(T),
}

impl<T> Limit<T> {
    /// The limit, if it is one.
    pub fn get(self) -> Option<T> {
        match self {
            Self::Of(value) => Some(value),
            Self::Unset | Self::Unlimited => None,
        }
    }
}

/// Bytes: `64m`, `1.5g`, `1024`, with the units that Docker takes, which are powers of 1024.
pub fn size(text: &str) -> Result<Limit<u64>, String> {
    match text {
        "-1" => Ok(Limit::Unlimited),
        _ => Ok(bytes(text)?).map(|bytes| match bytes {
            0 => Limit::Unset,
            bytes => Limit::Of(bytes),
        }),
    }
}

const UNITS: &str =
    "give a number of bytes, or one with a unit: b, k, m, g, t or p, as in 64m or 1.5g";

fn bytes(text: &str) -> Result<u64, String> {
    let wrong = || UNITS.to_owned();
    let end = text
        .find(|c: char| !c.is_ascii_digit() && c != '.')
        .unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    let unit = unit.trim_start().to_ascii_lowercase();
    let unit = unit
        .strip_suffix("ib")
        .or(unit.strip_suffix('b'))
        .unwrap_or(&unit);
    let power = match unit {
        "" => 0,
        unit => {
            1 + ["k", "m", "g", "t", "p"]
                .iter()
                .position(|u| *u == unit)
                .ok_or_else(wrong)?
        }
    };
    let bytes = number.parse::<f64>().map_err(|_| wrong())? * 1024_f64.powi(power as i32);
    if 0.0 < bytes && bytes < 1.0 {
        // Cut off, it would be 0, and no limit at all.
        return Err("that is less than a byte".to_owned());
    }
    // The kernel counts in signed 64 bits.
    if bytes > i64::MAX as f64 {
        return Err("that is more than a machine can have".to_owned());
    }
    Ok(bytes as u64)
}

/// A whole number, with 0 and -1 as Docker takes them.
pub fn count(text: &str) -> Result<Limit<u64>, String> {
    match text.parse::<i64>() {
        Ok(0) => Ok(Limit::Unset),
        Ok(-1) => Ok(Limit::Unlimited),
        Ok(number) if number > 0 => Ok(Limit::Of(number as u64)),
        _ => Err("give a whole number; 0 or -1 is no limit".to_owned()),
    }
}

/// Processors with a fraction, as `1.5`: in thousand-millionths. Exact, so that no rounding is seen in `cpu.max`.
pub fn cpus(text: &str) -> Result<u64, String> {
    let wrong = || "give a number of processors, as in 0.5 or 2; 0 or -1 is no limit".to_owned();
    if text == "-1" {
        return Ok(0);
    }
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if !digits(whole) || !digits(fraction) || whole.is_empty() && fraction.is_empty() {
        return Err(wrong());
    }
    if fraction.len() > 9 {
        return Err("a processor has no more than nine decimal places".to_owned());
    }
    let whole: u64 = match whole {
        "" => 0,
        whole => whole.parse().map_err(|_| wrong())?,
    };
    let nano: u64 = format!("{fraction:0<9}").parse().map_err(|_| wrong())?;
    Ok(whole.saturating_mul(1_000_000_000).saturating_add(nano))
}

/// A list of numbers as cpuset(7) writes it, `0-2,4`: the numbers.
pub fn list(text: &str) -> Result<Vec<u32>, String> {
    let wrong = || format!("{text:?} is not a list such as 0-2,4");
    let mut numbers = Vec::new();
    for part in text.trim().split(',') {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let first: u32 = first.parse().map_err(|_| wrong())?;
        let last: u32 = last.parse().map_err(|_| wrong())?;
        // The kernel knows at most 8192 of either; the bound keeps a slip of the finger from filling memory.
        if first > last || last >= 8192 {
            return Err(wrong());
        }
        numbers.extend(first..=last);
    }
    Ok(numbers)
}

/// As [`list`], but as it was written.
pub fn checked_list(text: &str) -> Result<String, String> {
    list(text).map(|_| text.trim().to_owned())
}

/// `/dev/sda:10mb` for bytes, `/dev/sda:100` for operations.
pub fn throttle(text: &str, rate: Rate) -> Result<Throttle, String> {
    let (path, limit) = text
        .rsplit_once(':')
        .ok_or("give a block device and a rate a second, as in /dev/sda:10mb")?;
    let limit = match rate {
        Rate::ReadBytes | Rate::WriteBytes => bytes(limit)?,
        Rate::ReadOperations | Rate::WriteOperations => limit
            .parse()
            .map_err(|_| "give a number of operations a second, as in /dev/sda:100")?,
    };
    if limit == 0 {
        return Err("a rate of 0 would stop the device for ever".to_owned());
    }
    let (major, minor) = block_device(Path::new(path))?;
    Ok(Throttle {
        major,
        minor,
        rate,
        limit,
    })
}

fn block_device(path: &Path) -> Result<(u64, u64), String> {
    let metadata = path
        .metadata()
        .map_err(|error| format!("{}: {error}", path.display()))?;
    if !metadata.file_type().is_block_device() {
        return Err(format!("{} is not a block device", path.display()));
    }
    Ok((
        nix::sys::stat::major(metadata.rdev()),
        nix::sys::stat::minor(metadata.rdev()),
    ))
}

/// `2MB=64m`: the page size as the kernel's files name it, and the limit in bytes.
pub fn hugetlb(text: &str) -> Result<(String, u64), String> {
    let (page, limit) = text
        .split_once('=')
        .ok_or("give a page size and a limit, as in 2MB=64m")?;
    let page = bytes(page)?;
    let name = [(30, "GB"), (20, "MB"), (10, "KB")]
        .into_iter()
        .find(|(bits, _)| page >= 1 << bits && page % (1 << bits) == 0)
        .map(|(bits, unit)| format!("{}{unit}", page >> bits))
        .ok_or("a page has at least 1KB")?;
    Ok((name, bytes(limit)?))
}

/// A container's name, by Docker's rule: it becomes the name of a directory.
pub fn name(text: &str) -> Result<String, String> {
    let is_allowed = |byte: &u8| byte.is_ascii_alphanumeric() || b"_.-".contains(byte);
    let bytes = text.as_bytes();
    match bytes.first() {
        Some(first)
            if first.is_ascii_alphanumeric()
                && bytes.len() >= 2
                && bytes.iter().all(is_allowed)
                // The kernel's NAME_MAX is 255, and the directory has a prefix.
                && bytes.len() <= 200 =>
        {
            Ok(text.to_owned())
        }
        _ => Err(
            "a name has 2 to 200 letters, digits, `_`, `.` or `-`, and begins with a letter or digit"
                .to_owned(),
        ),
    }
}

/// A cgroup to be the parent: a path below the mount point, without steps up.
pub fn parent(text: &std::ffi::OsStr) -> Result<std::path::PathBuf, String> {
    let path = Path::new(text);
    let normal: std::path::PathBuf = path
        .components()
        .filter(|part| !matches!(part, std::path::Component::RootDir))
        .collect();
    let goes_up = normal
        .components()
        .any(|part| !matches!(part, std::path::Component::Normal(_)));
    if goes_up || normal.as_os_str().as_bytes().is_empty() {
        return Err(
            "give the path of a cgroup below the mount point, as in /lab/students".to_owned(),
        );
    }
    Ok(normal)
}

#[cfg(test)]
mod tests;
