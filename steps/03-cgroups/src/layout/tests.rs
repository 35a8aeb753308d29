//! The layouts that are met in practice, as the kernel shows them.

use super::*;
use Controller::{Cpu, Cpuacct, Cpuset, Devices, Freezer, Hugetlb, Io, Memory, Pids};

/// Where a controller should be found: version, mount point, our own cgroup.
type Expected = (
    Controller,
    Option<(Version, &'static str, Option<&'static str>)>,
);

fn check(mountinfo: &str, own: &str, unified: &[Controller], expected: &[Expected]) {
    let mut layout = Layout::parse(mountinfo.as_bytes(), own.as_bytes());
    if let Some(hierarchy) = &mut layout.unified {
        hierarchy.controllers = unified.to_vec();
    }
    for (controller, place) in expected {
        let found = layout.find(*controller).map(|h| {
            let own = h.own.as_deref().map(|p| p.to_str().unwrap());
            (h.version, h.mount.to_str().unwrap(), own)
        });
        assert_eq!(found, *place, "{controller:?} of {layout:?}");
    }
}

#[test]
fn pure_v2() {
    let place = Some((
        Version::V2,
        "/sys/fs/cgroup",
        Some("/sys/fs/cgroup/user.slice/user-0.slice/session-1.scope"),
    ));
    check(
        "22 1 254:1 / / rw,relatime shared:1 - ext4 /dev/vda1 rw\n\
         26 22 0:23 / /sys/fs/cgroup rw,nosuid,nodev,noexec,relatime shared:4 - cgroup2 cgroup2 rw,nsdelegate,memory_recursiveprot\n",
        "0::/user.slice/user-0.slice/session-1.scope\n",
        &[Cpu, Cpuset, Memory, Io, Pids],
        &[
            (Memory, place),
            (Cpuset, place),
            (Devices, place),
            (Freezer, place),
            (Cpuacct, place),
            (Hugetlb, None),
        ],
    );
}

#[test]
fn pure_v1_with_two_controllers_in_one_hierarchy() {
    let at = |mount, own| Some((Version::V1, mount, Some(own)));
    check(
        "31 23 0:28 / /sys/fs/cgroup ro shared:9 - tmpfs tmpfs ro,mode=755\n\
         32 31 0:29 / /sys/fs/cgroup/systemd rw shared:10 - cgroup cgroup rw,xattr,name=systemd\n\
         33 31 0:30 / /sys/fs/cgroup/cpu,cpuacct rw shared:11 - cgroup cgroup rw,cpu,cpuacct\n\
         34 31 0:31 / /sys/fs/cgroup/memory rw shared:12 - cgroup cgroup rw,memory\n",
        "4:memory:/user.slice\n3:cpu,cpuacct:/\n1:name=systemd:/user.slice\n",
        &[],
        &[
            (
                Memory,
                at("/sys/fs/cgroup/memory", "/sys/fs/cgroup/memory/user.slice"),
            ),
            (
                Cpu,
                at("/sys/fs/cgroup/cpu,cpuacct", "/sys/fs/cgroup/cpu,cpuacct"),
            ),
            (
                Cpuacct,
                at("/sys/fs/cgroup/cpu,cpuacct", "/sys/fs/cgroup/cpu,cpuacct"),
            ),
            (Pids, None),
            (Devices, None),
            (Freezer, None),
        ],
    );
}

#[test]
fn hybrid_each_controller_where_it_is() {
    let v1 = |mount| Some((Version::V1, mount, Some(mount)));
    let v2 = Some((
        Version::V2,
        "/sys/fs/cgroup/unified",
        Some("/sys/fs/cgroup/unified"),
    ));
    check(
        "35 31 0:32 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n\
         36 31 0:33 / /sys/fs/cgroup/devices rw - cgroup cgroup rw,devices\n\
         41 31 0:38 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n",
        "5:devices:/\n4:memory:/\n0::/\n",
        &[Hugetlb],
        &[
            (Memory, v1("/sys/fs/cgroup/memory")),
            (Devices, v1("/sys/fs/cgroup/devices")),
            (Hugetlb, v2),
            (Freezer, v2),
            (Io, None),
        ],
    );
}

#[test]
fn a_container_on_v1_sees_its_own_part_by_a_bind_mount() {
    check(
        "900 899 0:35 /docker/4f5e /sys/fs/cgroup/memory ro,nosuid - cgroup memory rw,memory\n\
         901 899 0:36 /docker/4f5e /sys/fs/cgroup/pids ro,nosuid - cgroup pids rw,pids\n",
        "4:memory:/docker/4f5e/inner\n3:pids:/elsewhere\n",
        &[],
        &[
            (
                Memory,
                Some((
                    Version::V1,
                    "/sys/fs/cgroup/memory",
                    Some("/sys/fs/cgroup/memory/inner"),
                )),
            ),
            (Pids, Some((Version::V1, "/sys/fs/cgroup/pids", None))),
        ],
    );
}

#[test]
fn a_container_with_a_cgroup_namespace_is_at_its_top() {
    for (root, own, seen) in [
        ("/", "0::/\n", Some("/sys/fs/cgroup")),
        ("/", "0::/init\n", Some("/sys/fs/cgroup/init")),
        ("/", "0::/../other\n", None),
        ("/..", "0::/\n", None),
    ] {
        check(
            &format!("900 899 0:26 {root} /sys/fs/cgroup rw - cgroup2 cgroup rw\n"),
            own,
            &[Memory],
            &[(Memory, Some((Version::V2, "/sys/fs/cgroup", seen)))],
        );
    }
}

#[test]
fn a_mount_point_may_have_a_blank_and_be_mounted_twice() {
    check(
        "1 1 0:1 / /my\\040cgroups\\134 rw - cgroup none rw,memory\n\
         2 1 0:1 / /again rw - cgroup none rw,memory\n",
        "4:memory:/a b\n",
        &[],
        &[(
            Memory,
            Some((Version::V1, "/my cgroups\\", Some("/my cgroups\\/a b"))),
        )],
    );
}

#[test]
fn nonsense_is_no_hierarchy() {
    for text in ["", "\n\n", "1 2 3", "1 2 0:1 / /x rw cgroup2 cgroup2 rw\n"] {
        assert_eq!(
            Layout::parse(text.as_bytes(), b"::::\n0\n"),
            Layout::default()
        );
    }
}

#[test]
fn a_controller_may_be_missing_or_disabled() {
    let table = "#subsys_name\thierarchy\tnum_cgroups\tenabled\nmemory\t0\t1\t0\npids\t8\t1\t1\n";
    assert_eq!(is_enabled(table, Memory), Some(false));
    assert_eq!(is_enabled(table, Pids), Some(true));
    assert_eq!(is_enabled(table, Io), None);
}
