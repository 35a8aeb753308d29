//! Limits that hold.

use harness::{Need, Test, test};

use crate::common::{ROOT, container, prints, with};

pub(crate) fn tests() -> Vec<Test> {
    let huge = [
        ROOT[0],
        ROOT[1],
        Need::Controller("hugetlb"),
        Need::HugePages,
    ];
    vec![
        test(
            "memory_over_the_limit_is_death",
            &with("memory"),
            memory_over_the_limit_is_death,
        ),
        test(
            "the_death_of_a_child_is_told",
            &with("memory"),
            the_death_of_a_child_is_told,
        ),
        test(
            "memory_below_the_limit_is_not",
            &with("memory"),
            memory_below_the_limit_is_not,
        ),
        test(
            "swap_is_limited_as_docker_says",
            &with("memory"),
            swap_is_limited_as_docker_says,
        ),
        test("memory_is_reserved", &with("memory"), memory_is_reserved),
        test(
            "a_fork_bomb_is_stopped",
            &with("pids"),
            a_fork_bomb_is_stopped,
        ),
        test("a_quota_throttles", &with("cpu"), a_quota_throttles),
        test("shares_are_a_weight", &with("cpu"), shares_are_a_weight),
        test(
            "a_cpuset_is_seen_in_the_process",
            &with("cpuset"),
            a_cpuset_is_seen_in_the_process,
        ),
        test("huge_pages_are_limited", &huge, huge_pages_are_limited),
        test("a_disk_is_throttled", &with("io"), a_disk_is_throttled),
        test(
            "a_disk_has_a_weight_or_a_hint",
            &with("io"),
            a_disk_has_a_weight_or_a_hint,
        ),
        test(
            "no_limit_is_no_limit",
            &with("memory"),
            no_limit_is_no_limit,
        ),
        test("all_limits_together", &with("memory"), all_limits_together),
        test(
            "a_user_namespace_is_limited_too",
            &user(),
            a_user_namespace_is_limited_too,
        ),
        test(
            "without_a_root_of_its_own_too",
            &with("memory"),
            without_a_root_of_its_own_too,
        ),
    ]
}

fn user() -> [Need; 4] {
    [
        ROOT[0],
        ROOT[1],
        Need::Controller("memory"),
        Need::UserNamespaces,
    ]
}

/// Reads zeroes into memory for ever.
const EAT: &str = "exec tail /dev/zero";
const WHY: &str = "the container used its whole memory limit of 32 MiB (cgroup OOM)\n";

fn memory_over_the_limit_is_death() {
    let output = container(&["--memory", "32m"], EAT)
        .output()
        .assert_code(137);
    assert_eq!(output.err(), format!("killed by the kernel: {WHY}"));
    // As PID 1 too, which the kernel else protects from signals of its own namespace.
    let output = container(&["--memory", "32m", "--no-init"], EAT)
        .output()
        .assert_code(137);
    assert_eq!(output.err(), format!("killed by the kernel: {WHY}"));
}

fn the_death_of_a_child_is_told() {
    let script = "tail /dev/zero; echo $?; exit 3";
    let output = container(&["--memory", "32m"], script)
        .output()
        .assert_code(3);
    assert_eq!(output.out(), "137\n");
    let told = format!("the kernel has killed a process of the container: {WHY}");
    assert!(output.err().ends_with(&told), "{}", output.err());
}

fn memory_below_the_limit_is_not() {
    // dd's one buffer is 16 MiB, and it is written to.
    let script = "dd if=/dev/zero of=/dev/null bs=16M count=4 2>/dev/null && echo fine";
    assert_eq!(prints(&["--memory", "32m"], script), "fine\n");
}

fn swap_is_limited_as_docker_says() {
    let script = "show memory/memory.memsw.limit_in_bytes memory.swap.max";
    for (swap, v1, v2) in [
        // The default is as much swap as memory.
        ("0", "67108864", "33554432"),
        ("48m", "50331648", "16777216"),
        ("32m", "33554432", "0"),
        ("-1", "9223372036854771712", "max"),
    ] {
        let shown = prints(&["--memory", "32m", "--memory-swap", swap], script);
        assert!([v1, v2].contains(&shown.trim()), "{swap}: {shown}");
    }
}

fn memory_is_reserved() {
    let script = "show memory/memory.soft_limit_in_bytes memory.low";
    assert_eq!(
        prints(&["--memory-reservation", "16m"], script),
        "16777216\n"
    );
}

fn a_fork_bomb_is_stopped() {
    let script = "b() { b | b & }; b; i=0; while [ $i -lt 100 ]; do sleep 1000 & i=$((i+1)); done";
    let output = container(&["--pids-limit", "12"], script).output();
    let err = output.err();
    assert!(
        err.contains("reached its limit of 12 processes and threads: "),
        "{err}"
    );
    assert!(err.contains("can't fork"), "{err}");
}

fn a_quota_throttles() {
    let script = "until show cpu/cpu.stat cpu.stat | grep -q '^nr_throttled [1-9]'; do
        i=0; while [ $i -lt 1000 ]; do i=$((i+1)); done; done; echo throttled";
    for options in [
        &["--cpus", "0.1"][..],
        &["--cpu-quota", "5000", "--cpu-period", "50000"],
    ] {
        assert_eq!(prints(options, script), "throttled\n");
    }
}

fn shares_are_a_weight() {
    let weight = prints(&["--cpu-shares", "512"], "show cpu/cpu.shares cpu.weight");
    assert!(["512\n", "59\n"].contains(&weight.as_str()), "{weight}");
}

fn a_cpuset_is_seen_in_the_process() {
    let script = "grep -E '^(Cpus|Mems)_allowed_list' /proc/self/status";
    let lists = "Cpus_allowed_list:\t0\nMems_allowed_list:\t0\n";
    assert_eq!(
        prints(&["--cpuset-cpus", "0", "--cpuset-mems", "0"], script),
        lists
    );
    // On v1 the one that is not given has to come from the parent, or nobody could join.
    let script = "grep ^Cpus_allowed_list /proc/self/status";
    assert_eq!(
        prints(&["--cpuset-cpus", "0"], script),
        "Cpus_allowed_list:\t0\n"
    );
    assert_ne!(
        prints(&["--cpuset-mems", "0"], script),
        "Cpus_allowed_list:\t\n"
    );
}

fn huge_pages_are_limited() {
    let page = std::fs::read_dir("/sys/kernel/mm/hugepages")
        .unwrap()
        .flatten()
        .find_map(|entry| {
            let name = entry.file_name().into_string().ok()?;
            name.strip_prefix("hugepages-")?
                .strip_suffix("kB")?
                .parse::<u64>()
                .ok()
        })
        .expect("a kernel with huge pages has a size of them");
    let name = match page {
        1_048_576.. => format!("{}GB", page >> 20),
        1024.. => format!("{}MB", page >> 10),
        _ => format!("{page}KB"),
    };
    let limit = page * 1024 * 2;
    let script = format!("show hugetlb/hugetlb.{name}.limit_in_bytes hugetlb.{name}.max");
    assert_eq!(
        prints(&["--hugetlb", &format!("{name}={limit}")], &script),
        format!("{limit}\n")
    );
}

/// A whole disk, which every machine has, be it a loop device without a file.
fn disk() -> String {
    std::fs::read_dir("/sys/block")
        .expect("/sys is mounted")
        .flatten()
        .map(|entry| format!("/dev/{}", entry.file_name().to_string_lossy()))
        .find(|path| std::path::Path::new(path).exists())
        .expect("this machine has no block device at all")
}

fn a_disk_is_throttled() {
    let disk = disk();
    for (option, limit, v1, v2) in [
        (
            "--device-read-bps",
            "1mb",
            "read_bps_device",
            "rbps=1048576",
        ),
        (
            "--device-write-bps",
            "2mb",
            "write_bps_device",
            "wbps=2097152",
        ),
        ("--device-read-iops", "100", "read_iops_device", "riops=100"),
        (
            "--device-write-iops",
            "200",
            "write_iops_device",
            "wiops=200",
        ),
    ] {
        let script = format!("show blkio/blkio.throttle.{v1} io.max");
        let shown = prints(&[option, &format!("{disk}:{limit}")], &script);
        let number = v2.split('=').next_back().unwrap();
        assert!(
            shown.contains(v2) || shown.trim().ends_with(&format!(" {number}")),
            "{option}: {shown}"
        );
    }
}

fn a_disk_has_a_weight_or_a_hint() {
    let script = "show blkio/blkio.bfq.weight io.bfq.weight || show io.weight io.weight";
    let output = container(&["--blkio-weight", "500"], script).output();
    match output.code {
        Some(0) => {
            let shown = output.out();
            let weight = shown.split_whitespace().next_back();
            assert!(matches!(weight, Some("500" | "4950")), "{shown}");
        }
        _ => {
            let sentence = crate::common::refusal(output, true);
            assert!(sentence.contains("--blkio-weight"), "{sentence}");
        }
    }
}

fn no_limit_is_no_limit() {
    let options = [
        "--memory",
        "0",
        "--memory-swap",
        "-1",
        "--memory-reservation",
        "0",
        "--pids-limit",
        "-1",
        "--cpus",
        "0",
        "--cpu-quota",
        "-1",
        "--cpu-period",
        "0",
        "--cpu-shares",
        "0",
        "--blkio-weight",
        "0",
    ];
    for more in [&[][..], &["--memory", "-1"], &["--memory", "8000t"]] {
        let options: Vec<&str> = match more {
            [] => options.to_vec(),
            more => [&options[2..], more].concat(),
        };
        let shown = prints(&options, "show memory/memory.limit_in_bytes memory.max");
        let limit = shown.trim();
        assert!(
            limit == "max" || limit.parse::<u64>().unwrap() > 1 << 50,
            "{limit}"
        );
    }
}

fn all_limits_together() {
    let options = ["--memory", "64m", "--cpus", "0.5", "--pids-limit", "10"];
    let script = "show memory/memory.limit_in_bytes memory.max; show pids/pids.max pids.max
                  cat /sys/fs/cgroup/cpu.max 2>/dev/null ||
                  cat /sys/fs/cgroup/cpu/cpu.cfs_quota_us /sys/fs/cgroup/cpu/cpu.cfs_period_us | xargs";
    assert_eq!(prints(&options, script), "67108864\n10\n50000 100000\n");
}

fn a_user_namespace_is_limited_too() {
    let output = container(&["--userns", "--memory", "32m"], EAT)
        .output()
        .assert_code(137);
    assert_eq!(output.err(), format!("killed by the kernel: {WHY}"));
}

fn without_a_root_of_its_own_too() {
    crate::common::cgroups(["run", "--memory", "32m", "busybox", "tail", "/dev/zero"])
        .output()
        .assert_code(137);
}
