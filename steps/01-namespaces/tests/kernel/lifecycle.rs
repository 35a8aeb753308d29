//! A container that one process creates, another starts, and a third undoes.

use std::fs;
use std::path::{Path, PathBuf};

use harness::{Census, Run, Test, descriptors, eventually, example, test};
use nix::unistd::Pid;

use crate::ROOT;

pub(crate) fn tests() -> Vec<Test> {
    let tests: [(&str, fn()); 9] = [
        (
            "one_creates_another_starts_a_third_undoes",
            one_creates_another_starts_a_third_undoes,
        ),
        ("a_container_is_started_once", a_container_is_started_once),
        ("of_two_starters_one_starts", of_two_starters_one_starts),
        (
            "a_directory_is_one_containers",
            a_directory_is_one_containers,
        ),
        ("of_two_creators_one_creates", of_two_creators_one_creates),
        (
            "a_failed_creation_leaves_the_directory_free",
            a_failed_creation_leaves_the_directory_free,
        ),
        (
            "what_cannot_be_executed_is_told_to_the_starter",
            what_cannot_be_executed_is_told_to_the_starter,
        ),
        (
            "a_created_container_has_nothing_open_but_its_gate",
            a_created_container_has_nothing_open_but_its_gate,
        ),
        (
            "a_started_command_inherits_no_gate",
            a_started_command_inherits_no_gate,
        ),
    ];
    tests
        .into_iter()
        .map(|(name, body)| test(name, ROOT, body))
        .collect()
}

/// A directory for a container, where [`Census`] sees what is left.
pub(crate) fn directory(name: &str) -> PathBuf {
    let directory = harness::directory().join("run").join(name);
    fs::create_dir(&directory).unwrap();
    directory
}

/// One verb of the example's.
pub(crate) fn lifecycle(verb: &str, directory: &Path) -> Run {
    Run::new(example("namespaces-lifecycle"))
        .arg(verb)
        .arg(directory)
}

/// Where a detached container's output goes: a pipe would last as long as the container.
fn log_of(directory: &Path) -> PathBuf {
    let name = directory.file_name().unwrap().to_str().unwrap();
    harness::directory().join(format!("{name}.log"))
}

/// What it has said, after its creator's first line.
fn said(directory: &Path) -> String {
    let text = fs::read_to_string(log_of(directory)).unwrap();
    text.split_once('\n').unwrap_or_default().1.to_owned()
}

/// Runs a creator, whose first line of output is the pid.
pub(crate) fn created(creator: Run, directory: &Path) -> Pid {
    let log = log_of(directory);
    let output = creator
        .after(&format!("exec >'{}' 2>&1", log.display()))
        .output();
    let text = fs::read_to_string(log).unwrap();
    assert_eq!(output.code, Some(0), "{text}");
    Pid::from_raw(text.lines().next().unwrap().parse().unwrap())
}

pub(crate) fn create(directory: &Path, command: &[&str]) -> Pid {
    created(lifecycle("create", directory).args(command), directory)
}

pub(crate) fn start(directory: &Path) {
    lifecycle("start", directory).output().assert_code(0);
}

pub(crate) fn undo(directory: &Path) {
    lifecycle("undo", directory).output().assert_code(0);
}

fn wait(directory: &Path) {
    lifecycle("wait", directory).output().assert_code(0);
}

pub(crate) fn is_alive(pid: Pid) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat"));
    stat.is_ok_and(|stat| !stat.contains(") Z "))
}

fn one_creates_another_starts_a_third_undoes() {
    let directory = directory("box");
    let census = Census::take();
    let pid = create(&directory, &["sh", "-c", "echo hello from $$"]);
    // It waits: the program is still ours, and the command has not been executed.
    let program = fs::read_link(format!("/proc/{pid}/exe")).unwrap();
    assert_eq!(program, example("namespaces-lifecycle"));
    assert_eq!(said(&directory), "");
    assert!(directory.with_extension("marker").exists());
    start(&directory);
    wait(&directory);
    assert_eq!(said(&directory), "hello from 1\n");
    undo(&directory);
    census.assert_unchanged();
}

fn a_container_is_started_once() {
    let directory = directory("box");
    let refusal = || {
        let output = lifecycle("start", &directory).output().assert_code(125);
        output.err().lines().next().unwrap().to_owned()
    };
    let none = refusal();
    assert!(
        none.starts_with("lifecycle: there is no container in "),
        "{none}"
    );
    create(&directory, &["sleep", "100"]);
    start(&directory);
    assert_eq!(
        refusal(),
        "lifecycle: the container has been started already"
    );
    undo(&directory);
    let pid = create(&directory, &["sleep", "0"]);
    start(&directory);
    wait(&directory);
    assert_eq!(refusal(), "lifecycle: the container has ended");
    undo(&directory);
    // One that has ended without having been started.
    let waiting = create(&directory, &["true"]);
    assert!(waiting != pid);
    nix::sys::signal::kill(waiting, nix::sys::signal::SIGKILL).unwrap();
    wait(&directory);
    assert_eq!(refusal(), "lifecycle: the container has ended");
    undo(&directory);
}

fn of_two_starters_one_starts() {
    let directory = directory("box");
    create(&directory, &["sleep", "100"]);
    let starters = [(); 4].map(|()| lifecycle("start", &directory).spawn());
    let outputs = starters.map(harness::Running::wait);
    let started = outputs.iter().filter(|output| output.code == Some(0));
    assert_eq!(started.count(), 1, "{outputs:?}");
    for output in outputs.iter().filter(|output| output.code != Some(0)) {
        assert!(
            output.err().ends_with("has been started already\n"),
            "{output}"
        );
    }
    undo(&directory);
}

fn a_directory_is_one_containers() {
    let directory = directory("box");
    let pid = create(&directory, &["sleep", "100"]);
    let record = fs::read(directory.join("container.json")).unwrap();
    let output = lifecycle("create", &directory).arg("true").output();
    let error = output.assert_code(125).err();
    assert!(
        error.contains("box is another container's directory"),
        "{error}"
    );
    assert_eq!(fs::read(directory.join("container.json")).unwrap(), record);
    assert!(is_alive(pid));
    start(&directory);
    undo(&directory);
    create(&directory, &["true"]);
    undo(&directory);
    let missing = directory.join("none");
    let output = lifecycle("create", &missing).arg("true").output();
    assert!(output.assert_code(125).err().contains("ENOENT"));
    undo(&missing);
}

fn of_two_creators_one_creates() {
    let directory = directory("box");
    let census = Census::take();
    for _ in 0..5 {
        let creators = [(); 3].map(|()| {
            lifecycle("create", &directory)
                .arg("--with-parent")
                .args(["sleep", "100"])
                .spawn()
        });
        let code = |directory: &Path| lifecycle("start", directory).output().code;
        eventually(|| (code(&directory) == Some(0)).then_some(()));
        undo(&directory);
        let codes = creators.map(|creator| creator.wait().code);
        let killed = codes.iter().filter(|code| **code == Some(137)).count();
        let refused = codes.iter().filter(|code| **code == Some(125)).count();
        // One that comes late finds the directory free again.
        assert!(killed >= 1 && killed + refused == 3, "{codes:?}");
        undo(&directory);
    }
    census.assert_unchanged();
}

fn a_failed_creation_leaves_the_directory_free() {
    let directory = directory("box");
    let census = Census::take();
    for more in [&[][..], &["--init"], &["--keep", "/dev/null"]] {
        for (failing, sentence) in [
            (&["--ask", "no"][..], "the parent refuses"),
            (
                &["--directory", "/none"],
                "cannot change to the working directory /none: No such file",
            ),
        ] {
            let output = Run::new(example("namespaces-probe"))
                .arg("--create")
                .arg(&directory)
                .args(more)
                .args(failing)
                .args(["--", "true"])
                .output();
            assert!(output.err().contains(sentence), "{more:?}: {output}");
            census.assert_unchanged();
        }
    }
}

fn what_cannot_be_executed_is_told_to_the_starter() {
    let directory = directory("box");
    let census = Census::take();
    for (command, code, sentence) in [
        (
            "no-such-command",
            127,
            "cannot run no-such-command: executable file not found in $PATH",
        ),
        (
            "/etc/passwd",
            126,
            "cannot run /etc/passwd: Permission denied",
        ),
        ("/etc", 126, "cannot run /etc: Permission denied"),
    ] {
        create(&directory, &[command]);
        let output = lifecycle("start", &directory).output().assert_code(code);
        assert!(output.err().contains(sentence), "{output}");
        wait(&directory);
        undo(&directory);
        census.assert_unchanged();
    }
}

fn a_created_container_has_nothing_open_but_its_gate() {
    for more in [&[][..], &["--init"], &["--with-parent"]] {
        let directory = directory(&format!("box{}", more.concat()));
        let creator = Run::new(example("namespaces-probe"))
            .arg("--create")
            .arg(&directory)
            .args(more)
            .args([
                "--keep",
                "/etc/passwd",
                "--new",
                "pid",
                "--",
                "sleep",
                "100",
            ]);
        let leak = "exec 7</etc/group 9</";
        let (pid, creator) = match more {
            ["--with-parent"] => {
                let running = creator.after(leak).spawn();
                let pid = running.expect("\n").trim().parse().unwrap();
                (Pid::from_raw(pid), Some(running))
            }
            _ => (created(creator.after(leak), &directory), None),
        };
        let open = |pid| -> Vec<String> {
            let mut open = descriptors(pid);
            open.retain(|number, _| *number > 2);
            open.into_values()
                .map(|name| name.split(['[', ']']).next().unwrap().to_owned())
                .collect()
        };
        // The socket that it waits at, and the process that it dies with, our init or the parent.
        let (init, command): (&[&str], &[&str]) = match more {
            ["--init"] => (&[], &["/etc/passwd", "anon_inode:", "socket:"]),
            ["--with-parent"] => (&["/etc/passwd", "socket:", "anon_inode:"], &[]),
            _ => (&["/etc/passwd", "socket:"], &[]),
        };
        eventually(|| (open(pid) == init).then_some(()));
        let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap();
        for child in children.split_whitespace() {
            assert_eq!(open(Pid::from_raw(child.parse().unwrap())), command);
        }
        start(&directory);
        eventually(|| {
            let first = children.split_whitespace().next();
            let pid = first.map_or(pid, |child| Pid::from_raw(child.parse().unwrap()));
            (open(pid) == ["/etc/passwd"]).then_some(())
        });
        undo(&directory);
        if let Some(creator) = creator {
            creator.wait().assert_code(137);
        }
    }
}

fn a_started_command_inherits_no_gate() {
    let directory = directory("box");
    create(&directory, &["ls", "/proc/self/fd"]);
    // Nor anything of the starter's.
    lifecycle("start", &directory)
        .after("exec 7</etc/passwd 9</")
        .output()
        .assert_code(0);
    wait(&directory);
    // The fourth is the directory that ls itself has opened.
    assert_eq!(said(&directory), "0\n1\n2\n3\n");
    undo(&directory);
}
