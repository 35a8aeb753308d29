//! Layers as a container sees them.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};

use harness::{Need, Run, Test, bin, example, linux_is_at_least, test};
use layers::tar::Kind;

use crate::common::{
    ROOT, archive, base, entry, fresh, layers, on, packed, prints, shell, unpacked,
};

pub(crate) fn tests() -> Vec<Test> {
    let userns = [ROOT[0], ROOT[1], Need::UserNamespaces];
    let tests = vec![
        test("the_layer_on_top_is_seen", &ROOT, the_layer_on_top_is_seen),
        test("what_is_gone_is_not_seen", &ROOT, what_is_gone_is_not_seen),
        test(
            "what_an_opaque_root_hides_is_not_seen",
            &ROOT,
            what_an_opaque_root_hides_is_not_seen,
        ),
        test("what_is_written_goes", &ROOT, what_is_written_goes),
        test(
            "what_is_written_can_be_kept",
            &ROOT,
            what_is_written_can_be_kept,
        ),
        test(
            "layers_are_shared_and_never_written_to",
            &ROOT,
            layers_are_shared_and_never_written_to,
        ),
        test(
            "many_layers_with_long_paths",
            &ROOT,
            many_layers_with_long_paths,
        ),
        test(
            "one_long_path_among_short_ones",
            &ROOT,
            one_long_path_among_short_ones,
        ),
        test("strange_paths", &ROOT, strange_paths),
        test(
            "many_layers_before_linux_6_8",
            &ROOT,
            many_layers_before_linux_6_8,
        ),
        test(
            "the_root_has_the_mode_of_the_topmost_layer",
            &ROOT,
            the_root_has_the_mode_of_the_topmost_layer,
        ),
        test(
            "the_mount_is_as_it_should_be",
            &ROOT,
            the_mount_is_as_it_should_be,
        ),
        test(
            "all_that_the_steps_before_can_do",
            &ROOT,
            all_that_the_steps_before_can_do,
        ),
        test("in_a_user_namespace", &userns, in_a_user_namespace),
        test("as_another_users_root", &userns, as_another_users_root),
        test("as_an_ordinary_user", &userns, as_an_ordinary_user),
    ];
    // Before Linux 6.8 layers are mounted in another way.
    tests.into_iter().map(Test::also_in_vm).collect()
}

/// A layer with these files, each with its own path as contents.
fn layer(name: &str, files: &[&str]) -> PathBuf {
    let layer = fresh(name);
    for file in files {
        let path = layer.join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, format!("{file} of {name}\n")).unwrap();
    }
    layer
}

fn the_layer_on_top_is_seen() {
    let (base, one, two) = (base(), layer("one", &["a", "b"]), layer("two", &["b", "c"]));
    assert_eq!(
        prints(&[&base, &one, &two], &[], "cat /a /b /c"),
        "a of one\nb of two\nc of two\n"
    );
    assert_eq!(prints(&[&base, &two, &one], &[], "cat /b"), "b of one\n");
}

fn what_is_gone_is_not_seen() {
    let (base, one) = (base(), layer("one", &["a", "dir/x", "dir/y", "opaque/z"]));
    let two = harness::directory().join("two");
    let file = |path: &str| entry(path.as_bytes(), Kind::File { size: 0 });
    let gone = archive(&[
        file(".wh.a"),
        file("dir/.wh.x"),
        file("opaque/.wh..wh..opq"),
        file("opaque/new"),
    ]);
    unpacked(&gone, &two);
    assert_eq!(
        prints(
            &[&base, &one, &two],
            &[],
            "ls -d /a /dir/* /opaque/* 2>/dev/null || :"
        ),
        "/dir/y\n/opaque/new\n"
    );
}

/// Overlayfs does not look at the mark of a layer's root.
fn what_an_opaque_root_hides_is_not_seen() {
    let (below, two) = (layer("below", &["old", "etc/old"]), base());
    let top = harness::directory().join("top");
    let file = |path: &str| entry(path.as_bytes(), Kind::File { size: 0 });
    unpacked(&archive(&[file(".wh..wh..opq"), file("new")]), &top);
    let moved = fresh("whole");
    shell(
        &moved,
        &format!("cp -a {}/. . && cp -a ../top/. .", two.display()),
    );
    let layers: [&Path; 2] = [&below, &moved];
    let script = "ls -d /old /etc/old /new /bin/sh 2>/dev/null || :";
    assert_eq!(prints(&layers, &[], script), "/bin/sh\n/new\n");
}

fn writable() -> PathBuf {
    harness::directory().join("data/writable")
}

fn count(directory: &Path) -> usize {
    fs::read_dir(directory).map_or(0, Iterator::count)
}

fn what_is_written_goes() {
    let base = base();
    let script = "echo text > /new; rm /bin/vi; mkdir -p /deep/er; chmod 0 /deep; cat /new";
    assert_eq!(prints(&[&base], &[], script), "text\n");
    assert_eq!(count(&writable()), 0);
    assert_eq!(
        prints(&[&base], &[], "ls /new 2>/dev/null || ls /bin/vi"),
        "/bin/vi\n"
    );
}

fn what_is_written_can_be_kept() {
    let base = base();
    let (upper, work) = (fresh("upper"), fresh("work"));
    let kept = [
        "--upper",
        upper.to_str().unwrap(),
        "--work",
        work.to_str().unwrap(),
    ];
    prints(
        &[&base],
        &kept,
        "echo text > /new; rm /bin/vi; rm -r /etc; mkdir /etc; echo x > /etc/x",
    );
    // Mount points that the image had not: as in Docker, they are part of what was written.
    assert_eq!(
        prints(
            &[&base],
            &kept,
            "cat /new; ls /etc; ls /bin/vi 2>/dev/null || :"
        ),
        "text\nx\n"
    );
    let diff = layers(["diff"])
        .arg(&upper)
        .arg(&base)
        .output()
        .assert_code(0)
        .out();
    let changes: Vec<&str> = diff
        .lines()
        .filter(|line| {
            !["/dev", "/proc", "/sys"]
                .iter()
                .any(|place| line.contains(place))
        })
        .collect();
    let before = fs::read_dir(base.join("etc")).unwrap().flatten();
    let mut expected: Vec<String> = before
        .map(|entry| format!("D /etc/{}", entry.file_name().display()))
        .chain(["C /bin", "D /bin/vi", "C /etc", "A /etc/x", "A /new"].map(str::to_owned))
        .collect();
    expected.sort_by(|one, other| one[2..].cmp(&other[2..]));
    assert_eq!(changes, expected);

    // As a layer of its own it says the same.
    let third = harness::directory().join("third");
    unpacked(&packed(&upper), &third);
    assert_eq!(
        prints(
            &[&base, &third],
            &[],
            "cat /new; ls /etc; ls /bin/vi 2>/dev/null || :"
        ),
        "text\nx\n"
    );
    let again = layers(["diff"])
        .arg(&third)
        .arg(&base)
        .output()
        .assert_code(0)
        .out();
    assert_eq!(again, diff);
}

fn layers_are_shared_and_never_written_to() {
    let base = base();
    let before = crate::tree::describe(&base);
    let containers: Vec<_> = (0..8)
        .map(|number| {
            let script =
                format!("echo {number} > /etc/passwd; echo {number} > /new; cat /etc/passwd /new");
            on(&[&base], &[], &script).spawn()
        })
        .collect();
    for (number, container) in containers.into_iter().enumerate() {
        let output = container.wait().assert_code(0);
        assert_eq!(output.out(), format!("{number}\n{number}\n"));
    }
    assert!(crate::tree::describe(&base) == before);
    assert_eq!(count(&writable()), 0);
}

/// As strings their paths would take more than a hundred pages.
fn many(count: usize) -> Vec<PathBuf> {
    let long = harness::directory().join(format!("{0}/{0}/{0}", "long".repeat(50)));
    fs::create_dir_all(&long).unwrap();
    (0..count)
        .map(|number| {
            let layer = long.join(format!("layer-{number}"));
            fs::create_dir(&layer).unwrap();
            fs::write(layer.join(format!("file-{number}")), "").unwrap();
            fs::write(layer.join("topmost"), format!("{number}\n")).unwrap();
            layer
        })
        .collect()
}

fn many_layers_with_long_paths() {
    let base = base();
    let all = many(499);
    for number in [120, 499] {
        let mut layers: Vec<&Path> = vec![&base];
        layers.extend(all[..number].iter().map(PathBuf::as_path));
        let seen = prints(&layers, &[], "ls / | grep -c ^file-; cat /topmost");
        assert_eq!(seen, format!("{number}\n{}\n", number - 1));
    }
}

/// An option's value may have 255 bytes, whichever layer it is that has a longer path, or the writable one.
fn one_long_path_among_short_ones() {
    let base = base();
    let all = many(2);
    let short = layer("short", &["a"]);
    let layers: [&Path; 3] = [&base, &all[0], &short];
    assert_eq!(prints(&layers, &[], "cat /topmost /a"), "0\na of short\n");
    let beside = all[1].parent().unwrap();
    let (upper, work) = (beside.join("upper"), beside.join("work"));
    fs::create_dir(&upper).unwrap();
    fs::create_dir(&work).unwrap();
    let kept = [
        "--upper",
        upper.to_str().unwrap(),
        "--work",
        work.to_str().unwrap(),
    ];
    prints(&[&base], &kept, "echo x > /new");
    assert_eq!(fs::read(upper.join("new")).unwrap(), b"x\n");
}

/// The kernel takes a backslash away from some of them, and not from others.
fn strange_paths() {
    let base = base();
    for name in ["a\\b", "a:b", "a,b", "a\\,b", " a\nb=c"] {
        let here = fresh(name);
        let [lower, upper, work] = ["lower", "upper", "work"].map(|part| {
            let path = here.join(part);
            fs::create_dir(&path).unwrap();
            path
        });
        fs::write(lower.join("below"), "").unwrap();
        let kept = [
            "--upper",
            upper.to_str().unwrap(),
            "--work",
            work.to_str().unwrap(),
        ];
        prints(&[&base, &lower], &kept, "rm /below; echo x > /new");
        assert_eq!(fs::read(upper.join("new")).unwrap(), b"x\n");
    }
}

fn many_layers_before_linux_6_8() {
    let output = Run::new(example("layers-fallback"))
        .args(many(200))
        .output()
        .assert_code(0);
    let names = output.out();
    assert_eq!(names.lines().count(), 201, "{names}");
    assert!(names.lines().any(|name| name == "file-0"), "{names}");
}

fn the_root_has_the_mode_of_the_topmost_layer() {
    let (base, top) = (base(), fresh("top"));
    fs::set_permissions(&top, fs::Permissions::from_mode(0o1751)).unwrap();
    chown(&top, Some(7), Some(8)).unwrap();
    assert_eq!(
        prints(&[&base, &top], &[], "stat -c '%a %u %g' /"),
        "1751 7 8\n"
    );
}

fn the_mount_is_as_it_should_be() {
    let (base, one) = (base(), layer("one", &["a"]));
    let script =
        "grep ' / / ' /proc/self/mountinfo; wc -l < /proc/self/mountinfo > /dev/null; ls -a /";
    let seen = prints(&[&base, &one], &["--read-only"], script);
    let line = seen.lines().next().unwrap();
    let (_, options) = line.split_once(" / / ").unwrap();
    let own = harness::directory().display().to_string();
    let shown: Vec<&str> = options.split([' ', ',']).collect();
    for expected in ["ro", "overlay"] {
        assert!(shown.contains(&expected), "{line}");
    }
    if linux_is_at_least(6, 8) {
        for path in [&one, &base] {
            let shown = format!("lowerdir+={}", path.display());
            assert!(options.contains(&shown), "{line}");
        }
    } else {
        // Names of descriptors, the shortest that there are.
        let value = shown.iter().find_map(|word| word.strip_prefix("lowerdir="));
        assert_eq!(value.expect(line).split(':').count(), 2, "{line}");
    }
    // What the kernel shows only where it is not its own default is not looked for.
    for never in [
        "metacopy=on",
        "index=on",
        "redirect_dir=on",
        "redirect_dir=follow",
    ] {
        assert!(!shown.contains(&never), "{line}");
    }
    assert!(
        options.contains(&format!("upperdir={own}/data/writable/")),
        "{line}"
    );
}

fn all_that_the_steps_before_can_do() {
    let root = base();
    let output = layers(["run", "--rootfs"])
        .arg(&root)
        .args([
            "--memory",
            "64m",
            "--tmpfs",
            "/mnt",
            "sh",
            "-c",
            "mount | grep -c ' /mnt '",
        ])
        .output()
        .assert_code(0);
    assert_eq!(output.out(), "1\n");
    let running = on(
        &[&root],
        &["--name", "seen-by-ls", "--pids-limit", "9"],
        "echo begun; exec sleep 1000",
    )
    .spawn();
    running.expect("begun");
    let list = layers(["ls"]).output().assert_code(0).out();
    assert!(list.contains("seen-by-ls"), "{list}");
    layers(["kill", "seen-by-ls"]).output().assert_code(0);
    running.wait().assert_code(137);
}

fn in_a_user_namespace() {
    let base = base();
    let two = harness::directory().join("two");
    let file = |path: &str| entry(path.as_bytes(), Kind::File { size: 0 });
    let gone = archive(&[file("bin/.wh.vi"), file("etc/.wh..wh..opq")]);
    layers(["unpack", "--userns"])
        .arg(&two)
        .stdin(gone)
        .output()
        .assert_code(0);
    let script = "ls /bin/vi 2>/dev/null || ls /etc; echo x > /new; cat /new; rm /bin/cat; id -u";
    assert_eq!(prints(&[&base, &two], &["--userns"], script), "x\n0\n");
    assert_eq!(count(&writable()), 0);
}

/// Root in the container is a user who may not enter our data root. With a writable layer of his own, he needs not.
fn as_another_users_root() {
    const ROOT_OF_CONTAINER: u32 = 100_000;
    let base = base();
    let data = harness::directory().join("data");
    fs::set_permissions(&data, fs::Permissions::from_mode(0o700)).unwrap();
    let map = ["--uid-map", "0:100000:65536", "--gid-map", "0:100000:65536"];
    let refused = on(&[&base], &map, "true").output().assert_code(125);
    assert!(
        refused.err().contains("give --upper and --work"),
        "{refused}"
    );
    let own = |name: &str| {
        let path = fresh(name);
        chown(&path, Some(ROOT_OF_CONTAINER), Some(ROOT_OF_CONTAINER)).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let (upper, work) = (own("upper"), own("work"));
    let options = [&map[..], &["--upper", &upper, "--work", &work]].concat();
    let script = "echo x > /new; cat /new; id -u";
    assert_eq!(prints(&[&base], &options, script), "x\n0\n");
    assert_eq!(
        fs::metadata(harness::directory().join("upper/new"))
            .unwrap()
            .uid(),
        ROOT_OF_CONTAINER
    );
}

/// Nobody has a data root of his own, unpacks, runs, compares and packs.
fn as_an_ordinary_user() {
    const NOBODY: u32 = 65534;
    let home = fresh("home");
    let own = |name: &str| {
        let path = home.join(name);
        fs::create_dir(&path).unwrap();
        chown(&path, Some(NOBODY), Some(NOBODY)).unwrap();
        path
    };
    let (data, run, here) = (own("data"), own("run"), own("here"));
    shell(&home, &format!("cp {} program", bin("layers").display()));
    shell(
        &home,
        &format!("cd {} && tar -cf ../base.tar .", base().display()),
    );
    shell(&home, "mv ../base.tar .; chmod 644 base.tar");
    let program = |arguments: &str| {
        let output = Run::new("sh")
            .args(["-euc", &format!("{}/program {arguments}", home.display())])
            .current_dir(&here)
            .env("DRYDOCK_ROOT", &data)
            .env("DRYDOCK_RUN", &run)
            .user(NOBODY)
            .output();
        output.assert_code(0).out()
    };
    program("unpack base ../base.tar");
    program("run --userns --layer base rm /bin/vi");
    assert_eq!(count(&data.join("writable")), 0);
    program("run --userns --layer base sh -c 'mkdir /closed; chmod 0 /closed; ls -d /bin/vi'");
    assert_eq!(count(&data.join("writable")), 0);
    shell(&here, "mkdir upper work; chown 65534:65534 upper work");
    program(
        "run --userns --layer base --upper upper --work work sh -c 'rm /bin/vi; rm -r /etc; mkdir /etc'",
    );
    let diff = program("diff upper base");
    assert!(
        diff.contains("D /bin/vi\n") && diff.contains("D /etc/"),
        "{diff}"
    );
    program("pack upper > upper.tar; ../program unpack again upper.tar");
    assert_eq!(program("diff again base"), diff);
    assert_eq!(fs::metadata(here.join("again")).unwrap().uid(), NOBODY);
}
