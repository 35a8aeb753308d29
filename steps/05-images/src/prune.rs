//! Removing what nobody uses.

use std::str::FromStr;

use jiff::Timestamp;
use kit::{Error, Result};

use crate::filter::{dangling, divide, label};
use crate::id::ImageId;
use crate::image::Image;
use crate::remove::{Removed, remove_all};
use crate::store::{Catalog, Store, User};

/// What is to be removed.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Also images that have a name, as a filter may say too.
    pub all: bool,
    /// Only those.
    pub filters: Vec<Filter>,
}

/// One filter; an image must pass all of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Filter {
    /// Made before this time, in seconds since 1970.
    Until(i64),
    /// With this label, perhaps of this value; or, if the first is true, without it.
    Label(bool, String, Option<String>),
    /// Without a name, or no matter which.
    Dangling(bool),
}

impl Options {
    /// Whether images go that have a name.
    ///
    /// # Errors
    /// The options contradict each other: then none should go.
    pub fn named_too(&self) -> Result<bool> {
        let said = |wanted| self.filters.contains(&Filter::Dangling(wanted));
        let all = self.all || said(false);
        match all && said(true) {
            true => Err(
                Error::new("invalid filter 'dangling': it is true and false at once")
                    .hint("--all means dangling=false"),
            ),
            false => Ok(all),
        }
    }
}

impl FromStr for Filter {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let (key, value) = divide(text)?;
        let label = |negated| {
            let (name, value) = label(value);
            Self::Label(negated, name, value)
        };
        match key {
            "until" => until(value).map(Self::Until),
            "label" => Ok(label(false)),
            "label!" => Ok(label(true)),
            "dangling" => dangling(value).map(Self::Dangling),
            other => Err(Error::new(format!("invalid filter '{other}'"))
                .hint("until, label, label! and dangling are")),
        }
    }
}

/// A time, or how long ago: `24h`, `1h30m`, `1700000000`, `2024-05-01T10:00:00Z`, `2024-05-01`.
fn until(text: &str) -> Result<i64> {
    if let Ok(seconds) = text.parse() {
        return Ok(seconds);
    }
    if let Ok(time) = text.parse::<Timestamp>() {
        return Ok(time.as_second());
    }
    if let Ok(time) = format!("{text}T00:00:00Z").parse::<Timestamp>() {
        return Ok(time.as_second());
    }
    match ago(text) {
        Some(seconds) => Ok(Timestamp::now().as_second() - seconds),
        None => Err(Error::new(format!("{text:?} is not a time"))
            .hint("it is a duration such as 24h or 1h30m, or a time such as 2024-05-01T10:00:00Z")),
    }
}

fn ago(text: &str) -> Option<i64> {
    let (mut total, mut rest) = (0i64, text);
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit())?;
        let number: i64 = rest[..digits].parse().ok()?;
        let unit = match rest.as_bytes()[digits] {
            b'h' => 3600,
            b'm' => 60,
            b's' => 1,
            _ => return None,
        };
        total = total.checked_add(number.checked_mul(unit)?)?;
        rest = &rest[digits + 1..];
    }
    (!text.is_empty()).then_some(total)
}

/// Removes images without a name that no container uses, or all that no container uses; and what is left of broken
/// downloads. Returns what went, and how many bytes.
///
/// # Errors
/// An image is damaged, or what the file system refuses.
pub fn prune(store: &Store, options: &Options, users: &[User]) -> Result<(Vec<Removed>, u64)> {
    let all = options.named_too()?;
    let catalog = store.catalog()?;
    let mut ids = Vec::new();
    for id in catalog.images.keys() {
        let names = catalog.references(*id);
        let is_idle = all || names.iter().all(|name| name.tag().is_none());
        if is_idle && passes(store, &catalog, *id, &options.filters)? {
            ids.push(*id);
        }
    }
    let result = remove_all(store, &ids, users)?;
    store.lock()?.sweep()?;
    Ok(result)
}

fn passes(store: &Store, catalog: &Catalog, id: ImageId, filters: &[Filter]) -> Result<bool> {
    let record = &catalog.images[&id];
    for filter in filters {
        let passes = match filter {
            Filter::Until(time) => record.created.is_none_or(|created| created < *time),
            Filter::Label(negated, name, value) => {
                let image = Image::read(store, id, record)?;
                let has = image.config.labels().any(|(own_name, own_value)| {
                    own_name == name && value.as_ref().is_none_or(|value| value == own_value)
                });
                has != *negated
            }
            // It widens what is looked at, and is no question to a single image.
            Filter::Dangling(_) => true,
        };
        if !passes {
            return Ok(false);
        }
    }
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::simple;

    #[test]
    fn what_has_no_tag_goes_and_with_all_the_rest() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::new(dir.path());
        let named = simple(&store, "app", "app", "2020-01-01T00:00:00Z");
        let nameless = simple(&store, "", "text", "2022-01-01T00:00:00Z");
        let dead = dir.path().join("images/downloads/00");
        std::fs::write(&dead, "x").unwrap();
        let pruned = |all: bool, filters: &[&str]| {
            let filters = filters
                .iter()
                .map(|filter| filter.parse().unwrap())
                .collect();
            prune(&store, &Options { all, filters }, &[]).unwrap()
        };
        for (all, filters) in [
            (true, vec![Filter::Dangling(true)]),
            (false, vec![Filter::Dangling(true), Filter::Dangling(false)]),
        ] {
            assert!(prune(&store, &Options { all, filters }, &[]).is_err());
        }
        assert!("dangling=TRUE".parse::<Filter>().is_err());
        assert_eq!(pruned(false, &["until=2021-01-01"]), (vec![], 0));
        assert!(!dead.exists());
        assert_eq!(pruned(false, &["label=none"]).0, []);
        assert_eq!(pruned(false, &["label!=made"]).0, []);
        let (removed, bytes) = pruned(false, &["until=24h"]);
        assert_eq!((&removed[0], bytes), (&Removed::Deleted(nameless.id.0), 4));
        assert_eq!(pruned(false, &["dangling=1"]).0, []);
        let (removed, bytes) = pruned(false, &["label=made", "dangling=false"]);
        assert_eq!(removed[1], Removed::Deleted(named.id.0));
        assert_eq!((removed.len(), bytes), (3, 3));
    }

    #[test]
    fn times_have_many_forms() {
        assert_eq!(until("1700000000").unwrap(), 1_700_000_000);
        assert_eq!(until("2024-01-01").unwrap(), 1_704_067_200);
        assert_eq!(until("2024-01-01T00:00:00Z").unwrap(), 1_704_067_200);
        assert_eq!(ago("1h30m5s"), Some(5405));
        for wrong in ["", "h", "1d", "yesterday", "1h2", "99999999999999999999h"] {
            assert!(until(wrong).is_err(), "{wrong}");
        }
    }
}
