//! What commands have in common in what they write.

use std::str::FromStr;

use jiff::Timestamp;
use kit::{Error, Result};

use crate::id::ImageId;
use crate::platform::Platform;
use crate::units;

pub(super) const NONE: &str = "<none>";

/// An id as a list shows it.
pub(super) fn id(id: ImageId, no_trunc: bool) -> String {
    match no_trunc {
        true => id.to_string(),
        false => id.short(),
    }
}

/// `2 weeks ago`, or nothing at all for an image that does not say.
pub(super) fn since(created: Option<i64>) -> String {
    match created {
        Some(created) => {
            let seconds = Timestamp::now().as_second().saturating_sub(created);
            format!("{} ago", units::duration(seconds))
        }
        None => "N/A".to_owned(),
    }
}

/// `2024-05-01 10:00:00 +0000 UTC`, as Go writes a time.
pub(super) fn at(created: Option<i64>) -> String {
    match created.and_then(|created| Timestamp::from_second(created).ok()) {
        Some(time) => time
            .to_string()
            .replace('T', " ")
            .replace('Z', " +0000 UTC"),
        None => "N/A".to_owned(),
    }
}

/// At most so many characters, with an ellipsis in the place of what is too much.
pub(super) fn shortened(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    text.chars().take(most - 1).chain(['…']).collect()
}

/// A filter must have its form to be an option at all; whether it is one of ours is seen later, and is another failure.
pub(super) fn with_value(text: &str) -> std::result::Result<String, String> {
    match text.contains('=') {
        true => Ok(text.to_owned()),
        false => Err("bad format of filter (expected name=value)".to_owned()),
    }
}

/// A platform, which Docker looks at only when it has the rest of the command line: what is wrong with it is another
/// failure than that of an option.
pub(super) fn platform(text: Option<&str>) -> Result<Option<Platform>> {
    text.map(str::parse).transpose()
}

/// The words that an option was given.
pub(super) fn parsed<T: FromStr<Err = Error>>(texts: &[String]) -> Result<Vec<T>> {
    texts.iter().map(|text| text.parse()).collect()
}
