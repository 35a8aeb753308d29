//! `cargo lab` alone: what to do next, as this machine stands.

use std::process::{Command, ExitCode};

use anyhow::Result;

use crate::cmd::run::list;
use crate::cmd::up;
use crate::platform::Platform;
use crate::repo::Repo;
use crate::ui::say;

pub(crate) fn run() -> Result<ExitCode> {
    let repo = Repo::find()?;
    let platform = Platform::check()?;
    say!("{}, Linux {}.", platform.name, platform.kernel);
    let missing = up::missing(&repo, "run")?;
    if !missing.is_empty() || !busybox::is_made(&busybox::default_root()) {
        say!("\nThis machine is not ready yet. Next:\n");
        say!("  cargo lab up      installs what is missing, builds, and runs a first container");
        say!("\nAfter that, `cargo lab` again says what comes then.");
        return Ok(ExitCode::SUCCESS);
    }
    say!("This machine is ready. Next:\n");
    suggestions(&repo)?;
    Ok(ExitCode::SUCCESS)
}

/// What one can do on a machine that is ready.
pub(crate) fn suggestions(repo: &Repo) -> Result<()> {
    let steps = repo.steps()?;
    if let Some(first) = steps.first() {
        let chapter = format!("book/src/{}.md", first.folder);
        if repo.root.join(&chapter).is_file() {
            say!("  read {chapter}");
        }
        say!("  cargo lab run {} run -it sh", first.name);
    }
    for line in crate::exercise::next(repo)? {
        say!("  {line}");
    }
    say!("  cargo lab test    runs every check and every test");
    say!("  cargo lab bench   measures the steps against what one would run instead");
    say!("  cargo lab help    lists the rest");
    say!(
        "\nThe steps, each of which `cargo lab run STEP --help` explains:\n{}",
        list(&steps)
    );
    if !is_clean(repo) {
        say!("\nYou have changed files: `cargo lab test --fast` says in short whether they hold.");
    }
    Ok(())
}

/// Whether git knows of no change. Without git, nothing is known to have changed.
fn is_clean(repo: &Repo) -> bool {
    Command::new("git")
        .args(["status", "--porcelain", "--untracked-files=no"])
        .current_dir(&repo.root)
        .stderr(std::process::Stdio::null())
        .output()
        .is_ok_and(|output| output.stdout.is_empty())
}
