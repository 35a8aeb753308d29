//! Which image somebody means: a name, a digest, an id or the beginning of one.

use kit::error::Kind;
use kit::{Error, Result};

use crate::id::ImageId;
use crate::reference::{Reference, is_whole_id};
use crate::store::Catalog;

/// What somebody's word for an image turned out to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found {
    /// A name of the image: with its tag, or its digest.
    Name(Reference, ImageId),
    /// Its id, or a part of it.
    Id(ImageId),
}

impl Found {
    /// The image.
    pub fn id(&self) -> ImageId {
        match self {
            Self::Name(_, id) | Self::Id(id) => *id,
        }
    }
}

/// Finds the image that `word` means. As in Docker, a whole id comes first, then a name, then the beginning of an id.
///
/// # Errors
/// There is none (`Kind::NotFound`); or an id begins so that is not the only one, in which case the hint lists them.
pub fn find(catalog: &Catalog, word: &str) -> Result<Found> {
    let missing =
        || Error::new(format!("No such image: {}", in_full(word))).of_kind(Kind::NotFound);
    look_up(catalog, word)?.ok_or_else(missing)
}

/// The same; `None` if there is none.
///
/// # Errors
/// An id begins so that is not the only one; no image can have that name.
pub fn look_up(catalog: &Catalog, word: &str) -> Result<Option<Found>> {
    let digits = word.strip_prefix("sha256:").unwrap_or(word);
    if is_whole_id(digits) {
        let id: ImageId = format!("sha256:{digits}").parse()?;
        let is_there = catalog.images.contains_key(&id);
        return Ok(is_there.then_some(Found::Id(id)));
    }
    let reference: Result<Reference> = word.parse();
    if let Ok(reference) = &reference {
        let reference = reference.clone().or_latest();
        if let Some(id) = catalog.get(&reference) {
            return Ok(Some(Found::Name(reference, id)));
        }
        // A name with a digest may also have a tag, which then says nothing.
        if let Some(digest) = reference.digest()
            && let by_digest = reference.with_digest(*digest)
            && let Some(id) = catalog.get(&by_digest)
        {
            return Ok(Some(Found::Name(by_digest, id)));
        }
    }
    let is_prefix = !digits.is_empty()
        && digits
            .bytes()
            .all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    if is_prefix && let Some(id) = by_prefix(catalog, digits)? {
        return Ok(Some(Found::Id(id)));
    }
    reference.map(|_| None)
}

/// As an error message names what is missing: with the tag that was looked for.
fn in_full(word: &str) -> String {
    match word.parse::<Reference>() {
        Ok(reference) => reference.or_latest().familiar(),
        Err(_) => word.to_owned(),
    }
}

fn by_prefix(catalog: &Catalog, digits: &str) -> Result<Option<ImageId>> {
    let all: Vec<ImageId> = catalog
        .images
        .keys()
        .filter(|id| id.0.hex().starts_with(digits))
        .copied()
        .collect();
    match all[..] {
        [] => Ok(None),
        [id] => Ok(Some(id)),
        _ => {
            let candidates: Vec<String> = all
                .iter()
                .map(|id| match catalog.references(*id).first() {
                    Some(name) => format!("{} ({})", id.short(), name.familiar()),
                    None => id.short(),
                })
                .collect();
            Err(
                Error::new(format!("{digits:?} is the beginning of several image ids"))
                    .hint(format!("it may be {}", candidates.join(", "))),
            )
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Record;
    use layers::digest::Digest;

    fn id(text: &str) -> ImageId {
        ImageId(Digest::of(text))
    }

    fn catalog() -> Catalog {
        let mut catalog = Catalog::default();
        for number in 0..40 {
            let record = Record {
                manifest: Digest::of(""),
                created: None,
                size: 0,
                tagged: None,
                parent: None,
            };
            catalog.images.insert(id(&number.to_string()), record);
        }
        let by_digest: Reference = "app".parse().unwrap();
        catalog.name(&"app:latest".parse().unwrap(), id("1"));
        catalog.name(&by_digest.with_digest(Digest::of("m")), id("2"));
        // A name that is a beginning of an id too.
        catalog.name(
            &format!("{}:latest", &id("3").0.hex()[..6]).parse().unwrap(),
            id("4"),
        );
        catalog
    }

    #[test]
    fn names_come_before_beginnings_of_ids() {
        let catalog = catalog();
        let find = |word: &str| find(&catalog, word).map(|found| found.id());
        let hex = id("3").0.hex();
        for (word, expected) in [
            ("app", "1"),
            ("app:latest", "1"),
            ("docker.io/library/app", "1"),
            (&format!("app@{}", Digest::of("m")), "2"),
            (&format!("app:any@{}", Digest::of("m")), "2"),
            (&hex, "3"),
            (&format!("sha256:{hex}"), "3"),
            (&format!("sha256:{}", &hex[..12]), "3"),
            (&hex[..12], "3"),
            (&hex[..6], "4"),
        ] {
            assert_eq!(find(word).unwrap(), id(expected), "{word}");
        }
    }

    #[test]
    fn what_is_not_there_is_named_in_full() {
        let catalog = catalog();
        let error = |word: &str| find(&catalog, word).unwrap_err();
        assert_eq!(error("none").to_string(), "No such image: none:latest");
        assert_eq!(error("none").kind(), Kind::NotFound);
        assert_eq!(error("none:1").to_string(), "No such image: none:1");
        assert!(error("No Name").to_string().contains("invalid reference"));
        assert_eq!(error("No Name").kind(), Kind::Other);
        let all = id("none").0.hex();
        assert_eq!(error(&all).to_string(), format!("No such image: {all}"));
        // One digit for forty images: several begin alike.
        let digit = &id("1").0.hex()[..1];
        let ambiguous = error(digit);
        assert!(
            ambiguous.to_string().contains("several image ids"),
            "{ambiguous}"
        );
        assert!(ambiguous.hint_text().unwrap().contains("app:latest"));
    }
}
