//! Filters of lists: `--filter dangling=true`.

use std::str::FromStr;

use kit::{Error, Result};

use crate::find::find;
use crate::glob;
use crate::id::ImageId;
use crate::image::Image;
use crate::reference::Reference;
use crate::store::{Catalog, Record, Store};

/// One filter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Filter {
    /// Without a tag, or with one.
    Dangling(bool),
    /// Made after this image.
    Since(String),
    /// Made before this image.
    Before(String),
    /// With this label, perhaps of this value.
    Label(String, Option<String>),
    /// Named like this.
    Reference(String),
}

impl FromStr for Filter {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let (key, value) = divide(text)?;
        let value = value.to_owned();
        match key.trim().to_lowercase().as_str() {
            "dangling" => dangling(&value).map(Self::Dangling),
            "since" => Ok(Self::Since(value)),
            "before" => Ok(Self::Before(value)),
            "label" => {
                let (name, value) = label(&value);
                Ok(Self::Label(name, value))
            }
            "reference" => {
                glob::matches(&value, "")?;
                Ok(Self::Reference(value))
            }
            other => Err(Error::new(format!("invalid filter '{other}'"))
                .hint("dangling, since, before, label and reference are")),
        }
    }
}

/// The name and the value of any command's filter.
pub(crate) fn divide(text: &str) -> Result<(&str, &str)> {
    text.split_once('=').ok_or_else(|| {
        Error::new(format!(
            "bad format of filter (expected name=value): {text:?}"
        ))
    })
}

/// The words that Docker's daemon knows, and no others.
pub(crate) fn dangling(value: &str) -> Result<bool> {
    match value {
        "true" | "1" => Ok(true),
        "false" | "0" => Ok(false),
        _ => {
            Err(Error::new(format!("invalid filter 'dangling={value}'"))
                .hint("it is true or false"))
        }
    }
}

/// A label, and the value that it has to have, if any.
pub(crate) fn label(text: &str) -> (String, Option<String>) {
    match text.split_once('=') {
        Some((name, value)) => (name.to_owned(), Some(value.to_owned())),
        None => (text.to_owned(), None),
    }
}

/// Filters, made ready for one catalog. Those of one kind are alternatives, except labels, which must all be there.
#[derive(Debug)]
pub struct Filters {
    filters: Vec<Filter>,
    since: Option<i64>,
    before: Option<i64>,
}

impl Filters {
    /// Looks up the images that `since` and `before` name.
    ///
    /// # Errors
    /// There is no such image.
    pub fn new(filters: Vec<Filter>, catalog: &Catalog) -> Result<Self> {
        let (mut since, mut before) = (None, None);
        for filter in &filters {
            let created = |word| -> Result<Option<i64>> {
                let id = find(catalog, word)?.id();
                Ok(Some(catalog.images[&id].created.unwrap_or(i64::MIN)))
            };
            match filter {
                Filter::Since(word) => since = created(word)?.max(since),
                Filter::Before(word) => {
                    let new = created(word)?;
                    before = before.map_or(new, |old: i64| new.map(|new: i64| new.min(old)));
                }
                _ => {}
            }
        }
        Ok(Self {
            filters,
            since,
            before,
        })
    }

    /// Whether the image passes. Its configuration is read only if a label is asked for.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn pass(&self, store: &Store, id: ImageId, record: &Record, has_tag: bool) -> Result<bool> {
        let created = record.created.unwrap_or(i64::MIN);
        if self.since.is_some_and(|since| created <= since)
            || self.before.is_some_and(|before| created >= before)
        {
            return Ok(false);
        }
        let dangling = self.filters.iter().filter_map(|filter| match filter {
            Filter::Dangling(wanted) => Some(*wanted),
            _ => None,
        });
        if dangling.clone().count() > 0 && !dangling.clone().any(|wanted| wanted != has_tag) {
            return Ok(false);
        }
        self.labels(store, id, record)
    }

    /// Whether a name passes.
    ///
    /// # Errors
    /// A pattern is malformed.
    pub fn names(&self, name: &Reference) -> Result<bool> {
        let mut is_asked = false;
        for filter in &self.filters {
            if let Filter::Reference(pattern) = filter {
                is_asked = true;
                if glob::matches(pattern, &name.familiar())?
                    || glob::matches(pattern, &name.familiar_name())?
                {
                    return Ok(true);
                }
            }
        }
        Ok(!is_asked)
    }

    /// Whether names are asked for, so that an image without one does not pass.
    pub fn want_names(&self) -> bool {
        self.filters
            .iter()
            .any(|filter| matches!(filter, Filter::Reference(_)))
    }

    fn labels(&self, store: &Store, id: ImageId, record: &Record) -> Result<bool> {
        let mut image = None;
        for filter in &self.filters {
            if let Filter::Label(name, value) = filter {
                if image.is_none() {
                    image = Some(Image::read(store, id, record)?);
                }
                let has = image.iter().flat_map(|image| image.config.labels()).any(
                    |(own_name, own_value)| {
                        own_name == name && value.as_ref().is_none_or(|value| value == own_value)
                    },
                );
                if !has {
                    return Ok(false);
                }
            }
        }
        Ok(true)
    }
}
