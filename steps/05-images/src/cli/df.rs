//! `images df`.

use clap::Args;
use kit::Result;

use super::Streams;
use super::output::{NONE, since};
use crate::list::{self, list};
use crate::store::{Store, User};
use crate::table::{row, table};
use crate::units::size;
use crate::usage::{Usage, usage};

/// Options of `df`.
#[derive(Args, Clone, Debug)]
pub struct Options {
    /// Show each image
    #[arg(short, long)]
    verbose: bool,
}

pub(super) fn run(
    options: &Options,
    store: &Store,
    users: &[User],
    streams: &mut Streams<'_>,
) -> Result<()> {
    let usage = usage(store, users)?;
    match options.verbose {
        true => streams.text(&details(store, &usage)?),
        false => streams.text(&summary(&usage)),
    }
}

fn summary(usage: &Usage) -> String {
    let active = usage.images.iter().filter(|image| image.containers > 0);
    let percent = match usage.bytes {
        0 => String::new(),
        bytes => format!(
            " ({}%)",
            u128::from(usage.reclaimable) * 100 / u128::from(bytes)
        ),
    };
    table(&[
        row(["TYPE", "TOTAL", "ACTIVE", "SIZE", "RECLAIMABLE"]),
        row([
            "Images",
            &usage.images.len().to_string(),
            &active.count().to_string(),
            &size(usage.bytes, 4),
            &(size(usage.reclaimable, 4) + &percent),
        ]),
    ])
}

fn details(store: &Store, usage: &Usage) -> Result<String> {
    let mut rows = vec![row([
        "REPOSITORY",
        "TAG",
        "IMAGE ID",
        "CREATED",
        "SIZE",
        "SHARED SIZE",
        "UNIQUE SIZE",
        "CONTAINERS",
    ])];
    for line in list(store, &list::Options::default())? {
        let Some(image) = usage.images.iter().find(|image| image.id == line.id) else {
            // It has come meanwhile.
            continue;
        };
        let created = since(line.created);
        rows.push(row([
            line.repository.as_deref().unwrap_or(NONE),
            line.tag.as_deref().unwrap_or(NONE),
            &line.id.short(),
            &created,
            &size(line.size, 4),
            &size(image.shared, 4),
            &size(image.unique, 4),
            &image.containers.to_string(),
        ]));
    }
    Ok(format!("Images space usage:\n\n{}", table(&rows)))
}
