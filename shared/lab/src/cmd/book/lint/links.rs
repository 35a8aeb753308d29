//! Links lead somewhere. Those that leave the book are looked at and not followed: the book is checked offline.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use pulldown_cmark::{Event, Parser, Tag};

use super::Problem;
use crate::cmd::book::chapter::{Page, line_of, options};
use crate::cmd::book::generated;
use crate::cmd::book::template::headings;

/// Dead links of all pages. A generated part is included in pages of the folder above its own, so its links are theirs.
pub(super) fn check(book: &Path, pages: &[Page]) -> Vec<Problem> {
    let ids: BTreeMap<_, _> = pages
        .iter()
        .map(|page| (page.name.as_str(), ids(page)))
        .collect();
    let mut problems = Vec::new();
    for page in pages {
        for (event, range) in Parser::new_ext(&page.text, options()).into_offset_iter() {
            let (Event::Start(Tag::Link { dest_url, .. })
            | Event::Start(Tag::Image { dest_url, .. })) = event
            else {
                continue;
            };
            if let Some(what) = dead(book, page, &ids, &dest_url) {
                problems.push(Problem::new(page, line_of(&page.text, range.start), what));
            }
        }
    }
    problems
}

fn dead(
    book: &Path,
    page: &Page,
    ids: &BTreeMap<&str, BTreeSet<String>>,
    url: &str,
) -> Option<String> {
    if let Some((scheme, rest)) = url.split_once("://") {
        let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
        let sound = scheme == "https" && host.contains('.') && !url.contains(char::is_whitespace);
        return (!sound).then(|| format!("{url} is no https address"));
    }
    let (file, id) = url
        .split_once('#')
        .map_or((url, None), |(file, id)| (file, Some(id)));
    let is_part = page.name.starts_with(generated::FOLDER);
    let name = if file.is_empty() {
        page.name.as_str()
    } else {
        file
    };
    let Some(known) = ids.get(name) else {
        let exists = !is_part && !file.starts_with('/') && book.join("src").join(file).is_file();
        return (!exists).then(|| format!("{url} leads nowhere: there is no such page"));
    };
    let id = id?;
    (!known.contains(id))
        .then(|| format!("{url} leads nowhere: {name} has no heading with that id"))
}

/// The ids of a page's headings, as mdBook makes them: a second one of the same name gets `-1`.
fn ids(page: &Page) -> BTreeSet<String> {
    let mut ids = BTreeSet::new();
    for heading in headings(page) {
        let base = heading.id.unwrap_or_else(|| slug(&heading.text));
        let numbered = (1..).map(|number| format!("{base}-{number}"));
        if let Some(id) = std::iter::once(base.clone())
            .chain(numbered)
            .find(|id| !ids.contains(id))
        {
            ids.insert(id);
        }
    }
    ids
}

fn slug(text: &str) -> String {
    text.chars()
        .filter_map(|c| match c {
            c if c.is_alphanumeric() || c == '_' || c == '-' => Some(c.to_ascii_lowercase()),
            c if c.is_whitespace() => Some('-'),
            _ => None,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cmd::book::chapter::page;

    fn found(link: &str) -> Vec<String> {
        let pages = [
            page(
                "a.md",
                &format!("# A\n\n## The kernel's side\n\n## Twice\n\n## Twice\n\n[x]({link})\n"),
            ),
            page("b.md", "# B `code`\n"),
        ];
        check(Path::new("/nowhere"), &pages)
            .iter()
            .map(Problem::to_string)
            .collect()
    }

    #[test]
    fn links_that_lead_somewhere() {
        for link in [
            "b.md",
            "b.md#b-code",
            "#the-kernels-side",
            "#twice-1",
            "a.md#twice",
            "https://man7.org/x?y#z",
        ] {
            assert_eq!(found(link), [""; 0], "{link}");
        }
    }

    #[test]
    fn links_that_do_not() {
        for link in [
            "c.md",
            "b.md#c",
            "#twice-2",
            "http://man7.org/",
            "https://man7/",
            "/etc/passwd",
        ] {
            let found = found(link);
            assert!(
                found.len() == 1 && found[0].starts_with("a.md:9: "),
                "{link}: {found:?}"
            );
        }
    }
}
