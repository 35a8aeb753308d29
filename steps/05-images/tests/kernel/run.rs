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
fn busybox(name: &str, changes: &[&str]) {
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
    busybox("named", &["USER nobody", "CMD id"]);
    let output = run(&["named"]).assert_code(125);
    assert!(output.err().contains("not given by numbers"), "{output}");
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
    run(&["none", "sh"]).assert_code(125);
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
