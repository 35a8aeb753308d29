//! PAX records: `LENGTH KEY=VALUE\n`, which say what a header block has no room for (pax(1), "pax Extended Header").

use kit::{Error, Result};

use super::entry::Time;

/// The prefix of an extended attribute's record, as star, GNU tar and Docker write it.
pub(super) const XATTR: &[u8] = b"SCHILY.xattr.";

/// Splits a body into its records.
pub(super) fn records(mut body: &[u8]) -> Result<Vec<(&[u8], &[u8])>> {
    let mut records = Vec::new();
    // GNU tar pads some bodies with NULs.
    while body.first().is_some_and(|byte| *byte != 0) {
        let (record, rest) = split_one(body).ok_or_else(damaged)?;
        records.push(record);
        body = rest;
    }
    Ok(records)
}

type Record<'a> = (&'a [u8], &'a [u8]);

fn split_one(body: &[u8]) -> Option<(Record<'_>, &[u8])> {
    let space = body.iter().take(20).position(|byte| *byte == b' ')?;
    let length: usize = std::str::from_utf8(&body[..space]).ok()?.parse().ok()?;
    let (record, rest) = body.split_at_checked(length)?;
    let text = record.get(space + 1..)?.strip_suffix(b"\n")?;
    let equals = text.iter().position(|byte| *byte == b'=')?;
    (equals > 0).then_some(((&text[..equals], &text[equals + 1..]), rest))
}

/// Adds one record. Its length counts its own digits.
pub(super) fn append(body: &mut Vec<u8>, key: &[u8], value: &[u8]) {
    let rest = key.len() + value.len() + 3;
    let mut length = rest + 1;
    while rest + length.to_string().len() != length {
        length = rest + length.to_string().len();
    }
    body.extend_from_slice(format!("{length} ").as_bytes());
    body.extend_from_slice(key);
    body.push(b'=');
    body.extend_from_slice(value);
    body.push(b'\n');
}

/// A decimal number.
pub(super) fn number(value: &[u8]) -> Result<u64> {
    parsed(value)
}

/// A decimal number that may be negative, as some systems' user ids are.
pub(super) fn signed(value: &[u8]) -> Result<i64> {
    parsed(value)
}

fn parsed<T: std::str::FromStr>(value: &[u8]) -> Result<T> {
    std::str::from_utf8(value)
        .ok()
        .and_then(|text| text.parse().ok())
        .ok_or_else(damaged)
}

/// `SECONDS[.FRACTION]`; digits beyond the ninth are cut.
pub(super) fn time(value: &[u8]) -> Result<Time> {
    parse_time(value).ok_or_else(damaged)
}

fn parse_time(value: &[u8]) -> Option<Time> {
    let text = std::str::from_utf8(value).ok()?;
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let seconds: i64 = whole.parse().ok()?;
    if !fraction.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let digits: String = fraction
        .chars()
        .chain("000000000".chars())
        .take(9)
        .collect();
    let nanoseconds: u32 = digits.parse().ok()?;
    // -1.25 is a quarter second before -1, which is three quarters after -2.
    Some(match (whole.starts_with('-'), nanoseconds) {
        (true, 1..) => Time {
            seconds: seconds.checked_sub(1)?,
            nanoseconds: 1_000_000_000 - nanoseconds,
        },
        _ => Time {
            seconds,
            nanoseconds,
        },
    })
}

/// The inverse of [`time`], without trailing zeroes.
pub(super) fn format_time(time: Time) -> String {
    if time.nanoseconds == 0 {
        return time.seconds.to_string();
    }
    let (sign, seconds, nanoseconds) = if time.seconds < 0 {
        // `seconds + 1` cannot overflow: it is negative.
        (
            "-",
            (time.seconds + 1).unsigned_abs(),
            1_000_000_000 - time.nanoseconds,
        )
    } else {
        ("", time.seconds.unsigned_abs(), time.nanoseconds)
    };
    let text = format!("{sign}{seconds}.{nanoseconds:09}");
    text.trim_end_matches('0').to_owned()
}

fn damaged() -> Error {
    Error::new("damaged tar archive: an extended header cannot be read")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_counts_its_own_digits() {
        for length in [0, 1, 89, 90, 91, 92, 985, 986, 987, 9_000] {
            let value = vec![b'v'; length];
            let mut body = Vec::new();
            append(&mut body, b"path", &value);
            let stated: usize = std::str::from_utf8(body.split(|b| *b == b' ').next().unwrap())
                .unwrap()
                .parse()
                .unwrap();
            assert_eq!(stated, body.len());
            assert_eq!(records(&body).unwrap(), [(&b"path"[..], &value[..])]);
        }
    }

    #[test]
    fn values_may_hold_anything() {
        let mut body = Vec::new();
        append(&mut body, b"SCHILY.xattr.user.x", b"=\n\0 \xff");
        append(&mut body, b"path", b"b");
        assert_eq!(
            records(&body).unwrap(),
            [
                (&b"SCHILY.xattr.user.x"[..], &b"=\n\0 \xff"[..]),
                (b"path", b"b")
            ]
        );
    }

    #[test]
    fn broken_records_are_refused() {
        for body in [
            &b"5"[..],
            b"99 path=x\n",
            b"8 path=x\n",
            b"0 a=b\n",
            b"7 =abc\n",
            b"x a=b\n",
            b"-5 a=b\n",
        ] {
            assert!(records(body).is_err(), "{}", body.escape_ascii());
        }
    }

    #[test]
    fn times_go_both_ways() {
        for text in [
            "0",
            "1",
            "1700000000.123456789",
            "1.5",
            "-1",
            "-1.25",
            "-0.5",
        ] {
            let parsed = parse_time(text.as_bytes()).unwrap();
            assert_eq!(format_time(parsed), text);
        }
        assert_eq!(parse_time(b"1.0000000019").unwrap().nanoseconds, 1);
        for wrong in [
            &b""[..],
            b".",
            b"1.x",
            b"x",
            b"\xff",
            b"99999999999999999999",
        ] {
            assert!(parse_time(wrong).is_none());
        }
    }
}
