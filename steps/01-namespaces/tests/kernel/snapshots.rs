//! What is shown, and the state that the kernel is in: compared with what was seen and approved before.

use harness::{Need, Run, Test, bin, test};
use insta::{Settings, assert_snapshot};

use crate::{ROOT, container, sh};

pub(crate) fn tests() -> Vec<Test> {
    vec![
        test("help_is_as_approved", &[], help_is_as_approved),
        test("errors_are_as_approved", ROOT, errors_are_as_approved),
        test(
            "links_are_as_approved",
            &[Need::Root, Need::Package("ip", "iproute2")],
            links_are_as_approved,
        ),
        test("mounts_are_as_approved", ROOT, mounts_are_as_approved),
        test("status_is_as_approved", ROOT, status_is_as_approved),
    ]
}

fn in_folder(body: impl FnOnce()) {
    let mut settings = Settings::clone_current();
    settings.set_snapshot_path("../snapshots");
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(body);
}

fn help_is_as_approved() {
    let help = |arguments: &[&str]| {
        Run::new(bin("namespaces"))
            .args(arguments)
            .output()
            .assert_code(0)
            .out()
    };
    in_folder(|| {
        assert_snapshot!("help", help(&["--help"]));
        assert_snapshot!("help_run", help(&["run", "--help"]));
        assert_snapshot!("help_enter", help(&["enter", "--help"]));
    });
}

fn errors_are_as_approved() {
    let mut shown = String::new();
    for arguments in [
        &["run"][..],
        &["run", "--", "no-such-command"],
        &["run", "--", "/no/such/command"],
        &["run", "--", "/etc"],
        &["run", "-w", "/no/such", "--", "true"],
        &["run", "--hostname", "", "--", "true"],
        &["run", "--share", "uts", "--hostname", "x", "--", "true"],
        &["run", "--uid-map", "1:0:1", "--", "true"],
        &["run", "--boottime", "-99999999999", "--", "true"],
        &["run", "-it", "--", "true"],
        &["enter", "2147483647", "--", "true"],
        &["enter", "box", "--", "true"],
        &["enter"],
    ] {
        let output = Run::new(bin("namespaces")).args(arguments).output();
        let code = output.code.unwrap_or(-1);
        shown += &format!(
            "$ namespaces {}\n{}[{code}]\n\n",
            arguments.join(" "),
            output.err()
        );
    }
    in_folder(|| assert_snapshot!("errors", shown));
}

fn links_are_as_approved() {
    let links = container(&["--", "ip", "-brief", "address"])
        .output()
        .assert_code(0)
        .out();
    let words: Vec<Vec<&str>> = links
        .lines()
        .map(|line| line.split_whitespace().collect())
        .collect();
    let lines: Vec<String> = words.iter().map(|words| words.join(" ")).collect();
    in_folder(|| assert_snapshot!("links", lines.join("\n")));
}

/// The mounts that are not the caller's, and what is common to all.
fn mounts_are_as_approved() {
    let outside = std::fs::read_to_string("/proc/self/mountinfo")
        .unwrap()
        .lines()
        .count();
    let inside = sh("cat /proc/self/mountinfo").output().assert_code(0).out();
    let mut lines: Vec<String> = inside.lines().skip(outside).map(normal).collect();
    let peers = inside
        .lines()
        .filter(|line| line.contains(" shared:") || line.contains(" master:"))
        .count();
    lines.push(format!("mounts that propagate: {peers}"));
    in_folder(|| assert_snapshot!("mounts", lines.join("\n")));
}

/// A line of proc_pid_mountinfo(5) without its numbers.
fn normal(line: &str) -> String {
    line.splitn(4, ' ').nth(3).unwrap_or_default().to_owned()
}

/// What the kernel says of the command's process, and of init.
fn status_is_as_approved() {
    let fields = "^(Name|Pid|PPid|NSpid|NSsid|Seccomp|NoNewPrivs|Threads|TracerPid|Uid|Gid):";
    let script =
        format!("grep -E '{fields}' /proc/self/status; echo; grep -E '{fields}' /proc/1/status");
    let status = container(&["--", "sh", "-c", &script])
        .output()
        .assert_code(0)
        .out();
    in_folder(|| assert_snapshot!("status", status.replace('\t', " ")));
}
