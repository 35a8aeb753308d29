//! `cargo lab up`: from a bare machine to a first container.

use std::path::Path;
use std::process::{Command, ExitCode};

use anyhow::{Context, Result, bail};

use crate::cmd::{image, next, root};
use crate::platform::Platform;
use crate::privilege::Privilege;
use crate::process;
use crate::repo::Repo;
use crate::ui::{say, step};

/// The step whose container is shown: the latest.
const SHOWN: &str = "images";

/// What the first container runs. Its limits are where the hierarchy shows them, in version 2 or in version 1.
const SCRIPT: &str = r#"
echo "I am $(id -un) on $(hostname), and these are all the processes there are:"
ps -o pid,user,comm
echo "My root file system has $(ls / | wc -l) entries: $(ls / | tr '\n' ' ')"
cd /sys/fs/cgroup
for limit in memory.max memory/memory.limit_in_bytes; do
    [ -r "$limit" ] && echo "I may use $(($(cat "$limit") / 1048576)) MiB of memory, says $PWD/$limit"
done
for limit in pids.max pids/pids.max; do
    [ -r "$limit" ] && echo "I may have $(cat "$limit") processes, says $PWD/$limit"
done
true
"#;

pub(crate) fn run() -> Result<ExitCode> {
    let repo = Repo::find()?;
    let platform = Platform::check()?;
    let privilege = Privilege::acquire()?;
    step(
        "machine",
        format_args!(
            "{}, Linux {}, {}",
            platform.name,
            platform.kernel,
            privilege.describe()
        ),
    );
    provision(&repo, &platform, &["run"])?;

    let steps = repo.steps()?;
    let names: Vec<_> = steps.iter().map(|step| step.name.as_str()).collect();
    step(
        "build",
        format_args!("{} (the first time takes a minute)", names.join(", ")),
    );
    let programs = repo.build_release(&names)?;

    let rootfs = root::ensure(privilege)?;
    step(
        "rootfs",
        format_args!("{}, made from busybox", rootfs.display()),
    );

    let program = programs
        .get(SHOWN)
        .with_context(|| format!("cargo has built no program for {SHOWN}"))?;
    image::ensure(privilege, program, &rootfs)?;
    step(
        "image",
        format_args!("{}, of that root file system", image::NAME),
    );
    first_container(privilege, program)?;
    say!("\nThat was a container, made by a few system calls. Next:\n");
    next::suggestions(&repo)?;
    Ok(ExitCode::SUCCESS)
}

fn first_container(privilege: Privilege, program: &Path) -> Result<()> {
    let limits = ["--memory", "64m", "--cpus", "0.5", "--pids-limit", "32"];
    step(
        "run",
        format_args!(
            "{SHOWN} run --hostname drydock {} busybox sh -c '…'\n",
            limits.join(" ")
        ),
    );
    process::run(
        privilege
            .command(program)
            .args(["run", "--pull", "never", "--hostname", "drydock"])
            .args(limits)
            .args(["busybox", "sh", "-c", SCRIPT]),
    )
    .context("the first container did not run")
}

/// Installs what is missing of these sets of packages, having said what. Where there is no apt, it says what to
/// install instead.
pub(crate) fn provision(repo: &Repo, platform: &Platform, sets: &[&str]) -> Result<()> {
    let all = process::output(script(repo).arg("--list").args(sets))?;
    let all: Vec<_> = all.split_whitespace().collect();
    if !platform.debian {
        if Path::new("/bin/busybox").exists() && sets == ["run"] {
            step(
                "packages",
                "not Debian: what the lab needs is here all the same",
            );
            return Ok(());
        }
        bail!(
            "{} does not take Debian packages: install what it calls {} by its own means, or use the VM (book/src/vm.md)",
            platform.name,
            all.join(", ")
        );
    }
    let mut missing = Vec::new();
    for set in sets {
        missing.extend(self::missing(repo, set)?);
    }
    if missing.is_empty() {
        step(
            "packages",
            format_args!("{} installed already", all.join(", ")),
        );
        return Ok(());
    }
    step(
        "packages",
        format_args!("will be installed from Debian: {}", missing.join(", ")),
    );
    process::run(script(repo).args(sets)).context("packages could not be installed")
}

/// The packages of one set that are not installed.
pub(crate) fn missing(repo: &Repo, set: &str) -> Result<Vec<String>> {
    // It fails if anything is missing, so that its exit code alone says nothing of an error.
    let output = script(repo)
        .args(["--missing", set])
        .output()
        .context("cannot run shared/lab/provision.sh")?;
    Ok(String::from_utf8_lossy(&output.stdout)
        .split_whitespace()
        .map(str::to_owned)
        .collect())
}

fn script(repo: &Repo) -> Command {
    let mut command = Command::new("sh");
    command.arg(repo.root.join("shared/lab/provision.sh"));
    command
}
