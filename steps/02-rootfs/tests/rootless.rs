//! Without root: as an ordinary user, and in user namespaces that others have made.

#[expect(dead_code, reason = "each suite uses its own part")]
mod common;

use std::fs;
use std::os::unix::fs::chown;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use common::{mounts, outside, program_for_all};
use harness::{Need, Run, bin, busybox_root, test};

/// Root, to become an ordinary user from; what is tested is what that user can do.
const NEEDS: [Need; 3] = [
    Need::Root,
    Need::UserNamespaces,
    Need::Package("busybox", "busybox-static"),
];

fn main() -> ExitCode {
    harness::run(
        "rootfs",
        vec![
            test(
                "an_ordinary_user_has_a_container",
                &NEEDS,
                an_ordinary_user_has_a_container,
            ),
            test(
                "an_ordinary_user_has_a_terminal",
                &NEEDS,
                an_ordinary_user_has_a_terminal,
            ),
            test(
                "an_ordinary_user_binds_what_is_theirs",
                &NEEDS,
                an_ordinary_user_binds_what_is_theirs,
            ),
            test("masks_hold_without_root", &NEEDS, masks_hold_without_root),
            test(
                "shared_namespaces_bring_the_hosts_file_systems",
                &NEEDS,
                shared_namespaces_bring_the_hosts_file_systems,
            ),
            test(
                "root_with_user_is_mapped_to_itself",
                &NEEDS,
                root_with_user_is_mapped_to_itself,
            ),
            test(
                "a_covered_sys_is_taken_as_it_is",
                &NEEDS,
                a_covered_sys_is_taken_as_it_is,
            ),
            test(
                "in_a_user_namespace_of_somebody_elses",
                &NEEDS,
                in_a_user_namespace_of_somebody_elses,
            ),
        ],
    )
}

const USER: u32 = 1000;

/// A root file system whose directories belong to the user, without mount points.
fn root_of_the_user() -> PathBuf {
    let root = busybox_root();
    for name in ["proc", "dev", "sys"] {
        fs::remove_dir(root.join(name)).unwrap();
    }
    for place in [root.clone(), root.join("etc"), root.join("mnt")] {
        chown(place, Some(USER), Some(USER)).unwrap();
    }
    root
}

fn as_user(root: &Path, options: &[&str], script: &str) -> Run {
    let run = Run::new(program_for_all())
        .args(["run", "--userns", "--rootfs"])
        .arg(root);
    run.args(options).args(["sh", "-c", script]).user(USER)
}

fn an_ordinary_user_has_a_container() {
    let root = root_of_the_user();
    let script = "id -u; touch /etc/mine; cd /dev && find . | sort | while read f; do stat -c '%A %t:%T %N' $f; done; \
                  echo x > /dev/null; grep -c ' /dev/pts .*gid=' /proc/self/mountinfo; ls /sys/class/net";
    let shown = as_user(&root, &[], script).output().assert_code(0).out();
    insta::assert_snapshot!("dev_rootless", shown);
    let mine = std::os::unix::fs::MetadataExt::uid(&fs::metadata(root.join("etc/mine")).unwrap());
    assert_eq!(mine, USER);
}

fn an_ordinary_user_has_a_terminal() {
    let root = root_of_the_user();
    let terminal = as_user(&root, &["-it"], "tty; stat -c %t:%T /dev/console").under_pty();
    terminal.expect("/dev/pts/0\r\n88:0\r\n");
    terminal.wait().assert_code(0);
}

fn an_ordinary_user_binds_what_is_theirs() {
    let (root, data) = (root_of_the_user(), outside("data"));
    chown(&data, Some(USER), Some(USER)).unwrap();
    let bind = format!("{}:/mnt/a/b", data.display());
    let script =
        "touch /mnt/a/b/mine && ! touch /etc/passwd/x && ! touch /proc/sys/kernel/x && ! touch /x";
    as_user(
        &root,
        &["--bind", &bind, "--tmpfs", "/mnt/t", "--read-only"],
        script,
    )
    .output()
    .assert_code(0);
    assert!(data.join("mine").exists());

    let bind = format!("{}:/usr/new", data.display());
    let output = as_user(&root, &["--bind", &bind], "true")
        .output()
        .assert_code(125);
    assert!(
        output
            .err()
            .starts_with("rootfs: cannot make the mount point /usr/new: "),
        "{output}"
    );
    assert!(
        output.err().contains("hint: in a user namespace"),
        "{output}"
    );
}

fn masks_hold_without_root() {
    let root = root_of_the_user();
    let table = as_user(&root, &[], "cat /proc/self/mountinfo")
        .output()
        .assert_code(0)
        .out();
    let table = mounts(&table);
    for path in rootfs::masked_by_default()
        .iter()
        .filter(|path| path.exists())
    {
        let mask = table
            .iter()
            .find(|mount| path.to_str() == Some(&mount.target))
            .unwrap();
        assert!(
            path.is_dir() && mask.kind == "tmpfs" || mask.root == "/null",
            "{mask:?}"
        );
    }
}

fn shared_namespaces_bring_the_hosts_file_systems() {
    let root = root_of_the_user();
    let own = std::process::id();
    let script = format!("test -d /proc/{own} && ls /sys/class/net && cat /proc/self/mountinfo");
    let output = as_user(&root, &["--share", "pid,net,ipc"], &script)
        .output()
        .assert_code(0)
        .out();
    let (devices, table) = output.split_at(
        output
            .find(" - ")
            .and_then(|at| output[..at].rfind('\n'))
            .unwrap(),
    );
    let mut host: Vec<String> = fs::read_dir("/sys/class/net")
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    host.sort();
    assert_eq!(devices.lines().collect::<Vec<_>>(), host);
    let table = mounts(table.trim());
    // The host's, with the host's own mounts below it, and nothing of it can be written to.
    assert!(
        table
            .iter()
            .filter(|mount| mount.target.starts_with("/sys"))
            .all(common::Mount::is_read_only),
        "{table:?}"
    );
}

fn root_with_user_is_mapped_to_itself() {
    let root = busybox_root();
    let run = Run::new(bin("rootfs"))
        .args(["run", "--userns", "--rootfs"])
        .arg(&root);
    let run = run.args(["sh", "-c", "id -u; stat -c %t:%T /dev/zero; touch /etc/x"]);
    assert_eq!(run.output().assert_code(0).out(), "0\n1:5\n");
}

/// "Mount too revealing": the kernel gives a user namespace no new sysfs where parts of the old one are covered.
fn a_covered_sys_is_taken_as_it_is() {
    let root = busybox_root();
    let script = "mount -t tmpfs none /sys/kernel && exec $1 run --userns --rootfs $0 cat /proc/self/mountinfo";
    let run = Run::new("unshare")
        .args(["--mount", "sh", "-c", script])
        .arg(&root)
        .arg(bin("rootfs"));
    let table = mounts(&run.output().assert_code(0).out());
    let below: Vec<_> = table
        .iter()
        .filter(|mount| mount.target.starts_with("/sys"))
        .collect();
    assert!(below.iter().all(|mount| mount.is_read_only()), "{below:?}");
    let kinds = |target: &str| {
        below
            .iter()
            .filter(|mount| mount.target == target)
            .map(|m| m.kind.as_str())
            .collect::<Vec<_>>()
    };
    assert_eq!(kinds("/sys"), ["sysfs"]);
    assert_eq!(kinds("/sys/kernel"), ["tmpfs"]);
}

/// Root of a user namespace, without one of our own: mknod(2) fails, and group 5 is not mapped.
fn in_a_user_namespace_of_somebody_elses() {
    let root = root_of_the_user();
    let run = Run::new("unshare")
        .args(["--user", "--map-root-user", "--mount"])
        .arg(program_for_all());
    let run = run.args(["run", "--rootfs"]).arg(&root).user(USER);
    let run = run.args([
        "sh",
        "-c",
        "stat -c %t:%T /dev/null; grep -c '^[^-]* /dev' /proc/self/mountinfo",
    ]);
    // /dev, six nodes, pts, shm, mqueue.
    assert_eq!(run.output().assert_code(0).out(), "1:3\n10\n");
}
