//! What of the source is checked without running it: its form, its documentation, what it is made of.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result};

use super::{Run, Verdict};
use crate::privilege::quiet;
use crate::process;
use crate::ui::step;

impl Run<'_> {
    /// What needs no container.
    pub(super) fn checks(&mut self) -> Result<()> {
        self.components()?;
        self.cargo("formatting", &["fmt", "--all", "--check"], &[])?;
        self.circles()?;
        let clippy = [
            "clippy",
            "--quiet",
            "--workspace",
            "--all-targets",
            "--",
            "--deny",
            "warnings",
        ];
        self.cargo("clippy", &clippy, &[])?;
        if self.arguments.fast {
            return Ok(());
        }
        let doc = [
            "doc",
            "--quiet",
            "--workspace",
            "--no-deps",
            "--document-private-items",
        ];
        self.cargo(
            "documentation",
            &doc,
            &[("RUSTDOCFLAGS", "--deny warnings")],
        )?;
        self.deny()
    }

    /// Licences, sources and duplicates always; known vulnerabilities where their database is at hand, since it is
    /// a repository of its own that not every network reaches.
    fn deny(&mut self) -> Result<()> {
        if !quiet(self.repo.cargo()?.args(["deny", "--version"])) {
            let install = [
                "install",
                "--quiet",
                "--locked",
                // Two minutes less to compile, for what takes a second to run.
                "--debug",
                "--no-default-features",
                "cargo-deny",
            ];
            step(
                "deny",
                "cargo-deny is not installed: installing it from crates.io takes some minutes",
            );
            self.cargo("install deny", &install, &[])?;
        }
        self.cargo(
            "licences",
            &[
                "deny",
                "--log-level",
                "error",
                "check",
                "licenses",
                "bans",
                "sources",
            ],
            &[],
        )?;
        let home = std::env::home_dir().unwrap_or_default();
        let cargo_home =
            std::env::var_os("CARGO_HOME").map_or_else(|| home.join(".cargo"), PathBuf::from);
        if cargo_home.join("advisory-dbs").is_dir() {
            return self.cargo(
                "advisories",
                &["deny", "--offline", "check", "advisories"],
                &[],
            );
        }
        step(
            "advisories",
            "not checked: their database is not here (`cargo deny fetch db` gets it)",
        );
        Ok(())
    }

    /// rustfmt and clippy, which a minimal toolchain lacks.
    fn components(&self) -> Result<()> {
        let has =
            |tool| Ok::<_, anyhow::Error>(quiet(self.repo.cargo()?.args([tool, "--version"])));
        if has("fmt")? && has("clippy")? {
            return Ok(());
        }
        step("toolchain", "adding rustfmt and clippy with rustup");
        process::run(Command::new("rustup").args(["component", "add", "rustfmt", "clippy"]))
            .context(
                "rustfmt and clippy are missing: install them the way you have installed cargo",
            )
    }

    /// A stage that is one cargo command.
    fn cargo(
        &mut self,
        name: &'static str,
        words: &[&str],
        variables: &[(&str, &str)],
    ) -> Result<()> {
        self.stage(name, &format!("cargo {}", words.join(" ")), |run| {
            let mut cargo = run.repo.cargo()?;
            cargo.args(words).envs(variables.iter().copied());
            process::run(&mut cargo)?;
            Ok(Verdict::Passed.into())
        })
    }
}
