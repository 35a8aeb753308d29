use std::fs;
use std::os::unix::fs::PermissionsExt;

use tempfile::TempDir;

use super::*;

/// Whiteouts need root; an opaque directory, with the attributes of a user namespace, does not.
struct Scene(TempDir);

impl Scene {
    fn new(files: &[&str]) -> Self {
        let scene = Self(tempfile::tempdir().unwrap());
        for file in files {
            let path = scene.0.path().join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, file).unwrap();
        }
        for layer in ["base", "top", "upper"] {
            fs::create_dir_all(scene.0.path().join(layer)).unwrap();
        }
        scene
    }

    fn make_opaque(&self, directory: &str) {
        let flags = rustix::fs::XattrFlags::empty();
        rustix::fs::setxattr(
            self.0.path().join(directory),
            "user.overlay.opaque",
            b"y",
            flags,
        )
        .unwrap();
    }

    fn changes(&self) -> String {
        let path = |layer| self.0.path().join(layer);
        let changes = changes(
            &path("upper"),
            &[path("base"), path("top")],
            Namespace::User,
        )
        .unwrap();
        let lines: Vec<String> = changes
            .iter()
            .map(|(path, change)| format!("{change} {}", path.escape_ascii()))
            .collect();
        lines.join(", ")
    }
}

#[test]
fn added_and_changed_with_the_directories_on_the_way() {
    let scene = Scene::new(&[
        "base/etc/passwd",
        "top/etc/hosts",
        "upper/etc/hosts",
        "upper/etc/new/file",
    ]);
    assert_eq!(
        scene.changes(),
        "C /etc, C /etc/hosts, A /etc/new, A /etc/new/file"
    );
}

#[test]
fn nothing_changed_is_nothing() {
    let scene = Scene::new(&["base/etc/passwd"]);
    fs::create_dir(scene.0.path().join("upper/etc")).unwrap();
    assert_eq!(scene.changes(), "");
    fs::set_permissions(
        scene.0.path().join("upper/etc"),
        fs::Permissions::from_mode(0o700),
    )
    .unwrap();
    assert_eq!(scene.changes(), "C /etc");
}

#[test]
fn an_opaque_directory_has_deleted_what_it_hides() {
    let scene = Scene::new(&["base/d/a", "top/d/b", "base/d/sub/c", "upper/d/b"]);
    scene.make_opaque("upper/d");
    assert_eq!(scene.changes(), "C /d, D /d/a, C /d/b, D /d/sub");
}

#[test]
fn what_a_lower_layer_hides_was_not_there() {
    let scene = Scene::new(&["base/d/a", "top/d/b", "upper/d/a"]);
    scene.make_opaque("top/d");
    assert_eq!(scene.changes(), "C /d, A /d/a");
}

#[test]
fn a_file_in_place_of_a_directory_hides_it() {
    let scene = Scene::new(&["base/d/a", "top/d", "upper/x"]);
    fs::create_dir(scene.0.path().join("upper/d")).unwrap();
    fs::write(scene.0.path().join("upper/d/a"), "").unwrap();
    assert_eq!(scene.changes(), "C /d, A /d/a, A /x");
}
