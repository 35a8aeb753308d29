//! The root file system of the tests.

use std::process::ExitCode;

use harness::{Need, Run, busybox_root, test};

fn main() -> ExitCode {
    let needs = [Need::Root, Need::Package("busybox", "busybox-static")];
    harness::run(
        "busybox",
        vec![test("a_shell_runs_in_it", &needs, a_shell_runs_in_it)],
    )
}

fn a_shell_runs_in_it() {
    let root = busybox_root();
    let output = Run::new("chroot")
        .arg(root)
        .args(["/bin/sh", "-c", "id -un; ls /"])
        .env("PATH", "/bin:/usr/sbin")
        .output()
        .assert_code(0);
    assert!(output.out().starts_with("root\n"), "{output}");
    assert!(output.out().contains("proc"), "{output}");
}
