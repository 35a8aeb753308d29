//! Giving an image another name.

use jiff::Timestamp;
use kit::{Error, Result};

use crate::find::find;
use crate::reference::Reference;
use crate::store::Store;

/// Makes `name` mean the image that `word` means. An image that had the name loses it.
///
/// # Errors
/// There is no such image, or nothing may have that name.
pub fn tag(store: &Store, word: &str, name: &Reference) -> Result<()> {
    // It would be taken for a digest.
    if name.familiar_name() == "sha256" {
        return Err(Error::new(
            "refusing to create an ambiguous tag using digest algorithm as name",
        ));
    }
    let catalog = store.catalog()?;
    find(&catalog, word)?;
    let locked = store.lock()?;
    let mut catalog = locked.catalog()?;
    let id = find(&catalog, word)?.id();
    catalog.name(name, id);
    if let Some(record) = catalog.images.get_mut(&id) {
        record.tagged = Some(Timestamp::now().as_second());
    }
    locked.put(&catalog)
}
