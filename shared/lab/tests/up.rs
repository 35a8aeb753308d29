//! The default root file system as an image, which `lab up` runs in the end. That `up` itself ends so is seen in the VM.

use std::process::ExitCode;

use harness::{Need, Output, Run, bin, directory, test};

fn main() -> ExitCode {
    let needs = &[Need::Root, Need::Package("busybox", "busybox-static")];
    harness::run_with_all_programs(
        "lab up",
        vec![
            test(
                "the_default_root_is_an_image",
                needs,
                the_default_root_is_an_image,
            ),
            test(
                "what_was_damaged_is_mended",
                needs,
                what_was_damaged_is_mended,
            ),
        ],
    )
}

fn images(arguments: &[&str]) -> Output {
    Run::new(bin("images")).args(arguments).output()
}

/// What `up` does, with the two programs it does it with.
fn load() {
    let archive = Run::new(bin("lab"))
        .args(["root", "--archive"])
        .output()
        .assert_code(0);
    Run::new(bin("images"))
        .args(["load", "--quiet"])
        .stdin(archive.stdout)
        .output()
        .assert_code(0);
}

fn id() -> String {
    let output = images(&["inspect", "-f", "{{.Id}}", "busybox:latest"]);
    output.assert_code(0).out()
}

fn runs() {
    let ran = images(&[
        "run",
        "--pull",
        "never",
        "--hostname",
        "drydock",
        "busybox",
        "hostname",
    ]);
    assert_eq!(ran.assert_code(0).out(), "drydock\n");
}

fn the_default_root_is_an_image() {
    load();
    let first = id();
    runs();
    // Once more it is the same image, and nothing beside it.
    load();
    assert_eq!(id(), first);
    assert_eq!(
        images(&["ls", "-a", "-q"])
            .assert_code(0)
            .out()
            .lines()
            .count(),
        1
    );
    let created = images(&[
        "inspect",
        "-f",
        "{{.Created}} {{json .Config.Cmd}}",
        "busybox",
    ]);
    let created = created.assert_code(0).out();
    assert!(
        created.starts_with("20") && created.ends_with("Z [\"sh\"]\n"),
        "{created}"
    );
}

fn what_was_damaged_is_mended() {
    load();
    let first = id();
    let upper = images(&["inspect", "-f", "{{.GraphDriver.Data.UpperDir}}", "busybox"]);
    let layer = upper.assert_code(0).out();
    std::fs::remove_dir_all(layer.trim()).unwrap();
    images(&["run", "--pull", "never", "busybox", "true"]).assert_code(125);
    load();
    assert_eq!(id(), first);
    runs();
    images(&["rm", "busybox"]).assert_code(0);
    std::fs::remove_dir_all(directory().join("data/rootfs")).unwrap();
    load();
    runs();
}
