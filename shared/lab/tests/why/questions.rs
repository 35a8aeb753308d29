//! `lab why` asked about a call by name, and its command line.

use harness::{Run, bin};
use serde_json::Value;

use crate::{NOBODY, rule_ids};

fn asked(arguments: &[&str]) -> Value {
    let output = Run::new(bin("lab"))
        .args(["why", "--json"])
        .args(arguments)
        .output()
        .assert_code(0);
    serde_json::from_str(&output.out()).unwrap()
}

/// What a healthy system must not be blamed for: the same calls and errnos, where none of the causes is there.
pub(crate) fn healthy() {
    for arguments in [
        &["--call", "sethostname", "--errno", "EPERM"][..],
        &["--call", "chroot", "--errno", "EPERM"],
        &[
            "--call",
            "unshare",
            "--errno",
            "EPERM",
            "--arg",
            "flags=CLONE_NEWUTS",
        ],
        &[
            "--call",
            "unshare",
            "--errno",
            "ENOSPC",
            "--arg",
            "flags=CLONE_NEWUTS",
        ],
        &[
            "--call",
            "mount",
            "--errno",
            "EPERM",
            "--arg",
            "target=/mnt",
            "--arg",
            "filesystemtype=proc",
        ],
        &[
            "--call",
            "mount",
            "--errno",
            "ENODEV",
            "--arg",
            "filesystemtype=tmpfs",
        ],
        &[
            "--call",
            "umount2",
            "--errno",
            "EINVAL",
            "--arg",
            "target=/proc",
            "--arg",
            "flags=0",
        ],
        &[
            "--call",
            "setresuid",
            "--errno",
            "EINVAL",
            "--arg",
            "ruid=0",
        ],
        &["--call", "setgroups", "--errno", "EPERM"],
        &[
            "--call",
            "execve",
            "--errno",
            "ENOENT",
            "--arg",
            "pathname=/bin/sh",
        ],
        &[
            "--call",
            "execve",
            "--errno",
            "ENOENT",
            "--arg",
            "pathname=/no/such/program",
        ],
        &[
            "--call",
            "execve",
            "--errno",
            "ETXTBSY",
            "--arg",
            "pathname=/bin/sh",
        ],
        &[
            "--call",
            "execve",
            "--errno",
            "EACCES",
            "--arg",
            "pathname=/bin/sh",
        ],
        &[
            "--call",
            "openat",
            "--errno",
            "ETXTBSY",
            "--arg",
            "pathname=/etc/passwd",
        ],
        &[
            "--call",
            "openat",
            "--errno",
            "ELOOP",
            "--arg",
            "pathname=/etc/passwd",
        ],
        &[
            "--call",
            "openat",
            "--errno",
            "EMFILE",
            "--arg",
            "pathname=/etc/passwd",
        ],
        &[
            "--call",
            "mknodat",
            "--errno",
            "EPERM",
            "--arg",
            "mode=S_IFCHR|0o666",
        ],
        &["--call", "clone3", "--errno", "EAGAIN"],
        &["--call", "inotify_add_watch", "--errno", "ENOSPC"],
        &["--call", "inotify_init1", "--errno", "EMFILE"],
        &[
            "--call",
            "ptrace",
            "--errno",
            "EPERM",
            "--arg",
            "request=16",
            "--arg",
            "pid=1",
        ],
        &[
            "--call",
            "prlimit64",
            "--errno",
            "EPERM",
            "--arg",
            "resource=RLIMIT_NOFILE",
            "--arg",
            "new_limit={rlim_cur=9, rlim_max=9}",
        ],
        &[
            "--call",
            "rmdir",
            "--errno",
            "EBUSY",
            "--arg",
            "pathname=/proc",
        ],
    ] {
        let found = asked(arguments);
        assert_eq!(
            found[0]["causes"],
            Value::Array(Vec::new()),
            "{arguments:?}: {found:#}"
        );
        assert!(
            !found[0]["checked"].as_array().unwrap().is_empty(),
            "it says what it looked at"
        );
    }
}

pub(crate) fn sysctl() {
    let file = "/proc/sys/kernel/unprivileged_userns_clone";
    let question = [
        "why",
        "--json",
        "--call",
        "unshare",
        "--errno",
        "EPERM",
        "--arg",
        "flags=CLONE_NEWUSER",
    ];
    let ask = || {
        let output = Run::new(bin("lab")).args(question).user(NOBODY).output();
        let found: Value = serde_json::from_str(&output.out()).unwrap();
        found[0]["causes"]
            .as_array()
            .unwrap()
            .iter()
            .map(|cause| cause["rule"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    let Ok(before) = std::fs::read_to_string(file) else {
        // Other kernels cannot forbid it so, and nothing is claimed.
        assert_eq!(ask(), Vec::<String>::new());
        return;
    };
    std::fs::write(file, "0").unwrap();
    let forbidden = ask();
    std::fs::write(file, before.trim()).unwrap();
    assert_eq!(forbidden, ["user-namespaces-forbidden"]);
    if before.trim() == "1" {
        assert_eq!(ask(), Vec::<String>::new());
    }
}

pub(crate) fn exit_codes() {
    let why = |words: &[&str]| {
        Run::new(bin("lab"))
            .args(["why", "--"])
            .args(words)
            .output()
    };
    why(&["true"]).assert_code(0);
    why(&["sh", "-c", "exit 42"]).assert_code(42);
    why(&["sh", "-c", "kill -9 $$"]).assert_code(137);
    why(&["/no/such/program"]).assert_code(127);
    assert!(
        why(&["true"])
            .out()
            .contains("No system call failed that a rule is about")
    );
}

pub(crate) fn refusals() {
    let why = |words: &[&str]| Run::new(bin("lab")).arg("why").args(words).output();
    for (words, part) in [
        (
            &["--call", "pivot_root", "--errno", "ENOMEM"][..],
            "only about EBUSY, EINVAL",
        ),
        (
            &["--call", "frobnicate", "--errno", "EPERM"],
            "no rule is about frobnicate",
        ),
        (
            &["--call", "mount", "--errno", "EPERM", "--arg", "target"],
            "NAME=VALUE",
        ),
        (
            &["--call", "mount", "--errno", "EPERM", "--pid", "2147483647"],
            "there is no process",
        ),
        (&["--call", "mount"], "--errno"),
        (&[], "CMD"),
    ] {
        let output = why(words);
        assert!(output.err().contains(part), "{words:?}: {}", output.err());
        assert_ne!(output.code, Some(0));
    }
}

pub(crate) fn table() {
    let output = Run::new(bin("lab"))
        .args(["why", "--rules", "--markdown"])
        .output()
        .assert_code(0);
    let rows = output.out().lines().count();
    assert_eq!(
        rows,
        rule_ids().len() + 2,
        "a head of two lines, and a row for each"
    );
    let columns = |line: &str| line.replace("\\|", "").matches('|').count();
    assert!(
        output.out().lines().all(|line| columns(line) == 7),
        "{}",
        output.out()
    );
}
