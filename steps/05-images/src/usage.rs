//! What images take on disk, shared layers counted once.

use std::collections::{HashMap, HashSet};

use kit::Result;
use layers::digest::Digest;

use crate::id::ImageId;
use crate::image::Image;
use crate::store::{Store, User};

/// What one image takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ImageUsage {
    /// Which.
    pub id: ImageId,
    /// Bytes of layers that other images have too.
    pub shared: u64,
    /// Bytes of layers that it alone has.
    pub unique: u64,
    /// Containers that run on it.
    pub containers: usize,
}

/// What all images take.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// One for each image.
    pub images: Vec<ImageUsage>,
    /// Bytes of all layers, each once.
    pub bytes: u64,
    /// Bytes of those that no container's image has.
    pub reclaimable: u64,
}

/// Measures. `users` are containers beside those that hold a lease.
///
/// # Errors
/// An image is damaged.
pub fn usage(store: &Store, users: &[User]) -> Result<Usage> {
    let catalog = store.catalog()?;
    if catalog.images.is_empty() {
        return Ok(Usage::default());
    }
    let mut users = users.to_vec();
    users.extend(store.lock()?.users()?);
    let images: Vec<Image> = catalog
        .images
        .iter()
        .map(|(id, record)| Image::read(store, *id, record))
        .collect::<Result<_>>()?;
    let (mut sizes, mut count) = (
        HashMap::<Digest, u64>::new(),
        HashMap::<Digest, usize>::new(),
    );
    for chain in images.iter().flat_map(Image::chain_ids) {
        sizes.insert(*chain, store.layer_size(chain)?);
        *count.entry(*chain).or_default() += 1;
    }
    let containers = |id: ImageId| users.iter().filter(|user| user.image == id).count();
    let used: HashSet<&Digest> = images
        .iter()
        .filter(|image| containers(image.id) > 0)
        .flat_map(Image::chain_ids)
        .collect();
    let sum = |image: &Image, is_shared: bool| {
        let chains = image.chain_ids().iter();
        chains
            .filter(|chain| (count[chain] > 1) == is_shared)
            .map(|chain| sizes[chain])
            .sum()
    };
    Ok(Usage {
        images: images
            .iter()
            .map(|image| ImageUsage {
                id: image.id,
                shared: sum(image, true),
                unique: sum(image, false),
                containers: containers(image.id),
            })
            .collect(),
        bytes: sizes.values().sum(),
        reclaimable: sizes
            .iter()
            .filter(|(chain, _)| !used.contains(chain))
            .map(|(_, size)| size)
            .sum(),
    })
}
