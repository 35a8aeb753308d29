//! Attacks on and out of a user namespace, where the naive way has none: the kernel itself stops the obvious.

use std::fs;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::PathBuf;

use harness::{Need, Run, Test, bin, test};

const NEEDS: &[Need] = &[Need::Root, Need::UserNamespaces];
/// A user, and a group that is kept out of a file.
const USER: u32 = 54_321;
const GROUP: u32 = 54_322;

pub(crate) fn tests() -> Vec<Test> {
    vec![
        test(
            "leaving_a_group_that_is_kept_out_is_stopped",
            NEEDS,
            leaving_a_group_that_is_kept_out,
        ),
        test("reaching_for_init_is_stopped", NEEDS, reaching_for_init),
        test(
            "reaching_for_an_entering_process_is_stopped",
            NEEDS,
            reaching_for_an_entering_process,
        ),
    ]
}

fn copy() -> PathBuf {
    let copy = harness::directory().join("namespaces");
    fs::copy(bin("namespaces"), &copy).expect("the directory is ours");
    fs::set_permissions(&copy, fs::Permissions::from_mode(0o755)).expect("the file is ours");
    copy
}

/// As `USER`, who is also in `GROUP`.
fn as_user(program: impl AsRef<std::ffi::OsStr>) -> Run {
    let ids = [
        format!("--reuid={USER}"),
        format!("--regid={USER}"),
        format!("--groups={GROUP}"),
    ];
    Run::new("setpriv").args(ids).arg(program)
}

/// CVE-2014-8989. All may read the file but those of one group. Who could drop that group would be one of "all".
fn leaving_a_group_that_is_kept_out() {
    let file = harness::directory().join("kept-out");
    fs::write(&file, "swordfish").expect("the directory is ours");
    fs::set_permissions(&file, fs::Permissions::from_mode(0o604)).expect("the file is ours");
    chown(&file, Some(0), Some(GROUP)).expect("root may");
    let cat = format!("cat {}", file.display());
    // Others may read it, this user may not.
    Run::new("cat")
        .arg(&file)
        .user(USER)
        .output()
        .assert_code(0);
    as_user("sh").args(["-c", &cat]).output().assert_code(1);

    let drop_and_read = format!("setpriv --clear-groups {cat} || {cat}");
    let output = as_user(copy())
        .args(["run", "--userns", "--", "sh", "-c", &drop_and_read])
        .output();
    assert!(!output.out().contains("swordfish"), "{output}");
    assert!(output.err().contains("setgroups"), "{output}");
    output.assert_code(1);
}

/// What a process of the container may see of another that it may not trace (ptrace(2), proc_pid_fd(5)).
const REACH: &str =
    "ls /proc/$1/fd/ || cat /proc/$1/maps || readlink /proc/$1/exe || readlink /proc/$1/cwd";

/// CVE-2016-9962. Init began as a process of the host's, with the host's program and memory; container and init are
/// the same user.
fn reaching_for_init() {
    let script = format!("set 1 1; {REACH}");
    let output = as_user(copy())
        .args(["run", "--userns", "--", "sh", "-c", &script])
        .output();
    assert_eq!(output.out(), "", "{output}");
    assert!(output.err().contains("Permission denied"), "{output}");
}

/// CVE-2016-9962 again: `enter` brings a process of the host's into a container that waits for it.
fn reaching_for_an_entering_process() {
    let pid_file = harness::directory().join("run/pid");
    let copy = copy();
    // The container tells whenever it has got hold of something that is not its own.
    let watch = "echo ready; while :; do for fd in /proc/[0-9]*/fd/*; do
            case $(readlink $fd 2>/dev/null) in *swordfish*|socket:*) echo reached $fd;; esac
        done; done";
    chown(harness::directory().join("run"), Some(USER), Some(USER)).expect("root may");
    let run = as_user(&copy)
        .args(["run", "--userns", "--pid-file"])
        .arg(&pid_file)
        .args(["--", "sh", "-c", watch]);
    let container = run.spawn();
    container.expect("ready");
    let pid = harness::contents(&pid_file);
    fs::write(harness::directory().join("swordfish"), "").expect("the directory is ours");
    let leak = format!(
        "exec 7<{}",
        harness::directory().join("swordfish").display()
    );
    for _ in 0..30 {
        Run::new(&copy)
            .args(["enter", &pid, "--", "true"])
            .after(&leak)
            .output()
            .assert_code(0);
    }
    container.signal(libc::SIGKILL);
    let output = container.wait();
    assert!(!output.out().contains("reached"), "{output}");
}
