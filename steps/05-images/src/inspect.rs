//! What `inspect` shows: Docker's document, with Docker's fields in Docker's order.

use std::collections::BTreeMap;

use jiff::Timestamp;
use kit::error::Kind;
use kit::{Error, Result};
use serde::Serialize;

use crate::config::Process;
use crate::id::ImageId;
use crate::image::Image;
use crate::reference::Reference;
use crate::store::{Catalog, Store};

/// An image, as `docker image inspect` shows it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
#[expect(
    missing_docs,
    reason = "the names are Docker's, and its documentation is theirs"
)]
pub struct Inspection {
    pub id: ImageId,
    pub repo_tags: Vec<String>,
    pub repo_digests: Vec<String>,
    pub parent: String,
    pub comment: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub created: Option<String>,
    pub docker_version: String,
    pub author: String,
    pub config: Option<Process>,
    pub architecture: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub variant: Option<String>,
    pub os: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub os_version: Option<String>,
    pub size: u64,
    pub graph_driver: GraphDriver,
    #[serde(rename = "RootFS")]
    pub root_fs: RootFs,
    pub metadata: Metadata,
}

/// Where the layers are.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
#[expect(
    missing_docs,
    reason = "the names are Docker's, and its documentation is theirs"
)]
pub struct GraphDriver {
    pub data: BTreeMap<&'static str, String>,
    pub name: &'static str,
}

/// Which the layers are.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
#[expect(
    missing_docs,
    reason = "the names are Docker's, and its documentation is theirs"
)]
pub struct RootFs {
    #[serde(rename = "Type")]
    pub kind: &'static str,
    pub layers: Vec<String>,
}

/// What the image's digest does not cover.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
#[expect(
    missing_docs,
    reason = "the names are Docker's, and its documentation is theirs"
)]
pub struct Metadata {
    pub last_tag_time: String,
}

/// Looks at an image.
///
/// # Errors
/// It is damaged.
pub fn inspect(store: &Store, catalog: &Catalog, id: ImageId) -> Result<Inspection> {
    let record = catalog
        .images
        .get(&id)
        .ok_or_else(|| Error::new(format!("No such image: {id}")).of_kind(Kind::NotFound))?;
    let image = Image::read(store, id, record)?;
    let names = catalog.references(id);
    let (tags, digests): (Vec<_>, Vec<_>) = names.iter().partition(|name| name.digest().is_none());
    let familiar = |names: Vec<&Reference>| names.iter().map(|name| name.familiar()).collect();
    let config = &image.config;
    Ok(Inspection {
        id,
        repo_tags: familiar(tags),
        repo_digests: familiar(digests),
        parent: record.parent.map_or_else(String::new, |id| id.to_string()),
        comment: config.comment.clone(),
        created: config.created.clone(),
        docker_version: config.docker_version.clone(),
        author: config.author.clone(),
        config: config.config.clone(),
        architecture: config.architecture.clone(),
        variant: config.variant.clone(),
        os: config.os.clone(),
        os_version: config.os_version.clone(),
        size: record.size,
        graph_driver: graph_driver(store, &image)?,
        root_fs: RootFs {
            kind: "layers",
            layers: config.rootfs.diff_ids.clone(),
        },
        metadata: Metadata {
            last_tag_time: match record.tagged.and_then(|at| Timestamp::from_second(at).ok()) {
                Some(time) => time.to_string(),
                None => "0001-01-01T00:00:00Z".to_owned(),
            },
        },
    })
}

/// As Docker's overlay2 driver: the topmost layer is the "upper" one, those below it the "lower".
fn graph_driver(store: &Store, image: &Image) -> Result<GraphDriver> {
    let layers = store.layers()?;
    let path = |chain| {
        layers
            .open(chain)
            .map(|opened| opened.path().display().to_string())
    };
    let mut paths: Vec<String> = image.chain_ids().iter().map(path).collect::<Result<_>>()?;
    let mut data = BTreeMap::new();
    data.extend(paths.pop().map(|upper| ("UpperDir", upper)));
    if !paths.is_empty() {
        paths.reverse();
        data.insert("LowerDir", paths.join(":"));
    }
    Ok(GraphDriver {
        data,
        name: "overlay2",
    })
}
