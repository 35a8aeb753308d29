//! Of an index, the image for one platform. Indexes may lie in indexes (OCI image specification, image-index.md), and
//! entries need not say what they are for: then what they lead to tells.

use kit::{Error, Result};

use crate::config::Configuration;
use crate::manifest::{Blob, Document, Index, Manifest};
use crate::platform::Platform;

/// Where the documents of an index are.
pub(crate) trait Documents {
    /// A manifest, or an index.
    fn manifest(&self, blob: &Blob) -> Result<Vec<u8>>;
    /// A configuration, which may measure [`MAX_DOCUMENT`](crate::store::MAX_DOCUMENT).
    fn configuration(&self, blob: &Blob) -> Result<Vec<u8>>;
}

/// So deep may indexes lie in one another, and so many documents are looked at: whoever makes an index must not be able
/// to have us fetch for ever.
const MOST_LEVELS: usize = 8;
const MOST_DOCUMENTS: usize = 64;

/// The manifest for `platform`.
///
/// # Errors
/// There is none, and the message lists those that there are; or a document cannot be had.
pub(crate) fn choose(
    documents: &dyn Documents,
    index: &Index,
    platform: &Platform,
) -> Result<Vec<u8>> {
    let mut search = Search {
        documents,
        platform,
        left: MOST_DOCUMENTS,
        offered: Vec::new(),
        unusable: None,
    };
    match search.look_through(index, 0)? {
        Some(manifest) => Ok(manifest),
        None => Err(search.nothing()),
    }
}

struct Search<'a> {
    documents: &'a dyn Documents,
    platform: &'a Platform,
    left: usize,
    /// For which platforms there are images.
    offered: Vec<String>,
    /// Why something that was called an image is none.
    unusable: Option<Error>,
}

impl Search<'_> {
    fn look_through(&mut self, index: &Index, depth: usize) -> Result<Option<Vec<u8>>> {
        self.offered.extend(index.platforms());
        for choice in index.candidates(self.platform) {
            self.left = self.left.checked_sub(1).ok_or_else(|| {
                Error::new(format!(
                    "none of the first {MOST_DOCUMENTS} manifests in the index is for {}",
                    self.platform
                ))
            })?;
            let bytes = self.documents.manifest(&choice.blob)?;
            match Document::parse(&bytes, Some(&choice.blob.media_type)) {
                Ok(Document::Manifest(manifest)) => {
                    if choice.platform.is_some() || self.suits(&manifest)? {
                        return Ok(Some(bytes));
                    }
                }
                Ok(Document::Index(_)) if depth == MOST_LEVELS => {
                    return Err(Error::new(format!(
                        "more than {MOST_LEVELS} indexes lie in one another"
                    )));
                }
                Ok(Document::Index(inner)) => {
                    if let Some(found) = self.look_through(&inner, depth + 1)? {
                        return Ok(Some(found));
                    }
                }
                // Something else that is kept in an index beside images, such as a signature.
                Err(error) => drop(self.unusable.get_or_insert(error)),
            }
        }
        Ok(None)
    }

    /// What an image's configuration says, where the index has said nothing.
    fn suits(&mut self, manifest: &Manifest) -> Result<bool> {
        let bytes = self.documents.configuration(&manifest.config)?;
        let made_for = match Configuration::parse(&bytes) {
            Ok(config) => config.platform(),
            Err(error) => {
                self.unusable.get_or_insert(error);
                return Ok(false);
            }
        };
        let is_ours = self.platform.accepts(&made_for).is_some();
        if !is_ours {
            self.offered.push(made_for.to_string());
        }
        Ok(is_ours)
    }

    fn nothing(mut self) -> Error {
        if self.offered.is_empty()
            && let Some(error) = self.unusable
        {
            return error;
        }
        self.offered.sort();
        self.offered.dedup();
        let error = Error::new(format!(
            "no matching manifest for {} in the manifest list entries",
            self.platform
        ));
        match self.offered[..] {
            [] => error.hint("it names no manifest of an image"),
            _ => error.hint(format!("it has {}", self.offered.join(", "))),
        }
    }
}

#[cfg(test)]
mod tests;
