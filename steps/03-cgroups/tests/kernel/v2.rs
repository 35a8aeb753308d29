//! What only v2 has: born into the cgroup, controllers handed down, no internal processes.

use std::fs;
use std::path::PathBuf;

use harness::{Need, Run, Test, bin, test, unique};

use crate::common::{ROOT, refusal};

pub(crate) fn tests() -> Vec<Test> {
    let v2 = [
        ROOT[0],
        ROOT[1],
        Need::ControllerV2("memory"),
        Need::Program("unshare"),
    ];
    vec![
        test(
            "nested_processes_move_to_a_leaf",
            &v2,
            nested_processes_move_to_a_leaf,
        ),
        test(
            "a_controller_that_is_not_handed_down",
            &v2,
            a_controller_that_is_not_handed_down,
        ),
        test(
            "a_parent_hands_down_what_it_gets",
            &v2,
            a_parent_hands_down_what_it_gets,
        ),
    ]
}

/// A cgroup for a test, gone with what is below when it is dropped.
struct Scratch(PathBuf);

impl Scratch {
    fn new(stem: &str) -> Self {
        let top = PathBuf::from("/sys/fs/cgroup");
        fs::write(top.join("cgroup.subtree_control"), "+memory").unwrap();
        let path = top.join(unique(stem));
        fs::create_dir(&path).unwrap();
        Self(path)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::write(self.0.join("cgroup.kill"), "1");
        for _ in 0..1000 {
            for below in ["inner", "drydock.leaf"] {
                let _ = fs::remove_dir(self.0.join(below));
            }
            match fs::remove_dir(&self.0) {
                Err(error) if error.kind() == std::io::ErrorKind::ResourceBusy => {}
                _ => return,
            }
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
    }
}

/// `cgroups run ARGUMENTS` as in a container: in `cgroup`, which is the root of a cgroup namespace and is mounted.
fn nested(cgroup: &std::path::Path, arguments: &[&str]) -> Run {
    let script = "echo 0 > \"$0/cgroup.procs\" && exec unshare -C -m sh -c \
                  'umount -l /sys/fs/cgroup && mount -t cgroup2 cgroup2 /sys/fs/cgroup && exec \"$@\"' sh \"$@\"";
    Run::new("sh")
        .args(["-c", script])
        .arg(cgroup)
        .arg(bin("cgroups"))
        .args(arguments)
}

fn nested_processes_move_to_a_leaf() {
    let scratch = Scratch::new("nested");
    let root = harness::busybox_root();
    let arguments = [
        "run",
        "--memory",
        "32m",
        "--rootfs",
        root.to_str().unwrap(),
        "cat",
        "/sys/fs/cgroup/memory.max",
    ];
    let output = nested(&scratch.0, &arguments).output().assert_code(0);
    assert_eq!(output.out(), "33554432\n");
    let handed = fs::read_to_string(scratch.0.join("cgroup.subtree_control")).unwrap();
    assert!(handed.contains("memory"), "{handed}");
    assert!(scratch.0.join("drydock.leaf").exists());
}

fn a_controller_that_is_not_handed_down() {
    let scratch = Scratch::new("starved");
    let inner = scratch.0.join("inner");
    fs::create_dir(&inner).unwrap();
    let said = refusal(
        nested(&inner, &["run", "--memory", "32m", "true"]).output(),
        true,
    );
    assert!(
        said.contains("--memory needs the cgroup controller memory"),
        "{said}"
    );
}

fn a_parent_hands_down_what_it_gets() {
    let scratch = Scratch::new("parent");
    fs::create_dir(scratch.0.join("inner")).unwrap();
    fs::write(scratch.0.join("memory.max"), "64M").unwrap();
    let parent = format!("{}/inner", scratch.0.file_name().unwrap().to_str().unwrap());
    let script = "cat /sys/fs/cgroup/memory.max; cat /proc/self/cgroup";
    let shown = crate::common::prints(&["--cgroup-parent", &parent, "--memory", "32m"], script);
    assert_eq!(shown, "33554432\n0::/\n");
    let handed = fs::read_to_string(scratch.0.join("inner/cgroup.subtree_control")).unwrap();
    assert!(handed.contains("memory"), "{handed}");
}
