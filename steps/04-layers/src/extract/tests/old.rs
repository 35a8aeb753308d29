//! Layers as tools of ten years have written them: names, links and leftovers that Docker takes.

use super::*;

/// The file at `path` of the layer that these entries make.
fn read(entries: &[Entry], path: &str) -> String {
    let scene = Scene::new();
    if let Err(error) = scene.unpack(entries) {
        return error.to_string();
    }
    assert!(scene.is_outside_untouched(), "{entries:?}");
    let contents = fs::read_to_string(scene.path(path));
    contents.unwrap_or_else(|error| error.to_string())
}

#[test]
fn a_name_begins_at_the_layers_root_however_it_is_written() {
    for name in ["d/a", "/d/a", "./d/a", ".//d/./a", "//d//a", "x/../d/a"] {
        assert_eq!(read(&[file(name, 8)], "d/a"), "contents", "{name}");
    }
    for root in ["./", "/", ".", "/.", "./."] {
        let scene = Scene::new();
        let mut root = directory(root);
        root.mode = 0o710;
        scene.unpack(&[root, file("a", 8)]).unwrap();
        let mode = fs::metadata(scene.path("")).unwrap().mode();
        assert_eq!(mode & 0o777, 0o710);
    }
}

#[test]
fn a_hard_link_has_an_absolute_target() {
    for target in ["/d/t", "./d/t", "//d/./t", "d/../d/t"] {
        let scene = Scene::new();
        scene
            .unpack(&[file("d/t", 8), hard_link("d/h", target)])
            .unwrap();
        assert_eq!(fs::metadata(scene.path("d/t")).unwrap().nlink(), 2);
    }
}

#[test]
fn a_link_on_the_way_means_what_it_means_in_the_container() {
    let run = directory("run");
    for (target, path) in [
        ("/run", "run/pid"),
        ("../run", "run/pid"),
        ("../../../../run", "run/pid"),
        ("/../run/.", "run/pid"),
        ("/proc/self/root", "proc/self/root/pid"),
        ("//run//deep/../other", "run/other/pid"),
        ("/", "pid"),
        ("..", "pid"),
        ("../outside", "outside/pid"),
        // What is missing is made, be it that a layer below has it.
        ("/missing/er", "missing/er/pid"),
    ] {
        let entries = [
            run.clone(),
            symlink("var/run", target),
            file("var/run/pid", 8),
        ];
        assert_eq!(read(&entries, path), "contents", "{target}");
        let backward = [
            symlink("var/run", target),
            file("var/run/pid", 8),
            run.clone(),
        ];
        assert_eq!(read(&backward, path), "contents", "{target}");
    }
    // A chain of them, and one that is found in the middle.
    let chain = [
        symlink("a", "b/c"),
        symlink("b", "/d"),
        symlink("d/c", "../e"),
        file("a/f/x", 8),
    ];
    assert_eq!(read(&chain, "e/f/x"), "contents");
    let linked = [
        file("run/t", 8),
        symlink("var/run", "/run"),
        hard_link("h", "var/run/t"),
    ];
    assert_eq!(read(&linked, "h"), "contents");
}

#[test]
fn what_is_gone_is_found_through_a_link() {
    let scene = Scene::new();
    scene
        .unpack(&[
            symlink("var/run", "/run"),
            file("var/run/.wh.pid", 0),
            file("var/run/new/.wh..wh..opq", 0),
        ])
        .unwrap();
    let kind = std::os::unix::fs::FileTypeExt::is_char_device;
    let gone = fs::symlink_metadata(scene.path("run/pid")).unwrap();
    assert!(kind(&gone.file_type()));
    let name = Namespace::User.opaque();
    let value = rustix::fs::getxattr(scene.path("run/new"), name, &mut [0_u8; 8][..]);
    assert_eq!(value, Ok(1));
}

/// The mode of a directory that an ordinary user has made through a link, below one that is closed in the end.
#[test]
fn a_mode_is_set_where_the_directory_is() {
    let scene = Scene::new();
    let mut closed = directory("a");
    closed.mode = 0o500;
    let mut inner = directory("l/c");
    inner.mode = 0o501;
    scene
        .unpack(&[closed, directory("a/b"), symlink("l", "/a/b"), inner])
        .unwrap();
    let mode = |path: &str| fs::metadata(scene.path(path)).unwrap().mode() & 0o777;
    assert_eq!((mode("a"), mode("a/b/c")), (0o500, 0o501));
    fs::set_permissions(scene.path("a"), fs::Permissions::from_mode(0o700)).unwrap();
}

/// Layers of the years of aufs name its files, and one of its directories is what hard links are links to.
#[test]
fn what_aufs_has_left_is_used_and_not_kept() {
    let scene = Scene::new();
    scene
        .unpack(&[
            directory("./"),
            file(".wh..wh.aufs", 0),
            directory(".wh..wh.orph/"),
            file(".wh..wh.orph/lost", 8),
            directory(".wh..wh.plnk/"),
            file(".wh..wh.plnk/123.4", 8),
            file(".wh..wh.plnk/.wh.x", 0),
            directory(".wh..wh.plnk/deep/er"),
            hard_link("one", ".wh..wh.plnk/123.4"),
            hard_link("two", "/.wh..wh.plnk/123.4"),
            file("d/.wh..wh.strange", 8),
        ])
        .unwrap();
    let mut names: Vec<_> = fs::read_dir(scene.path(""))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    assert_eq!(
        names,
        ["d", "one", "two"][usize::from(!scene.path("d").exists())..]
    );
    assert_eq!(fs::metadata(scene.path("one")).unwrap().nlink(), 2);
    assert_eq!(fs::read(scene.path("two")).unwrap(), b"contents");
    assert_eq!(fs::metadata(scene.path("")).unwrap().mtime(), 1_600_000_000);
}

#[test]
fn what_else_is_called_as_the_root_changes_nothing() {
    for root in [file(".", 8), file("/.", 8), file("", 8), symlink("./", "x")] {
        assert_eq!(read(&[root, file("a", 8)], "a"), "contents");
    }
}

/// In whatever order: a directory keeps what is in it, and is told of in the end.
#[test]
fn a_directory_may_come_after_its_content() {
    let scene = Scene::new();
    let mut late = directory("d");
    late.mode = 0o711;
    scene
        .unpack(&[file("d/e/f", 8), file("d/.wh.f", 0), file("d/f", 8), late])
        .unwrap();
    let meta = fs::metadata(scene.path("d")).unwrap();
    assert_eq!((meta.mode() & 0o777, meta.mtime()), (0o711, 1_600_000_000));
    assert_eq!(fs::read(scene.path("d/e/f")).unwrap(), b"contents");
    assert_eq!(fs::read(scene.path("d/f")).unwrap(), b"contents");
}
