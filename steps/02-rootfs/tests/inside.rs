//! What a container sees: its mounts, its devices, its masks.

#[expect(dead_code, reason = "each suite uses its own part")]
mod common;

use std::fs;
use std::process::ExitCode;

use common::{inside, mounts, outside, refused, succeed};
use harness::{Need, busybox_root, test};
use rootfs::{masked_by_default, read_only_by_default};

const ROOT: [Need; 2] = [Need::Root, Need::Package("busybox", "busybox-static")];

fn main() -> ExitCode {
    harness::run(
        "rootfs",
        vec![
            test(
                "mounts_are_those_of_the_plan",
                &ROOT,
                mounts_are_those_of_the_plan,
            )
            .also_in_vm(),
            test(
                "dev_holds_what_the_specification_names",
                &ROOT,
                dev_holds_what_the_specification_names,
            ),
            test(
                "a_terminal_brings_a_console",
                &ROOT,
                a_terminal_brings_a_console,
            ),
            test("masked_paths_are_empty", &ROOT, masked_paths_are_empty).also_in_vm(),
            test(
                "read_only_paths_cannot_be_written_to",
                &ROOT,
                read_only_paths_cannot_be_written_to,
            ),
            test("sys_cannot_be_written_to", &ROOT, sys_cannot_be_written_to),
            test("the_hosts_files_are_gone", &ROOT, the_hosts_files_are_gone),
            test(
                "no_descriptor_leads_outside",
                &ROOT,
                no_descriptor_leads_outside,
            ),
            test(
                "the_command_starts_at_the_root_with_a_umask_of_its_own",
                &ROOT,
                the_command_starts_at_the_root_with_a_umask_of_its_own,
            ),
            test(
                "a_root_is_writable_unless_read_only",
                &ROOT,
                a_root_is_writable_unless_read_only,
            ),
            test(
                "mount_points_are_made_also_in_a_read_only_root",
                &ROOT,
                mount_points_are_made_also_in_a_read_only_root,
            ),
            test("a_tmpfs_is_as_asked", &ROOT, a_tmpfs_is_as_asked),
            test(
                "a_shared_namespace_is_shown",
                &ROOT,
                a_shared_namespace_is_shown,
            ),
        ],
    )
}

fn mounts_are_those_of_the_plan() {
    let root = busybox_root();
    let table = succeed(&root, &[], "cat /proc/self/mountinfo");
    let masked = masked_by_default();
    let read_only = read_only_by_default();
    let mut lines = String::new();
    for mount in mounts(&table) {
        if mount.target == "/" {
            // The file system below it is the machine's.
            assert_eq!(mount.root, root.to_str().unwrap());
            continue;
        }
        // Which of these exist depends on the kernel; they have tests of their own.
        let target = std::path::PathBuf::from(&mount.target);
        if masked.contains(&target) || read_only.contains(&target) {
            continue;
        }
        // inode64 and the like depend on how the kernel was built.
        let options: Vec<&str> = mount
            .file_system_options
            .split(',')
            .filter(|o| {
                ["size=", "mode=", "gid=", "ptmxmode="]
                    .iter()
                    .any(|known| o.starts_with(known))
            })
            .collect();
        let line = [
            &mount.target,
            &mount.source,
            &mount.kind,
            &mount.options,
            &options.join(","),
        ]
        .map(String::as_str)
        .join(" ");
        lines.push_str(line.trim_end());
        lines.push('\n');
    }
    insta::assert_snapshot!("mounts", lines);
}

fn dev_holds_what_the_specification_names() {
    let script = "cd /dev && find . | sort | while read f; do stat -c '%A %u:%g %t:%T %N' $f; done";
    insta::assert_snapshot!("dev", succeed(&busybox_root(), &[], script));
    let script = "head -c 3 /dev/zero | od -An -tx1; head -c 5 /dev/urandom | wc -c; echo lost > /dev/null; \
                  echo x > /dev/full || echo full; echo heard > /dev/stdout; cat /dev/null; ls /dev/fd/ | head -1";
    let expected = " 00 00 00\n5\nfull\nheard\n0\n";
    assert_eq!(succeed(&busybox_root(), &[], script), expected);
}

fn a_terminal_brings_a_console() {
    let root = busybox_root();
    let script =
        "tty; stat -c '%A %t:%T' /dev/console; grep -c ' /dev/console ' /proc/self/mountinfo";
    let run = inside(&root, &["-it"], script);
    let terminal = run.under_pty();
    terminal.expect("/dev/pts/0\r\ncrw--w---- 88:0\r\n1\r\n");
    terminal.wait().assert_code(0);
    succeed(&root, &[], "! test -e /dev/console");
}

fn masked_paths_are_empty() {
    let root = busybox_root();
    for path in masked_by_default() {
        let path = path.to_str().unwrap();
        let Ok(metadata) = fs::metadata(path) else {
            succeed(&root, &[], &format!("! test -e {path}"));
            continue;
        };
        let script = match metadata.is_dir() {
            true => format!("test -d {path} && test -z \"$(ls -A {path})\" && ! touch {path}/x"),
            false => format!(
                "test -c {path} && test 1:3 = $(stat -c %t:%T {path}) && test -z \"$(cat {path})\""
            ),
        };
        succeed(&root, &[], &script);
        // Root inside may unmount, but what it would uncover must not be a second mask over nothing.
        let count = succeed(
            &root,
            &[],
            &format!("grep -c ' {path} ' /proc/self/mountinfo"),
        );
        assert_eq!(count, "1\n", "{path}");
    }
}

fn read_only_paths_cannot_be_written_to() {
    let root = busybox_root();
    let before = fs::read_to_string("/proc/sys/kernel/domainname").unwrap();
    let script = "echo x > /proc/sys/kernel/domainname";
    let output = inside(&root, &[], script).output();
    assert!(output.err().contains("Read-only file system"), "{output}");
    assert_eq!(
        fs::read_to_string("/proc/sys/kernel/domainname").unwrap(),
        before
    );

    let table = mounts(&succeed(&root, &[], "cat /proc/self/mountinfo"));
    for path in read_only_by_default().iter().filter(|path| path.exists()) {
        let mount = table
            .iter()
            .find(|mount| path.to_str() == Some(&mount.target));
        assert!(
            mount.is_some_and(common::Mount::is_read_only),
            "{}",
            path.display()
        );
    }
}

fn sys_cannot_be_written_to() {
    let output = inside(
        &busybox_root(),
        &[],
        "mkdir /sys/kernel/x || touch /sys/kernel/uevent_seqnum",
    )
    .output();
    assert!(output.err().contains("Read-only file system"), "{output}");
}

fn the_hosts_files_are_gone() {
    let root = busybox_root();
    let marker = outside("host").join("marker");
    fs::write(&marker, "host").unwrap();
    let marker = marker.to_str().unwrap();
    for path in [
        marker,
        &format!("/../../..{marker}"),
        &format!("/proc/1/root{marker}"),
        &format!("/proc/self/cwd/../..{marker}"),
    ] {
        succeed(&root, &[], &format!("! cat {path}"));
    }
    // Nor is there a mount left over from which they could be reached.
    let table = succeed(&root, &[], "cat /proc/self/mountinfo");
    let targets: Vec<_> = mounts(&table)
        .into_iter()
        .map(|mount| mount.target)
        .collect();
    assert_eq!(
        targets.iter().filter(|target| *target == "/").count(),
        1,
        "{targets:?}"
    );
    let known = ["/proc", "/dev", "/sys"];
    let others = targets
        .iter()
        .filter(|t| *t != "/" && !known.iter().any(|k| t.starts_with(k)));
    assert_eq!(others.count(), 0, "{targets:?}");
}

fn no_descriptor_leads_outside() {
    let root = busybox_root();
    // What the caller had open (7) must not arrive either: CVE-2024-21626.
    for options in [&[][..], &["--no-init"], &["--read-only"]] {
        let run = inside(&root, options, "exec ls /proc/self/fd").after("exec 7</");
        assert_eq!(run.output().assert_code(0).out(), "0\n1\n2\n3\n");
    }
    succeed(&root, &[], "! ls /proc/1/fd/ | grep -v '^[012]$'");
}

fn the_command_starts_at_the_root_with_a_umask_of_its_own() {
    let root = busybox_root();
    let run = inside(&root, &[], "pwd; umask").after("umask 027");
    assert_eq!(run.output().assert_code(0).out(), "/\n0022\n");
}

fn a_root_is_writable_unless_read_only() {
    let root = busybox_root();
    succeed(&root, &[], "echo hello > /etc/greeting");
    assert_eq!(
        fs::read_to_string(root.join("etc/greeting")).unwrap(),
        "hello\n"
    );

    let data = outside("data");
    let bind = format!("{}:/data", data.display());
    let script = "! touch /x && ! rm /etc/greeting && ! mkdir /tmp/x && \
                  touch /dev/x /dev/shm/x /data/x /scratch/x && grep -q hello /etc/greeting";
    succeed(
        &root,
        &["--read-only", "--bind", &bind, "--tmpfs", "/scratch"],
        script,
    );
    assert!(data.join("x").exists());
}

fn mount_points_are_made_also_in_a_read_only_root() {
    let root = busybox_root();
    for name in ["proc", "dev", "sys"] {
        fs::remove_dir(root.join(name)).unwrap();
    }
    let data = outside("data");
    let bind = format!("{}:/new/deep/place:ro", data.display());
    succeed(
        &root,
        &["--read-only", "--bind", &bind],
        "test -d /new/deep/place && ! touch /new/x && ps",
    );
    for name in ["proc", "dev", "sys", "new/deep/place"] {
        assert!(root.join(name).is_dir(), "{name}");
    }
}

fn a_tmpfs_is_as_asked() {
    let root = busybox_root();
    let options = [
        "--tmpfs",
        "/a",
        "--tmpfs",
        "/b:size=1m,mode=750,exec,ro",
        "--tmpfs",
        "/dev/shm:size=1m",
    ];
    let table = mounts(&succeed(&root, &options, "cat /proc/self/mountinfo"));
    let shown = |target: &str| {
        let mount = table.iter().find(|mount| mount.target == target).unwrap();
        (mount.options.clone(), mount.file_system_options.clone())
    };
    assert_eq!(shown("/a").0, "rw,nosuid,nodev,noexec,relatime");
    assert_eq!(shown("/b").0, "ro,nosuid,nodev,relatime");
    assert!(shown("/b").1.contains("size=1024k,mode=750"), "{table:?}");
    assert!(shown("/dev/shm").1.contains("size=1024k"), "{table:?}");
    let modes = succeed(
        &root,
        &options,
        "stat -c %a /a /b; cp /bin/busybox /a; ! /a/busybox true",
    );
    assert_eq!(modes, "1777\n750\n");
}

fn a_shared_namespace_is_shown() {
    let root = busybox_root();
    let own = std::process::id();
    succeed(&root, &["--share", "pid"], &format!("test -d /proc/{own}"));
    succeed(
        &root,
        &[],
        &format!("! test -d /proc/{own} || test {own} -lt 10"),
    );
    assert_eq!(succeed(&root, &[], "ls /sys/class/net"), "lo\n");
    let error = refused(inside(&root, &["--share", "mnt"], "true"));
    assert!(
        error.contains("needs a mount namespace of its own"),
        "{error}"
    );
}
