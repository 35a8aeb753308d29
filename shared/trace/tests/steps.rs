//! What the steps ask of the kernel, and in which order.

use std::path::Path;
use std::process::{Command, ExitCode, Stdio};

use harness::{Need, Run, Test, bin, busybox_root, directory, linux_is_at_least, test};
use trace::{Call, Normaliser, Trace, Tracer};

const BUSYBOX: Need = Need::Package("busybox", "busybox-static");

fn main() -> ExitCode {
    let root = &[Need::Root];
    let rooted = &[Need::Root, BUSYBOX];
    let tests = vec![
        test("namespaces_run_true", root, namespaces_run_true),
        test("rootfs_run_true", rooted, rootfs_run_true),
        test("layers_run_true", rooted, layers_run_true),
        test("images_run_true", rooted, images_run_true),
        test(
            "cgroups_v1",
            &[
                Need::Root,
                BUSYBOX,
                Need::ControllerV1("memory"),
                Need::ControllerV1("pids"),
            ],
            cgroups_v1,
        ),
        test(
            "cgroups_v2",
            &[
                Need::Root,
                BUSYBOX,
                Need::ControllerV2("memory"),
                Need::ControllerV2("pids"),
            ],
            cgroups_v2,
        ),
        test(
            "nothing_is_mounted_before_mounts_are_private",
            rooted,
            private_first,
        ),
        test("the_old_root_goes_after_the_pivot", rooted, pivot),
        test(
            "maps_are_written_while_the_child_waits",
            &[Need::Root, Need::UserNamespaces],
            maps,
        ),
        test("every_mechanism_has_its_moments_in_order", rooted, moments),
        test(
            "the_command_is_in_its_cgroup_before_it_is_executed",
            &[Need::Root, BUSYBOX, Need::Controller("pids")],
            joined,
        ),
    ];
    // Which calls a container takes is decided by what the kernel has.
    let tests = tests.into_iter().map(Test::also_in_vm);
    harness::run_with_all_programs("trace steps", tests.collect())
}

fn traced(step: &str, arguments: &[&str]) -> Trace {
    let mut command = Command::new(bin(step));
    // The environment decides nothing but how many variables it has.
    command
        .args(arguments)
        .env("DRYDOCK_RUN", directory().join("run"))
        .env("DRYDOCK_ROOT", directory().join("data"))
        .stdin(Stdio::null())
        .stdout(Stdio::null());
    let trace = Tracer::new(command).run().expect("the step can be traced");
    assert_eq!(
        trace.end.map(trace::End::exit_code),
        Some(0),
        "{}",
        normaliser(step).text(&trace)
    );
    trace
}

fn normaliser(step: &str) -> Normaliser {
    Normaliser::new()
        .replace(bin(step).to_str().expect("UTF-8"), step)
        .replace(utf8(&directory().join("run")), "RUN")
        .replace(utf8(&directory().join("data")), "DATA")
}

/// The search of the command in PATH says more about the caller than about us, and which files of /proc and /sys there
/// are to be covered is the kernel's matter.
fn varies(call: &Call) -> bool {
    let text = call.invocation();
    let covers = |place: &str| {
        text.contains(&format!("/{place}/")) || text.contains(&format!("/{place}>, \""))
    };
    let of_root = text.contains("rootfs-");
    (call.name == "execve" && call.errno().is_some())
        || (of_root && (covers("proc") || covers("sys")))
        || text.contains("/dev/null>, \"\"")
        || (call.name == "openat2" && text.contains("\"null\""))
        // A detached copy of a read-only path of /proc, which has no name yet.
        || (call.name == "mount_setattr" && text.contains("</>") && text.contains("AT_RECURSIVE"))
}

/// Which v1 hierarchies there are, and in which order, is the host's matter; two that we set limits in are enough.
fn is_of_another_hierarchy(call: &Call) -> bool {
    let text = call.invocation();
    let others = [
        "cpu",
        "cpuacct",
        "cpu,cpuacct",
        "cpuset",
        "devices",
        "blkio",
        "freezer",
    ];
    let names = |name: &str| {
        text.contains(&format!("/sys/fs/cgroup/{name}/"))
            || text.contains(&format!("/sys/fs/cgroup/{name}>"))
            || text.contains(&format!("/sys/fs/cgroup>, \"{name}\""))
    };
    others.into_iter().any(names)
        || (call.name == "symlinkat" && text.contains("cpu,cpuacct"))
        // Of the detached mounts that show the hierarchies inside, which have no names yet.
        || (call.name == "mount_setattr" && text.contains("</>"))
}

fn namespaces_run_true() {
    let trace = traced("namespaces", &["run", "--hostname", "box", "true"]);
    let text = normaliser("namespaces").leave_out(varies).text(&trace);
    insta::assert_snapshot!(
        "namespaces_run_true",
        text.replace("/usr/bin/true", "/bin/true")
    );
}

fn rootfs_run_true() {
    let root = busybox_root();
    let trace = traced(
        "rootfs",
        &["run", "--hostname", "box", "--rootfs", utf8(&root), "true"],
    );
    insta::assert_snapshot!("rootfs_run_true", in_root("rootfs", &root).text(&trace));
}

/// The passages of these mechanisms alone: what the others do is in the snapshots of their own steps.
fn passages(text: &str, mechanisms: &[&str]) -> String {
    let mut is_wanted = false;
    let mut passages = String::new();
    for line in text.lines() {
        if let Some(marker) = line.strip_prefix("  ── ") {
            is_wanted = mechanisms.iter().any(|name| marker.starts_with(name));
        }
        let is_process = !line.starts_with(' ');
        if is_wanted || is_process {
            passages += line;
            passages.push('\n');
        }
        is_wanted &= !is_process;
    }
    passages
}

fn layers_run_true() {
    let (root, more) = (busybox_root(), directory().join("more"));
    std::fs::create_dir(&more).unwrap();
    let layers = ["--layer", utf8(&root), "--layer", utf8(&more)];
    let arguments = [&["run", "--hostname", "box"], &layers[..], &["true"]].concat();
    let trace = traced("layers", &arguments);
    // The mount is made in the child, and has no place before step 02 gives it one.
    // Before Linux 6.8 the layers are named in the options of mount(2).
    let mount = match linux_is_at_least(6, 8) {
        true => "init: fsmount",
        false => "init: mount",
    };
    trace.assert_before("init: sethostname", mount);
    trace.assert_before(mount, "init: move_mount");
    trace.assert_before("init: move_mount", "pivot_root");
    if linux_is_at_least(6, 8) {
        let text = in_root("layers", &root)
            .replace(utf8(&more), "MORE")
            .only(&["parent", "init"])
            .text(&trace);
        insta::assert_snapshot!("layers_run_true", passages(&text, &["layers"]));
    }
}

fn images_run_true() {
    let archive = directory().join("archive.tar");
    let run = |run: Run| run.output().assert_code(0);
    run(Run::new("tar").args(["-cf", utf8(&archive), "-C", utf8(&busybox_root()), "."]));
    run(Run::new(bin("images")).args(["import", "-c", "USER 7:8", utf8(&archive), "app"]));
    let trace = traced("images", &["run", "--hostname", "box", "app", "true"]);
    // Whoever is not root may do nothing of what the others do.
    trace.assert_before("pivot_root", "setresuid(7, 7, 7)");
    trace.assert_before("setgroups", "setresgid(8, 8, 8)");
    trace.assert_before("setresgid(8, 8, 8)", "setresuid(7, 7, 7)");
    trace.assert_before("setresuid(7, 7, 7)", "command: execve");
    if linux_is_at_least(6, 8) {
        let text = normaliser("images")
            .only(&["parent", "init", "command"])
            .text(&trace);
        let own = passages(&text, &["layers", "user: seal"]);
        insta::assert_snapshot!("images_run_true", own);
    }
}

fn in_root(step: &str, root: &Path) -> Normaliser {
    normaliser(step)
        .leave_out(varies)
        .replace(utf8(root), "ROOT")
}

fn utf8(path: &Path) -> &str {
    path.to_str()
        .expect("a temporary directory has a plain name")
}

fn cgroups(is_left_out: fn(&Call) -> bool) -> String {
    let root = busybox_root();
    let limits = ["--memory", "64m", "--pids-limit", "10"];
    let arguments = [
        &["run", "--hostname", "box", "--rootfs", utf8(&root)],
        &limits[..],
        &["true"],
    ]
    .concat();
    let trace = traced("cgroups", &arguments);
    // The janitor is dismissed when the container has ended, which may be before it has given itself its name.
    let text = in_root("cgroups", &root)
        .only(&["parent", "init", "command"])
        .leave_out(is_left_out)
        .text(&trace);
    text.replace("= process 2\n", "= drydock-janitor\n")
}

fn cgroups_v1() {
    insta::assert_snapshot!("cgroups_v1", cgroups(is_of_another_hierarchy));
}

fn cgroups_v2() {
    insta::assert_snapshot!("cgroups_v2", cgroups(varies));
}

/// The classic: a copy of a shared mount is a peer, and what is mounted before it is private appears on
/// the host.
fn private_first() {
    let root = busybox_root();
    let trace = traced("rootfs", &["run", "--rootfs", utf8(&root), "true"]);
    let private = "init: mount_setattr(AT_FDCWD, \"/\", AT_RECURSIVE, {propagation=MS_PRIVATE}, …)";
    for mounting in ["init: move_mount", "pivot_root", "init: openat2"] {
        trace.assert_before(private, mounting);
    }
    assert!(
        !trace.contains("mount"),
        "mount(2) is not used with a root file system"
    );
}

fn pivot() {
    let root = busybox_root();
    let trace = traced("rootfs", &["run", "--rootfs", utf8(&root), "true"]);
    trace.assert_before("pivot_root(\".\", \".\")", "umount2(\".\", MNT_DETACH)");
    trace.assert_before("umount2(\".\", MNT_DETACH)", "chdir(\"/\")");
    trace.assert_before("chdir(\"/\")", "command: execve");
    assert!(!trace.contains("chroot"));
}

fn maps() {
    let trace = traced("namespaces", &["run", "--userns", "true"]);
    let map = "parent: write(…uid_map>, …)";
    trace.assert_before("parent: clone3(…CLONE_NEWUSER…)", map);
    trace.assert_before(map, "parent: sendmsg(…iov=[\"G\"]…)");
    trace.assert_before(map, "init: setresuid(0, 0, 0)");
    assert_eq!(
        trace.during("namespaces", "attach").len(),
        trace.find("parent: write").len() + trace.find("parent: openat").len()
    );
}

fn moments() {
    let root = busybox_root();
    let trace = traced("rootfs", &["run", "--rootfs", utf8(&root), "true"]);
    let of = |role: &str| -> Vec<String> {
        trace
            .of(role)
            .filter_map(|event| match event {
                trace::Event::Marker {
                    mechanism, moment, ..
                } => Some(format!("{mechanism} {moment}")),
                _ => None,
            })
            .collect()
    };
    assert_eq!(
        of("parent"),
        [
            "namespaces prepare",
            "rootfs prepare",
            "spawn clone",
            "namespaces attach",
            "rootfs attach",
            "spawn gate",
            "rootfs undo",
            "namespaces undo"
        ]
    );
    assert_eq!(
        of("init"),
        [
            "spawn gate",
            "namespaces enter",
            "rootfs enter",
            "rootfs enter",
            "spawn close"
        ]
    );
    assert_eq!(of("command"), ["spawn ready", "spawn exec"]);
}

/// A process that joins its cgroup after the command has begun runs without limits until then, and what it has
/// allocated stays charged to the other group.
fn joined() {
    let root = busybox_root();
    let trace = traced(
        "cgroups",
        &["run", "--pids-limit", "10", "--rootfs", utf8(&root), "true"],
    );
    let joined = if trace.contains("init: write(…/pids/…tasks>, …)") {
        "init: write(…/pids/…tasks>, …)"
    } else {
        "parent: clone3(…CLONE_INTO_CGROUP…)"
    };
    trace.assert_before("parent: write(…pids.max>, \"10\", 2)", joined);
    trace.assert_before(joined, "command: execve");
}
