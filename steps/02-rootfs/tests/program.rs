//! The program as a whole: with and without a root file system, in itself, many at once, and its plan.

#[expect(dead_code, reason = "each suite uses its own part")]
mod common;

use std::fs;
use std::process::ExitCode;

use common::{inside, outside, program_for_all, refused, succeed};
use harness::{Need, Run, bin, busybox_root, test};

const ROOT: [Need; 2] = [Need::Root, Need::Package("busybox", "busybox-static")];

fn main() -> ExitCode {
    harness::run(
        "rootfs",
        vec![
            test(
                "without_a_rootfs_it_is_step_01",
                &ROOT,
                without_a_rootfs_it_is_step_01,
            ),
            test(
                "a_container_runs_in_a_container",
                &ROOT,
                a_container_runs_in_a_container,
            ),
            test("plan_needs_no_privilege", &ROOT, plan_needs_no_privilege),
            test("twenty_at_once", &ROOT, twenty_at_once),
        ],
    )
}

fn without_a_rootfs_it_is_step_01() {
    let run = Run::new(bin("rootfs")).args(["run", "--hostname", "box", "sh", "-c"]);
    let run = run.arg("hostname; echo $$; stat -c %i /; ls /proc | grep -c '^[0-9]'");
    let inode = std::os::unix::fs::MetadataExt::ino(&fs::metadata("/").unwrap());
    let output = run.output().assert_code(0).out();
    let lines: Vec<&str> = output.lines().collect();
    assert_eq!(lines[..3], ["box", "2", &inode.to_string()]);
    // init, sh, ls, grep.
    assert!(lines[3].parse::<u32>().unwrap() <= 4, "{output}");
    for option in ["--read-only", "--bind=/a:/b", "--tmpfs=/x"] {
        let output = Run::new(bin("rootfs"))
            .args(["run", option, "true"])
            .output()
            .assert_code(125);
        assert!(output.err().contains("--rootfs"), "{output}");
    }
}

fn a_container_runs_in_a_container() {
    let (outer, inner) = (busybox_root(), busybox_root());
    let binds = [
        format!("{}:/inner", inner.display()),
        format!("{}:/bin/rootfs", bin("rootfs").display()),
    ];
    let options = ["--bind", &binds[0], "--bind", &binds[1]];
    let script = "rootfs run --rootfs /inner --hostname second sh -c 'hostname; echo $$; stat -c %t:%T /dev/null'";
    assert_eq!(succeed(&outer, &options, script), "second\n2\n1:3\n");

    // The masks around us keep the kernel from showing a whole /proc to another user namespace.
    let script = "rootfs run --userns --rootfs /inner true";
    let output = inside(&outer, &options, script).output().assert_code(125);
    assert!(
        output
            .err()
            .starts_with("rootfs: cannot mount proc on /proc: "),
        "{output}"
    );
    assert!(output.err().contains("too revealing"), "{output}");
}

fn plan_needs_no_privilege() {
    let root = busybox_root();
    let data = outside("data");
    let plan = |more: &[&str]| {
        let run = Run::new(program_for_all())
            .user(1000)
            .args(["plan", "--rootfs"])
            .arg(&root)
            .args(more);
        let run = run.args(["--bind", &format!("{}:/data:ro", data.display())]);
        run.output().assert_code(0).out()
    };
    let table = plan(&["--read-only"]);
    let line = |target: &str| {
        let line = table
            .lines()
            .find(|line| line.split_whitespace().next() == Some(target));
        line.unwrap()
            .split_whitespace()
            .skip(1)
            .collect::<Vec<_>>()
            .join(" ")
    };
    assert_eq!(line("TARGET"), "SOURCE TYPE OPTIONS");
    assert_eq!(line("/"), format!("{} bind ro", root.display()));
    assert_eq!(line("/data"), format!("{} bind ro", data.display()));

    let rows: serde_json::Value = serde_json::from_str(&plan(&["--json", "--userns"])).unwrap();
    let null = rows
        .as_array()
        .unwrap()
        .iter()
        .find(|row| row["target"] == "/dev/null")
        .unwrap();
    assert_eq!(null["type"], "bind");
    assert!(!root.join("data").exists());

    let error = refused(Run::new(bin("rootfs")).arg("plan"));
    assert!(error.contains("--rootfs"), "{error}");
}

fn twenty_at_once() {
    let root = busybox_root();
    let data = outside("data");
    let bind = format!("{}:/data", data.display());
    let running: Vec<_> = (0..20)
        .map(|n| inside(&root, &["--bind", &bind], &format!("echo {n} > /data/{n}")).spawn())
        .collect();
    for run in running {
        run.wait().assert_code(0);
    }
    assert_eq!(fs::read_dir(&data).unwrap().count(), 20);
    assert_eq!(common::host_mounts(&root), Vec::<String>::new());
}
