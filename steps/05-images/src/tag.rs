//! Giving an image another name.

use jiff::Timestamp;
use kit::Result;

use crate::find::find;
use crate::reference::Reference;
use crate::store::Store;

/// Makes `name` mean the image that `word` means. An image that had the name loses it.
///
/// # Errors
/// There is no such image.
pub fn tag(store: &Store, word: &str, name: &Reference) -> Result<()> {
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
