//! The list of images, a line for each name.

use std::cmp::Reverse;
use std::collections::HashMap;

use kit::Result;

use crate::filter::{Filter, Filters};
use crate::id::ImageId;
use crate::reference::Reference;
use crate::store::{Catalog, Record, Store};

/// What is wanted.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Also untagged images on which others were built.
    pub all: bool,
    /// A line for each digest of a repository.
    pub digests: bool,
    /// Only those.
    pub filters: Vec<Filter>,
}

/// A line of the list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// The image.
    pub id: ImageId,
    /// The repository, as people write it.
    pub repository: Option<String>,
    /// The tag.
    pub tag: Option<String>,
    /// The digest in that repository.
    pub digest: Option<String>,
    /// In seconds since 1970.
    pub created: Option<i64>,
    /// Bytes.
    pub size: u64,
}

/// The lines, the newest image first. One file is read, unless labels are asked for.
///
/// # Errors
/// The catalog is damaged, or a filter names what is not there.
pub fn list(store: &Store, options: &Options) -> Result<Vec<Line>> {
    let catalog = store.catalog()?;
    let filters = Filters::new(options.filters.clone(), &catalog)?;
    let names = names(&catalog);
    let mut images: Vec<(&ImageId, &Record)> = catalog.images.iter().collect();
    images.sort_by_key(|(id, record)| (Reverse(record.created), **id));
    let parents: std::collections::HashSet<ImageId> = catalog
        .images
        .values()
        .filter_map(|record| record.parent)
        .collect();
    let mut lines = Vec::new();
    for (id, record) in images {
        let own = names.get(id).map_or(&[][..], Vec::as_slice);
        let has_tag = own.iter().any(|name| name.tag().is_some());
        let is_hidden = own.is_empty() && parents.contains(id) && !options.all;
        if is_hidden || !filters.pass(store, *id, record, has_tag)? {
            continue;
        }
        let mut passing = Vec::new();
        for name in own {
            if filters.names(name)? {
                passing.push(name);
            }
        }
        if passing.is_empty() && filters.want_names() {
            continue;
        }
        lines.extend(image_lines(*id, record, &passing, options.digests));
    }
    Ok(lines)
}

/// Of all images at once: to ask for those of each would be to look through all names a thousand times.
fn names(catalog: &Catalog) -> HashMap<ImageId, Vec<Reference>> {
    let mut names: HashMap<ImageId, Vec<Reference>> = HashMap::new();
    for (name, id) in catalog.all_references() {
        names.entry(id).or_default().push(name);
    }
    names
}

/// As Docker does it: a line for each tag; digests beside the tags of their repository if they are asked for; and a
/// repository that has digests alone in a line without a tag.
fn image_lines(id: ImageId, record: &Record, names: &[&Reference], digests: bool) -> Vec<Line> {
    let line =
        |repository: Option<&Reference>, tag: Option<&str>, digest: Option<&Reference>| Line {
            id,
            repository: repository.map(Reference::familiar_name),
            tag: tag.map(str::to_owned),
            digest: digest
                .and_then(|name| name.digest())
                .map(ToString::to_string),
            created: record.created,
            size: record.size,
        };
    if names.is_empty() {
        return vec![line(None, None, None)];
    }
    // Most images have one name, and nothing stands beside it.
    if let [name] = names
        && let Some(tag) = name.tag()
    {
        return vec![line(Some(name), Some(tag), None)];
    }
    let of = |repository: &Reference, is_digest: bool| {
        let name = repository.name();
        let all = names.iter().copied();
        all.filter(move |other| other.name() == name && other.digest().is_some() == is_digest)
            .collect::<Vec<_>>()
    };
    let mut lines = Vec::new();
    for name in names {
        let own_digests = match digests {
            true => of(name, true),
            false => Vec::new(),
        };
        if let Some(tag) = name.tag() {
            match own_digests[..] {
                [] => lines.push(line(Some(name), Some(tag), None)),
                _ => lines.extend(
                    own_digests
                        .iter()
                        .map(|d| line(Some(name), Some(tag), Some(d))),
                ),
            }
        } else if of(name, false).is_empty() {
            let shown = digests.then_some(*name);
            let new = line(Some(name), None, shown);
            if !lines.contains(&new) {
                lines.push(new);
            }
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::simple;

    fn shown(store: &Store, options: &Options) -> Vec<String> {
        let none = || "<none>".to_owned();
        list(store, options)
            .unwrap()
            .into_iter()
            .map(|line| {
                let digest = line.digest.map_or_else(String::new, |_| "@".to_owned());
                let (name, tag) = (
                    line.repository.unwrap_or_else(none),
                    line.tag.unwrap_or_else(none),
                );
                format!("{name}:{tag}{digest}")
            })
            .collect()
    }

    fn filtered(store: &Store, filters: &[&str]) -> Vec<String> {
        let filters = filters
            .iter()
            .map(|filter| filter.parse().unwrap())
            .collect();
        let options = Options {
            filters,
            ..Options::default()
        };
        shown(store, &options)
    }

    fn filled(dir: &std::path::Path) -> Store {
        let store = Store::new(dir);
        let old = simple(&store, "old:1", "old", "2020-01-01T00:00:00Z");
        simple(&store, "user/old:2", "old", "2020-01-01T00:00:00Z");
        simple(
            &store,
            &format!("old@{}", old.record.manifest),
            "old",
            "2020-01-01T00:00:00Z",
        );
        let new = simple(&store, "", "new", "2024-01-01T00:00:00Z");
        simple(
            &store,
            &format!("new@{}", new.record.manifest),
            "new",
            "2024-01-01T00:00:00Z",
        );
        simple(&store, "", "nameless", "2022-01-01T00:00:00Z");
        store
    }

    #[test]
    fn a_line_for_each_name_the_newest_first() {
        let dir = tempfile::tempdir().unwrap();
        let store = filled(dir.path());
        let plain = ["new:<none>", "<none>:<none>", "old:1", "user/old:2"];
        assert_eq!(shown(&store, &Options::default()), plain);
        let options = Options {
            digests: true,
            ..Options::default()
        };
        let digests = ["new:<none>@", "<none>:<none>", "old:1@", "user/old:2"];
        assert_eq!(shown(&store, &options), digests);
    }

    #[test]
    fn filters_are_dockers() {
        let dir = tempfile::tempdir().unwrap();
        let store = filled(dir.path());
        let filtered = |filters: &[&str]| filtered(&store, filters);
        assert_eq!(
            filtered(&["dangling=true"]),
            ["new:<none>", "<none>:<none>"]
        );
        assert_eq!(filtered(&["dangling=false"]), ["old:1", "user/old:2"]);
        assert_eq!(filtered(&["since=old:1"]), ["new:<none>", "<none>:<none>"]);
        let new = store.catalog().unwrap();
        let nameless = new
            .images
            .iter()
            .find(|(id, _)| new.references(**id).is_empty());
        let nameless = nameless.unwrap().0.short();
        assert_eq!(
            filtered(&[&format!("before={nameless}")]),
            ["old:1", "user/old:2"]
        );
        assert_eq!(filtered(&["reference=old"]), ["old:1"]);
        assert_eq!(filtered(&["reference=*/old"]), ["user/old:2"]);
        assert_eq!(filtered(&["reference=ol?:[0-9]"]), ["old:1"]);
        assert_eq!(filtered(&["reference=none"]), [""; 0]);
        assert_eq!(filtered(&["label=made"]).len(), 4);
        assert_eq!(
            filtered(&["label=made=2022-01-01T00:00:00Z"]),
            ["<none>:<none>"]
        );
        assert_eq!(filtered(&["label=made", "label=none"]), [""; 0]);
        for wrong in ["", "x", "size=1", "dangling=maybe", "reference=["] {
            assert!(wrong.parse::<Filter>().is_err(), "{wrong}");
        }
        let unknown = Options {
            filters: vec!["since=none".parse().unwrap()],
            ..Options::default()
        };
        assert!(list(&store, &unknown).is_err());
    }

    #[test]
    fn what_others_were_built_on_is_shown_on_demand() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::new(dir.path());
        let parent = simple(&store, "", "parent", "");
        let child = simple(&store, "app", "child", "");
        let locked = store.lock().unwrap();
        let mut catalog = locked.catalog().unwrap();
        catalog.images.get_mut(&child.id).unwrap().parent = Some(parent.id);
        locked.put(&catalog).unwrap();
        assert_eq!(shown(&store, &Options::default()), ["app:latest"]);
        let all = Options {
            all: true,
            ..Options::default()
        };
        assert_eq!(shown(&store, &all).len(), 2);
    }
}
