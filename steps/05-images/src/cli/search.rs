//! `images search`.

use clap::Args;
use kit::{Error, Result};
use template::list::{Format, Kind, Row};

use super::output::{shortened, with_value};
use super::{Settings, Streams};
use crate::reference::split_registry;
use crate::registry::{Filter, Found, SEARCH_LIMIT};

/// How many characters of a description are shown.
const DESCRIPTION: usize = 45;

/// Options of `search`.
#[derive(Args, Clone, Debug)]
pub struct Options {
    /// Filter output: stars=, is-official=, is-automated= (repeatable)
    #[arg(short, long, value_parser = with_value)]
    filter: Vec<String>,

    /// Format output: table, json, or a Go template such as '{{.Name}}: {{.StarCount}}'
    #[arg(long, value_name = "TEMPLATE")]
    format: Option<String>,

    /// Max number of search results (1 to 100)
    #[arg(long, default_value_t = 0, hide_default_value = true)]
    limit: u32,

    /// Don't truncate output
    #[arg(long)]
    no_trunc: bool,

    /// A word, behind the registry that is searched [default: Docker Hub]
    #[arg(value_name = "[REGISTRY/]TERM")]
    term: String,
}

const KIND: Kind = Kind {
    name: "*formatter.searchContext",
    headers: &[
        ("Name", "NAME"),
        ("Description", "DESCRIPTION"),
        ("StarCount", "STARS"),
        ("IsOfficial", "OFFICIAL"),
    ],
    labels: false,
    table: "table {{.Name}}\t{{.Description}}\t{{.StarCount}}\t{{.IsOfficial}}",
    raw: None,
    quiet: "{{.Name}}",
    raw_quiet: None,
};

fn row(found: &Found, options: &Options) -> Row {
    let is_json = options.format.as_deref() == Some("json");
    let official = match (is_json, found.is_official) {
        (true, true) => "true",
        (true, false) => "false",
        (false, true) => "[OK]",
        (false, false) => "",
    };
    let description = match options.no_trunc {
        true => found.description.clone(),
        false => shortened(&found.description, DESCRIPTION),
    };
    Row::new(&KIND)
        .with("Description", description)
        .with("IsOfficial", official)
        .with("Name", found.name.clone())
        .with("StarCount", found.star_count.to_string())
}

pub(super) fn run(options: &Options, settings: &Settings, streams: &mut Streams<'_>) -> Result<()> {
    let mut filter = Filter::default();
    options
        .filter
        .iter()
        .try_for_each(|text| filter.add(text))?;
    // A template that is wrong is said before anybody is asked.
    let format = Format::choose(&KIND, options.format.as_deref(), false);
    let limit = match options.limit {
        0 => SEARCH_LIMIT,
        limit => limit,
    };
    if options.term.contains("://") {
        return Err(
            Error::new("Invalid repository name (ex: \"registry.domain.tld/myrepos\")")
                .hint("name the registry by its host, without a scheme"),
        );
    }
    let (domain, term) = split_registry(&options.term);
    let found = settings.client()?.search(domain, term, &filter, limit)?;
    let rows: Vec<Row> = found.iter().map(|found| row(found, options)).collect();
    streams.list(&format, &KIND, &rows)
}
