//! `--bind`: what of the host appears in a container, and how.

#[expect(dead_code, reason = "each suite uses its own part")]
mod common;

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::ExitCode;

use common::{host_mounts, inside, mounts, outside, refused, succeed};
use harness::{Need, Run, bin, busybox_root, test};

const ROOT: [Need; 2] = [Need::Root, Need::Package("busybox", "busybox-static")];

fn main() -> ExitCode {
    harness::run(
        "rootfs",
        vec![
            test(
                "a_directory_is_shared_both_ways",
                &ROOT,
                a_directory_is_shared_both_ways,
            ),
            test("a_single_file_is_a_file", &ROOT, a_single_file_is_a_file),
            test(
                "read_only_means_every_mount_below",
                &ROOT,
                read_only_means_every_mount_below,
            ),
            test(
                "a_child_is_mounted_on_its_parent",
                &ROOT,
                a_child_is_mounted_on_its_parent,
            ),
            test(
                "what_a_link_to_nothing_leads_to_is_made",
                &ROOT,
                what_a_link_to_nothing_leads_to_is_made,
            ),
            test(
                "links_in_the_target_are_followed_inside",
                &ROOT,
                links_in_the_target_are_followed_inside,
            ),
            test("a_missing_target_is_made", &ROOT, a_missing_target_is_made),
            test(
                "a_relative_source_and_a_link_as_source",
                &ROOT,
                a_relative_source_and_a_link_as_source,
            ),
            test("a_path_need_not_be_utf8", &ROOT, a_path_need_not_be_utf8),
            test("a_device_can_be_added", &ROOT, a_device_can_be_added),
            test(
                "files_of_lxcfs_can_be_bound",
                &ROOT,
                files_of_lxcfs_can_be_bound,
            ),
            test(
                "the_hosts_sys_is_masked_too",
                &ROOT,
                the_hosts_sys_is_masked_too,
            ),
            test(
                "nothing_comes_back_to_a_shared_host",
                &ROOT,
                nothing_comes_back_to_a_shared_host,
            ),
            test(
                "nothing_follows_from_the_host_later",
                &ROOT,
                nothing_follows_from_the_host_later,
            ),
            test(
                "a_file_does_not_fit_a_directory",
                &ROOT,
                a_file_does_not_fit_a_directory,
            ),
        ],
    )
}

fn bind(source: &Path, target: &str) -> String {
    format!("{}:{target}", source.display())
}

fn a_directory_is_shared_both_ways() {
    let data = outside("data");
    fs::write(data.join("in"), "from the host\n").unwrap();
    let script = "cat /data/in; echo from the container > /data/out";
    assert_eq!(
        succeed(&busybox_root(), &["--bind", &bind(&data, "/data")], script),
        "from the host\n"
    );
    assert_eq!(
        fs::read_to_string(data.join("out")).unwrap(),
        "from the container\n"
    );
}

fn a_single_file_is_a_file() {
    let root = busybox_root();
    let file = outside("data").join("file");
    fs::write(&file, "one\n").unwrap();
    // On a file that is there, on one that is not, and read-only.
    let binds = [
        bind(&file, "/etc/hosts"),
        bind(&file, "/opt/new/file"),
        bind(&file, "/ro:ro"),
    ];
    let options: Vec<&str> = binds.iter().flat_map(|bind| ["--bind", bind]).collect();
    let script = "cat /etc/hosts /opt/new/file /ro; echo two > /opt/new/file; ! echo three > /ro";
    assert_eq!(succeed(&root, &options, script), "one\none\none\n");
    assert_eq!(fs::read_to_string(&file).unwrap(), "two\n");
    assert!(
        fs::read_to_string(root.join("etc/hosts"))
            .unwrap()
            .contains("localhost")
    );
    assert_eq!(fs::read(root.join("opt/new/file")).unwrap(), b"");
}

/// Runs a shell script in a mount namespace of the test's own, cut off from the host's. The script may share mounts again.
fn in_namespace(script: &str) -> harness::Output {
    let run =
        Run::new("unshare").args(["--mount", "--propagation", "private", "sh", "-ec", script]);
    run.env("ROOTFS", bin("rootfs")).output()
}

fn read_only_means_every_mount_below() {
    let (root, data) = (busybox_root(), outside("data"));
    fs::create_dir(data.join("below")).unwrap();
    let script = format!(
        "mount -t tmpfs tmpfs {data}/below; touch {data}/below/there; \
         $ROOTFS run --rootfs {root} --bind {data}:/data:ro sh -c \
         'test -e /data/below/there && ! touch /data/x && ! touch /data/below/x'; \
         $ROOTFS run --rootfs {root} --bind {data}:/data touch /data/below/y",
        data = data.display(),
        root = root.display(),
    );
    in_namespace(&script).assert_code(0);
}

fn a_child_is_mounted_on_its_parent() {
    let (one, two) = (outside("one"), outside("two"));
    fs::write(two.join("inner"), "").unwrap();
    // The child is given first.
    let options = ["--bind", &bind(&two, "/a/b"), "--bind", &bind(&one, "/a")];
    succeed(
        &busybox_root(),
        &options,
        "test -e /a/b/inner && touch /a/outer",
    );
    assert!(one.join("outer").exists() && one.join("b").is_dir());
    assert_eq!(fs::read_dir(one.join("b")).unwrap().count(), 0);
}

/// As `/etc/resolv.conf` of many images is: a link into `/run`, where nothing is until the container runs.
fn what_a_link_to_nothing_leads_to_is_made() {
    let root = busybox_root();
    symlink("../run/resolve/stub.conf", root.join("etc/link")).unwrap();
    symlink("/run/lock", root.join("mnt/lock")).unwrap();
    let data = outside("data");
    fs::write(data.join("payload"), "payload\n").unwrap();
    let bind = bind(&data.join("payload"), "/etc/link");
    let options = ["--bind", &bind, "--tmpfs", "/mnt/lock"];
    let script = "cat /etc/link /run/resolve/stub.conf; cut -d' ' -f2 /proc/mounts | grep ^/run";
    assert_eq!(
        succeed(&root, &options, script),
        "payload\npayload\n/run/resolve/stub.conf\n/run/lock\n"
    );
    assert!(root.join("run/resolve/stub.conf").is_file());
}

fn links_in_the_target_are_followed_inside() {
    let (root, data) = (busybox_root(), outside("data"));
    fs::write(data.join("here"), "").unwrap();
    let away = outside("away");
    fs::create_dir(root.join("inner")).unwrap();
    for (link, to) in [
        ("absolute", "/inner".to_owned()),
        ("up", format!("{}/inner", "../".repeat(40))),
    ] {
        symlink(to, root.join(link)).unwrap();
        let options = ["--bind", &bind(&data, &format!("/{link}/new"))];
        succeed(&root, &options, "test -e /inner/new/here");
        fs::remove_dir(root.join("inner/new")).unwrap();
    }
    succeed(
        &root,
        &["--bind", &bind(&data, "/x/../../../inner")],
        "test -e /inner/here",
    );
    // An absolute link to a place that exists on the host and not in the root file system.
    symlink(&away, root.join("outside")).unwrap();
    let options = ["--bind", &bind(&data, "/outside/new")];
    succeed(&root, &options, "test -e /outside/new/here");
    assert!(
        root.join(away.strip_prefix("/").unwrap())
            .join("new")
            .is_dir()
    );
    assert_eq!(fs::read_dir(away).unwrap().count(), 0);
}

fn a_missing_target_is_made() {
    let (root, data) = (busybox_root(), outside("data"));
    let run = inside(
        &root,
        &["--bind", &bind(&data, "/a/b/c")],
        "stat -c %a /a /a/b",
    )
    .after("umask 077");
    assert_eq!(run.output().assert_code(0).out(), "755\n755\n");
    assert!(root.join("a/b/c").is_dir());
}

fn a_relative_source_and_a_link_as_source() {
    let (root, data) = (busybox_root(), outside("data"));
    fs::write(data.join("here"), "").unwrap();
    symlink("data", harness::directory().join("link")).unwrap();
    for source in ["data", "./data", "link", "data/../link/."] {
        let options = ["--bind", &format!("{source}:/data")];
        inside(&root, &options, "test -e /data/here")
            .current_dir(harness::directory())
            .output()
            .assert_code(0);
    }
}

fn a_path_need_not_be_utf8() {
    let root = busybox_root();
    let source = harness::directory().join(OsStr::from_bytes(b"\xff"));
    fs::create_dir(&source).unwrap();
    fs::write(source.join("here"), "").unwrap();
    let bind = [source.as_os_str().as_bytes(), b":/\xfe"].concat();
    let run = Run::new(bin("rootfs"))
        .args(["run", "--rootfs"])
        .arg(&root)
        .arg("--bind");
    run.arg(OsStr::from_bytes(&bind))
        .args(["sh", "-c", "test -e /?/here"])
        .output()
        .assert_code(0);
}

fn a_device_can_be_added() {
    let root = busybox_root();
    let options = ["--bind", "/dev/zero:/dev/bus/zero"];
    assert_eq!(
        succeed(&root, &options, "stat -c %t:%T /dev/bus/zero"),
        "1:5\n"
    );
}

fn files_of_lxcfs_can_be_bound() {
    let file = outside("data").join("uptime");
    fs::write(&file, "1.00 1.00\n").unwrap();
    let options = ["--bind", &bind(&file, "/proc/uptime:ro")];
    assert_eq!(
        succeed(&busybox_root(), &options, "cat /proc/uptime"),
        "1.00 1.00\n"
    );
}

fn the_hosts_sys_is_masked_too() {
    let root = busybox_root();
    let table = mounts(&succeed(
        &root,
        &["--bind", "/sys:/sys:ro"],
        "cat /proc/self/mountinfo",
    ));
    assert_eq!(
        table.iter().filter(|mount| mount.target == "/sys").count(),
        1
    );
    assert!(
        table
            .iter()
            .any(|mount| mount.target == "/sys/firmware" && mount.kind == "tmpfs")
    );
}

fn nothing_comes_back_to_a_shared_host() {
    let (root, data) = (busybox_root(), outside("data"));
    let script = format!(
        "mount --make-rshared /; mount --bind {root} {root}; \
         before=$(cat /proc/self/mountinfo); \
         $ROOTFS run --rootfs {root} --bind {data}:/data --tmpfs /t sh -c 'mount -t tmpfs none /mnt'; \
         test \"$before\" = \"$(cat /proc/self/mountinfo)\"",
        root = root.display(),
        data = data.display(),
    );
    in_namespace(&script).assert_code(0);
    assert_eq!(host_mounts(&root), Vec::<String>::new());
}

fn nothing_follows_from_the_host_later() {
    let (root, data) = (busybox_root(), outside("data"));
    fs::create_dir(data.join("later")).unwrap();
    let script = format!(
        "mount --make-rshared /; mkfifo {data}/a {data}/b; \
         $ROOTFS run --rootfs {root} --bind {data}:/data sh -c 'echo > /data/a; cat /data/b; ! test -e /data/later/x' & \
         cat {data}/a; mount -t tmpfs none {data}/later; touch {data}/later/x; echo > {data}/b; wait $!",
        root = root.display(),
        data = data.display(),
    );
    in_namespace(&script).assert_code(0);
}

fn a_file_does_not_fit_a_directory() {
    let (root, data) = (busybox_root(), outside("data"));
    let file = data.join("file");
    fs::write(&file, "").unwrap();
    for (bind, errno, hint) in [
        (
            bind(&data, "/etc/hosts"),
            "(ENOTDIR)",
            "hint: a directory can be mounted on a directory only",
        ),
        (
            bind(&file, "/etc"),
            "(EISDIR)",
            "hint: a file can be mounted on a file only",
        ),
        (
            bind(&file, "/dev/shm"),
            "(EISDIR)",
            "hint: a file can be mounted on a file only",
        ),
    ] {
        let error = refused(inside(&root, &["--bind", &bind], "true"));
        assert!(error.contains(errno) && error.contains(hint), "{error}");
    }
}
