//! `images history`.

use clap::Args;
use jiff::Timestamp;
use kit::Result;
use serde::Serialize;

use super::Streams;
use super::output::{at, id, since};
use crate::find::find;
use crate::history::{Entry, history};
use crate::image::Image;
use crate::store::Store;
use crate::table::{row, table};
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

    /// Print one JSON object a line
    #[arg(long, value_parser = ["json"], conflicts_with = "quiet")]
    format: Option<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Shown {
    comment: String,
    created_at: String,
    created_by: String,
    created_since: String,
    #[serde(rename = "ID")]
    id: String,
    size: String,
}

impl Shown {
    fn new(entry: &Entry, options: &Options) -> Self {
        let created = entry.created.map(Timestamp::as_second);
        let iso = |time: Timestamp| time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
        let command = entry.created_by.replace('\t', " ");
        Self {
            comment: entry.comment.clone(),
            created_at: match options.human {
                true => entry.created.map_or_else(|| at(None), iso),
                false => entry.created.map_or_else(String::new, iso),
            },
            created_by: match options.no_trunc {
                true => command,
                false => shortened(&command),
            },
            created_since: since(created),
            id: entry
                .id
                .map_or_else(|| "<missing>".to_owned(), |own| id(own, options.no_trunc)),
            size: match options.human {
                true => units::size(entry.size, 3),
                false => entry.size.to_string(),
            },
        }
    }
}

/// With an ellipsis in the place of what is too much.
fn shortened(text: &str) -> String {
    if text.chars().count() <= COMMAND {
        return text.to_owned();
    }
    text.chars().take(COMMAND - 1).chain(['…']).collect()
}

pub(super) fn run(options: &Options, store: &Store, streams: &mut Streams<'_>) -> Result<()> {
    let catalog = store.catalog()?;
    let id = find(&catalog, &options.image)?.id();
    let image = Image::read(store, id, &catalog.images[&id])?;
    let entries = history(store, &catalog, &image)?;
    let mut shown = entries.iter().map(|entry| Shown::new(entry, options));
    if options.quiet {
        return shown.try_for_each(|line| streams.line(line.id));
    }
    if options.format.is_some() {
        return shown
            .try_for_each(|line| streams.line(serde_json::to_string(&line).unwrap_or_default()));
    }
    let created = match options.human {
        true => "CREATED",
        false => "CREATED AT",
    };
    let mut rows = vec![row(["IMAGE", created, "CREATED BY", "SIZE", "COMMENT"])];
    rows.extend(shown.map(|line| {
        let created = match options.human {
            true => line.created_since,
            false => line.created_at,
        };
        vec![line.id, created, line.created_by, line.size, line.comment]
    }));
    streams.text(&table(&rows))
}
