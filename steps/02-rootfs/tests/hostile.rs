//! A hostile root file system: links where directories should be, and a way out that used to work.

#[expect(dead_code, reason = "each suite uses its own part")]
mod common;

use std::fs::{self, File};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use common::{copy, inside, outside, refused};
use harness::{Need, Run, bin, busybox_root, example, test};

const ROOT: [Need; 2] = [Need::Root, Need::Package("busybox", "busybox-static")];

fn main() -> ExitCode {
    harness::run(
        "rootfs",
        vec![
            test("the_walk_out_of_a_chroot", &ROOT, the_walk_out_of_a_chroot),
            test(
                "links_in_place_of_our_mount_points",
                &ROOT,
                links_in_place_of_our_mount_points,
            ),
            test(
                "files_in_place_of_our_mount_points",
                &ROOT,
                files_in_place_of_our_mount_points,
            ),
            test(
                "a_target_that_leads_into_proc",
                &ROOT,
                a_target_that_leads_into_proc,
            ),
            test(
                "a_target_that_leads_to_the_root",
                &ROOT,
                a_target_that_leads_to_the_root,
            ),
            test("a_null_that_is_none", &ROOT, a_null_that_is_none),
        ],
    )
}

/// The attack of the chapter: it works against `examples/naive.rs`, and must go on doing so, or it proves nothing.
fn the_walk_out_of_a_chroot() {
    let root = busybox_root();
    copy(&example("rootfs-escape"), &root.join("bin/escape"));
    let marker = outside("host").join("marker");
    fs::write(&marker, "the host's").unwrap();

    let naive = Run::new(example("rootfs-naive"))
        .arg(&root)
        .arg("/bin/escape")
        .arg(&marker);
    assert_eq!(naive.output().assert_code(0).out(), "the host's");

    for options in [&[][..], &["--no-init"], &["--share", "pid,net,ipc,uts"]] {
        let run = Run::new(bin("rootfs"))
            .args(["run", "--rootfs"])
            .arg(&root)
            .args(options);
        let output = run.arg("/bin/escape").arg(&marker).output().assert_code(1);
        assert!(output.err().contains("still inside"), "{output}");
    }
    // A root that cannot be written to lacks the directory that the walk needs, unless it is there already.
    let run = Run::new(bin("rootfs"))
        .args(["run", "--read-only", "--rootfs"])
        .arg(&root);
    run.arg("/bin/escape").arg(&marker).output().assert_code(1);
}

fn links_in_place_of_our_mount_points() {
    let away = outside("away");
    for name in ["proc", "dev", "sys"] {
        for to in [
            Path::new("etc"),
            Path::new("/etc"),
            Path::new("nothing"),
            &away,
            Path::new("/"),
        ] {
            let root = busybox_root();
            fs::remove_dir(root.join(name)).unwrap();
            symlink(to, root.join(name)).unwrap();
            let error = refused(inside(&root, &[], "true"));
            let expected =
                format!("rootfs: cannot find the mount point /{name}: Too many symbolic links");
            assert!(
                error.starts_with(&expected),
                "{} → {}: {error}",
                name,
                to.display()
            );
        }
    }
    assert_eq!(fs::read_dir(away).unwrap().count(), 0);
}

fn files_in_place_of_our_mount_points() {
    for name in ["proc", "dev", "sys"] {
        let root = busybox_root();
        fs::remove_dir(root.join(name)).unwrap();
        File::create(root.join(name)).unwrap();
        let error = refused(inside(&root, &[], "true"));
        assert!(
            error.contains(&format!("/{name}: ")) && error.contains("(ENOTDIR)"),
            "{error}"
        );
    }
}

fn a_target_that_leads_into_proc() {
    let (root, data) = (busybox_root(), outside("data"));
    for (link, to) in [
        ("a", "/proc"),
        ("b", "proc/sys/kernel"),
        ("c", "/proc/self"),
        ("d", "/x/../proc/fs"),
    ] {
        fs::create_dir_all(root.join("x")).unwrap();
        symlink(to, root.join(link)).unwrap();
        let bind = format!("{}:/{link}", data.display());
        let error = refused(inside(&root, &["--bind", &bind], "true"));
        assert!(
            error.starts_with(&format!("rootfs: cannot use as a mount point /{link}: ")),
            "{error}"
        );
        refused(inside(&root, &["--tmpfs", &format!("/{link}")], "true"));
    }
    // The links in procfs that jump are not followed at all.
    symlink("/proc/self/root", root.join("jump")).unwrap();
    let bind = format!("{}:/jump/etc", data.display());
    let error = refused(inside(&root, &["--bind", &bind], "true"));
    assert!(error.contains("(ELOOP)"), "{error}");
}

fn a_target_that_leads_to_the_root() {
    let (root, data) = (busybox_root(), outside("data"));
    for (link, to) in [("a", "/"), ("b", "../../.."), ("c", "etc/..")] {
        symlink(to, root.join(link)).unwrap();
        let bind = format!("{}:/{link}", data.display());
        let error = refused(inside(&root, &["--bind", &bind], "true"));
        assert!(error.contains("to the root itself"), "{error}");
    }
}

/// CVE-2025-31133: with a `/dev` from elsewhere, `/dev/null` may be a link to what should be hidden.
fn a_null_that_is_none() {
    let root = busybox_root();
    let dev = outside("dev");
    let bind = format!("{}:/dev", dev.display());
    let run = || inside(&root, &["--bind", &bind], "cat /proc/keys");
    let error = refused(run());
    assert!(error.contains("is something bound over /dev?"), "{error}");
    for make in [
        |null: PathBuf| drop(File::create(null).unwrap()),
        |null: PathBuf| symlink("/proc/keys", null).unwrap(),
        |null: PathBuf| nix::unistd::mkfifo(&null, nix::sys::stat::Mode::S_IRWXU).unwrap(),
    ] {
        let _ = fs::remove_file(dev.join("null"));
        make(dev.join("null"));
        let error = refused(run());
        assert!(error.starts_with("rootfs: cannot mask /proc/"), "{error}");
    }
}
