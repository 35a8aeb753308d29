//! A fence of a page as a test: what it says, and whether that is what the machine says.

use anyhow::{Context, Result, bail};
use similar::{DiffTag, TextDiff};

use super::chapter::{Fence, Page};
use super::needs::{self, Requirement, Tags};
use super::normal::normal;
use super::sandbox::Done;
use super::transcript::{self, Exchange, Prompt};

/// A fence of a chapter, read.
pub(crate) struct Scene {
    pub(crate) fence: Fence,
    pub(crate) tags: Tags,
    pub(crate) exchanges: Vec<Exchange>,
    /// Why it is not run here.
    pub(crate) missing: Option<String>,
    /// Whether what is missing was promised.
    pub(crate) promised: bool,
}

/// How a fence fared.
pub(crate) enum Verdict {
    Same,
    /// What to tell, and the fence's text as it should be, where the machine knows.
    Differs(String, Option<String>),
    Skipped(String),
}

/// The page's `console` fences.
pub(crate) fn scenes(page: &Page) -> Result<Vec<Scene>> {
    let mut scenes = Vec::new();
    for fence in page.fences()? {
        let place = || format!("{}:{}", page.name, fence.line);
        let Some(tags) = needs::parse(&fence.info).with_context(place)? else {
            continue;
        };
        let exchanges = transcript::parse(page.content(&fence)).with_context(place)?;
        if exchanges.iter().any(|e| e.prompt == Prompt::Root)
            && !tags.requirements.contains(&Requirement::Root)
        {
            bail!(
                "{}: a command behind `# ` needs the tag root: ```console,root",
                place()
            );
        }
        let missing = tags
            .requirements
            .iter()
            .find_map(|need| Some((*need, need.missing()?)));
        scenes.push(Scene {
            promised: missing.as_ref().is_some_and(|(need, _)| need.is_promised()),
            missing: missing.map(|(_, why)| why),
            fence,
            tags,
            exchanges,
        });
    }
    Ok(scenes)
}

/// Compares one fence with what its commands did.
pub(crate) fn judge(page: &Page, scene: &Scene, dones: &[Done]) -> Verdict {
    let place = format!("{}:{}", page.name, scene.fence.line);
    if let Some(why) = misbehaved(&scene.exchanges, dones) {
        return Verdict::Differs(format!("{place}: {why}\n"), None);
    }
    let seen: Vec<_> = scene
        .exchanges
        .iter()
        .zip(dones)
        .map(|(exchange, done)| Exchange {
            output: done.output.clone(),
            ..exchange.clone()
        })
        .collect();
    let (shown, seen) = (
        page.content(&scene.fence).to_owned(),
        transcript::render(&seen),
    );
    let merged = merge(&shown, &seen, &scene.tags);
    if merged == shown {
        return Verdict::Same;
    }
    let header = (
        format!("{place} as the book shows it"),
        format!("{place} as this machine does it"),
    );
    let diff = TextDiff::from_lines(&shown, &merged);
    let diff = diff.unified_diff().header(&header.0, &header.1).to_string();
    Verdict::Differs(diff, Some(merged))
}

/// What no rewriting of the page can mend.
fn misbehaved(exchanges: &[Exchange], dones: &[Done]) -> Option<String> {
    for (index, exchange) in exchanges.iter().enumerate() {
        let command = exchange.command.replace('\n', "\n    ");
        let Some(done) = dones.get(index) else {
            return Some(format!("never came to run\n    {command}"));
        };
        let Some(code) = done.code else {
            return Some(format!(
                "the shell did not outlive\n    {command}\n{}",
                done.output
            ));
        };
        if let Some(why) = transcript::unwritable(&done.output) {
            return Some(format!(
                "the output of\n    {command}\n{why}:\n{}",
                done.output
            ));
        }
        let is_shown = exchanges
            .get(index + 1)
            .is_some_and(|next| next.command == "echo $?");
        if code != 0 && !is_shown {
            return Some(format!(
                "exit code {code}, which the page does not show with `echo $?`, of\n    {command}\n{}",
                done.output
            ));
        }
    }
    None
}

/// The text as it is shown, with those lines of `seen` that differ in more than what may vary.
fn merge(shown: &str, seen: &str, tags: &Tags) -> String {
    let (old, new): (Vec<_>, Vec<_>) = (
        shown.split_inclusive('\n').collect(),
        seen.split_inclusive('\n').collect(),
    );
    let (old_normal, new_normal) = (normal(shown, tags.varying), normal(seen, tags.varying));
    let diff = TextDiff::from_lines(&old_normal, &new_normal);
    let mut merged = String::new();
    for op in diff.ops() {
        match op.tag() {
            DiffTag::Equal => merged.extend(old[op.old_range()].iter().copied()),
            DiffTag::Insert | DiffTag::Replace => {
                merged.extend(new[op.new_range()].iter().copied())
            }
            DiffTag::Delete => {}
        }
    }
    merged
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cmd::book::chapter;

    fn verdict(text: &str, dones: &[(&str, u8)]) -> Verdict {
        let page = chapter::page("x.md", text);
        let dones: Vec<_> = dones
            .iter()
            .map(|(output, code)| Done {
                output: (*output).into(),
                code: Some(*code),
            })
            .collect();
        judge(&page, &scenes(&page).unwrap()[0], &dones)
    }

    #[test]
    fn a_wrong_byte_is_a_difference_that_names_page_and_line() {
        let text = "T\n\n```console\n$ id -u\n1000\n```\n";
        assert!(matches!(verdict(text, &[("1000\n", 0)]), Verdict::Same));
        let Verdict::Differs(why, Some(new)) = verdict(text, &[("1001\n", 0)]) else {
            panic!("a wrong byte went unseen");
        };
        assert!(
            why.contains("--- x.md:3") && why.contains("-1000\n+1001\n"),
            "{why}"
        );
        assert_eq!(new, "$ id -u\n1001\n");
    }

    #[test]
    fn blessing_keeps_lines_that_only_vary() {
        let text = "```console\n$ a\npid:[4026532111]\nold\n```\n";
        let Verdict::Differs(_, Some(new)) = verdict(text, &[("pid:[4026532999]\nnew\n", 0)])
        else {
            panic!("a new line went unseen");
        };
        assert_eq!(new, "$ a\npid:[4026532111]\nnew\n");
    }

    #[test]
    fn a_failure_has_to_be_shown() {
        let silent = "```console\n$ false\n```\n";
        assert!(matches!(
            verdict(silent, &[("", 1)]),
            Verdict::Differs(_, None)
        ));
        let shown = "```console\n$ false\n$ echo $?\n1\n```\n";
        assert!(matches!(
            verdict(shown, &[("", 1), ("1\n", 0)]),
            Verdict::Same
        ));
    }

    #[test]
    fn a_root_prompt_needs_the_tag() {
        let page = chapter::page("x.md", "```console\n# true\n```\n");
        let error = scenes(&page)
            .err()
            .map(|error| error.to_string())
            .unwrap_or_default();
        assert!(error.starts_with("x.md:1: "), "{error}");
    }
}
