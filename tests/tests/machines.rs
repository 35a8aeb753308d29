//! The machines that we promise: the Vagrantfile and Lima's template are sound, and what they install is what
//! `provision.sh` knows. It runs on the host, see `tests/vm/host-only`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use harness::{Need, Output, Run, test};
use yaml_rust2::{Yaml, YamlLoader};

fn main() -> ExitCode {
    let vagrant = [Need::Program("vagrant")];
    let mut tests: Vec<_> = ["virtualbox", "libvirt", "vmware_desktop", "parallels"]
        .into_iter()
        .map(|provider| {
            test(
                format!("vagrant_takes_our_file_for_{provider}"),
                &vagrant,
                move || takes(provider),
            )
        })
        .collect();
    tests.extend([
        test(
            "what_the_box_installs_exists",
            &[],
            what_the_box_installs_exists,
        ),
        test(
            "lima_has_both_kinds_of_machine",
            &[],
            lima_has_both_kinds_of_machine,
        ),
        test(
            "a_misspelt_set_installs_nothing",
            &[],
            a_misspelt_set_installs_nothing,
        ),
        test(
            "what_is_installed_is_not_missing",
            &[Need::Program("dpkg-query")],
            what_is_installed_is_not_missing,
        ),
        test(
            "every_script_can_be_parsed",
            &[],
            every_script_can_be_parsed,
        ),
    ]);
    harness::run("machines", tests)
}

/// Vagrant accepts the file as it is, and refuses it with a setting in the provider's block that there is not: so the
/// block has been looked at.
fn takes(provider: &str) {
    let file = read("Vagrantfile");
    validate(&file, provider).assert_code(0);
    let broken = file.replace("machine.memory", "machine.memroy");
    assert_ne!(broken, file);
    let output = validate(&broken, provider);
    assert_ne!(output.code, Some(0), "{output}");
    assert!(format!("{output}").contains("memroy"), "{output}");
}

/// `vagrant validate` in a directory of its own, with a home of its own: nothing is left anywhere.
fn validate(file: &str, provider: &str) -> Output {
    let scratch = tempfile::tempdir().unwrap();
    let home = scratch.path().join("home");
    fs::create_dir(&home).unwrap();
    fs::write(home.join("Vagrantfile"), read("tests/vm/providers.rb")).unwrap();
    fs::write(scratch.path().join("Vagrantfile"), file).unwrap();
    Run::new("vagrant")
        .arg("validate")
        .current_dir(scratch.path())
        .env("VAGRANT_HOME", &home)
        .env("VAGRANT_DEFAULT_PROVIDER", provider)
        .output()
}

fn what_the_box_installs_exists() {
    let file = read("Vagrantfile");
    let sets = file
        .lines()
        .find_map(|line| line.strip_prefix("SETS = \"")?.strip_suffix('"'))
        .expect("the Vagrantfile names its sets");
    list(sets.split(' ')).assert_code(0);
    let lima = lima();
    let scripts = lima["provision"]
        .as_vec()
        .expect("Lima's template provisions");
    let command = |script: &Yaml| {
        let script = script["script"]
            .as_str()
            .expect("a script is text")
            .to_owned();
        let line = script.lines().last().unwrap_or_default();
        line.strip_prefix("exec sh /lab/shared/lab/provision.sh ")
            .unwrap_or_else(|| panic!("{line}"))
            .to_owned()
    };
    let commands: Vec<_> = scripts.iter().map(command).collect();
    // The same machine, whoever makes it.
    assert_eq!(commands, [sets, "rust"]);
}

fn lima_has_both_kinds_of_machine() {
    let lima = lima();
    // Its own list of Debian 12's images, which has both; to restrict it would be to say `arch`.
    assert_eq!(lima["base"].as_str(), Some("template://_images/debian-12"));
    assert!(lima["arch"].is_badvalue());
    let mount = &lima["mounts"][0];
    assert_eq!(mount["mountPoint"].as_str(), Some("/lab"));
    assert_eq!(mount["writable"].as_bool(), Some(true));
}

fn a_misspelt_set_installs_nothing() {
    let output = provision(["--list", "run", "tset"]);
    assert_ne!(output.code, Some(0), "{output}");
    assert!(output.err().contains("no set called tset"), "{output}");
    assert_eq!(provision([]).code, Some(2));
}

fn what_is_installed_is_not_missing() {
    // dpkg is on every Debian, and never in a set; a package that does not exist is missing everywhere.
    let script = "packages() { echo \"$1\"; }";
    let changed =
        read("shared/lab/provision.sh").replace("list() {", &format!("{script}\nlist() {{"));
    let scratch = tempfile::tempdir().unwrap();
    let folder = scratch.path().join("shared/lab");
    fs::create_dir_all(&folder).unwrap();
    let path = folder.join("provision.sh");
    fs::write(&path, changed).unwrap();
    let missing = |package: &str| {
        Run::new("sh")
            .arg(&path)
            .args(["--missing", package])
            .output()
    };
    missing("dpkg").assert_code(0);
    let output = missing("no-such-package-at-all");
    assert_eq!(
        (output.code, output.out().trim()),
        (Some(1), "no-such-package-at-all"),
        "{output}"
    );
}

fn every_script_can_be_parsed() {
    for script in [
        "shared/lab/provision.sh",
        "tests/vm/customize.sh",
        "tests/vm/image.sh",
        "tests/vm/init",
        "tests/vm/run-tests",
        "tests/vm/stub",
    ] {
        Run::new("sh")
            .arg("-n")
            .arg(root().join(script))
            .output()
            .assert_code(0);
    }
}

fn list<'a>(sets: impl Iterator<Item = &'a str>) -> Output {
    provision(std::iter::once("--list").chain(sets))
}

fn provision<'a>(arguments: impl IntoIterator<Item = &'a str>) -> Output {
    Run::new("sh")
        .arg(root().join("shared/lab/provision.sh"))
        .args(arguments)
        .output()
}

fn lima() -> Yaml {
    let mut documents = YamlLoader::load_from_str(&read("lima.yaml")).expect("lima.yaml is YAML");
    assert_eq!(documents.len(), 1);
    documents.remove(0)
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("tests/ is in the repository")
        .to_owned()
}
