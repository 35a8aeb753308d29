//! What every step's chapter has, and in which order.

use pulldown_cmark::{Event, HeadingLevel, Parser, Tag, TagEnd};

use super::chapter::{Page, line_of, options};
use super::lint::Problem;

/// The second-level headings of a chapter.
pub(crate) const SECTIONS: [&str; 12] = [
    "What you will be able to do",
    "Predict",
    "The naive way",
    "Break it",
    "The kernel's side",
    "Our code",
    "Run it",
    "What changed since the last step",
    "What still escapes",
    "Exercises",
    "In production",
    "Further reading",
];

/// A heading of a page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Heading {
    pub level: HeadingLevel,
    pub text: String,
    /// As the page gives it in braces, `## Name {#id}`.
    pub id: Option<String>,
    pub line: usize,
}

/// The page's headings, in order.
pub(crate) fn headings(page: &Page) -> Vec<Heading> {
    let mut headings: Vec<Heading> = Vec::new();
    let mut is_open = false;
    for (event, range) in Parser::new_ext(&page.text, options()).into_offset_iter() {
        match event {
            Event::Start(Tag::Heading { level, id, .. }) => {
                is_open = true;
                headings.push(Heading {
                    level,
                    text: String::new(),
                    id: id.map(|id| id.to_string()),
                    line: line_of(&page.text, range.start),
                });
            }
            Event::End(TagEnd::Heading(_)) => is_open = false,
            Event::Text(text) | Event::Code(text) if is_open => {
                if let Some(heading) = headings.last_mut() {
                    heading.text.push_str(&text);
                }
            }
            _ => {}
        }
    }
    headings
}

/// How long the chapter takes, from its line `<!-- minutes: 90 -->`.
pub(crate) fn minutes(page: &Page) -> Option<u32> {
    let (_, rest) = page.text.split_once("<!-- minutes: ")?;
    rest.split_once(" -->")?.0.parse().ok()
}

/// The page's title: its first heading.
pub(crate) fn title(page: &Page) -> Option<String> {
    headings(page)
        .into_iter()
        .next()
        .map(|heading| heading.text)
}

/// What a chapter lacks.
pub(crate) fn check(page: &Page) -> Vec<Problem> {
    if !page.is_chapter() {
        return Vec::new();
    }
    let mut problems = Vec::new();
    if minutes(page).is_none() {
        problems.push(Problem::new(
            page,
            1,
            "the chapter does not say how long it takes: <!-- minutes: 90 -->",
        ));
    }
    let sections: Vec<_> = headings(page)
        .into_iter()
        .filter(|heading| heading.level == HeadingLevel::H2)
        .collect();
    let mut wanted = SECTIONS.iter();
    for section in &sections {
        match wanted.next() {
            Some(name) if *name == section.text => {}
            Some(name) => {
                let what = format!(
                    "the section “{name}” belongs here, and not “{}”",
                    section.text
                );
                problems.push(Problem::new(page, section.line, what));
                return problems;
            }
            None => {
                let what = format!("the section “{}” is none of a chapter's", section.text);
                problems.push(Problem::new(page, section.line, what));
            }
        }
    }
    let end = line_of(&page.text, page.text.len());
    problems.extend(
        wanted.map(|name| Problem::new(page, end, format!("the section “{name}” is missing"))),
    );
    problems
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cmd::book::chapter;

    fn chapter_with(sections: &[&str]) -> Page {
        let text: String = sections
            .iter()
            .map(|name| format!("## {name}\n\n"))
            .collect();
        chapter::page("01-x.md", &format!("# X\n\n<!-- minutes: 5 -->\n\n{text}"))
    }

    #[test]
    fn a_whole_chapter_has_no_problem_and_every_gap_is_one() {
        assert!(check(&chapter_with(&SECTIONS)).is_empty());
        for gap in 0..SECTIONS.len() {
            let mut sections = SECTIONS.to_vec();
            let name = sections.remove(gap);
            let problems = check(&chapter_with(&sections));
            assert_eq!(problems.len(), 1);
            assert!(problems[0].to_string().contains(name), "{}", problems[0]);
        }
    }

    #[test]
    fn order_and_strangers_count() {
        let mut sections = SECTIONS.to_vec();
        sections.swap(2, 3);
        assert_eq!(check(&chapter_with(&sections)).len(), 1);
        sections.swap(2, 3);
        sections.push("Afterword");
        assert_eq!(check(&chapter_with(&sections)).len(), 1);
    }

    #[test]
    fn minutes_are_a_number_in_a_comment() {
        assert_eq!(minutes(&chapter_with(&[])), Some(5));
        let page = chapter::page("01-x.md", "<!-- minutes: soon -->");
        assert_eq!(minutes(&page), None);
        assert_eq!(check(&page).len(), 13);
        assert!(check(&chapter::page("glossary.md", "")).is_empty());
    }
}
