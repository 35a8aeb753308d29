//! `images ls`.

use clap::Args;
use kit::Result;
use template::list::{Format, Kind, Row};

use super::Streams;
use super::output::{NONE, at, id, parsed, since, with_value};
use crate::filter::Filter;
use crate::list::{self, Line};
use crate::store::Store;
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
    #[arg(short, long, value_parser = with_value)]
    filter: Vec<String>,

    /// Don't truncate output
    #[arg(long)]
    no_trunc: bool,

    /// Only show image IDs
    #[arg(short, long)]
    quiet: bool,

    /// Format output: table, json, or a Go template such as '{{.ID}}: {{.Repository}}'
    #[arg(long, value_name = "TEMPLATE")]
    format: Option<String>,
}

const KIND: Kind = Kind {
    name: "*formatter.imageContext",
    headers: &[
        ("ID", "IMAGE ID"),
        ("Repository", "REPOSITORY"),
        ("Tag", "TAG"),
        ("Digest", "DIGEST"),
        ("CreatedSince", "CREATED"),
        ("CreatedAt", "CREATED AT"),
        ("Size", "SIZE"),
        ("Containers", "CONTAINERS"),
        ("SharedSize", "SHARED SIZE"),
        ("UniqueSize", "UNIQUE SIZE"),
        ("VirtualSize", "SIZE"),
    ],
    labels: false,
    table: "table {{.Repository}}\t{{.Tag}}\t{{.ID}}\t{{.CreatedSince}}\t{{.Size}}",
    raw: Some(
        "repository: {{.Repository}}\ntag: {{.Tag}}\nimage_id: {{.ID}}\ncreated_at: {{.CreatedAt}}\n\
         virtual_size: {{.Size}}\n",
    ),
    quiet: "{{.ID}}",
    raw_quiet: Some("image_id: {{.ID}}"),
};

const WITH_DIGESTS: Kind = Kind {
    table: "table {{.Repository}}\t{{.Tag}}\t{{.Digest}}\t{{.ID}}\t{{.CreatedSince}}\t{{.Size}}",
    raw: Some(
        "repository: {{.Repository}}\ntag: {{.Tag}}\ndigest: {{.Digest}}\nimage_id: {{.ID}}\n\
         created_at: {{.CreatedAt}}\nvirtual_size: {{.Size}}\n",
    ),
    ..KIND
};

/// The row of a line, with the names that Docker gives to what it shows. What nobody asked for is not written out: of a
/// thousand images that is half of the time.
fn row(line: Line, no_trunc: bool, is_plain: bool) -> Row {
    let or_none = |text: Option<String>| text.unwrap_or_else(|| NONE.to_owned());
    let row = Row::new(&KIND)
        .with("CreatedSince", since(line.created))
        .with("ID", id(line.id, no_trunc))
        .with("Repository", or_none(line.repository))
        .with("Size", units::size(line.size, 3))
        .with("Tag", or_none(line.tag));
    let digest = or_none(line.digest);
    if is_plain {
        return row.with("Digest", digest);
    }
    // To know these would be to measure; `df -v` does.
    let unknown = || "N/A".to_owned();
    row.with("Containers", unknown())
        .with("CreatedAt", at(line.created))
        .with("Digest", digest)
        .with("SharedSize", unknown())
        .with("UniqueSize", unknown())
        // An older name of the same, with a digit more.
        .with("VirtualSize", units::size(line.size, 4))
}

pub(super) fn run(options: &Options, store: &Store, streams: &mut Streams<'_>) -> Result<()> {
    let mut filters: Vec<Filter> = parsed(&options.filter)?;
    if let Some(name) = &options.repository {
        filters.push(format!("reference={name}").parse()?);
    }
    let wanted = list::Options {
        all: options.all,
        digests: options.digests,
        filters,
    };
    let lines = list::list(store, &wanted)?;
    let kind = match options.digests {
        true => WITH_DIGESTS,
        false => KIND,
    };
    let format = Format::choose(&kind, options.format.as_deref(), options.quiet);
    let rows: Vec<Row> = lines
        .into_iter()
        .map(|line| row(line, options.no_trunc, options.format.is_none()))
        .collect();
    streams.list(&format, &kind, &rows)
}
