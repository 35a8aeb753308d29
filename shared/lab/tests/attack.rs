//! `lab attack`: the matrix is as it is recorded, every probe proves something, and nothing is left behind.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use harness::{Census, Need, Output, Run, bin, directory, test};
use serde_json::Value;

fn main() -> ExitCode {
    const NEEDS: &[Need] = &[
        Need::Root,
        Need::Package("busybox", "busybox-static"),
        Need::Controller("memory"),
        Need::Controller("pids"),
    ];
    harness::run_with_all_programs(
        "lab attack",
        vec![
            test("every_cell_is_as_it_is_recorded", NEEDS, recorded)
                .alone()
                .also_in_vm(),
            test("every_attack_escapes_where_nothing_stops_it", NEEDS, sharp).alone(),
            test(
                "a_worse_cell_fails_and_so_does_a_better_one",
                NEEDS,
                changed,
            ),
            test("an_attack_leaves_nothing", NEEDS, nothing_left).alone(),
            test("the_page_stands_alone", NEEDS, page),
            test("on_a_narrow_terminal_the_table_fits", NEEDS, narrow),
            test(
                "an_unknown_name_is_one_error_with_those_there_are",
                &[],
                unknown,
            ),
        ],
    )
}

fn repository() -> PathBuf {
    Path::new(&std::env::var("CARGO_MANIFEST_DIR").expect("cargo and the lab both say it"))
        .join("../..")
}

fn attack(arguments: &[&str]) -> Run {
    let lab = bin("lab");
    Run::new(&lab)
        .args(["attack", "--bin-dir"])
        .arg(lab.parent().expect("a program is in a folder"))
        .args(arguments)
        .current_dir(repository())
        // The stage waits for each probe, and starting a thousand processes takes as long as the machine needs.
        .env(
            "DRYDOCK_PATIENCE",
            std::env::var_os("DRYDOCK_PATIENCE").unwrap_or_default(),
        )
        .timeout(Duration::from_secs(600))
}

/// What a cgroup stops, and what gets out of one: the probes whose cells can differ between the versions.
const ABOUT_CGROUPS: [&str; 7] = [
    "fork-bomb",
    "fill-pid-table",
    "memory-bomb",
    "mknod-disk",
    "leave-cgroup",
    "raise-limit",
    "release-agent",
];

/// Those who can be attacked there: whoever has no cgroup, and whoever makes one.
const WITH_CGROUPS: [&str; 3] = ["nothing", "cgroups-naive", "cgroups"];

/// All cells. Where instructions are translated, three hundred take a quarter of an hour: there it is those that are
/// recorded by version, or could be, unless everything is asked for, and the host that translates has run all.
fn recorded() {
    let mut words = vec!["--check"];
    if kit::patience::is_asked_for() && !harness::everything() {
        words.extend(ABOUT_CGROUPS.iter().flat_map(|probe| ["--probe", *probe]));
        words.extend(WITH_CGROUPS.iter().flat_map(|name| ["--subject", *name]));
    }
    let output = attack(&words).output();
    assert!(
        output.out().contains("every cell is as it is recorded"),
        "{}{}",
        output.out(),
        output.err()
    );
    output.assert_code(0);
}

/// Else it could not tell a container that stops it from one that does not.
fn sharp() {
    let output = attack(&["--subject", "nothing", "--json"])
        .output()
        .assert_code(0);
    let cells: Vec<Value> = serde_json::from_str(&output.out()).unwrap();
    assert!(cells.len() >= 20, "{}", cells.len());
    let has_v1 = Need::CgroupV1.missing().is_none();
    for cell in cells {
        // There is a release_agent on v1 alone.
        if cell["outcome"] != "not-run" || cell["probe"] != "release-agent" || has_v1 {
            assert_eq!(cell["outcome"], "escaped", "{cell}");
        }
    }
}

fn changed() {
    let root = directory().join("repository");
    fs::create_dir_all(root.join("shared/lab")).unwrap();
    fs::create_dir_all(root.join("book/data")).unwrap();
    fs::write(root.join("Cargo.toml"), "").unwrap();
    let matrix = root.join("book/data/matrix.toml");
    let run = |words: &[&str]| {
        let few = [
            "--subject",
            "nothing",
            "--subject",
            "namespaces",
            "--probe",
            "rename-host",
        ];
        attack(&few).args(words).current_dir(&root).output()
    };
    for (record, word) in [
        (
            "[nothing]\nrename-host = \"stopped\"\n[namespaces]\nrename-host = \"stopped\"\n",
            "worse: ",
        ),
        (
            "[nothing]\nrename-host = \"escapes\"\n[namespaces]\nrename-host = \"escapes\"\n",
            "better: ",
        ),
        ("[nothing]\nrename-host = \"escapes\"\n", "new: "),
    ] {
        fs::write(&matrix, record).unwrap();
        let output = run(&["--check"]).assert_code(1);
        let told = output
            .out()
            .lines()
            .filter(|line| line.starts_with(word))
            .count();
        assert_eq!(told, 1, "{}{}", output.out(), output.err());
    }
    run(&["--bless"]).assert_code(0);
    run(&["--check"]).assert_code(0);
    let text = fs::read_to_string(&matrix).unwrap();
    assert!(
        text.contains("[namespaces]\nrename-host = \"stopped\"\n"),
        "{text}"
    );
}

/// The worst of them, with nothing in their way.
fn nothing_left() {
    let settings = || {
        ["hostname", "core_pattern", "pid_max"]
            .map(|name| fs::read_to_string(format!("/proc/sys/kernel/{name}")).unwrap())
    };
    // What the first run makes for all that follow: the root file system, the list of containers.
    attack(&["--subject", "nothing", "--probe", "rename-host"])
        .output()
        .assert_code(0);
    let (census, before) = (Census::take(), settings());
    let mut words = vec!["--subject", "nothing", "--subject", "cgroups"];
    for probe in [
        "rename-host",
        "leak-mount",
        "fork-bomb",
        "memory-bomb",
        "raise-limit",
        "remount-proc",
    ] {
        words.extend(["--probe", probe]);
    }
    attack(&words).output().assert_code(0);
    assert_eq!(settings(), before);
    census.assert_unchanged();
}

fn page() {
    let file = directory().join("page.html");
    attack(&["--probe", "rename-host", "--html", file.to_str().unwrap()])
        .output()
        .assert_code(0);
    let page = fs::read_to_string(file).unwrap();
    for part in [
        "rename the host",
        "escapes<small>",
        "stopped<small>",
        "cgroups-naive",
    ] {
        assert!(page.contains(part), "{part}");
    }
    for request in ["src=", "href=", "url(", "@import", "<script"] {
        assert!(
            !page.contains(request),
            "the page asks for something: {request}"
        );
    }
}

fn narrow() {
    let terminal = attack(&["--probe", "rename-host", "--probe", "leave-root"]).under_pty();
    let text = terminal.wait().assert_code(0).out();
    assert!(text.contains("\x1b[1;31mE\x1b[0m"), "{text}");
    assert!(text.contains("E escapes, s stopped"), "{text}");
}

fn unknown() {
    let error = |output: Output| {
        let output = output.assert_code(1);
        assert_eq!(output.err().lines().count(), 1, "{}", output.err());
        output.err()
    };
    let subject = error(attack(&["--subject", "docker"]).output());
    assert!(
        subject.contains("no subject called docker; there are nothing, "),
        "{subject}"
    );
    let probe = error(attack(&["--probe", "magic"]).output());
    assert!(
        probe.contains("no probe called magic; there are see-processes, "),
        "{probe}"
    );
}
