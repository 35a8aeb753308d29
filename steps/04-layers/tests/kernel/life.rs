//! A whole container, which one process creates, another starts and a third undoes: namespaces, layers, cgroups, our init.

use std::fs;
use std::path::{Path, PathBuf};

use harness::{Census, Need, Output, Run, Test, descriptors, eventually, example, test, unique};
use nix::sys::signal::{SIGKILL, kill};
use nix::unistd::Pid;

use crate::common::{ROOT, base, layers, on, prints};

pub(crate) fn tests() -> Vec<Test> {
    let memory = [ROOT[0], ROOT[1], Need::Controller("memory")];
    let v1 = [ROOT[0], ROOT[1], Need::ControllerV1("freezer")];
    vec![
        test(
            "three_processes_and_the_commands_of_others",
            &memory,
            three_processes_and_the_commands_of_others,
        ),
        test("undo_tells_why_it_ended", &memory, undo_tells_why_it_ended),
        test(
            "undo_kills_all_that_lives",
            &ROOT,
            undo_kills_all_that_lives,
        ),
        test("undo_kills_what_is_frozen", &ROOT, || frozen(&[])),
        test("undo_kills_what_is_frozen_on_v1", &v1, || {
            frozen(&WITHOUT_V2)
        }),
        test(
            "a_creation_that_fails_late_leaves_nothing",
            &ROOT,
            a_creation_that_fails_late_leaves_nothing,
        ),
        test(
            "the_name_of_one_half_undone_is_free",
            &ROOT,
            the_name_of_one_half_undone_is_free,
        ),
        test(
            "a_kept_layer_is_in_use_until_undo",
            &ROOT,
            a_kept_layer_is_in_use_until_undo,
        ),
        test("the_run_root_is_gone", &ROOT, the_run_root_is_gone),
    ]
}

/// A container of the test's own.
pub(crate) struct Container {
    pub(crate) directory: PathBuf,
    pub(crate) name: String,
    /// What each verb is run by.
    pub(crate) by: Vec<&'static str>,
}

impl Container {
    /// None yet, in a new directory where [`Census`] sees what is left, beside what other commands leave there for good.
    pub(crate) fn new() -> Self {
        let here = harness::directory();
        for place in ["run/box", "run/cgroups", "data/writable"] {
            fs::create_dir_all(here.join(place)).unwrap();
        }
        Self {
            directory: here.join("run/box"),
            name: unique("box"),
            by: Vec::new(),
        }
    }

    pub(crate) fn verb(&self, verb: &str) -> Run {
        let program = example("layers-lifecycle");
        let run = match self.by.split_first() {
            Some((first, more)) => Run::new(first).args(more).arg(program),
            None => Run::new(program),
        };
        run.arg(verb).arg(&self.directory)
    }

    /// `create` with these options and script. A detached container's output goes to a file: a pipe would last as long as
    /// the container.
    pub(crate) fn creator(&self, options: &[&str], script: &str) -> Run {
        self.verb("create")
            .arg("--layer")
            .arg(base())
            .args(["--name", &self.name])
            .args(options)
            .args(["sh", "-c", script])
            .after(&format!("exec >'{}' 2>&1", self.log().display()))
    }

    fn log(&self) -> PathBuf {
        harness::directory().join("log")
    }

    pub(crate) fn said(&self) -> String {
        fs::read_to_string(self.log()).unwrap()
    }

    #[track_caller]
    pub(crate) fn create(&self, options: &[&str], script: &str) -> Pid {
        let output = self.creator(options, script).output();
        assert_eq!(output.code, Some(0), "{}", self.said());
        Pid::from_raw(self.said().lines().next().unwrap().parse().unwrap())
    }

    #[track_caller]
    pub(crate) fn start(&self) {
        self.verb("start").output().assert_code(0);
    }

    pub(crate) fn wait(&self) {
        self.verb("wait").output().assert_code(0);
    }

    /// Returns the notes.
    #[track_caller]
    pub(crate) fn undo(&self) -> String {
        let output = self.verb("undo").output().assert_code(0);
        assert_eq!(output.err(), "");
        output.out()
    }

    pub(crate) fn cgroups(&self) -> Vec<PathBuf> {
        cgroups(&self.name)
    }

    /// All processes in the cgroups.
    fn processes(&self) -> Vec<Pid> {
        let mut found = Vec::new();
        let mut left = self.cgroups();
        while let Some(directory) = left.pop() {
            let list = fs::read_to_string(directory.join("cgroup.procs")).unwrap_or_default();
            found.extend(list.lines().map(|pid| Pid::from_raw(pid.parse().unwrap())));
            left.extend(directories(&directory));
        }
        found.sort_unstable();
        found.dedup();
        found
    }
}

fn directories(of: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(of).into_iter().flatten().flatten();
    entries
        .map(|entry| entry.path())
        .filter(|path| path.is_dir() && !path.is_symlink())
        .collect()
}

/// The cgroups of the container `name`.
pub(crate) fn cgroups(name: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut left = vec![PathBuf::from("/sys/fs/cgroup")];
    while let Some(next) = left.pop() {
        let (ours, others): (Vec<_>, Vec<_>) = directories(&next)
            .into_iter()
            .partition(|path| path.ends_with(format!("drydock-{name}")));
        found.extend(ours);
        left.extend(others);
    }
    found
}

pub(crate) fn is_alive(pid: Pid) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat"));
    stat.is_ok_and(|stat| !stat.contains(") Z "))
}

/// Whoever has one of this test's records open: a janitor.
fn holders_of_records() -> Vec<Pid> {
    let records = harness::directory()
        .join("run/cgroups")
        .display()
        .to_string();
    fs::read_dir("/proc")
        .unwrap()
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .map(Pid::from_raw)
        .filter(|pid| {
            descriptors(*pid)
                .values()
                .any(|path| path.starts_with(&records))
        })
        .collect()
}

fn writable_layers() -> usize {
    directories(&harness::directory().join("data/writable")).len()
}

#[track_caller]
fn refused(output: Output, words: &str) {
    let error = output.assert_code(125).err();
    assert!(error.contains(words), "{error}");
}

fn three_processes_and_the_commands_of_others() {
    let container = Container::new();
    let census = Census::take();
    let limits = "cd /sys/fs/cgroup; cat memory/memory.limit_in_bytes memory.max pids/pids.max pids.max 2>/dev/null";
    let pid = container.create(
        &["--memory", "64m", "--pids-limit", "10"],
        &format!("echo kept >/new; echo begun as $$; {limits}; exec sleep 1000"),
    );
    let record = fs::read(container.directory.join("container.json")).unwrap();
    let others = || {
        assert_eq!(holders_of_records(), [], "the janitor has been dismissed");
        assert_eq!(
            prints(&[&base()], &[], "cat /new 2>/dev/null || echo none"),
            "none\n"
        );
        let namesake = on(&[&base()], &["--name", &container.name], "true").output();
        refused(namesake, "is already in use");
        let list = layers(["ls"]).output().assert_code(0).out();
        assert!(list.contains(&container.name), "{list}");
        assert_eq!(writable_layers(), 1);
        assert!(is_alive(pid) && !container.cgroups().is_empty());
    };
    others();
    container.start();
    eventually(|| container.said().contains("10\n").then_some(()));
    // With our init it is not the first process.
    let said = container.said();
    assert!(said.contains("begun as 2\n67108864\n10\n"), "{said}");
    others();
    assert_eq!(
        fs::read(container.directory.join("container.json")).unwrap(),
        record
    );
    assert_eq!(container.undo(), "");
    assert!(!is_alive(pid));
    assert!(container.cgroups().is_empty());
    census.assert_unchanged();
    prints(&[&base()], &["--name", &container.name], "true");
}

fn undo_tells_why_it_ended() {
    let container = Container::new();
    let census = Census::take();
    container.create(&["--memory", "32m"], "exec tail /dev/zero");
    container.start();
    container.wait();
    let notes = container.undo();
    assert!(
        notes.ends_with("the container used its whole memory limit of 32 MiB (cgroup OOM)"),
        "{notes}"
    );
    assert_eq!(container.undo(), "");
    census.assert_unchanged();
    container.create(
        &["--pids-limit", "4"],
        "for i in 1 2 3 4 5; do sleep 1000 & done",
    );
    container.start();
    container.wait();
    let notes = container.undo();
    assert!(
        notes.contains("reached its limit of 4 processes"),
        "{notes}"
    );
    census.assert_unchanged();
}

fn undo_kills_all_that_lives() {
    let container = Container::new();
    let census = Census::take();
    let script = "sleep 1000 & setsid sleep 1000 & echo begun; exec sleep 1000";
    for (options, first_ends) in [
        (&[][..], false),
        (&["--no-init"], false),
        (&["--share", "pid"], false),
        (&["--share", "pid"], true),
    ] {
        let first = container.create(options, script);
        container.start();
        eventually(|| container.said().contains("begun").then_some(()));
        // Also what it has put into cgroups below its own.
        let processes = eventually(|| Some(container.processes()).filter(|all| all.len() >= 3));
        for cgroup in container.cgroups() {
            let below = cgroup.join("below/deeper");
            fs::create_dir_all(&below).unwrap();
            let last = processes.last().unwrap().to_string();
            fs::write(below.join("cgroup.procs"), last).unwrap();
        }
        if first_ends {
            kill(first, SIGKILL).unwrap();
            container.wait();
        }
        container.undo();
        let living: Vec<Pid> = processes.into_iter().filter(|pid| is_alive(*pid)).collect();
        assert_eq!(living, [], "{options:?}");
        census.assert_unchanged();
    }
}

/// A mount namespace in which there is nothing but v1.
const WITHOUT_V2: [&str; 5] = [
    "unshare",
    "-m",
    "sh",
    "-c",
    "umount /sys/fs/cgroup/unified 2>/dev/null; exec \"$0\" \"$@\"",
];

fn frozen(by: &[&'static str]) {
    let container = Container {
        by: by.to_vec(),
        ..Container::new()
    };
    let census = Census::take();
    for is_started in [false, true] {
        let pid = container.create(&[], "exec sleep 1000");
        if is_started {
            container.start();
        }
        layers(["freeze", &container.name]).output().assert_code(0);
        container.undo();
        assert!(!is_alive(pid));
        census.assert_unchanged();
    }
}

fn a_creation_that_fails_late_leaves_nothing() {
    let container = Container::new();
    let [upper, work] = kept();
    let kept = ["--upper", &upper, "--work", &work];
    let census = Census::take();
    for options in [&[][..], &kept] {
        let output = container
            .creator(&[&["--refuse"], options].concat(), "true")
            .output();
        assert_eq!(output.code, Some(125));
        assert_eq!(container.said(), "lifecycle: refused\n");
        census.assert_unchanged();
    }
    prints(&[&base()], &kept, "true");
}

/// Two directories side by side.
fn kept() -> [String; 2] {
    ["upper", "work"].map(|name| {
        let path = harness::directory().join(name);
        fs::create_dir(&path).unwrap();
        path.display().to_string()
    })
}

fn the_name_of_one_half_undone_is_free() {
    let container = Container::new();
    let census = Census::take();
    container.create(&[], "true");
    let record = fs::read(container.directory.join("container.json")).unwrap();
    container.undo();
    // Whoever undid it died before the last step, and its name has been taken since.
    fs::write(container.directory.join("container.json"), record).unwrap();
    let namesake = on(
        &[&base()],
        &["-i", "--name", &container.name],
        "echo begun; read x; echo lived",
    )
    .open_stdin()
    .spawn();
    namesake.expect("begun");
    container.undo();
    refused(
        on(&[&base()], &["--name", &container.name], "true").output(),
        "is already in use",
    );
    assert_eq!(namesake.wait().assert_code(0).out(), "begun\nlived\n");
    census.assert_unchanged();
}

fn a_kept_layer_is_in_use_until_undo() {
    let container = Container::new();
    let [upper, work] = kept();
    let options = ["--upper", &upper, "--work", &work];
    let census = Census::take();
    container.create(&options, "echo new >/new");
    let again = || on(&[&base()], &options, "cat /new");
    refused(again().output(), "is in use by another container");
    container.start();
    container.wait();
    refused(again().output(), "is in use by another container");
    container.undo();
    census.assert_unchanged();
    // What was written stays.
    assert_eq!(again().output().assert_code(0).out(), "new\n");
    // Another's mark is not taken away.
    container.create(&options, "true");
    let record = container.directory.join("container.json");
    let text = fs::read_to_string(&record).unwrap();
    let mark = Path::new(&work).join("drydock-in-use");
    let id = fs::read_link(&mark).unwrap().display().to_string();
    fs::write(&record, text.replace(&id, "0123456789ab")).unwrap();
    container.undo();
    refused(again().output(), "is in use by another container");
    fs::remove_file(&mark).unwrap();
    again().output().assert_code(0);
    census.assert_unchanged();
}

/// Its cgroups are removed all the same.
fn the_run_root_is_gone() {
    let container = Container::new();
    let census = Census::take();
    let pid = container.create(&[], "exec sleep 1000");
    container.start();
    fs::remove_dir_all(harness::directory().join("run/cgroups")).unwrap();
    container.undo();
    assert!(!is_alive(pid));
    assert!(container.cgroups().is_empty());
    census.assert_unchanged();
}
