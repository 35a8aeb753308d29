//! `/v1/search`: what a registry has by a word. It is older than the protocol of images, and few but Docker Hub have it.

use std::str::FromStr;

use kit::{Error, Result};
use serde::{Deserialize, Serialize};

use super::client::Client;
use super::endpoint::Host;
use super::exchange::Ask;
use super::failure::printable;
use super::url::escape;

/// One repository that was found.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Found {
    /// Its name.
    #[serde(default)]
    pub name: String,
    /// What its owner says of it.
    #[serde(default)]
    pub description: String,
    /// How many like it.
    #[serde(default)]
    pub star_count: u64,
    /// Whether Docker vouches for it.
    #[serde(default)]
    pub is_official: bool,
    /// Whether Docker Hub builds it; it no longer does.
    #[serde(default)]
    pub is_automated: bool,
}

/// What is wanted of what is found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    stars: u64,
    is_official: Option<bool>,
    is_automated: Option<bool>,
}

/// Docker's own bounds and default for `--limit`.
const LIMITS: std::ops::RangeInclusive<u32> = 1..=100;
/// How many are shown unless somebody says otherwise.
pub const LIMIT: u32 = 25;
const LARGEST: u64 = 4 << 20;

impl Filter {
    /// Adds `stars=N`, `is-official=BOOL` or `is-automated=BOOL`.
    ///
    /// # Errors
    /// It is none of these.
    pub fn add(&mut self, text: &str) -> Result<()> {
        let (name, value) = text
            .split_once('=')
            .ok_or_else(|| Error::new(format!("invalid filter {text:?}: NAME=VALUE is needed")))?;
        match name {
            "stars" => self.stars = self.stars.max(parse(name, value)?),
            "is-official" => self.is_official = Some(parse(name, value)?),
            "is-automated" => self.is_automated = Some(parse(name, value)?),
            _ => {
                return Err(Error::new(format!("invalid filter '{name}'"))
                    .hint("there are stars, is-official and is-automated"));
            }
        }
        Ok(())
    }

    /// Whether `found` is wanted.
    pub fn admits(&self, found: &Found) -> bool {
        found.star_count >= self.stars
            && self
                .is_official
                .is_none_or(|want| found.is_official == want)
            && self
                .is_automated
                .is_none_or(|want| found.is_automated == want)
    }
}

fn parse<T: FromStr>(name: &str, value: &str) -> Result<T> {
    value
        .parse()
        .map_err(|_| Error::new(format!("invalid filter '{name}={value}'")))
}

impl Client {
    /// What the registry `domain` has by `term`, those with most stars first.
    ///
    /// # Errors
    /// `limit` is not 1 to 100; the registry cannot be reached, refuses, or cannot be searched.
    pub fn search(
        &self,
        domain: &str,
        term: &str,
        filter: &Filter,
        limit: u32,
    ) -> Result<Vec<Found>> {
        #[derive(Deserialize)]
        struct Page {
            #[serde(default)]
            results: Vec<Found>,
        }
        if !LIMITS.contains(&limit) {
            return Err(Error::new(format!(
                "limit {limit} is outside the range of [1, 100]"
            )));
        }
        let host = Host::index(domain, self.exchange.configuration());
        let ask = Ask::get(format!("/v1/search?q={}&n={limit}", escape(term)), &[]);
        let whole =
            self.exchange
                .ask_whole(&host, &ask, LARGEST)
                .map_err(|failure| match failure.status() {
                    Some(404) => failure
                        .into_error()
                        .hint(format!("{domain} cannot be searched; few registries can")),
                    _ => failure.into_error(),
                })?;
        let page: Page = serde_json::from_slice(&whole.bytes).map_err(|_| {
            Error::new(format!("{} does not answer with a list", whole.url.shown()))
        })?;
        let mut found: Vec<Found> = page.results.into_iter().map(harmless).collect();
        found.retain(|found| filter.admits(found));
        // Stable: among equals the registry's own order, which is by how well they fit.
        found.sort_by_key(|found| std::cmp::Reverse(found.star_count));
        found.truncate(limit as usize);
        Ok(found)
    }
}

/// What strangers wrote goes to a terminal.
fn harmless(found: Found) -> Found {
    Found {
        name: printable(&found.name),
        description: printable(&found.description.replace(['\n', '\r'], " ")),
        ..found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_wants_all_that_it_was_told() {
        let filter = |texts: &[&str]| {
            let mut filter = Filter::default();
            texts
                .iter()
                .try_for_each(|text| filter.add(text))
                .map(|()| filter)
        };
        let found = Found {
            star_count: 3,
            is_official: true,
            ..Found::default()
        };
        for (texts, admits) in [
            (vec![], true),
            (vec!["stars=3"], true),
            (vec!["stars=4"], false),
            (vec!["stars=4", "stars=1"], false),
            (vec!["is-official=true"], true),
            (vec!["is-official=false"], false),
            (vec!["is-automated=true"], false),
        ] {
            assert_eq!(filter(&texts).unwrap().admits(&found), admits, "{texts:?}");
        }
        for wrong in ["stars", "stars=-1", "stars=x", "is-official=3", "color=red"] {
            assert!(filter(&[wrong]).is_err(), "{wrong}");
        }
    }
}
