//! The book's pages, and the fences in them.

use std::fs;
use std::ops::Range;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use pulldown_cmark::{CodeBlockKind, Event, Options, Parser, Tag, TagEnd};

/// A page of the book.
#[derive(Clone, Debug)]
pub(crate) struct Page {
    /// Relative to `book/src`.
    pub name: String,
    pub path: PathBuf,
    pub text: String,
}

/// A fenced block of code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Fence {
    /// What stands behind the backticks.
    pub info: String,
    /// Where its content is in the page.
    pub content: Range<usize>,
    /// The line of its opening backticks, from 1.
    pub line: usize,
}

impl Page {
    /// Reads a page of the book whose folder is `book`.
    pub(crate) fn read(book: &Path, name: &str) -> Result<Self> {
        let path = book.join("src").join(name);
        let text =
            fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
        Ok(Self {
            name: name.to_owned(),
            path,
            text,
        })
    }

    /// Whether it is a step's chapter: `01-namespaces.md`.
    pub(crate) fn is_chapter(&self) -> bool {
        self.number().is_some()
    }

    /// The step's folder and the chapter's name without the ending: `01-namespaces`.
    pub(crate) fn number(&self) -> Option<&str> {
        let stem = self.name.strip_suffix(".md")?;
        let (digits, rest) = stem.split_once('-')?;
        (digits.len() == 2 && digits.bytes().all(|b| b.is_ascii_digit()) && !rest.is_empty())
            .then_some(stem)
    }

    /// Its fenced blocks, in order.
    ///
    /// # Errors
    /// A fence inside a list or a quotation: its lines would have to be indented, and could not be rewritten as they are.
    pub(crate) fn fences(&self) -> Result<Vec<Fence>> {
        let mut fences = Vec::new();
        let mut open: Option<(Fence, String)> = None;
        for (event, range) in Parser::new_ext(&self.text, options()).into_offset_iter() {
            match (event, &mut open) {
                (Event::Start(Tag::CodeBlock(CodeBlockKind::Fenced(info))), _) => {
                    let (line, start) = (
                        line_of(&self.text, range.start),
                        self.after_line(range.start),
                    );
                    let fence = Fence {
                        info: info.to_string(),
                        content: start..start,
                        line,
                    };
                    open = Some((fence, String::new()));
                }
                (Event::Text(text), Some((fence, content))) => {
                    fence.content.end = fence.content.end.max(range.end);
                    content.push_str(&text);
                }
                (Event::End(TagEnd::CodeBlock), Some(_)) => {
                    let Some((fence, content)) = open.take() else {
                        continue;
                    };
                    if self.text[fence.content.clone()] != content {
                        bail!(
                            "{}:{}: a fence must not be indented, nor stand in a list or a quotation",
                            self.name,
                            fence.line
                        );
                    }
                    fences.push(fence);
                }
                _ => {}
            }
        }
        Ok(fences)
    }

    /// The fence's content.
    pub(crate) fn content(&self, fence: &Fence) -> &str {
        &self.text[fence.content.clone()]
    }

    fn after_line(&self, offset: usize) -> usize {
        self.text[offset..]
            .find('\n')
            .map_or(self.text.len(), |length| offset + length + 1)
    }
}

/// The Markdown that mdBook reads.
pub(crate) fn options() -> Options {
    Options::ENABLE_TABLES
        | Options::ENABLE_FOOTNOTES
        | Options::ENABLE_STRIKETHROUGH
        | Options::ENABLE_TASKLISTS
        | Options::ENABLE_HEADING_ATTRIBUTES
        | Options::ENABLE_DEFINITION_LIST
        | Options::ENABLE_GFM
}

/// The number of the line that `offset` is in, from 1.
pub(crate) fn line_of(text: &str, offset: usize) -> usize {
    text[..offset].bytes().filter(|byte| *byte == b'\n').count() + 1
}

/// The pages that the table of contents names, in its order.
pub(crate) fn pages(book: &Path) -> Result<Vec<Page>> {
    let summary = Page::read(book, "SUMMARY.md")?;
    let mut pages = Vec::new();
    for event in Parser::new_ext(&summary.text, options()) {
        if let Event::Start(Tag::Link { dest_url, .. }) = event {
            pages.push(Page::read(book, &dest_url)?);
        }
    }
    if pages.is_empty() {
        bail!("{} names no page", summary.path.display());
    }
    Ok(pages)
}

#[cfg(test)]
pub(crate) fn page(name: &str, text: &str) -> Page {
    Page {
        name: name.into(),
        path: name.into(),
        text: text.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fences_are_found_with_their_lines_and_exact_content() {
        let page = page(
            "x.md",
            "# T\n\n```console,root\n# a\nb\n\n# c\n```\n\n~~~text\n```\n~~~\n\n```\n```\n",
        );
        let fences = page.fences().unwrap();
        let seen: Vec<_> = fences
            .iter()
            .map(|fence| (fence.line, fence.info.as_str(), page.content(fence)))
            .collect();
        assert_eq!(
            seen,
            [
                (3, "console,root", "# a\nb\n\n# c\n"),
                (10, "text", "```\n"),
                (14, "", "")
            ]
        );
    }

    #[test]
    fn a_fence_in_a_list_is_refused_with_its_line() {
        let error = page("x.md", "- a\n\n  ```console\n  $ true\n  ```\n")
            .fences()
            .unwrap_err();
        assert!(error.to_string().starts_with("x.md:3: "), "{error}");
    }

    #[test]
    fn chapters_are_numbered() {
        assert_eq!(page("01-namespaces.md", "").number(), Some("01-namespaces"));
        for name in ["glossary.md", "1-x.md", "01.md", "01-.md", "01-x.txt"] {
            assert!(!page(name, "").is_chapter(), "{name}");
        }
    }
}
