//! What the suites of this step share.

use std::path::{Path, PathBuf};

use std::process::ExitCode;

use harness::{Output, Run, bin};
use namespaces::{Kind, Mechanisms, Namespaces, Process, Streams, spawn};
use rootfs::{Options, Rootfs};

/// `rootfs run --rootfs ROOT OPTIONS… sh -c SCRIPT`
pub(crate) fn inside(root: &Path, options: &[&str], script: &str) -> Run {
    Run::new(bin("rootfs"))
        .args(["run", "--rootfs"])
        .arg(root)
        .args(options)
        .args(["sh", "-c", script])
}

/// The same to its end, which must be good.
#[track_caller]
pub(crate) fn succeed(root: &Path, options: &[&str], script: &str) -> String {
    inside(root, options, script).output().assert_code(0).out()
}

/// For what no option of the program asks for: a container of this process's own, for a test that has executed itself.
#[expect(
    clippy::print_stderr,
    reason = "it stands for a program, whose errors go there"
)]
pub(crate) fn container(options: Options, script: &str) -> ExitCode {
    let process = Process {
        arguments: ["sh", "-ec", script].map(Into::into).to_vec(),
        environment: vec![("PATH".into(), "/bin".into())],
        init: true,
        ..Process::default()
    };
    let mechanisms = Mechanisms::new()
        .and(Namespaces::new(&Kind::DEFAULT, "box"))
        .and(Rootfs::new(options));
    let container = spawn(&process, Streams::ours(false), mechanisms);
    match container.and_then(|container| container.wait()) {
        Ok(exit) => exit.code.into(),
        Err(error) => {
            eprintln!("{error}");
            ExitCode::from(125)
        }
    }
}

/// The program where an ordinary user can execute it.
pub(crate) fn program_for_all() -> PathBuf {
    let program = harness::directory().join("rootfs");
    copy(&bin("rootfs"), &program);
    program
}

/// Copies a program that is executed next. Not with our own hands: a test that forks at this moment would inherit the
/// descriptor that it is written through, and execve(2) refuses a file that anybody writes to (ETXTBSY).
pub(crate) fn copy(program: &Path, to: &Path) {
    Run::new("cp").args([program, to]).output().assert_code(0);
}

/// What a refusal writes.
#[track_caller]
pub(crate) fn refused(run: Run) -> String {
    let output: Output = run.output().assert_code(125);
    assert!(output.stdout.is_empty(), "{output}");
    let error = output.err();
    let lines: Vec<&str> = error.lines().collect();
    assert!(
        matches!(lines[..], [sentence, hint] if sentence.starts_with("rootfs: ") && hint.starts_with("hint: ")),
        "not one sentence and one hint: {error}"
    );
    error
}

/// A directory of the test's own, outside every root file system.
pub(crate) fn outside(name: &str) -> PathBuf {
    let directory = harness::directory().join(name);
    std::fs::create_dir_all(&directory).unwrap();
    directory
}

/// A mount as mountinfo shows it (proc_pid_mountinfo(5)), without what differs from run to run and from kernel to kernel.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Mount {
    pub(crate) root: String,
    pub(crate) target: String,
    pub(crate) options: String,
    pub(crate) kind: String,
    pub(crate) source: String,
    pub(crate) file_system_options: String,
}

impl Mount {
    pub(crate) fn is_read_only(&self) -> bool {
        self.options.split(',').next() == Some("ro")
    }
}

/// All mounts in a text of that form.
pub(crate) fn mounts(text: &str) -> Vec<Mount> {
    text.lines().map(mount).collect()
}

fn mount(line: &str) -> Mount {
    let (mount, file_system) = line
        .split_once(" - ")
        .unwrap_or_else(|| panic!("not a mount: {line}"));
    let field = |text: &str, at: usize| text.split(' ').nth(at).unwrap_or_default().to_owned();
    Mount {
        root: field(mount, 3),
        target: field(mount, 4),
        options: field(mount, 5),
        kind: field(file_system, 0),
        source: field(file_system, 1),
        file_system_options: field(file_system, 2),
    }
}

/// The mounts of the host that have to do with `path`.
pub(crate) fn host_mounts(path: &Path) -> Vec<String> {
    let path = path.to_str().unwrap();
    let table = std::fs::read_to_string("/proc/self/mountinfo").unwrap();
    table
        .lines()
        .filter(|line| line.contains(path))
        .map(str::to_owned)
        .collect()
}
