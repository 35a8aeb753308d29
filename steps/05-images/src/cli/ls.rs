//! `images ls`.

use clap::Args;
use kit::Result;
use serde::Serialize;

use super::Streams;
use super::output::{NONE, at, id, since};
use crate::filter::Filter;
use crate::list::{self, Line};
use crate::store::Store;
use crate::table::{row, table};
use crate::units;

/// Options of `ls`.
#[derive(Args, Clone, Debug)]
pub struct Options {
    /// Only the images of this name (NAME, NAME:TAG, or a pattern)
    #[arg(value_name = "REPOSITORY[:TAG]")]
    repository: Option<String>,

    /// Show all images (default hides intermediate images)
    #[arg(short, long)]
    all: bool,

    /// Show digests
    #[arg(long)]
    digests: bool,

    /// Filter output: dangling=, since=, before=, label=, reference= (repeatable)
    #[arg(short, long)]
    filter: Vec<Filter>,

    /// Don't truncate output
    #[arg(long)]
    no_trunc: bool,

    /// Only show image IDs
    #[arg(short, long)]
    quiet: bool,

    /// Print one JSON object a line
    #[arg(long, value_parser = ["json"], conflicts_with = "quiet")]
    format: Option<String>,
}

/// What a line can show, by the names that Docker gives it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Shown {
    containers: &'static str,
    created_at: String,
    created_since: String,
    digest: String,
    #[serde(rename = "ID")]
    id: String,
    repository: String,
    shared_size: &'static str,
    size: String,
    tag: String,
    unique_size: &'static str,
}

impl Shown {
    fn new(line: Line, no_trunc: bool) -> Self {
        let or_none = |text: Option<String>| text.unwrap_or_else(|| NONE.to_owned());
        Self {
            // To know these would be to measure; `df -v` does.
            containers: "N/A",
            shared_size: "N/A",
            unique_size: "N/A",
            created_at: at(line.created),
            created_since: since(line.created),
            digest: or_none(line.digest),
            id: id(line.id, no_trunc),
            repository: or_none(line.repository),
            size: units::size(line.size, 3),
            tag: or_none(line.tag),
        }
    }
}

pub(super) fn run(options: &Options, store: &Store, streams: &mut Streams<'_>) -> Result<()> {
    let mut filters = options.filter.clone();
    if let Some(name) = &options.repository {
        filters.push(format!("reference={name}").parse()?);
    }
    let wanted = list::Options {
        all: options.all,
        digests: options.digests,
        filters,
    };
    let lines = list::list(store, &wanted)?;
    if options.quiet {
        let mut ids: Vec<String> = lines.iter().map(|l| id(l.id, options.no_trunc)).collect();
        // The names of one image are neighbours.
        ids.dedup();
        return ids.iter().try_for_each(|id| streams.line(id));
    }
    let shown = lines
        .into_iter()
        .map(|line| Shown::new(line, options.no_trunc));
    if options.format.is_some() {
        for line in shown {
            let text = serde_json::to_string(&line).unwrap_or_default();
            streams.line(text)?;
        }
        return Ok(());
    }
    let mut rows = vec![columns(
        options.digests,
        ["REPOSITORY", "TAG", "DIGEST", "IMAGE ID", "CREATED", "SIZE"],
    )];
    rows.extend(shown.map(|s| {
        let cells = [
            &s.repository,
            &s.tag,
            &s.digest,
            &s.id,
            &s.created_since,
            &s.size,
        ];
        columns(options.digests, cells.map(String::as_str))
    }));
    streams.text(&table(&rows))
}

fn columns(digests: bool, cells: [&str; 6]) -> Vec<String> {
    let mut row = row(cells);
    if !digests {
        row.remove(2);
    }
    row
}
