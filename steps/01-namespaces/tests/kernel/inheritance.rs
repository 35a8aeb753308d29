//! What the command is born with: nothing of its caller's but what was asked for.

use harness::{Test, descriptors, test};

use crate::{ROOT, container, sh};

pub(crate) fn tests() -> Vec<Test> {
    vec![
        test(
            "the_environment_is_not_inherited",
            ROOT,
            the_environment_is_not_inherited,
        ),
        test(
            "the_environment_is_what_was_asked_for",
            ROOT,
            the_environment_is_what_was_asked_for,
        ),
        test(
            "init_shows_nothing_of_the_hosts",
            ROOT,
            init_shows_nothing_of_the_hosts,
        ),
        test(
            "no_descriptor_is_inherited",
            ROOT,
            no_descriptor_is_inherited,
        ),
        test("signals_are_as_new", ROOT, signals_are_as_new),
        test("the_umask_is_its_own", ROOT, the_umask_is_its_own),
        test(
            "the_command_leads_a_session_without_a_terminal",
            ROOT,
            the_command_leads_a_session_without_a_terminal,
        ),
    ]
}

fn the_umask_is_its_own() {
    for theirs in ["077", "0", "027"] {
        let output = sh("umask").after(&format!("umask {theirs}")).output();
        assert_eq!(output.assert_code(0).out(), "0022\n", "{theirs}");
    }
}

fn the_environment_is_not_inherited() {
    let output = container(&["--hostname", "box", "--", "env"])
        .env("SECRET", "x")
        .output();
    assert_eq!(
        output.assert_code(0).out(),
        "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\nHOSTNAME=box\nHOME=/root\n"
    );
}

fn the_environment_is_what_was_asked_for() {
    let options = [
        "--hostname",
        "box",
        "-e",
        "A=1=2",
        "-e",
        "GIVEN",
        "--env",
        "MISSING",
        "-e",
        "HOME=/h",
        "-e",
        "A=3",
        "--",
        "env",
    ];
    let output = container(&options)
        .env("GIVEN", "from outside")
        .output()
        .assert_code(0)
        .out();
    let lines: Vec<_> = output.lines().skip(1).collect();
    assert_eq!(
        lines,
        ["HOSTNAME=box", "GIVEN=from outside", "HOME=/h", "A=3"]
    );
    let found = container(&["-e", "PATH=/nowhere", "--", "sh"])
        .output()
        .assert_code(127);
    assert!(found.err().contains("/nowhere"), "{found}");
}

fn init_shows_nothing_of_the_hosts() {
    let script = "tr -d '\\0' </proc/1/cmdline; echo; tr -d '\\0' </proc/1/environ | wc -c";
    let output = container(&["--", "sh", "-c", script])
        .env("SECRET", "hunter2")
        .output();
    assert_eq!(output.assert_code(0).out(), "init\n0\n");
}

/// CVE-2016-9962 and CVE-2024-21626: a descriptor of the host's that a container's process has is a way out.
fn no_descriptor_is_inherited() {
    let leak = "exec 7</etc/passwd 9</";
    let inside = sh("ls /proc/self/fd")
        .after(leak)
        .output()
        .assert_code(0)
        .out();
    // The fourth is the directory that ls itself has opened.
    assert_eq!(inside, "0\n1\n2\n3\n");

    let pid_file = harness::directory().join("pid");
    let container = container(&["--pid-file"]).arg(&pid_file).args([
        "--",
        "sh",
        "-c",
        "echo ready; exec sleep 100",
    ]);
    let running = container.after(leak).spawn();
    running.expect("ready");
    let init = harness::contents(&pid_file).parse().unwrap();
    let open = descriptors(nix::unistd::Pid::from_raw(init));
    assert_eq!(
        open.keys().copied().collect::<Vec<_>>(),
        [0, 1, 2],
        "{open:?}"
    );
    running.signal(libc::SIGTERM);
    running.wait().assert_code(143);
}

fn signals_are_as_new() {
    for no_init in [&["--no-init"][..], &[]] {
        let mut arguments = no_init.to_vec();
        arguments.extend(["--", "cat", "/proc/self/status"]);
        let output = container(&arguments)
            .after("trap '' PIPE HUP USR1")
            .output()
            .assert_code(0)
            .out();
        for field in ["SigBlk:\t", "SigIgn:\t"] {
            let line = output.lines().find_map(|line| line.strip_prefix(field));
            let set = u64::from_str_radix(line.unwrap(), 16).unwrap();
            // The C library keeps signals 32 and 33 for itself, and its posix_spawn(3) ignores them in every child.
            assert_eq!(set & !0x1_8000_0000, 0, "{field}{set:016x}");
        }
    }
}

fn the_command_leads_a_session_without_a_terminal() {
    // Fields of proc_pid_stat(5): pid, process group, session, terminal.
    let output = container(&["--", "cut", "-d ", "-f1,5,6,7", "/proc/self/stat"])
        .output()
        .assert_code(0)
        .out();
    assert_eq!(output, "2 2 2 0\n");
    let output = sh("exec 2>/dev/null; echo </dev/tty || echo none")
        .output()
        .out();
    assert_eq!(output, "none\n");
}
