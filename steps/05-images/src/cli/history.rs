//! `images history`.

use clap::Args;
use jiff::Timestamp;
use kit::Result;
use template::list::{Format, Kind, Row};

use super::Streams;
use super::output::{id, shortened, since};
use crate::find::find;
use crate::history::{Entry, history};
use crate::image::Image;
use crate::store::Store;
use crate::units;

/// How many characters of a command are shown.
const COMMAND: usize = 45;

/// Options of `history`.
#[derive(Args, Clone, Debug)]
pub struct Options {
    /// The image
    image: String,

    /// Print sizes and dates in human readable format
    #[arg(
        short = 'H',
        long,
        default_value_t = true,
        default_missing_value = "true",
        num_args = 0..=1,
        require_equals = true,
        action = clap::ArgAction::Set
    )]
    human: bool,

    /// Don't truncate output
    #[arg(long)]
    no_trunc: bool,

    /// Only show image IDs
    #[arg(short, long)]
    quiet: bool,

    /// Format output: table, json, or a Go template such as '{{.ID}}: {{.CreatedBy}}'
    #[arg(long, value_name = "TEMPLATE")]
    format: Option<String>,
}

const KIND: Kind = Kind {
    name: "*formatter.historyContext",
    headers: &[
        ("ID", "IMAGE"),
        ("CreatedSince", "CREATED"),
        ("CreatedAt", "CREATED AT"),
        ("CreatedBy", "CREATED BY"),
        ("Size", "SIZE"),
        ("Comment", "COMMENT"),
    ],
    labels: false,
    table: "table {{.ID}}\t{{.CreatedSince}}\t{{.CreatedBy}}\t{{.Size}}\t{{.Comment}}",
    raw: None,
    quiet: "{{.ID}}",
    raw_quiet: None,
};

const NOT_HUMAN: Kind = Kind {
    table: "table {{.ID}}\t{{.CreatedAt}}\t{{.CreatedBy}}\t{{.Size}}\t{{.Comment}}",
    ..KIND
};

fn row(entry: &Entry, options: &Options) -> Row {
    let iso = |time: Timestamp| time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
    let command = entry.created_by.replace('\t', " ");
    let short = |own| id(own, options.no_trunc);
    Row::new(&KIND)
        .with("Comment", entry.comment.clone())
        .with("CreatedAt", entry.created.map_or_else(String::new, iso))
        .with(
            "CreatedBy",
            match options.no_trunc {
                true => command,
                false => shortened(&command, COMMAND),
            },
        )
        .with(
            "CreatedSince",
            since(entry.created.map(Timestamp::as_second)),
        )
        .with("ID", entry.id.map_or_else(|| "<missing>".to_owned(), short))
        .with(
            "Size",
            match options.human {
                true => units::size(entry.size, 3),
                false => entry.size.to_string(),
            },
        )
}

pub(super) fn run(options: &Options, store: &Store, streams: &mut Streams<'_>) -> Result<()> {
    let catalog = store.catalog()?;
    let id = find(&catalog, &options.image)?.id();
    let image = Image::read(store, id, &catalog.images[&id])?;
    let entries = history(store, &catalog, &image)?;
    let kind = match options.human {
        true => KIND,
        false => NOT_HUMAN,
    };
    let rows: Vec<Row> = entries.iter().map(|entry| row(entry, options)).collect();
    let format = Format::choose(&kind, options.format.as_deref(), options.quiet);
    streams.list(&format, &kind, &rows)
}
