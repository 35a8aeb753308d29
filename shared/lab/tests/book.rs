//! The book's checker, checked: a page that is right passes, and every way to be wrong is told from it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use harness::{Need, Output, Run, bin, directory, test};

fn main() -> ExitCode {
    const NEEDS: &[Need] = &[
        Need::Root,
        Need::Package("busybox", "busybox-static"),
        Need::Program("setpriv"),
    ];
    harness::run_with_all_programs(
        "lab book",
        vec![
            test(
                "the_book_is_as_this_machine_does_it",
                NEEDS,
                the_book_is_as_this_machine_does_it,
            ),
            // The pages share the machine's cgroups, in which their containers have names.
            test(
                "the_pages_about_cgroups_are_as_this_machine_does_it",
                NEEDS,
                the_pages_about_cgroups_are_as_this_machine_does_it,
            )
            .alone()
            .also_in_vm(),
            test("a_right_page_passes", NEEDS, a_right_page_passes),
            test(
                "a_wrong_byte_fails_with_a_difference",
                NEEDS,
                a_wrong_byte_fails_with_a_difference,
            ),
            test(
                "an_unknown_tag_is_an_error",
                NEEDS,
                an_unknown_tag_is_an_error,
            ),
            test("a_hidden_failure_fails", NEEDS, a_hidden_failure_fails),
            test(
                "a_command_without_end_is_killed",
                NEEDS,
                a_command_without_end_is_killed,
            ),
            test("a_flood_is_cut_off", NEEDS, a_flood_is_cut_off),
            test("a_shell_that_ends_fails", NEEDS, a_shell_that_ends_fails),
            test(
                "a_missing_need_skips_with_its_reason",
                NEEDS,
                a_missing_need_skips_with_its_reason,
            ),
            test(
                "a_missing_need_that_was_promised_fails",
                NEEDS,
                a_missing_need_that_was_promised_fails,
            ),
            test(
                "a_page_has_one_sandbox_and_leaves_nothing",
                NEEDS,
                a_page_has_one_sandbox_and_leaves_nothing,
            ),
            test(
                "a_killed_checker_takes_its_sandbox_along",
                NEEDS,
                a_killed_checker_takes_its_sandbox_along,
            ),
            test("a_user_is_a_user", NEEDS, a_user_is_a_user),
            test(
                "bless_writes_what_is_and_keeps_what_varies",
                NEEDS,
                bless_writes_what_is_and_keeps_what_varies,
            ),
        ],
    )
}

/// The real one, but for the pages about cgroups.
fn the_book_is_as_this_machine_does_it() {
    check_pages(pages(false));
}

/// Those of which some fences are for one version of cgroups, and some for the other.
fn the_pages_about_cgroups_are_as_this_machine_does_it() {
    check_pages(pages(true));
}

fn repository() -> PathBuf {
    Path::new(&std::env::var("CARGO_MANIFEST_DIR").unwrap()).join("../..")
}

/// The file names of the pages that have fences for one version of cgroups, or of all others.
fn pages(are_about_cgroups: bool) -> Vec<String> {
    let entries = fs::read_dir(repository().join("book/src")).unwrap();
    let mut pages = Vec::new();
    for path in entries.map(|entry| entry.unwrap().path()) {
        if path.extension().is_none_or(|extension| extension != "md") {
            continue;
        }
        let is_about = |line: &str| line.starts_with("```console") && line.contains("cgroup");
        if read(&path).lines().any(is_about) == are_about_cgroups {
            pages.push(path.file_name().unwrap().to_str().unwrap().to_owned());
        }
    }
    assert!(!pages.is_empty());
    pages
}

/// What is promised here must not be skipped, so that between this machine and the VM every fence runs.
fn check_pages(pages: Vec<String>) {
    let programs = bin("lab");
    let output = Run::new(&programs)
        .args(["book", "check", "--patience", "300", "--bin-dir"])
        .arg(programs.parent().unwrap())
        .args(pages)
        .env(
            "DRYDOCK_PROMISES",
            std::env::var_os("DRYDOCK_PROMISES").unwrap_or_default(),
        )
        .current_dir(repository())
        .timeout(Duration::from_secs(900))
        .output();
    assert!(output.err().is_empty(), "{}", output.err());
    let failed: Vec<_> = output
        .out()
        .lines()
        .filter(|line| line.ends_with("FAILED"))
        .map(str::to_owned)
        .collect();
    assert!(failed.is_empty(), "{}", output.out());
    output.assert_code(0);
}

/// A repository with a book of one page.
fn book(page: &str) -> PathBuf {
    let root = directory().join("repository");
    for folder in [
        "shared/lab",
        "steps",
        "tests",
        "book/src",
        "book/data",
        "programs",
    ] {
        fs::create_dir_all(root.join(folder)).unwrap();
    }
    for (file, text) in [
        ("Cargo.toml", ""),
        ("book/data/matrix.toml", ""),
        ("book/data/cves.toml", "cve = []\n"),
        ("book/src/SUMMARY.md", "# Summary\n\n[Page](page.md)\n"),
        ("book/src/page.md", page),
    ] {
        fs::write(root.join(file), text).unwrap();
    }
    root
}

fn lab(action: &str, root: &Path) -> Run {
    Run::new(bin("lab"))
        .args(["book", action, "--bin-dir", "programs"])
        .current_dir(root)
        .timeout(Duration::from_secs(120))
}

/// Checks a page of one fence.
fn check(info: &str, fence: &str) -> Output {
    lab(
        "check",
        &book(&format!("# Page\n\n```{info}\n{fence}```\n")),
    )
    .output()
}

fn says(output: &Output, text: &str) {
    let all = output.out() + &output.err();
    assert!(all.contains(text), "no “{text}” in\n{all}");
}

fn a_right_page_passes() {
    let output = check(
        "console,root",
        "# echo one; echo two >&2; echo three\none\ntwo\nthree\n# sh -c 'exit 3'\n# echo $?\n3\n",
    );
    says(&output, "test page.md:3 ... ok");
    says(&output, "test result: ok. 1 passed; 0 failed; 0 ignored");
    output.assert_code(0);
}

fn a_wrong_byte_fails_with_a_difference() {
    let output = check("console,root", "# echo one\nOne\n");
    says(&output, "test page.md:3 ... FAILED");
    says(
        &output,
        "--- page.md:3 as the book shows it\n+++ page.md:3 as this machine does it",
    );
    says(&output, "-One\n+one\n");
    output.assert_code(1);
}

fn an_unknown_tag_is_an_error() {
    let output = check("console,rot", "# true\n");
    says(&output, "page.md:3: the tag rot is unknown");
    output.assert_code(1);
}

fn a_hidden_failure_fails() {
    let output = check("console,root", "# false\n");
    says(&output, "exit code 1, which the page does not show");
    output.assert_code(1);
}

fn a_command_without_end_is_killed() {
    let root = book("```console,root\n# sleep 1000\n# echo after\nafter\n```\n");
    let output = lab("check", &root).args(["--patience", "1"]).output();
    says(&output, "not ended after 1 s, and killed");
    output.assert_code(1);
}

fn a_flood_is_cut_off() {
    let output = check("console,root", "# yes\n");
    says(&output, "prints without end, and killed");
    output.assert_code(1);
}

fn a_shell_that_ends_fails() {
    let output = check("console,root", "# echo bye; exit 0\nbye\n# true\n");
    says(&output, "the shell did not outlive\n    echo bye; exit 0");
    output.assert_code(1);
}

/// No machine has both, so one of the two is missing.
const BOTH: &str = "console,root,cgroup1,cgroup2";

fn a_missing_need_skips_with_its_reason() {
    let output = check(BOTH, "# echo\n");
    says(
        &output,
        "test page.md:3 ... ignored, needs the cgroup controller memory on v",
    );
    output.assert_code(0);
}

fn a_missing_need_that_was_promised_fails() {
    let root = book(&format!("```{BOTH}\n# true\n```\n"));
    let output = lab("check", &root)
        .env("DRYDOCK_PROMISES", "cgroup1,cgroup2")
        .output();
    says(&output, "and it was promised");
    output.assert_code(1);
}

fn a_page_has_one_sandbox_and_leaves_nothing() {
    let ours = directory().join("ours");
    fs::write(&ours, "").unwrap();
    let page = format!(
        "```console,root\n# cd /tmp; echo mine > file; mount -t tmpfs none /mnt; hostname other\n# sleep 1000 &\n```\n\n\
         ```console,root\n# cat file; hostname; pwd\nmine\nother\n/tmp\n# ls {} 2>/dev/null\n# echo $?\n2\n```\n",
        ours.display()
    );
    let (mounts, host) = (read("/proc/self/mounts"), read("/proc/sys/kernel/hostname"));
    lab("check", &book(&page)).output().assert_code(0);
    assert_eq!(read("/proc/self/mounts"), mounts, "a mount was left");
    assert_eq!(
        read("/proc/sys/kernel/hostname"),
        host,
        "the host has another name"
    );
}

fn a_killed_checker_takes_its_sandbox_along() {
    let mark = format!("1000.{}", std::process::id());
    let root = book(&format!("```console,root\n# sleep {mark}\n```\n"));
    let checker = lab("check", &root).spawn();
    wait_for("the command to start", || runs(&mark));
    checker.signal(9);
    wait_for("the command to end", || !runs(&mark));
}

/// Whether a process has `argument` as its last one.
fn runs(argument: &str) -> bool {
    fs::read_dir("/proc").unwrap().flatten().any(|process| {
        let line = fs::read_to_string(process.path().join("cmdline")).unwrap_or_default();
        line == format!("sleep\0{argument}\0")
    })
}

fn wait_for(what: &str, condition: impl Fn() -> bool) {
    for _ in 0..600 {
        if condition() {
            return;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    panic!("waited for {what} in vain");
}

fn a_user_is_a_user() {
    let fence = "# id -u\n0\n$ id -u; grep CapEff /proc/self/status; false\n1000\nCapEff:\t0000000000000000\n$ echo $?\n1\n";
    check("console,root", fence).assert_code(0);
}

fn bless_writes_what_is_and_keeps_what_varies() {
    let root =
        book("# Page\n\n```console,root\n# date +%H:%M; echo new\n11:11\nold\n```\n\nText.\n");
    lab("bless", &root).output().assert_code(0);
    assert_eq!(
        read(root.join("book/src/page.md")),
        "# Page\n\n```console,root\n# date +%H:%M; echo new\n11:11\nnew\n```\n\nText.\n"
    );
    lab("check", &root).output().assert_code(0);
}

fn read(path: impl AsRef<Path>) -> String {
    fs::read_to_string(path).unwrap()
}
