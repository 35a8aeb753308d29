//! What cannot be: one sentence, one hint, exit code 125, and nothing left behind.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use harness::{Run, Test, test};

use layers::tar::Kind;

use crate::common::{ROOT, archive, base, entry, fresh, layers, on, unpack, unpacked};

pub(crate) fn tests() -> Vec<Test> {
    vec![
        test("layers_that_are_none", &ROOT, layers_that_are_none),
        test("options_that_contradict", &[], options_that_contradict),
        test("an_upper_in_use", &ROOT, an_upper_in_use),
        test(
            "what_is_read_and_cannot_be",
            &ROOT,
            what_is_read_and_cannot_be,
        ),
        test("an_archive_for_a_terminal", &[], an_archive_for_a_terminal),
        test("half_a_layer", &ROOT, half_a_layer),
        test("what_the_dead_have_left", &ROOT, what_the_dead_have_left),
        test(
            "what_others_have_put_there",
            &ROOT,
            what_others_have_put_there,
        ),
        test("a_directory_in_use", &ROOT, a_directory_in_use),
        test("a_root_for_everyone", &ROOT, a_root_for_everyone),
        test(
            "a_data_root_that_cannot_be_written",
            &ROOT,
            a_data_root_that_cannot_be_written,
        ),
    ]
}

/// What is said, without the names of this run.
#[track_caller]
fn said(run: Run) -> String {
    let output = run.output().assert_code(125);
    let own = harness::directory().canonicalize().unwrap();
    output.err().replace(own.to_str().unwrap(), "DIR")
}

fn layers_that_are_none() {
    let base = base();
    let missing = harness::directory().join("missing");
    let file = harness::directory().join("file");
    fs::write(&file, "").unwrap();
    let many = vec![base.as_path(); 501];
    let other = fresh("work");
    let twice = fresh("twice");
    let upper = fresh("upper");
    fs::create_dir(upper.join("inside")).unwrap();
    let kept =
        |upper: &str, work: &str| said(on(&[&base], &["--upper", upper, "--work", work], "true"));
    let text = |path: &std::path::Path| path.to_str().unwrap().to_owned();
    let all = [
        said(on(&[&missing], &[], "true")),
        said(on(&[&base, &file], &[], "true")),
        said(on(&many, &[], "true")),
        said(on(&[&twice, &twice], &[], "true")),
        kept(&text(&missing), &text(&other)),
        kept("/dev/shm", &text(&other)),
        kept(&text(&upper), &text(&upper.join("inside"))),
        kept(&text(&upper), &text(&upper)),
    ];
    let own = base.file_name().unwrap().to_str().unwrap();
    insta::assert_snapshot!("layers", all.concat().replace(own, "ROOT"));
    let scratches = fs::read_dir(harness::directory().join("data/writable"));
    assert_eq!(scratches.map_or(0, Iterator::count), 0);
}

fn options_that_contradict() {
    let said = |arguments: &[&str]| {
        let output = layers(["run"]).args(arguments).output().assert_code(125);
        output.err().lines().next().unwrap_or_default().to_owned()
    };
    let all = [
        said(&["--layer", "a", "--rootfs", "b", "true"]),
        said(&["--layer", "a", "--upper", "b", "true"]),
        said(&["--upper", "b", "--work", "c", "true"]),
        said(&["--layer", "a", "--work", "c", "true"]),
    ];
    insta::assert_snapshot!("options", all.join("\n"));
}

fn an_upper_in_use() {
    let base = base();
    let (upper, work) = (fresh("upper"), fresh("work"));
    let kept = [
        "--upper",
        upper.to_str().unwrap(),
        "--work",
        work.to_str().unwrap(),
    ];
    let running = on(&[&base], &kept, "echo begun; exec sleep 1000").spawn();
    running.expect("begun");
    let said = said(on(&[&base], &kept, "true"));
    assert_eq!(
        said,
        "layers: the writable layer DIR/upper is in use by another container\n\
         hint: give each container an --upper and a --work of its own; --layer may be shared\n"
    );
    running.signal(libc::SIGTERM);
    running.wait().assert_code(143);
    on(&[&base], &kept, "true").output().assert_code(0);
}

fn what_is_read_and_cannot_be() {
    let here = harness::directory();
    let full = fresh("full");
    fs::write(full.join("file"), "").unwrap();
    let strange = fresh("strange");
    fs::write(strange.join(".wh.file"), "").unwrap();
    let run = |arguments: [&str; 2]| said(layers(arguments).current_dir(&here));
    let all = [
        run(["unpack", "full"]),
        said(layers(["unpack", "new", "missing.tar"]).current_dir(&here)),
        run(["pack", "missing"]),
        run(["pack", "full/file"]),
        run(["pack", "strange"]),
        run(["diff", "missing"]),
        said(layers(["diff", "full", "missing"]).current_dir(&here)),
    ];
    assert!(!here.join("new").exists());
    insta::assert_snapshot!("read", all.concat());
}

fn a_data_root_that_cannot_be_written() {
    let run = on(&[&base()], &[], "true").env("DRYDOCK_ROOT", "/proc/drydock");
    insta::assert_snapshot!("data", said(run));
}

/// It would be taken for a whole one: what was unpacked goes, and the directory too if it is ours.
fn half_a_layer() {
    let here = harness::directory();
    let there = fresh("there");
    let file = |path: &[u8]| entry(path, Kind::File { size: 1000 });
    let whole = archive(&[file(b"dir/one"), file(b"two")]);
    for directory in [here.join("new/layer"), there.clone()] {
        let output = unpack(&whole[..whole.len() - 2000], &directory, &[]).output();
        let error = output.assert_code(125).err();
        assert!(error.contains("truncated"), "{error}");
    }
    assert!(!here.join("new/layer").exists());
    assert_eq!(fs::read_dir(&there).unwrap().count(), 0);
    unpacked(&whole, &there);
}

/// Its root may have had its attributes by then.
fn what_the_dead_have_left() {
    let left = fresh(".layer.unpacking");
    fs::create_dir_all(left.join("deep/er")).unwrap();
    let flags = rustix::fs::XattrFlags::empty();
    rustix::fs::setxattr(&left, "trusted.overlay.opaque", b"y", flags).unwrap();
    let here = harness::directory();
    let archive = archive(&[entry(b"file", Kind::File { size: 1 })]);
    let run = unpack(&archive, "layer".as_ref(), &[]).current_dir(&here);
    run.output().assert_code(0);
    let layer = here.join("layer");
    let shown = format!("{:?}", crate::tree::describe(&layer));
    assert!(
        !shown.contains("opaque") && !shown.contains("deep"),
        "{shown}"
    );
    assert!(!left.exists());
}

/// Whoever may write beside the layer does not say what is emptied, nor where the layer goes.
fn what_others_have_put_there() {
    let here = harness::directory();
    let victim = fresh("victim");
    fs::write(victim.join("precious"), "").unwrap();
    let archive = archive(&[entry(b"file", Kind::File { size: 1 })]);
    let refused = || {
        let run = unpack(&archive, "layer".as_ref(), &[]).current_dir(&here);
        let error = run.output().assert_code(125).err();
        assert!(!here.join("layer").exists());
        error
    };
    let planted = here.join(".layer.unpacking");
    std::os::unix::fs::symlink(&victim, &planted).unwrap();
    let error = refused();
    assert!(
        error.contains("ENOTDIR") || error.contains("ELOOP"),
        "{error}"
    );
    assert_eq!(fs::read_dir(&victim).unwrap().count(), 1);

    fs::remove_file(&planted).unwrap();
    fs::create_dir(&planted).unwrap();
    std::os::unix::fs::chown(&planted, Some(1000), Some(1000)).unwrap();
    let error = refused();
    assert!(error.contains("belongs to user 1000"), "{error}");
    assert!(planted.exists());
}

fn a_directory_in_use() {
    let directory = fresh("layer");
    let other = fs::File::open(&directory).unwrap();
    other.lock().unwrap();
    let whole = archive(&[entry(b"file", Kind::File { size: 1 })]);
    let said = said(unpack(&whole, &directory, &[]));
    assert_eq!(
        said,
        "layers: DIR/layer is in use: another process unpacks a layer into it\n\
         hint: a layer is unpacked into a directory of its own\n"
    );
    drop(other);
    unpacked(&whole, &directory);
}

/// An archive need not have an entry for the root. Users in the container must find their way through it all the same.
fn a_root_for_everyone() {
    let directory = harness::directory().join("layer");
    let archive = archive(&[entry(b"file", Kind::File { size: 1 })]);
    let run = Run::new("sh")
        .args(["-c", "umask 077; exec \"$0\" unpack \"$1\""])
        .arg(harness::bin("layers"))
        .arg(&directory);
    run.stdin(archive).output().assert_code(0);
    let mode = fs::metadata(&directory).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o755);
}

fn an_archive_for_a_terminal() {
    let directory = fresh("layer");
    let terminal = layers(["pack"]).arg(&directory).under_pty();
    let output = terminal.wait().assert_code(125);
    assert!(output.out().contains("cowardly refusing"), "{output}");
}
