//! `images df`.

use clap::Args;
use kit::Result;
use template::list::{Format, Kind, Row};

use super::Streams;
use super::output::{NONE, since};
use crate::list::{self, list};
use crate::store::{Store, User};
use crate::units::size;
use crate::usage::{Usage, usage};

/// Options of `df`.
#[derive(Args, Clone, Debug)]
pub struct Options {
    /// Show each image
    #[arg(short, long, conflicts_with = "format")]
    verbose: bool,

    /// Format output: table, json, or a Go template such as '{{.Type}}: {{.Size}}'
    #[arg(long, value_name = "TEMPLATE")]
    format: Option<String>,
}

pub(super) fn run(
    options: &Options,
    store: &Store,
    users: &[User],
    streams: &mut Streams<'_>,
) -> Result<()> {
    let usage = usage(store, users)?;
    let format = |kind| Format::choose(kind, options.format.as_deref(), false);
    if options.verbose {
        streams.text("Images space usage:\n\n")?;
        return streams.list(&format(&DETAILS), &DETAILS, &details(store, &usage)?);
    }
    streams.list(&format(&SUMMARY), &SUMMARY, &[summary(&usage)])
}

const SUMMARY: Kind = Kind {
    name: "*formatter.diskUsageImagesContext",
    headers: &[
        ("Type", "TYPE"),
        ("TotalCount", "TOTAL"),
        ("Active", "ACTIVE"),
        ("Size", "SIZE"),
        ("Reclaimable", "RECLAIMABLE"),
    ],
    labels: false,
    table: "table {{.Type}}\t{{.TotalCount}}\t{{.Active}}\t{{.Size}}\t{{.Reclaimable}}",
    raw: None,
    quiet: "{{.Type}}",
    raw_quiet: None,
};

fn summary(usage: &Usage) -> Row {
    let active = usage.images.iter().filter(|image| image.containers > 0);
    let percent = match usage.bytes {
        0 => String::new(),
        bytes => format!(
            " ({}%)",
            u128::from(usage.reclaimable) * 100 / u128::from(bytes)
        ),
    };
    Row::new(&SUMMARY)
        .with("Active", active.count().to_string())
        .with("Reclaimable", size(usage.reclaimable, 4) + &percent)
        .with("Size", size(usage.bytes, 4))
        .with("TotalCount", usage.images.len().to_string())
        .with("Type", "Images")
}

const DETAILS: Kind = Kind {
    name: "*formatter.imageContext",
    headers: &[
        ("Repository", "REPOSITORY"),
        ("Tag", "TAG"),
        ("ID", "IMAGE ID"),
        ("CreatedSince", "CREATED"),
        ("Size", "SIZE"),
        ("SharedSize", "SHARED SIZE"),
        ("UniqueSize", "UNIQUE SIZE"),
        ("Containers", "CONTAINERS"),
    ],
    labels: false,
    table: "table {{.Repository}}\t{{.Tag}}\t{{.ID}}\t{{.CreatedSince}}\t{{.Size}}\t{{.SharedSize}}\t\
            {{.UniqueSize}}\t{{.Containers}}",
    raw: None,
    quiet: "{{.ID}}",
    raw_quiet: None,
};

fn details(store: &Store, usage: &Usage) -> Result<Vec<Row>> {
    let mut rows = Vec::new();
    let mut lines = list(store, &list::Options::default())?;
    // A line for each image: its names are neighbours, and the first stands for it.
    lines.dedup_by_key(|line| line.id);
    for line in lines {
        let Some(image) = usage.images.iter().find(|image| image.id == line.id) else {
            // It has come meanwhile.
            continue;
        };
        let row = Row::new(&DETAILS)
            .with("Repository", line.repository.as_deref().unwrap_or(NONE))
            .with("Tag", line.tag.as_deref().unwrap_or(NONE))
            .with("ID", line.id.short())
            .with("CreatedSince", since(line.created))
            .with("Size", size(line.size, 4))
            .with("SharedSize", size(image.shared, 4))
            .with("UniqueSize", size(image.unique, 4))
            .with("Containers", image.containers.to_string());
        rows.push(row);
    }
    Ok(rows)
}
