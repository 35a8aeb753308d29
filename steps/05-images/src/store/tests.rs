use super::*;
use crate::testing::simple;

fn reference(text: &str) -> crate::reference::Reference {
    text.parse().unwrap()
}

#[test]
fn a_fresh_store_is_empty_and_untouched() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::new(&dir.path().join("none"));
    assert_eq!(store.catalog().unwrap(), Catalog::default());
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
}

#[test]
fn a_damaged_catalog_is_an_error_and_not_an_empty_store() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::new(dir.path());
    simple(&store, "a:1", "x", "");
    let path = dir.path().join("images/catalog.json");
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, &text[..text.len() / 2]).unwrap();
    let error = store.catalog().unwrap_err().to_string();
    assert!(error.contains("is damaged"), "{error}");
    assert!(store.lock().unwrap().collect().is_err());
}

#[test]
fn a_damaged_image_stops_a_collection() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::new(dir.path());
    let one = simple(&store, "a:1", "one", "");
    simple(&store, "a:2", "two", "");
    let config = dir.path().join("images/blobs/sha256").join(one.id.0.hex());
    std::fs::write(&config, "{}").unwrap();
    let error = store.lock().unwrap().collect().unwrap_err();
    assert!(error.to_string().contains(&one.id.short()), "{error}");
    assert_eq!(store.layers().unwrap().list().unwrap().len(), 2);
}

#[test]
fn a_name_moves() {
    let mut catalog = Catalog::default();
    let (one, two) = ("1", "2");
    let id = |text| crate::id::ImageId(layers::digest::Digest::of(text));
    assert_eq!(catalog.name(&reference("a:1"), id(one)), None);
    assert_eq!(catalog.name(&reference("a:1"), id(one)), None);
    assert_eq!(
        catalog.name(&reference("docker.io/library/a:1"), id(two)),
        Some(id(one))
    );
    assert_eq!(catalog.references(id(one)), []);
    assert_eq!(catalog.references(id(two)), [reference("a:1")]);
    assert_eq!(catalog.unname(&reference("a:1")), Some(id(two)));
    assert_eq!(catalog.unname(&reference("a:1")), None);
}

#[test]
fn a_lease_of_the_dead_is_removed_and_one_of_the_living_read() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::new(dir.path());
    let locked = store.lock().unwrap();
    let image = crate::id::ImageId(layers::digest::Digest::of("image"));
    let lease = locked.lease().unwrap();
    locked.use_image(&lease, "happy name", image).unwrap();
    let dead = dir.path().join("images/leases/dead");
    std::fs::write(&dead, format!("container dead {image}\n")).unwrap();
    let users = locked.users().unwrap();
    let expected = User {
        container: "happy name".to_owned(),
        image,
    };
    assert_eq!(users, [expected]);
    assert!(!dead.exists());
    drop(lease);
    assert_eq!(locked.users().unwrap(), []);
    assert_eq!(
        std::fs::read_dir(dead.parent().unwrap()).unwrap().count(),
        0
    );
}

#[test]
fn nothing_is_written_without_a_lease_on_it() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::new(dir.path());
    let locked = store.lock().unwrap();
    let lease = locked.lease().unwrap();
    assert!(locked.put_blob(&lease, b"text").is_err());
    let digest = layers::digest::Digest::of("text");
    assert!(store.blobs().receive(&lease, &digest).is_err());
    locked.extend(&lease, [digest]).unwrap();
    assert_eq!(locked.put_blob(&lease, b"text").unwrap(), digest);
    assert_eq!(store.blobs().read(&digest).unwrap(), b"text");
    std::fs::write(
        dir.path().join("images/blobs/sha256").join(digest.hex()),
        "evil",
    )
    .unwrap();
    let error = store.blobs().read(&digest).unwrap_err().to_string();
    assert!(error.contains("damaged"), "{error}");
}

#[test]
fn a_sweep_takes_what_nobody_works_on() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::new(dir.path());
    let locked = store.lock().unwrap();
    let lease = locked.lease().unwrap();
    let digest = layers::digest::Digest::of("text");
    locked.extend(&lease, [digest]).unwrap();
    let Received::Partial(mut partial) = store.blobs().receive(&lease, &digest).unwrap() else {
        panic!("there is nothing yet");
    };
    partial.append(b"te").unwrap();
    let nameless = store.blobs().nameless().unwrap();
    let downloads = dir.path().join("images/downloads");
    std::fs::write(downloads.join(".tmp-dead"), "").unwrap();
    std::fs::write(downloads.join("00"), "").unwrap();
    locked.sweep().unwrap();
    assert_eq!(std::fs::read_dir(&downloads).unwrap().count(), 2);
    drop((partial, nameless));
    locked.sweep().unwrap();
    assert_eq!(std::fs::read_dir(&downloads).unwrap().count(), 0);
}

#[test]
fn what_the_dead_have_left_goes_but_for_what_can_be_continued() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::new(dir.path());
    simple(&store, "one", "one", "2020-01-01T00:00:00Z");
    let stage = dir.path().join("layers/.stage-dead");
    let downloads = dir.path().join("images/downloads");
    let nameless = downloads.join(".tmp-dead");
    let alive = store.blobs().nameless().unwrap();
    let begin = || {
        std::fs::create_dir_all(stage.join("tree")).unwrap();
        std::fs::write(&nameless, "x").unwrap();
        std::fs::write(downloads.join("00"), "x").unwrap();
    };
    let check = || {
        assert!(!stage.exists());
        assert!(!nameless.exists());
        // That of the living, and what can be continued.
        assert_eq!(std::fs::read_dir(&downloads).unwrap().count(), 2);
    };
    begin();
    simple(&store, "two", "two", "2020-01-01T00:00:00Z");
    check();
    begin();
    store.lock().unwrap().collect().unwrap();
    check();
    drop(alive);
}
