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

/// Reproducible builds give the epoch, or a day of the eighties, for a time that is none: Docker's client then says so.
#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "`Option::filter` hands out references"
)]
fn is_date(seconds: &i64) -> bool {
    // The beginning of the year 2000.
    *seconds >= 946_684_800
}

fn row(entry: &Entry, options: &Options) -> Row {
    let iso = |time: Timestamp| time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
    let created_at = entry.created.map_or_else(String::new, iso);
    let command = entry.created_by.replace('\t', " ");
    let short = |own| id(own, options.no_trunc);
    Row::new(&KIND)
        .with("Comment", entry.comment.clone())
        .with("CreatedAt", created_at.clone())
        .with(
            "CreatedBy",
            match options.no_trunc {
                true => command,
                false => shortened(&command, COMMAND),
            },
        )
        .with(
            "CreatedSince",
            match options.human {
                true => since(entry.created.map(Timestamp::as_second).filter(is_date)),
                false => created_at.clone(),
            },
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_for_people_or_exact() {
        let shown = |human, created: &str| {
            let options = Options {
                image: String::new(),
                human,
                no_trunc: false,
                quiet: false,
                format: None,
            };
            let entry = Entry {
                id: None,
                created: created.parse().ok(),
                created_by: String::new(),
                size: 0,
                comment: String::new(),
            };
            let mut out = Vec::new();
            let format = Format::choose(&KIND, Some("{{.CreatedSince}} {{.CreatedAt}}"), false);
            format
                .write(&KIND, &[row(&entry, &options)], &mut out)
                .unwrap();
            String::from_utf8(out)
                .unwrap()
                .trim_end_matches('\n')
                .to_owned()
        };
        let date = "2020-01-02T03:04:05Z";
        assert_eq!(shown(false, date), format!("{date} {date}"));
        assert!(shown(true, date).ends_with(&format!("years ago {date}")));
        for epoch in [
            "1970-01-01T00:00:00Z",
            "1980-01-01T00:00:01Z",
            "1999-12-31T23:59:59Z",
        ] {
            assert_eq!(shown(true, epoch), format!("N/A {epoch}"));
            assert_eq!(shown(false, epoch), format!("{epoch} {epoch}"));
        }
        assert_eq!(shown(true, ""), "N/A ");
        assert_eq!(shown(false, ""), " ");
    }
}
