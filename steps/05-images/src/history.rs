//! How an image came to be: its steps, the newest first, each with what it added.

use jiff::Timestamp;
use kit::Result;

use crate::config::time;
use crate::id::ImageId;
use crate::image::Image;
use crate::store::{Catalog, Store};

/// A step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The image, if it is known: in general, that of the newest step alone.
    pub id: Option<ImageId>,
    /// When.
    pub created: Option<Timestamp>,
    /// By which command.
    pub created_by: String,
    /// Bytes of the layer; 0 if it made none.
    pub size: u64,
    /// Anything.
    pub comment: String,
}

/// The steps, the newest first.
///
/// # Errors
/// The image's layers cannot be measured.
pub fn history(store: &Store, catalog: &Catalog, image: &Image) -> Result<Vec<Entry>> {
    let mut layers = image.chain_ids().iter();
    let mut entries = Vec::new();
    for step in image.config.history.iter().flatten() {
        let layer = match step.empty_layer {
            true => None,
            false => layers.next(),
        };
        entries.push(Entry {
            id: None,
            created: step.created.as_deref().and_then(time),
            created_by: step.created_by.clone().unwrap_or_default(),
            size: layer.map_or(Ok(0), |chain| store.layer_size(chain))?,
            comment: step.comment.clone().unwrap_or_default(),
        });
    }
    entries.reverse();
    // Images that were built here know their parents.
    let mut id = Some(image.id);
    for entry in &mut entries {
        entry.id = id;
        id = id.and_then(|id| catalog.images.get(&id)?.parent);
    }
    Ok(entries)
}
