use super::*;
use crate::testing::{Memory, add, archive, image, simple};

fn lines(removed: &[Removed]) -> Vec<String> {
    removed.iter().map(ToString::to_string).collect()
}

fn remove_plainly(store: &Store, word: &str) -> Result<Vec<Removed>> {
    remove(store, word, Options::default(), &[])
}

#[test]
fn an_image_goes_with_its_last_name() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::new(dir.path());
    let one = simple(&store, "app:1", "one", "");
    simple(&store, "app:2", "one", "");
    assert_eq!(
        lines(&remove_plainly(&store, "app:1").unwrap()),
        ["Untagged: app:1"]
    );
    assert!(remove_plainly(&store, "app:1").is_err());
    let chain = layers::digest::Digest::of(archive(&[("file", b"one")]));
    assert_eq!(
        lines(&remove_plainly(&store, "app:2").unwrap()),
        [
            "Untagged: app:2".to_owned(),
            format!("Deleted: {}", one.id),
            format!("Deleted: {chain}")
        ]
    );
    assert_eq!(store.catalog().unwrap(), Catalog::default());
    let blobs = dir.path().join("images/blobs/sha256");
    assert_eq!(std::fs::read_dir(blobs).unwrap().count(), 0);
}

#[test]
fn an_id_stands_for_all_names_of_one_repository() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::new(dir.path());
    let one = simple(&store, "app:1", "one", "");
    simple(&store, "app:2", "one", "");
    simple(&store, "other:2", "one", "");
    let error = remove_plainly(&store, &one.id.short()).unwrap_err();
    assert_eq!(
        error.to_string(),
        format!(
            "conflict: unable to delete {} (must be forced) - image is referenced in multiple repositories",
            one.id.short()
        )
    );
    remove_plainly(&store, "other:2").unwrap();
    let removed = remove_plainly(&store, &one.id.short()).unwrap();
    assert_eq!(lines(&removed)[..2], ["Untagged: app:1", "Untagged: app:2"]);

    let one = simple(&store, "app:1", "one", "");
    simple(&store, "other:2", "one", "");
    let forced = Options {
        force: true,
        ..Options::default()
    };
    assert_eq!(
        remove(&store, &one.id.to_string(), forced, &[])
            .unwrap()
            .len(),
        4
    );
}

/// A digest goes with the last tag of its repository, and not with one of another.
#[test]
fn a_digest_goes_with_the_last_tag() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::new(dir.path());
    let one = simple(&store, "app:1", "one", "");
    let by_digest = format!("app@{}", one.record.manifest);
    simple(&store, &by_digest, "one", "");
    simple(&store, "other:1", "one", "");
    assert_eq!(
        lines(&remove_plainly(&store, "app:1").unwrap()),
        [
            "Untagged: app:1".to_owned(),
            format!("Untagged: {by_digest}")
        ]
    );
    assert_eq!(remove_plainly(&store, "other:1").unwrap().len(), 3);
}

#[test]
fn a_layer_stays_while_another_image_has_it() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::new(dir.path());
    let (base, top) = (archive(&[("a", b"1")]), archive(&[("b", b"2")]));
    let mut source = Memory::default();
    let lower = image(&mut source, std::slice::from_ref(&base), "1");
    let upper = image(&mut source, &[base, top], "2");
    add(&store, &source, &lower, &["base"]);
    let upper = add(&store, &source, &upper, &["app"]);
    let image = Image::read(&store, upper.id, &upper.record).unwrap();
    let removed = remove_plainly(&store, "app").unwrap();
    assert_eq!(
        removed[1..],
        [
            Removed::Deleted(upper.id.0),
            Removed::Deleted(image.chain_ids()[1])
        ]
    );
    assert_eq!(
        store.layers().unwrap().list().unwrap(),
        [image.chain_ids()[0]]
    );
}

#[test]
fn an_image_in_use_stays() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::new(dir.path());
    let one = simple(&store, "app", "one", "");
    let locked = store.lock().unwrap();
    let lease = locked.lease().unwrap();
    locked.use_image(&lease, "c1", one.id).unwrap();
    // As a pull leaves it, with a tag and a digest.
    let mut catalog = locked.catalog().unwrap();
    let digest = layers::digest::Digest::of("manifest");
    let by_digest = "app".parse::<Reference>().unwrap().with_digest(digest);
    catalog.name(&by_digest, one.id);
    locked.put(&catalog).unwrap();
    drop(locked);
    for word in ["app", &one.id.short()] {
        let error = remove_plainly(&store, word).unwrap_err().to_string();
        assert!(error.contains("container c1"), "{error}");
    }
    assert_eq!(remove_all(&store, &[one.id], &[]).unwrap().0, []);
    // By force it loses its name, and nothing else.
    let forced = Options {
        force: true,
        ..Options::default()
    };
    let removed = remove(&store, "app", forced, &[]).unwrap();
    let untagged = ["Untagged: app:latest", &format!("Untagged: app@{digest}")];
    assert_eq!(lines(&removed), untagged);
    drop(lease);
    assert_eq!(remove_all(&store, &[one.id], &[]).unwrap().1, 3);
}

#[test]
fn untagged_parents_go_with_their_last_child() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::new(dir.path());
    let parent = simple(&store, "", "parent", "");
    let child = simple(&store, "app", "child", "");
    let locked = store.lock().unwrap();
    let mut catalog = locked.catalog().unwrap();
    catalog.images.get_mut(&child.id).unwrap().parent = Some(parent.id);
    locked.put(&catalog).unwrap();
    drop(locked);
    let error = remove_plainly(&store, &parent.id.short()).unwrap_err();
    assert!(
        error.to_string().contains("dependent child images"),
        "{error}"
    );
    let removed = remove_plainly(&store, "app").unwrap();
    assert_eq!(
        removed[1..3],
        [Removed::Deleted(child.id.0), Removed::Deleted(parent.id.0)]
    );
}
