//! Bad input: one sentence, one hint, exit code 125, and nothing left behind.

#[expect(dead_code, reason = "each suite uses its own part")]
mod common;

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::process::ExitCode;

use common::{host_mounts, inside, outside, program_for_all, refused, succeed};
use harness::{Need, Run, bin, busybox_root, test};

const ROOT: [Need; 2] = [Need::Root, Need::Package("busybox", "busybox-static")];

fn main() -> ExitCode {
    harness::run(
        "rootfs",
        vec![
            test(
                "a_directory_that_cannot_be_a_root",
                &ROOT,
                a_directory_that_cannot_be_a_root,
            ),
            test(
                "a_directory_that_may_not_be_searched",
                &ROOT,
                a_directory_that_may_not_be_searched,
            ),
            test("a_link_to_a_root_is_one", &ROOT, a_link_to_a_root_is_one),
            test(
                "an_empty_root_can_be_filled_by_binds",
                &ROOT,
                an_empty_root_can_be_filled_by_binds,
            ),
            test("a_bind_that_is_none", &ROOT, a_bind_that_is_none),
            test(
                "an_image_that_cannot_be_written_to",
                &ROOT,
                an_image_that_cannot_be_written_to,
            ),
            test(
                "a_command_that_is_not_there",
                &ROOT,
                a_command_that_is_not_there,
            ),
            test("a_kernel_limit_on_mounts", &ROOT, a_kernel_limit_on_mounts),
            test(
                "an_ordinary_user_without_user",
                &ROOT,
                an_ordinary_user_without_user,
            ),
        ],
    )
}

/// What is said, without the names of this run.
fn shown(error: &str) -> String {
    let own = harness::directory().canonicalize().unwrap();
    error.replace(own.to_str().unwrap(), "DIR")
}

fn a_directory_that_cannot_be_a_root() {
    let dir = outside("roots");
    fs::write(dir.join("file"), "").unwrap();
    fs::create_dir(dir.join("empty")).unwrap();
    symlink("/", dir.join("slash")).unwrap();
    symlink("loop", dir.join("loop")).unwrap();
    symlink("nothing", dir.join("dangling")).unwrap();
    let mut said = String::new();
    for name in [
        "missing",
        "file",
        "file/below",
        "empty",
        "slash",
        "loop",
        "dangling",
    ] {
        said += &shown(&refused(inside(&dir.join(name), &[], "true")));
    }
    said += &refused(inside(Path::new("/"), &[], "true"));
    insta::assert_snapshot!("roots", said);
    assert_eq!(fs::read_dir(dir.join("empty")).unwrap().count(), 0);
}

fn a_directory_that_may_not_be_searched() {
    let root = busybox_root();
    let program = program_for_all();
    let run = || {
        Run::new(&program)
            .args(["run", "--userns", "--rootfs"])
            .arg(&root)
            .arg("true")
            .user(1000)
    };
    run().output().assert_code(0);
    fs::set_permissions(&root, fs::Permissions::from_mode(0o700)).unwrap();
    let error = refused(run());
    assert!(
        error.starts_with("rootfs: cannot search the root file system"),
        "{error}"
    );
    assert!(error.contains("(EACCES)"), "{error}");
}

fn a_link_to_a_root_is_one() {
    let root = busybox_root();
    let link = harness::directory().join("link");
    symlink(&root, &link).unwrap();
    succeed(&link, &[], "test -x /bin/busybox");
}

fn an_empty_root_can_be_filled_by_binds() {
    let (empty, busybox) = (outside("empty"), busybox_root());
    let bind = format!("{}:/bin:ro", busybox.join("bin").display());
    succeed(&empty, &["--bind", &bind], "ls /proc/self >/dev/null");
}

fn a_bind_that_is_none() {
    let root = busybox_root();
    let mut said = String::new();
    for bind in [
        "/etc",
        "/etc:etc",
        "/etc:/",
        "/etc:/..",
        ":/etc",
        "/etc:/etc:rx",
        "/etc:/etc:rbind",
        "/etc:/a:b:ro",
        "/nonexistent:/etc",
        "/etc:/proc",
        "/etc:/proc/sys/kernel",
        "/etc:/x/../proc",
        "/etc:/sys/kernel/made",
        "/etc/passwd:/dev/ptmx",
    ] {
        said += &refused(inside(&root, &["--bind", bind], "true"));
    }
    said += &refused(inside(
        &root,
        &["--bind", "/etc:/a", "--bind", "/usr:/a/"],
        "true",
    ));
    said += &refused(inside(&root, &["--tmpfs", "/proc"], "true"));
    said += &refused(inside(&root, &["--tmpfs", "/x:size=many"], "true"));
    insta::assert_snapshot!("binds", said);
    assert_eq!(host_mounts(&root), Vec::<String>::new());
}

fn an_image_that_cannot_be_written_to() {
    let root = busybox_root();
    fs::remove_dir(root.join("proc")).unwrap();
    let script = "mount --bind -o ro $0 $0; exec $1 run --rootfs $0 true";
    let run = Run::new("unshare")
        .args(["--mount", "sh", "-ec", script])
        .arg(&root)
        .arg(bin("rootfs"));
    let error = refused(run);
    assert!(
        error.starts_with("rootfs: cannot make the mount point /proc: "),
        "{error}"
    );
    assert!(error.contains("make it in the image beforehand"), "{error}");

    fs::create_dir(root.join("proc")).unwrap();
    let run = Run::new("unshare")
        .args(["--mount", "sh", "-ec", script])
        .arg(&root)
        .arg(bin("rootfs"));
    run.output().assert_code(0);
}

fn a_command_that_is_not_there() {
    let root = busybox_root();
    let run = |command: &str| {
        Run::new(bin("rootfs"))
            .args(["run", "--rootfs"])
            .arg(&root)
            .arg(command)
            .output()
    };
    run("nothing").assert_code(127);
    run("/etc/passwd").assert_code(126);
    run("/etc").assert_code(126);
    assert_eq!(host_mounts(&root), Vec::<String>::new());
}

fn a_kernel_limit_on_mounts() {
    // The limit belongs to the machine, so what is tested is the sentence, made by a namespace full of mounts.
    let limit: usize = fs::read_to_string("/proc/sys/fs/mount-max")
        .unwrap()
        .trim()
        .parse()
        .unwrap();
    assert!(limit > 1000, "{limit}");
    let (root, data) = (busybox_root(), outside("data"));
    // Each bind of a tree onto itself doubles it.
    let script = "mount -t tmpfs none $2; mkdir $2/a $2/b; mount --make-rprivate $2; \
                  while mkdir -p $2/a/x && mount --rbind $2 $2/b 2>/dev/null; do :; done; \
                  exec $1 run --rootfs $0 --bind $2:/data true";
    let run = Run::new("unshare")
        .args(["--mount", "sh", "-c", script])
        .arg(&root)
        .arg(bin("rootfs"))
        .arg(&data);
    let error = refused(run);
    assert!(
        error.contains("(ENOSPC)") && error.contains("mount-max"),
        "{error}"
    );
}

fn an_ordinary_user_without_user() {
    let root = busybox_root();
    let program = program_for_all();
    let error = refused(
        Run::new(&program)
            .args(["run", "--rootfs"])
            .arg(&root)
            .arg("true")
            .user(1000),
    );
    assert!(
        error.contains("(EPERM)") && error.contains("--userns"),
        "{error}"
    );
}
