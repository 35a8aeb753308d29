//! Containers on images.

use harness::{Census, Need, Output, Run, Test, test};

use crate::made::{done, images, path, refused};

pub(crate) fn tests() -> Vec<Test> {
    let needs = &[Need::Root, Need::Package("busybox", "busybox-static")];
    vec![
        test(
            "an_image_is_run_as_it_says",
            needs,
            an_image_is_run_as_it_says,
        )
        .also_in_vm(),
        test(
            "a_user_is_looked_up_in_the_image",
            &[
                Need::Root,
                Need::Package("busybox", "busybox-static"),
                Need::Program("umoci"),
            ],
            a_user_is_looked_up_in_the_image,
        ),
        test(
            "a_hostile_passwd_is_not_followed",
            needs,
            a_hostile_passwd_is_not_followed,
        ),
        test(
            "a_working_directory_is_made",
            needs,
            a_working_directory_is_made,
        ),
        test(
            "a_working_directory_is_where_links_lead",
            needs,
            a_working_directory_is_where_links_lead,
        ),
        test(
            "a_volume_is_writable_where_the_root_is_not",
            needs,
            a_volume_is_writable_where_the_root_is_not,
        ),
        test(
            "a_user_namespace_is_no_user",
            needs,
            a_user_namespace_is_no_user,
        ),
        test(
            "what_a_container_writes_goes_with_it",
            needs,
            what_a_container_writes_goes_with_it,
        ),
        test(
            "an_image_that_runs_is_not_removed",
            needs,
            an_image_that_runs_is_not_removed,
        ),
        test("exit_codes_are_dockers", needs, exit_codes_are_dockers),
        test("other_roots_still_work", needs, other_roots_still_work),
        test("nothing_is_left_behind", needs, nothing_is_left_behind),
    ]
}

/// An image of busybox, with these changes.
pub(crate) fn busybox(name: &str, changes: &[&str]) {
    let archive = path("busybox.tar");
    let root = harness::busybox_root();
    Run::new("tar")
        .args(["-C", root.to_str().unwrap(), "-cf", &archive, "."])
        .output()
        .assert_code(0);
    let mut arguments = vec!["import"];
    arguments.extend(changes.iter().flat_map(|change| ["-c", *change]));
    arguments.extend([archive.as_str(), name]);
    done(&arguments);
}

fn run(arguments: &[&str]) -> Output {
    images(&["run"]).args(arguments).output()
}

fn an_image_is_run_as_it_says() {
    busybox(
        "app",
        &[
            "ENV A=image",
            "WORKDIR /tmp",
            "USER 1000:50",
            "ENTRYPOINT [\"sh\", \"-c\"]",
            "CMD [\"echo $A $(pwd) $(id -u):$(id -g)\"]",
        ],
    );
    assert_eq!(run(&["app"]).assert_code(0).out(), "image /tmp 1000:50\n");
    assert_eq!(
        run(&["-e", "A=mine", "-w", "/", "app"])
            .assert_code(0)
            .out(),
        "mine / 1000:50\n"
    );
    assert_eq!(run(&["app", "echo $0", "x"]).assert_code(0).out(), "x\n");
    assert_eq!(
        run(&["--entrypoint", "echo", "app", "x"])
            .assert_code(0)
            .out(),
        "x\n"
    );
    busybox("bare", &[]);
    let output = run(&["bare"]).assert_code(125);
    assert!(output.err().contains("no command specified"), "{output}");
}

/// An image with one more layer than `below`, which has these files, and with another user: made with umoci.
fn add_layer(name: &str, below: &str, user: &str, files: &[(&str, &str)]) {
    let of = |what: &str| path(&format!("{name}-{what}"));
    let (saved, layout, bundle, archive) = (of("saved"), of("layout"), of("bundle"), of("new"));
    let tool = |program: &str, arguments: &[&str]| {
        Run::new(program).args(arguments).output().assert_code(0);
    };
    done(&["save", "-o", &saved, below]);
    std::fs::create_dir(&layout).unwrap();
    tool("tar", &["-C", &layout, "-xf", &saved]);
    let image = format!("{layout}:latest");
    tool("umoci", &["unpack", "--image", &image, &bundle]);
    for (file, contents) in files {
        std::fs::write(format!("{bundle}/rootfs/{file}"), contents).unwrap();
    }
    tool("umoci", &["repack", "--image", &image, &bundle]);
    tool(
        "umoci",
        &["config", "--image", &image, "--config.user", user],
    );
    // Docker's own list still has one layer.
    std::fs::remove_file(format!("{layout}/manifest.json")).unwrap();
    tool("tar", &["-C", &layout, "-cf", &archive, "."]);
    let loaded = done(&["load", "-i", &archive]).out();
    let id = loaded.trim().rsplit(' ').next().unwrap();
    done(&["tag", id, name]);
}

const PASSWD: &str = "root:x:0:0::/root:/bin/sh\napp:x:1000:50::/home/app:/bin/sh\nbroken\n";
const GROUP: &str = "root:x:0:\nstaff:x:50:\nwheel:x:10:root,app\naudio:x:29:app\n";
const WHO: &str = "echo $(id -u) $(id -g) $(id -G) $HOME";

fn a_user_is_looked_up_in_the_image() {
    busybox("below", &[]);
    // The files of the upper layer count, as the container will see them.
    add_layer(
        "app",
        "below",
        "app",
        &[("etc/passwd", PASSWD), ("etc/group", GROUP)],
    );
    let who = |arguments: &[&str]| {
        let shell = &["app", "sh", "-c", WHO];
        run(&[arguments, shell].concat()).assert_code(0).out()
    };
    for (spec, expected) in [
        ("", "0 0 0 10 /root\n"),
        ("app", "1000 50 50 10 29 /home/app\n"),
        ("1000", "1000 50 50 10 29 /home/app\n"),
        ("app:audio", "1000 29 29 /home/app\n"),
        ("2000:7", "2000 7 7 /\n"),
        ("2000", "2000 0 0 /\n"),
    ] {
        assert_eq!(who(&["-u", spec]), expected, "{spec}");
    }
    assert_eq!(who(&[]), "1000 50 50 10 29 /home/app\n");
    assert_eq!(who(&["-e", "HOME=/mine"]), "1000 50 50 10 29 /mine\n");
    for (spec, words) in [
        (
            "none",
            "unable to find user none: no matching entries in passwd file",
        ),
        (
            "broken",
            "unable to find user broken: no matching entries in passwd file",
        ),
        (
            "app:none",
            "unable to find group none: no matching entries in group file",
        ),
        ("-1", "uids and gids must be in range 0-2147483647"),
    ] {
        let output = run(&["-u", spec, "app", "true"]).assert_code(125);
        assert!(output.err().contains(words), "{output}");
    }
    // Whoever he is, he may not become root again, and with -t the terminal is his.
    let su = run(&["-u", "app", "app", "sh", "-c", "mkdir /x; ls -d /x"]).assert_code(1);
    assert!(su.err().contains("Permission denied"), "{su}");
    let terminal = images(&[
        "run",
        "-t",
        "-u",
        "app",
        "app",
        "stat",
        "-c",
        "%U",
        "/dev/console",
    ])
    .under_pty();
    terminal.expect("app");
    terminal.wait().assert_code(0);
}

/// A link that leads out of the image is followed inside it, and what is no file is not read.
fn a_hostile_passwd_is_not_followed() {
    let root = path("root");
    busybox::make(root.as_ref()).unwrap();
    let passwd = format!("{root}/etc/passwd");
    for make in [
        format!("ln -sf /proc/self/root{} {passwd}", path("host-passwd")),
        format!(
            "ln -sf ../../../../../../../..{} {passwd}",
            path("host-passwd")
        ),
        format!("rm {passwd}; mkfifo {passwd}"),
        format!("rm {passwd}; ln -s passwd {passwd}"),
        format!("rm {passwd}; mknod {passwd} c 1 5"),
    ] {
        std::fs::write(path("host-passwd"), "evil:x:0:0::/:\n").unwrap();
        Run::new("sh").args(["-c", &make]).output().assert_code(0);
        let output = run(&["-u", "evil", "--rootfs", &root, "true"]).assert_code(125);
        assert!(output.err().contains("hint: "), "{make}: {output}");
    }
}

fn a_working_directory_is_made() {
    busybox("app", &["WORKDIR /a/b/c", "USER 1000"]);
    let there = run(&["app", "sh", "-c", "pwd; stat -c %u:%a ."]).assert_code(0);
    assert_eq!(there.out(), "/a/b/c\n0:755\n");
    assert_eq!(
        run(&["-w", "/new/../dir", "app", "pwd"])
            .assert_code(0)
            .out(),
        "/dir\n"
    );
    let none = run(&["-w", "", "app", "pwd"]).assert_code(0);
    assert_eq!(none.out(), "/a/b/c\n");
    assert_eq!(
        run(&["-w", "/etc/passwd", "app", "pwd"])
            .assert_code(125)
            .out(),
        ""
    );
    let relative = run(&["-w", "x", "app", "pwd"]).assert_code(125);
    assert!(
        relative.err().contains("needs to be an absolute path"),
        "{relative}"
    );
    // A descriptor of the host that somebody has left open is no way out: CVE-2024-21626.
    let out = images(&["run", "-w", "/proc/self/fd/7/new", "app", "pwd"])
        .after(&format!("exec 7<{}", path(".")))
        .output();
    assert_eq!(out.code, Some(125), "{out}");
    assert!(!std::path::Path::new(&path("new")).exists());
}

fn a_working_directory_is_where_links_lead() {
    busybox("app", &[]);
    let links = path("links");
    std::fs::create_dir(&links).unwrap();
    for (link, to) in [
        ("real", "/etc"),
        ("root", "/"),
        ("nothing", "/nowhere/x"),
        ("below", "nothing/y"),
        ("out", "../../../outside"),
        ("loop", "loop"),
    ] {
        std::os::unix::fs::symlink(to, format!("{links}/{link}")).unwrap();
    }
    let archive = path("busybox.tar");
    Run::new("tar")
        .args(["-C", &links, "-rf", &archive, "."])
        .output()
        .assert_code(0);
    for (directory, is) in [
        ("/real", "/etc"),
        ("/real/..", "/"),
        ("/root", "/"),
        ("/root/new", "/new"),
        ("/nothing", "/nowhere/x"),
        ("/nothing/z", "/nowhere/x/z"),
        ("/below", "/nowhere/x/y"),
        ("/out", "/outside"),
    ] {
        done(&[
            "import",
            "-c",
            &format!("WORKDIR {directory}"),
            &archive,
            "linked",
        ]);
        let output = run(&["linked", "pwd", "-P"]).assert_code(0);
        assert_eq!(output.out().trim(), is, "{directory}");
    }
    run(&["-w", "/loop", "linked", "pwd"]).assert_code(125);
}

fn a_volume_is_writable_where_the_root_is_not() {
    busybox("app", &["VOLUME /etc /srv/data", "WORKDIR /work"]);
    let script =
        "cat /etc/hosts >/etc/x && echo new >/srv/data/x && cat /srv/data/x; pwd; echo no >/home/x";
    for _ in 0..2 {
        let output = run(&["--read-only", "app", "sh", "-c", script]).assert_code(1);
        assert_eq!(output.out(), "new\n/work\n");
        assert!(output.err().contains("Read-only file system"), "{output}");
        // It goes with the container, and the image's own files are what it begins with.
        run(&["app", "sh", "-c", "! ls /etc/x && ls /etc/hosts"]).assert_code(0);
    }
    // What the user mounts there comes before it.
    std::fs::create_dir(path("mine")).unwrap();
    let bind = format!("{}:/srv/data", path("mine"));
    run(&["--bind", &bind, "app", "touch", "/srv/data/here"]).assert_code(0);
    assert!(std::path::Path::new(&path("mine/here")).exists());
    run(&["--tmpfs", "/etc", "app", "/bin/sh", "-c", "! ls /etc/hosts"]).assert_code(0);
    busybox("evil", &["VOLUME /proc"]);
    let output = run(&["evil", "true"]).assert_code(125);
    assert!(output.err().contains("/proc"), "{output}");
}

fn a_user_namespace_is_no_user() {
    busybox("app", &["USER 7:8"]);
    let ids = |options: &[&str]| {
        let words = [options, &["app", "sh", "-c", "id -u; id -g"]].concat();
        run(&words).assert_code(0).out()
    };
    assert_eq!(ids(&[]), "7\n8\n");
    for long in ["-u", "--user"] {
        assert_eq!(ids(&[long, "1000:1001"]), "1000\n1001\n");
    }
    assert_eq!(ids(&["--userns", "--user", "0"]), "0\n0\n");
}

fn what_a_container_writes_goes_with_it() {
    busybox("app", &["CMD echo new >/file; rm /bin/ls; cat /file"]);
    for _ in 0..2 {
        assert_eq!(run(&["app"]).assert_code(0).out(), "new\n");
    }
    assert_eq!(run(&["app", "ls", "/file"]).assert_code(1).out(), "");
}

fn an_image_that_runs_is_not_removed() {
    busybox(
        "app",
        &["CMD echo up; read x; cat /etc/passwd >/dev/null; echo down"],
    );
    let mut running = images(&["run", "-i", "--name", "c1", "app"])
        .open_stdin()
        .spawn();
    running.expect("up");
    refused(&["rm", "app"], "container c1 is using its referenced image");
    assert_eq!(
        done(&["prune", "-a", "-f"]).out(),
        "Total reclaimed space: 0B\n"
    );
    assert!(done(&["df"]).out().contains("Images    1         1 "));
    // By force it loses its name, and nothing else.
    assert_eq!(done(&["rm", "-f", "app"]).out(), "Untagged: app:latest\n");
    assert!(done(&["ls"]).out().contains("<none>"));
    running.write(b"\n");
    assert!(running.wait().assert_code(0).out().ends_with("down\n"));
    assert!(done(&["prune", "-f"]).out().contains("deleted: sha256:"));
}

fn exit_codes_are_dockers() {
    busybox("app", &[]);
    run(&["app", "sh", "-c", "exit 42"]).assert_code(42);
    run(&["app", "no-such-program"]).assert_code(127);
    run(&["app", "/etc"]).assert_code(126);
    run(&["--pull", "never", "none", "sh"]).assert_code(125);
}

fn other_roots_still_work() {
    let root = harness::busybox_root();
    let root = root.to_str().unwrap();
    assert_eq!(
        run(&["--rootfs", root, "echo", "x"]).assert_code(0).out(),
        "x\n"
    );
    assert_eq!(
        run(&["--layer", root, "echo", "x"]).assert_code(0).out(),
        "x\n"
    );
}

fn nothing_is_left_behind() {
    busybox("app", &["CMD true"]);
    // The first makes the directories that stay.
    run(&["app"]).assert_code(0);
    let census = Census::take();
    run(&["app"]).assert_code(0);
    census.assert_unchanged();
    for directory in ["images/leases", "writable"] {
        let left = std::fs::read_dir(path("data").to_owned() + "/" + directory).unwrap();
        assert_eq!(left.count(), 0, "{directory}");
    }
}
