//! What the tests share.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use harness::{Census, Need, Output, Run, Running, bin, busybox_root};
use nix::unistd::Pid;

pub(crate) const ROOT: [Need; 2] = [Need::Root, Need::Package("busybox", "busybox-static")];

/// [`ROOT`] and a controller.
pub(crate) fn with(controller: &'static str) -> [Need; 3] {
    [ROOT[0], ROOT[1], Need::Controller(controller)]
}

pub(crate) fn cgroups<const N: usize>(arguments: [&str; N]) -> Run {
    Run::new(bin("cgroups")).args(arguments)
}

/// `cgroups run OPTIONS --rootfs (a new one) sh -c SCRIPT`.
pub(crate) fn container(options: &[&str], script: &str) -> Run {
    container_in(&busybox_root(), options, script)
}

pub(crate) fn container_in(root: &Path, options: &[&str], script: &str) -> Run {
    cgroups(["run"])
        .args(options)
        .arg("--rootfs")
        .arg(root)
        .args(["sh", "-c", &format!("{FUNCTIONS}{script}")])
}

/// `show V1 V2` prints the file of either version.
const FUNCTIONS: &str = "show() { cat /sys/fs/cgroup/$1 2>/dev/null || cat /sys/fs/cgroup/$2 2>/dev/null || \
                         cat /sys/fs/cgroup/unified/$2; }\n";

/// What it prints, if all is well.
pub(crate) fn prints(options: &[&str], script: &str) -> String {
    let output = container(options, script).output().assert_code(0);
    assert_eq!(output.err(), "", "{options:?}");
    output.out()
}

/// A container that runs until it is killed, and is known to have begun.
pub(crate) fn sleeper(options: &[&str]) -> Container {
    begun(container(options, "echo begun; exec sleep 1000"))
}

/// The same of any container that says so.
pub(crate) fn begun(run: Run) -> Container {
    let running = run.spawn();
    running.expect("begun");
    Container(Some(running))
}

/// A running container, which is ended in an orderly way: a harness that kills everything at once, the janitor too,
/// would leave its cgroups to a sweep that never comes.
pub(crate) struct Container(Option<Running>);

impl Container {
    /// Waits for its end.
    pub(crate) fn wait(mut self) -> Output {
        self.0.take().expect("it is there until now").wait()
    }
}

impl std::ops::Deref for Container {
    type Target = Running;

    fn deref(&self) -> &Running {
        self.0.as_ref().expect("it is there until it is waited for")
    }
}

impl Drop for Container {
    fn drop(&mut self) {
        if let Some(running) = self.0.take() {
            let janitor = find_janitor(running.pid());
            running.signal(libc::SIGKILL);
            // A zombie has no descriptors.
            let gone = || janitor.is_none_or(|pid| harness::descriptors(pid).is_empty());
            eventually("the janitor has done its work", gone);
        }
    }
}

/// A refusal of ours: exit code 125, one sentence, and a hint if it is said to have one.
pub(crate) fn refusal(output: Output, has_hint: bool) -> String {
    let error = output.assert_code(125).err();
    let mut lines = error.lines();
    let sentence = lines.next().unwrap_or_default().to_owned();
    let sentence = sentence.strip_prefix("cgroups: ").map(str::to_owned);
    let sentence = sentence.unwrap_or_else(|| panic!("not a sentence of ours: {error}"));
    let hints: Vec<&str> = lines.collect();
    assert_eq!(hints.len(), usize::from(has_hint), "{error}");
    assert!(
        hints.iter().all(|hint| hint.starts_with("hint: ")),
        "{error}"
    );
    sentence
}

/// The directories that containers of the name `name` have now.
pub(crate) fn directories(name: &str) -> Vec<PathBuf> {
    let directory = format!("drydock-{name}");
    let mut found = Vec::new();
    let mut left = vec![PathBuf::from("/sys/fs/cgroup")];
    while let Some(next) = left.pop() {
        for entry in std::fs::read_dir(&next).into_iter().flatten().flatten() {
            if entry.file_name() == directory.as_str() {
                found.push(entry.path());
            } else if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                left.push(entry.path());
            }
        }
    }
    found
}

/// Waits until something is so that must become so; how long it takes is nobody's business.
pub(crate) fn eventually(what: &str, mut is_so: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while !is_so() {
        assert!(Instant::now() < deadline, "never came to be: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// What is there before the first container of this test; the directory of the records stays, once made.
pub(crate) fn census() -> Census {
    std::fs::create_dir_all(harness::directory().join("run/cgroups"))
        .expect("the test has a run root");
    Census::take()
}

/// Who cleans up after the program `parent`.
pub(crate) fn janitor_of(parent: Pid) -> Pid {
    // The list of children is exact only while none comes or goes (proc_pid_task(5)).
    harness::eventually(|| find_janitor(parent))
}

fn find_janitor(parent: Pid) -> Option<Pid> {
    let children = std::fs::read_to_string(format!("/proc/{parent}/task/{parent}/children"));
    let children = children.unwrap_or_default();
    let janitor = children.split_whitespace().find(|pid| {
        std::fs::read_to_string(format!("/proc/{pid}/comm"))
            .is_ok_and(|name| name.trim() == "drydock-janitor")
    })?;
    Some(Pid::from_raw(janitor.parse().ok()?))
}
