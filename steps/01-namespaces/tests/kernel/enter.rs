//! `enter`: a command in a container that runs already.

use std::time::Duration;

use harness::{Census, Need, Run, Running, Test, bin, descriptors, test};
use nix::unistd::Pid;

use crate::{ROOT, container};

const USER: &[Need] = &[Need::Root, Need::UserNamespaces];

pub(crate) fn tests() -> Vec<Test> {
    vec![
        test(
            "enter_joins_every_namespace",
            &[Need::Root, Need::UserNamespaces, Need::TimeNamespaces],
            enter_joins_every_namespace,
        ),
        test(
            "enter_by_any_process_of_the_container",
            ROOT,
            enter_by_any_process_of_the_container,
        ),
        test(
            "enter_has_the_containers_processes_in_sight",
            ROOT,
            enter_has_the_containers_processes_in_sight,
        ),
        test(
            "enter_ends_with_the_commands_code",
            ROOT,
            enter_ends_with_the_commands_code,
        ),
        test(
            "enter_has_a_clean_environment",
            ROOT,
            enter_has_a_clean_environment,
        ),
        test(
            "enter_has_input_and_a_terminal_if_asked",
            ROOT,
            enter_has_input_and_a_terminal_if_asked,
        ),
        test(
            "enter_into_a_user_namespace_is_as_root",
            USER,
            enter_into_a_user_namespace_is_as_root,
        ),
        test(
            "enter_inherits_no_descriptor",
            ROOT,
            enter_inherits_no_descriptor,
        ),
        test(
            "enter_ends_with_its_parent_and_the_container_goes_on",
            ROOT,
            enter_ends_with_its_parent,
        ),
        test(
            "enter_ends_with_the_container",
            ROOT,
            enter_ends_with_the_container,
        ),
        test(
            "enter_refuses_what_is_no_container",
            ROOT,
            enter_refuses_what_is_no_container,
        ),
    ]
}

/// A container that sleeps, and the pid of its first process.
struct Sleeper {
    running: Running,
    init: Pid,
}

impl Sleeper {
    fn start(options: &[&str]) -> Self {
        let pid_file = harness::directory().join("run/pid");
        let run = container(options).arg("--pid-file").arg(&pid_file);
        let running = run
            .args(["--", "sh", "-c", "echo ready; exec sleep 1000"])
            .spawn();
        running.expect("ready");
        let init = Pid::from_raw(harness::contents(&pid_file).parse().unwrap());
        std::fs::remove_file(pid_file).unwrap();
        Self { running, init }
    }

    fn enter(&self, arguments: &[&str]) -> Run {
        enter(self.init).args(arguments)
    }
}

fn enter(pid: Pid) -> Run {
    Run::new(bin("namespaces"))
        .arg("enter")
        .arg(pid.to_string())
}

fn enter_joins_every_namespace() {
    let all = ["cgroup", "ipc", "mnt", "net", "pid", "time", "user", "uts"];
    for options in [
        &[][..],
        &["--userns", "--boottime", "1000"],
        &["--share", "net"],
        &["--no-init"],
    ] {
        let sleeper = Sleeper::start(options);
        let script = format!(
            "readlink {}",
            all.map(|kind| format!("/proc/self/ns/{kind}")).join(" ")
        );
        let inside = sleeper
            .enter(&["--", "sh", "-c", &script])
            .output()
            .assert_code(0)
            .out();
        let theirs = all
            .map(|kind| std::fs::read_link(format!("/proc/{}/ns/{kind}", sleeper.init)).unwrap());
        let theirs: Vec<_> = theirs.iter().map(|link| link.to_str().unwrap()).collect();
        assert_eq!(inside.lines().collect::<Vec<_>>(), theirs, "{options:?}");
    }
}

fn enter_by_any_process_of_the_container() {
    let sleeper = Sleeper::start(&["--hostname", "box"]);
    let children = format!("/proc/{0}/task/{0}/children", sleeper.init);
    let command: i32 = std::fs::read_to_string(children)
        .unwrap()
        .trim()
        .parse()
        .unwrap();
    let output = enter(Pid::from_raw(command))
        .args(["--", "hostname"])
        .output();
    assert_eq!(output.assert_code(0).out(), "box\n");
}

fn enter_has_the_containers_processes_in_sight() {
    let sleeper = Sleeper::start(&[]);
    let script = "cat /proc/[0-9]*/comm | sort | uniq | tr '\\n' ' '; test $$ -gt 2";
    let seen = sleeper
        .enter(&["--", "sh", "-c", script])
        .output()
        .assert_code(0)
        .out();
    assert!(
        seen.contains("init ") && seen.contains("sleep ") && seen.contains("sh "),
        "{seen}"
    );
}

fn enter_ends_with_the_commands_code() {
    let sleeper = Sleeper::start(&[]);
    for (script, code) in [
        ("true", 0),
        ("exit 3", 3),
        ("kill -TERM $$", 143),
        ("kill -34 $$", 162),
    ] {
        sleeper
            .enter(&["--", "sh", "-c", script])
            .output()
            .assert_code(code);
    }
    sleeper
        .enter(&["--", "no-such-command"])
        .output()
        .assert_code(127);
    sleeper.enter(&["--", "/etc"]).output().assert_code(126);
    let output = sleeper.enter(&[]).output().assert_code(125);
    assert!(output.err().contains("no command given"), "{output}");
    let running = sleeper
        .enter(&["--", "sh", "-c", "echo ready; exec sleep 100"])
        .spawn();
    running.expect("ready");
    running.signal(libc::SIGTERM);
    running.wait().assert_code(143);
}

fn enter_has_a_clean_environment() {
    let sleeper = Sleeper::start(&[]);
    let output = sleeper
        .enter(&["-e", "A=1", "-w", "/etc", "--", "sh", "-c", "env; pwd"])
        .env("SECRET", "x")
        .output();
    let output = output.assert_code(0).out();
    let mut lines: Vec<_> = output
        .lines()
        .filter(|line| !line.starts_with("PWD="))
        .collect();
    lines.sort_unstable();
    assert_eq!(
        lines,
        [
            "/etc",
            "A=1",
            "HOME=/root",
            "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
        ]
    );
}

fn enter_has_input_and_a_terminal_if_asked() {
    let sleeper = Sleeper::start(&[]);
    assert_eq!(
        sleeper
            .enter(&["--", "cat"])
            .stdin("x")
            .output()
            .assert_code(0)
            .out(),
        ""
    );
    assert_eq!(
        sleeper
            .enter(&["-i", "--", "cat"])
            .stdin("x")
            .output()
            .assert_code(0)
            .out(),
        "x"
    );
    let terminal = sleeper
        .enter(&["-it", "--", "sh", "-c", "stty size; tty; read x; exit 8"])
        .under_pty();
    terminal.expect("24 80");
    terminal.expect("/dev/pts/");
    terminal.send("\r");
    terminal.wait().assert_code(8);
}

fn enter_into_a_user_namespace_is_as_root() {
    let sleeper = Sleeper::start(&["--uid-map", "0:100000:65536", "--gid-map", "0:100000:65536"]);
    let output = sleeper
        .enter(&["--", "sh", "-c", "id -u; id -g; id -G; hostname new"])
        .output();
    assert_eq!(output.assert_code(0).out(), "0\n0\n0\n");
}

fn enter_inherits_no_descriptor() {
    let sleeper = Sleeper::start(&[]);
    let before = descriptors(sleeper.init);
    let inside = sleeper
        .enter(&["--", "ls", "/proc/self/fd"])
        .after("exec 7</etc/passwd 9</")
        .output();
    assert_eq!(inside.assert_code(0).out(), "0\n1\n2\n3\n");
    assert_eq!(descriptors(sleeper.init), before);
}

fn enter_ends_with_its_parent() {
    let sleeper = Sleeper::start(&[]);
    let census = Census::take();
    let running = sleeper
        .enter(&["--", "sh", "-c", "echo ready; exec sleep 1000"])
        .spawn();
    running.expect("ready");
    running.signal(libc::SIGKILL);
    running.wait();
    census.assert_unchanged();
    sleeper.enter(&["--", "true"]).output().assert_code(0);
}

fn enter_ends_with_the_container() {
    let sleeper = Sleeper::start(&[]);
    let running = sleeper
        .enter(&["--", "sh", "-c", "echo ready; sleep 1000"])
        .spawn();
    running.expect("ready");
    sleeper.running.signal(libc::SIGTERM);
    sleeper.running.wait().assert_code(143);
    assert!(running.ends_within(Duration::from_secs(10)));
    running.wait().assert_code(137);
}

fn enter_refuses_what_is_no_container() {
    let sleeper = Sleeper::start(&[]);
    let init = sleeper.init;
    sleeper.running.signal(libc::SIGKILL);
    sleeper.running.wait();
    let census = Census::take();
    let own = std::process::id().to_string();
    let parts = [
        (init.to_string(), "cannot find the process"),
        (own, "is in no container"),
        ("2147483647".to_owned(), "cannot find the process"),
        ("0".to_owned(), "'0'"),
        ("-5".to_owned(), "-5"),
        ("box".to_owned(), "'box'"),
        (String::new(), "''"),
        ("99999999999".to_owned(), "'99999999999'"),
    ];
    for (pid, part) in parts {
        let output = Run::new(bin("namespaces"))
            .args(["enter", &pid, "--", "true"])
            .output()
            .assert_code(125);
        assert!(output.err().contains(part), "{pid}: {output}");
    }
    census.assert_unchanged();
}
