//! Removing: names first, then, if nothing else holds it, the image with the layers that were its own.

use kit::{Error, Result};
use layers::digest::Digest;

use crate::find::{Found, find};
use crate::id::ImageId;
use crate::image::Image;
use crate::reference::Reference;
use crate::store::{Catalog, Locked, Store, User};

/// How to remove.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options {
    /// Also with several names.
    pub force: bool,
    /// Keep untagged parents.
    pub keep_parents: bool,
}

/// One thing that was removed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Removed {
    /// A name, as people write it.
    Untagged(String),
    /// An image, or a layer.
    Deleted(Digest),
}

/// As `docker rmi` prints it.
impl std::fmt::Display for Removed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Untagged(name) => write!(f, "Untagged: {name}"),
            Self::Deleted(digest) => write!(f, "Deleted: {digest}"),
        }
    }
}

/// Removes what `word` means. `users` are containers beside those that hold a lease, such as stopped ones.
///
/// # Errors
/// No such image; it is in use, or has several names and was named by its id.
pub fn remove(store: &Store, word: &str, options: Options, users: &[User]) -> Result<Vec<Removed>> {
    let locked = store.lock()?;
    let mut removal = Removal::new(&locked, options, users)?;
    match find(&removal.catalog, word)? {
        Found::Name(name, id) => removal.by_name(&name, id)?,
        Found::Id(id) => removal.by_id(id)?,
    }
    removal.finish()
}

/// Removes these images, which have no name or may lose it; what is in use stays. Returns what went, and the bytes.
///
/// # Errors
/// What the file system refuses.
pub fn remove_all(store: &Store, ids: &[ImageId], users: &[User]) -> Result<(Vec<Removed>, u64)> {
    let locked = store.lock()?;
    let mut removal = Removal::new(&locked, Options::default(), users)?;
    for id in ids {
        let is_used = removal.user_of(*id).is_some();
        let has_children = removal.catalog.children(*id).next().is_some();
        if removal.catalog.images.contains_key(id) && !is_used && !has_children {
            removal.delete(*id)?;
        }
    }
    let before = bytes(&locked)?;
    let removed = removal.finish()?;
    Ok((removed, before.saturating_sub(bytes(&locked)?)))
}

/// Bytes of all layers.
fn bytes(store: &Store) -> Result<u64> {
    let layers = store.layers()?.list()?;
    Ok(layers
        .iter()
        .filter_map(|chain| store.layer_size(chain).ok())
        .sum())
}

struct Removal<'a> {
    locked: &'a Locked<'a>,
    catalog: Catalog,
    users: Vec<User>,
    options: Options,
    removed: Vec<Removed>,
}

impl<'a> Removal<'a> {
    fn new(locked: &'a Locked<'a>, options: Options, users: &[User]) -> Result<Self> {
        let mut users = users.to_vec();
        users.extend(locked.users()?);
        Ok(Self {
            catalog: locked.catalog()?,
            locked,
            users,
            options,
            removed: Vec::new(),
        })
    }

    fn by_name(&mut self, name: &Reference, id: ImageId) -> Result<()> {
        if is_last_name(&self.catalog.references(id))
            && let Some(user) = self.user_of(id)
            && !self.options.force
        {
            return Err(Error::new(format!(
                "conflict: unable to remove repository reference {:?} (must force) - container {} is using its \
                 referenced image {}",
                name.familiar(),
                user.container,
                id.short()
            )));
        }
        self.untag(name);
        // The digests of a repository go with its last tag.
        let rest = self.catalog.references(id);
        let is_of_repository = |other: &&Reference| other.name() == name.name();
        let has_tag = rest
            .iter()
            .filter(is_of_repository)
            .any(|other| other.tag().is_some());
        if name.digest().is_none() && !has_tag {
            for digest in rest.iter().filter(is_of_repository) {
                self.untag(digest);
            }
        }
        let is_last = self.catalog.references(id).is_empty();
        // A forced removal of the last name leaves an image without a name to the container.
        match is_last && self.user_of(id).is_none() && self.catalog.children(id).next().is_none() {
            true => self.delete(id),
            false => Ok(()),
        }
    }

    fn by_id(&mut self, id: ImageId) -> Result<()> {
        if let Some(user) = self.user_of(id) {
            return Err(conflict(
                id,
                "cannot be forced",
                &format!(
                    "image is being used by running container {}",
                    user.container
                ),
            ));
        }
        if self.catalog.children(id).next().is_some() {
            return Err(conflict(
                id,
                "cannot be forced",
                "image has dependent child images",
            ));
        }
        let names = self.catalog.references(id);
        if !self.options.force && !is_one_name(&names) {
            return Err(conflict(
                id,
                "must be forced",
                "image is referenced in multiple repositories",
            ));
        }
        self.delete(id)
    }

    fn user_of(&self, id: ImageId) -> Option<&User> {
        self.users.iter().find(|user| user.image == id)
    }

    fn untag(&mut self, name: &Reference) {
        if self.catalog.unname(name).is_some() {
            self.removed.push(Removed::Untagged(name.familiar()));
        }
    }

    /// Takes the image out of the catalog, and the untagged parents that it alone has kept.
    fn delete(&mut self, id: ImageId) -> Result<()> {
        let mut next = Some(id);
        while let Some(id) = next {
            for name in self.catalog.references(id) {
                self.untag(&name);
            }
            let record = self.catalog.images.remove(&id);
            self.removed.push(Removed::Deleted(id.0));
            next = record
                .and_then(|record| record.parent)
                .filter(|parent| !self.options.keep_parents && self.is_idle(*parent));
        }
        Ok(())
    }

    fn is_idle(&self, id: ImageId) -> bool {
        self.catalog.images.contains_key(&id)
            && self.catalog.references(id).is_empty()
            && self.catalog.children(id).next().is_none()
            && self.user_of(id).is_none()
    }

    /// Writes the catalog, and only then removes what it no longer names. Layers are told the topmost first.
    fn finish(mut self) -> Result<Vec<Removed>> {
        let before = self.locked.catalog()?;
        self.locked.put(&self.catalog)?;
        let order = self.layer_order(&before);
        let collected = self.locked.collect()?;
        let mut layers = collected.layers;
        layers.sort_by_key(|chain| order.iter().position(|other| other == chain));
        self.removed
            .extend(layers.into_iter().map(Removed::Deleted));
        Ok(self.removed)
    }

    /// The layers of the images that go; one that is damaged has none that are known.
    fn layer_order(&self, before: &Catalog) -> Vec<Digest> {
        let gone = self.removed.iter().filter_map(|removed| match removed {
            Removed::Deleted(id) => Some(ImageId(*id)),
            Removed::Untagged(_) => None,
        });
        gone.filter_map(|id| Image::read(self.locked, id, before.images.get(&id)?).ok())
            .flat_map(|image| image.chain_ids().iter().rev().copied().collect::<Vec<_>>())
            .collect()
    }
}

/// Whether these are of one repository, with one tag at most: as a pull leaves it, whose tag and digest go together.
fn is_last_name(names: &[Reference]) -> bool {
    let tags = names.iter().filter(|name| name.tag().is_some());
    let is_of_one = names.windows(2).all(|two| two[0].name() == two[1].name());
    is_of_one && tags.count() <= 1
}

/// Docker lets an id stand for all names if there is at most one tag, or one repository.
fn is_one_name(names: &[Reference]) -> bool {
    let tags = names.iter().filter(|name| name.tag().is_some()).count();
    let mut repositories: Vec<String> = names.iter().map(Reference::name).collect();
    repositories.dedup();
    tags <= 1 || repositories.len() <= 1
}

fn conflict(id: ImageId, how: &str, why: &str) -> Error {
    Error::new(format!(
        "conflict: unable to delete {} ({how}) - {why}",
        id.short()
    ))
}

#[cfg(test)]
mod tests;
