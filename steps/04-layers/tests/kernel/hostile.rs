//! Archives that mean harm, unpacked by root: each is refused, or stays where it belongs.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use harness::{Need, Test, test};
use layers::tar::{Entry, Kind, Writer};

use crate::common::{ROOT, archive, entry, fresh, layers, packed, shell, unpack, unpacked};

pub(crate) fn tests() -> Vec<Test> {
    vec![
        test(
            "archives_that_reach_outside",
            &ROOT,
            archives_that_reach_outside,
        ),
        test(
            "archives_that_stay_inside",
            &ROOT,
            archives_that_stay_inside,
        ),
        test("archives_of_the_corpus", &ROOT, archives_of_the_corpus),
        test(
            "archives_that_are_damaged",
            &ROOT,
            archives_that_are_damaged,
        ),
        test("a_gzip_bomb", &ROOT, a_gzip_bomb),
        test("a_million_entries", &ROOT, a_million_entries),
        test("names_that_are_not_utf8", &ROOT, names_that_are_not_utf8),
        test(
            "attributes_by_an_ordinary_user",
            &ROOT,
            attributes_by_an_ordinary_user,
        ),
        test(
            "a_file_that_an_ordinary_user_cannot_read",
            &ROOT,
            a_file_that_an_ordinary_user_cannot_read,
        ),
        test(
            "an_owner_that_is_not_mapped",
            &ROOT,
            an_owner_that_is_not_mapped,
        ),
        test(
            "devices_by_an_ordinary_user",
            &[Need::Root],
            devices_by_an_ordinary_user,
        ),
        test(
            "a_device_that_is_a_whiteout",
            &ROOT,
            a_device_that_is_a_whiteout,
        ),
        test("overlays_own_attributes", &ROOT, overlays_own_attributes),
    ]
}

fn file(path: &str) -> Entry {
    entry(path.as_bytes(), Kind::File { size: 8 })
}

fn directory(path: &str) -> Entry {
    let mut directory = entry(path.as_bytes(), Kind::Directory);
    directory.mode = 0o777;
    directory
}

fn symlink(path: &str, target: &str) -> Entry {
    let target = target.into();
    entry(path.as_bytes(), Kind::Symlink { target })
}

fn hard_link(path: &str, target: &str) -> Entry {
    let target = target.into();
    entry(path.as_bytes(), Kind::HardLink { target })
}

fn device(path: &str) -> Entry {
    entry(
        path.as_bytes(),
        Kind::CharacterDevice { major: 1, minor: 3 },
    )
}

/// What a hostile archive would like to reach, beside the layer.
fn outside() -> PathBuf {
    let outside = fresh("outside");
    fs::create_dir(outside.join("directory")).unwrap();
    fs::write(outside.join("victim"), "untouched").unwrap();
    outside
}

/// Everything that could be done to the test's directory, but for the layers in it.
fn census(layer: &Path) -> BTreeMap<PathBuf, String> {
    let mut found = BTreeMap::new();
    let mut left = vec![harness::directory()];
    while let Some(path) = left.pop() {
        if path == layer {
            continue;
        }
        let status = fs::symlink_metadata(&path).unwrap();
        if status.is_dir() {
            left.extend(
                fs::read_dir(&path)
                    .unwrap()
                    .flatten()
                    .map(|entry| entry.path()),
            );
        }
        // A directory changes when the layer is made in it; a file's inode when anything is done to it.
        let changed =
            (!status.is_dir()).then(|| (status.ctime(), status.ctime_nsec(), status.nlink()));
        let line = format!(
            "{:o} {} {} {changed:?}",
            status.mode(),
            status.uid(),
            status.gid()
        );
        found.insert(path, line);
    }
    found
}

/// Tries one archive: outside nothing changes. True if it was refused.
fn is_refused(number: usize, entries: &[Entry]) -> (bool, String) {
    let layer = harness::directory().join(format!("layer-{number}"));
    let before = census(&layer);
    let output = unpack(&archive(entries), &layer, &[]).output();
    assert!(
        census(&layer) == before,
        "outside was touched by {entries:?}"
    );
    assert!(!Path::new("/tmp/drydock-hostile").exists());
    let _ = fs::remove_dir_all(&layer);
    (output.code == Some(125), output.err())
}

fn archives_that_reach_outside() {
    let outside = outside();
    let absolute = outside.to_str().unwrap();
    let cases: Vec<Vec<Entry>> = vec![
        vec![file("../outside/victim")],
        vec![file("a/../../outside/victim")],
        vec![file("/../outside/victim")],
        vec![directory("../outside/directory")],
        vec![device("../outside/device")],
        vec![
            symlink("way", "../outside"),
            hard_link("mine", "way/victim"),
        ],
        vec![
            symlink("way", "../outside"),
            hard_link("way/theirs", "way/victim"),
        ],
        vec![hard_link("mine", "../outside/victim")],
        vec![hard_link("mine", &format!("{absolute}/victim"))],
        vec![symlink("one", "two"), symlink("two", "one"), file("one/x")],
        // In the layer, it leads to itself.
        vec![
            symlink("proc", "/proc/self/root"),
            file("proc/tmp/drydock-hostile"),
        ],
    ];
    for (number, entries) in cases.iter().enumerate() {
        let (refused, error) = is_refused(number, entries);
        assert!(refused, "{entries:?}: {error}");
        let mut lines = error.lines();
        let sentence = lines.next().unwrap_or_default();
        assert!(sentence.starts_with("layers: cannot unpack "), "{error}");
        assert!(
            lines.next().is_some_and(|hint| hint.starts_with("hint: ")),
            "{error}"
        );
    }
}

/// What looks like harm and does none: nothing is written through what is there, and to a link the layer is `/`.
fn archives_that_stay_inside() {
    let outside = outside();
    let absolute = outside.to_str().unwrap();
    let cases: Vec<Vec<Entry>> = vec![
        vec![file("/tmp/drydock-hostile")],
        vec![file(&format!("{absolute}/victim"))],
        vec![symlink("way", "../outside"), file("way/victim")],
        vec![symlink("way", absolute), file("way/victim")],
        vec![symlink("way", absolute), directory("way/directory")],
        vec![symlink("way", "/"), file("way/tmp/drydock-hostile")],
        vec![symlink("way", "../outside"), device("way/device")],
        vec![symlink("way", "../outside"), entry(b"way/fifo", Kind::Fifo)],
        vec![symlink("way", "../outside"), file("way/.wh.victim")],
        vec![symlink("way", "../outside"), file("way/.wh..wh..opq")],
        vec![
            symlink("one", "two/.."),
            symlink("two", ".."),
            file("one/outside/victim"),
        ],
        vec![
            directory("d"),
            symlink("d/up", ".."),
            symlink("d/out", "up/../outside"),
            file("d/out/victim"),
        ],
        vec![
            symlink("way", "/proc/self/root"),
            file("way/tmp/drydock-hostile"),
        ],
        // A directory that is replaced by a way out, with something still to come in it.
        vec![
            directory("d"),
            file("d/a"),
            symlink("d", "../outside"),
            file("d/victim"),
        ],
        vec![
            directory("d/e"),
            file("d/e/a"),
            symlink("d", "../outside"),
            file("d/directory/a"),
        ],
        vec![symlink("victim", "../outside/victim"), file("victim")],
        vec![
            symlink("way", "../outside/directory"),
            directory("way"),
            file("way/a"),
        ],
        vec![
            symlink("way", "../outside"),
            hard_link("same", "way"),
            file("same"),
        ],
        vec![
            symlink("a", "../outside/victim"),
            hard_link("b", "a"),
            symlink("b", "x"),
            file("a"),
        ],
        vec![
            directory("d"),
            file("d/a"),
            file("d"),
            directory("d"),
            file("d/b"),
        ],
        vec![symlink("x", "../outside/victim"), file(".wh.x")],
    ];
    for (number, entries) in cases.iter().enumerate() {
        let (refused, error) = is_refused(number, entries);
        assert!(!refused, "{entries:?}: {error}");
    }
}

/// What the fuzz driver begins with, and what it has found.
fn archives_of_the_corpus() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus");
    for (number, entry) in fs::read_dir(corpus).unwrap().flatten().enumerate() {
        let layer = harness::directory().join(format!("layer-{number}"));
        let archive = fs::read(entry.path()).unwrap();
        let output = unpack(&archive, &layer, &["--max-size", "4m"]).output();
        let is_hostile = entry.file_name().to_string_lossy().starts_with("refused-");
        assert_eq!(
            output.code,
            Some(if is_hostile { 125 } else { 0 }),
            "{output}"
        );
        if !is_hostile {
            let again = harness::directory().join(format!("again-{number}"));
            let archive = packed(&layer);
            unpacked(&archive, &again);
            assert!(packed(&again) == archive, "{}", entry.path().display());
        }
    }
}

fn archives_that_are_damaged() {
    let whole = archive(&[directory("d"), file("d/file"), file("other")]);
    let layer = |name: &str| harness::directory().join(name);
    let refused = |name: &str, bytes: &[u8], why: &str| {
        let error = unpack(bytes, &layer(name), &[])
            .output()
            .assert_code(125)
            .err();
        assert!(error.contains(why), "{name}: {error}");
    };
    refused(
        "cut-in-data",
        &whole[..512 * 2 + 4],
        "ends in the middle of an entry",
    );
    refused(
        "cut-in-header",
        &whole[..512 + 100],
        "ends in the middle of an entry",
    );
    let end = whole.len() - 1024;
    refused(
        "a-block-of-zeroes",
        &[&whole[..end + 512], &whole].concat(),
        "goes on after its end",
    );
    let mut wrong = whole.clone();
    wrong[0] = b'e';
    refused("checksum", &wrong, "checksum");
    refused("text", &b"not an archive at all. ".repeat(100), "tar");
    let gzip = {
        fs::write(layer("a.tar"), &whole).unwrap();
        shell(&harness::directory(), "gzip a.tar");
        fs::read(layer("a.tar.gz")).unwrap()
    };
    refused(
        "gzip-cut",
        &gzip[..gzip.len() - 6],
        "cannot read the archive",
    );
    // What no reader shows harms nobody.
    for (name, bytes) in [
        ("two-archives", [&whole[..], &whole].concat()),
        ("trailing-data", [&whole[..], b"more"].concat()),
        ("gzip-and-more", [&gzip[..], b"more"].concat()),
    ] {
        unpacked(&bytes, &layer(name));
        let read = |file: &str| fs::read(layer(name).join(file)).unwrap();
        assert_eq!(read("d/file"), read("other"), "{name}");
    }
}

/// A megabyte of nothing takes a kilobyte, and so does a thousand times as much; what is said is the limit.
fn a_gzip_bomb() {
    let here = harness::directory();
    shell(
        &here,
        "head -c 8M /dev/zero | gzip > zeroes.gz; head -c 8M /dev/zero > zeroes; tar -czf bomb.gz zeroes",
    );
    for name in ["bomb.gz", "zeroes.gz"] {
        let run = layers(["unpack", "--max-size", "4m"])
            .arg(here.join("layer"))
            .arg(here.join(name));
        let error = run.output().assert_code(125).err();
        assert!(error.contains("more than 4194304 bytes"), "{name}: {error}");
    }
}

/// In a hundred megabytes of address space, into which no list of a million would fit. A tenth of them, unless everything
/// is asked for.
fn a_million_entries() {
    let count = if harness::everything() {
        1_000_000
    } else {
        100_000
    };
    // In memory, where a name costs little.
    let memory = tempfile::tempdir_in("/dev/shm").unwrap();
    let here = memory.path();
    let file = fs::File::create(here.join("many.tar")).unwrap();
    let mut writer = Writer::new(std::io::BufWriter::new(file));
    writer.append(&entry(b"first", Kind::Fifo)).unwrap();
    // The same names again and again, of one file and of directories: what the file system can hold is not what is
    // tried here.
    let names: Vec<Entry> = (0..1000)
        .map(|number| match number % 5 {
            0 => directory(&format!("directory-{number}")),
            _ => hard_link(&format!("name-{number}"), "first"),
        })
        .collect();
    for entry in names.iter().cycle().take(count - 1) {
        writer.append(entry).unwrap();
    }
    drop(writer.finish().unwrap());
    let run = |name: &str| {
        layers(["unpack"])
            .arg(here.join(name))
            .arg(here.join("many.tar"))
            .after("ulimit -v 100000")
            .timeout(Duration::from_secs(300))
    };
    run("layer").output().assert_code(0);
    let names = fs::read_dir(here.join("layer")).unwrap().count();
    assert_eq!(names, 1001);
    let error = run("refused").args(["--max-entries", "1000"]).output();
    let error = error.assert_code(125).err();
    assert!(error.contains("more than 1000 entries"), "{error}");
}

fn names_that_are_not_utf8() {
    let layer = harness::directory().join("layer");
    let mut strange = entry(b"\xff\xfe", Kind::Directory);
    strange
        .xattrs
        .insert(b"user.\xff".to_vec(), b"\xff".to_vec());
    let link = Kind::Symlink {
        target: b"\xff\xfe/\x01".to_vec(),
    };
    let mut odd_link = entry(b"\xc3\x28", link);
    // No other mode is kept by a link.
    odd_link.mode = 0o777;
    let whole = archive(&[
        entry(b"./", Kind::Directory),
        odd_link,
        strange,
        entry(b"\xff\xfe/\x01\n", Kind::File { size: 3 }),
    ]);
    unpacked(&whole, &layer);
    assert!(packed(&layer) == whole);
}

/// `layers unpack home/layer` by an ordinary user, whose home it is.
fn unpacked_by_an_ordinary_user(entries: &[Entry]) -> harness::Output {
    let home = fresh("home");
    std::os::unix::fs::chown(&home, Some(65534), Some(65534)).unwrap();
    shell(
        &harness::directory(),
        &format!("cp {} program", harness::bin("layers").display()),
    );
    let run = harness::Run::new(harness::directory().join("program"));
    run.arg("unpack")
        .arg(home.join("layer"))
        .stdin(archive(entries))
        .user(65534)
        .output()
}

/// Attributes on what he has no right to write to by its mode; and those that root alone may set, like owners.
fn attributes_by_an_ordinary_user() {
    let (mut read_only, mut closed) = (file("file"), directory("dir"));
    (read_only.mode, closed.mode) = (0o444, 0o555);
    for entry in [&mut read_only, &mut closed] {
        for (name, value) in [
            ("user.note", "1"),
            ("trusted.note", "1"),
            // CAP_NET_RAW, permitted and effective.
            (
                "security.capability",
                "\x01\0\0\x02\0\x20\0\0\0\0\0\0\0\0\0\0\0\0\0\0",
            ),
        ] {
            entry.xattrs.insert(name.into(), value.into());
        }
    }
    unpacked_by_an_ordinary_user(&[read_only, closed]).assert_code(0);
    let shown = crate::tree::describe(&harness::directory().join("home/layer"));
    for (name, mode) in [("file", "444"), ("dir", "555")] {
        let shown = &shown[name];
        assert!(
            shown.contains("user.note") && shown.contains(mode),
            "{shown}"
        );
        assert!(
            !shown.contains("security") && !shown.contains("trusted"),
            "{shown}"
        );
    }
}

fn devices_by_an_ordinary_user() {
    let output = unpacked_by_an_ordinary_user(&[device("null")]);
    let error = output.assert_code(125).err();
    assert!(
        error.contains("only the host's root can make device nodes"),
        "{error}"
    );
}

fn a_file_that_an_ordinary_user_cannot_read() {
    let mut closed = file("file");
    closed.mode = 0;
    unpacked_by_an_ordinary_user(&[closed]).assert_code(0);
    let here = harness::directory();
    let run = harness::Run::new(here.join("program"))
        .arg("pack")
        .arg(here.join("home/layer"));
    let error = run.user(65534).output().assert_code(125).err();
    assert!(
        error.contains("cannot read file: Permission denied") && error.contains("unshare -r"),
        "{error}"
    );
}

fn an_owner_that_is_not_mapped() {
    let mut other = file("file");
    other.uid = 1000;
    let here = harness::directory();
    fs::write(here.join("archive"), archive(&[other])).unwrap();
    let run = harness::Run::new("unshare")
        .arg("-r")
        .arg(harness::bin("layers"))
        .arg("unpack")
        .args([here.join("layer"), here.join("archive")]);
    let error = run.output().assert_code(125).err();
    assert!(
        error.contains("set the owner: Invalid argument") && error.contains("uid_map"),
        "{error}"
    );
}

fn a_device_that_is_a_whiteout() {
    let layer = harness::directory().join("layer");
    let device = |path: &[u8]| entry(path, Kind::CharacterDevice { major: 0, minor: 0 });
    let entries = [device(b"etc"), file("var/x"), device(b"var")];
    unpacked(&archive(&entries), &layer);
    // It stands for a name that is gone, as if it had come as `.wh.etc`, and not for what this layer has.
    let names = shell(
        &layer,
        "find . -type c -printf '%P %m\\n' -o -name x -print",
    )
    .out();
    assert_eq!(names, "etc 0\n./var/x\n");
}

/// With `redirect` or `metacopy` a file of one layer would show what is in another.
fn overlays_own_attributes() {
    let layer = harness::directory().join("layer");
    let mut hostile = file("file");
    for name in [
        "trusted.overlay.metacopy",
        "trusted.overlay.redirect",
        "user.overlay.opaque",
        "user.note",
    ] {
        hostile.xattrs.insert(name.into(), b"/etc/shadow".to_vec());
    }
    unpacked(&archive(&[hostile]), &layer);
    let shown = &crate::tree::describe(&layer)["file"];
    assert!(
        shown.contains("user.note") && !shown.contains("overlay"),
        "{shown}"
    );
}
