//! `cargo lab map`: namespaces, mounts, cgroups and links, as they are now.

mod blocks;
mod diff;
mod draw;
mod links;
mod model;
pub(crate) mod mountinfo;
pub(crate) mod process;
mod take;

use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result};

use self::model::{Map, Scope};
use crate::ui::say;

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The process whose namespaces are wanted [default: whoever asks]
    #[arg(value_parser = clap::value_parser!(i32).range(1..))]
    pid: Option<i32>,
    /// Every namespace that some process is in
    #[arg(long, conflicts_with = "pid")]
    all: bool,
    /// As JSON
    #[arg(long, conflicts_with_all = ["svg", "diff", "before"])]
    json: bool,
    /// As a picture
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,
    /// Keep the map in this file, for --before and --diff
    #[arg(long, value_name = "FILE", conflicts_with_all = ["diff", "before"])]
    save: Option<PathBuf>,
    /// Show what has changed since this map was saved
    #[arg(long, value_name = "FILE", conflicts_with = "diff")]
    before: Option<PathBuf>,
    /// Show what is different between two saved maps
    #[arg(long, value_names = ["BEFORE", "AFTER"], num_args = 2, conflicts_with_all = ["pid", "all"])]
    diff: Option<Vec<PathBuf>>,
    /// Only these trees (repeatable)
    #[arg(long, value_enum, value_name = "PART", conflicts_with_all = ["json", "save"])]
    part: Vec<Part>,
    /// The JSON's schema, and nothing else
    #[arg(long)]
    schema: bool,
}

/// A kind of tree.
#[derive(Clone, Copy, clap::ValueEnum)]
enum Part {
    Namespaces,
    Mounts,
    Cgroups,
    Links,
}

impl Part {
    /// What its trees' titles begin with.
    fn title(self) -> &'static str {
        match self {
            Self::Namespaces => "Namespaces",
            Self::Mounts => "Mounts",
            Self::Cgroups => "Cgroups",
            Self::Links => "Links",
        }
    }
}

pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode> {
    if arguments.schema {
        say!(
            "{}",
            serde_json::to_string_pretty(&schemars::schema_for!(Map))?
        );
        return Ok(ExitCode::SUCCESS);
    }
    let (before, map) = match (&arguments.diff, &arguments.before) {
        (Some(files), _) => (Some(load(&files[0])?), load(&files[1])?),
        (None, Some(file)) => {
            let before = load(file)?;
            let scope = match scope(arguments) {
                // The same as before, unless it is said otherwise.
                Scope::Own => before.scope,
                other => other,
            };
            (Some(before), take::take(scope)?)
        }
        (None, None) => (None, take::take(scope(arguments))?),
    };
    if let Some(path) = &arguments.save {
        kit::fs::write_atomically(path, &serde_json::to_vec_pretty(&map)?)?;
        crate::ui::step("Saved", path.display());
        return Ok(ExitCode::SUCCESS);
    }
    if arguments.json {
        say!("{}", serde_json::to_string_pretty(&map)?);
        return Ok(ExitCode::SUCCESS);
    }
    show(arguments, before.as_ref(), &map)?;
    Ok(ExitCode::SUCCESS)
}

fn scope(arguments: &Arguments) -> Scope {
    match (arguments.pid, arguments.all) {
        (Some(pid), _) => Scope::Process(pid),
        (None, true) => Scope::All,
        (None, false) => Scope::Own,
    }
}

fn show(arguments: &Arguments, before: Option<&Map>, map: &Map) -> Result<()> {
    let now = blocks::blocks(map);
    let mut blocks = match before {
        Some(before) => diff::difference(&blocks::blocks(before), &now),
        None => now,
    };
    let is_wanted = |title: &str| {
        let mut parts = arguments.part.iter();
        arguments.part.is_empty() || parts.any(|part| title.starts_with(part.title()))
    };
    blocks.retain(|block| is_wanted(&block.title));
    if let Some(path) = &arguments.svg {
        kit::fs::write_atomically(path, draw::svg(&blocks, &map.unseen).as_bytes())?;
        crate::ui::step("Written", path.display());
        return Ok(());
    }
    if before.is_some() && blocks.is_empty() {
        say!("Nothing has changed.");
        return Ok(());
    }
    let mut out = std::io::stdout().lock();
    let refused = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    let colour = out.is_terminal() && !refused;
    // A reader who has gone away is no error.
    let _ = out.write_all(draw::text(&blocks, &map.unseen, colour).as_bytes());
    Ok(())
}

fn load(path: &Path) -> Result<Map> {
    let text =
        std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    serde_json::from_str(&text).with_context(|| {
        format!(
            "{} is not a map: make one with `cargo lab map --save FILE`",
            path.display()
        )
    })
}
