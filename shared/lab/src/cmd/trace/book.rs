//! What the book says about a marker.
//!
//! A chapter names the passage for a marker by a comment in front of it, which mdBook does not show:
//!
//! ```text
//! <!-- marker: namespaces enter -->
//! ```
//!
//! Several markers, with commas between, may share a passage. It ends at the next heading or the next such comment.

use std::collections::BTreeMap;
use std::fs;

use pulldown_cmark::{Event, Parser, Tag, TagEnd, html};

use crate::repo::Repo;

/// The passages, by mechanism and moment.
#[derive(Debug, Default)]
pub(super) struct Book {
    passages: BTreeMap<(String, String), Passage>,
}

/// A passage of the book.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Passage {
    /// The chapter's title.
    pub chapter: String,
    /// The text as HTML.
    pub html: String,
}

impl Book {
    /// All chapters of the repository that we stand in; empty outside of it.
    pub(super) fn read(repo: Option<&Repo>) -> Self {
        let mut book = Self::default();
        let Some(Ok(files)) = repo.map(|repo| fs::read_dir(repo.root.join("book/src"))) else {
            return book;
        };
        let mut chapters: Vec<_> = files.filter_map(|file| Some(file.ok()?.path())).collect();
        chapters.sort();
        for path in chapters
            .iter()
            .filter(|path| path.extension().is_some_and(|e| e == "md"))
        {
            if let Ok(text) = fs::read_to_string(path) {
                book.add(&text);
            }
        }
        book
    }

    fn add(&mut self, chapter: &str) {
        let title = chapter
            .lines()
            .find_map(|line| line.strip_prefix("# "))
            .unwrap_or_default();
        let mut current: Vec<(String, String)> = Vec::new();
        let mut text = String::new();
        let mut is_fenced = false;
        // A line more, for the end of the last passage.
        for line in chapter.lines().chain(["# "]) {
            // In a fence, `# ls` is a transcript's prompt.
            is_fenced ^= line.starts_with("```");
            let markers = markers(line);
            if markers.is_none() && (is_fenced || !is_heading(line)) {
                text.push_str(line);
                text.push('\n');
                continue;
            }
            let html = to_html(&std::mem::take(&mut text));
            for key in std::mem::take(&mut current)
                .into_iter()
                .filter(|_| !html.trim().is_empty())
            {
                let passage = Passage {
                    chapter: title.to_owned(),
                    html: html.clone(),
                };
                self.passages.entry(key).or_insert(passage);
            }
            current = markers.unwrap_or_default();
        }
    }

    /// The passage for a marker, if the book has one.
    pub(super) fn passage(&self, mechanism: &str, moment: &str) -> Option<&Passage> {
        self.passages
            .get(&(mechanism.to_owned(), moment.to_owned()))
    }
}

fn is_heading(line: &str) -> bool {
    line.starts_with('#') && line.trim_start_matches('#').starts_with(' ')
}

fn markers(line: &str) -> Option<Vec<(String, String)>> {
    let inside = line
        .trim()
        .strip_prefix("<!-- marker:")?
        .strip_suffix("-->")?;
    let pair = |marker: &str| {
        let (mechanism, moment) = marker.trim().split_once(' ')?;
        Some((mechanism.to_owned(), moment.trim().to_owned()))
    };
    Some(inside.split(',').filter_map(pair).collect())
}

/// Without code: its lines are included by mdBook, and the calls stand beside the text anyway. Without HTML of its own
/// and pictures too, so that the page asks nobody for anything.
fn to_html(markdown: &str) -> String {
    let mut in_code = false;
    let events = Parser::new(markdown).filter(|event| match event {
        Event::Start(Tag::CodeBlock(_)) => {
            in_code = true;
            false
        }
        Event::End(TagEnd::CodeBlock) => {
            in_code = false;
            false
        }
        Event::Start(Tag::Image { .. } | Tag::Link { .. })
        | Event::End(TagEnd::Image | TagEnd::Link) => false,
        Event::Html(_) | Event::InlineHtml(_) => false,
        _ => !in_code,
    });
    let mut out = String::new();
    html::push_html(&mut out, events);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    const CHAPTER: &str = "# Namespaces

<!-- marker: namespaces enter -->
The *child* enters.

```console
# ls
```

And *more*.

## Next

not this
<!-- marker: spawn gate, spawn ready -->
It waits at the [gate](gate.md).
";

    #[test]
    fn a_passage_ends_at_the_next_heading_or_marker_and_has_no_code() {
        let mut book = Book::default();
        book.add(CHAPTER);
        let enter = book.passage("namespaces", "enter").unwrap();
        assert_eq!(
            enter.html.trim(),
            "<p>The <em>child</em> enters.</p>\n<p>And <em>more</em>.</p>"
        );
        assert_eq!(enter.chapter, "Namespaces");
        let gate = book.passage("spawn", "gate").unwrap();
        assert_eq!(gate.html.trim(), "<p>It waits at the gate.</p>");
        assert_eq!(book.passage("spawn", "ready"), Some(gate));
        assert_eq!(book.passage("spawn", "exec"), None);
    }
}
