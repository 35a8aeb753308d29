//! An exercise's source: a solution whose holes are marked, from which the starter and the wrong solutions are made.
//!
//! ```text
//! //< wait: run `program` once the parent has said so     the hole's name, and what belongs there
//! …                                                       the solution
//! //= todo!("wait in the child");                         what the starter has instead; without it, a todo!
//! //>
//! ```
//!
//! A wrong solution is a file with some of the holes, filled in wrongly, and the belief that it stands for.

use std::collections::BTreeMap;

use anyhow::{Context, Result, bail, ensure};

/// A source with its holes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Source {
    pieces: Vec<Piece>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Piece {
    Text(String),
    Hole(Hole),
}

/// What stands between `//<` and `//>`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Hole {
    /// Its name.
    pub name: String,
    /// What belongs there, as a clause.
    pub task: String,
    /// The solution's lines.
    pub solution: String,
    starter: String,
    indent: String,
}

/// A wrong solution.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Mutant {
    /// Its file's name without the ending.
    pub name: String,
    /// What one believes who writes it.
    pub belief: String,
    /// What is so instead; shown to a learner whose submission fails in the same way.
    pub truth: String,
    fillings: BTreeMap<String, String>,
}

impl Source {
    /// Reads a marked solution.
    pub(crate) fn parse(text: &str) -> Result<Self> {
        let mut pieces = Vec::new();
        let mut plain = String::new();
        let mut lines = text.lines().enumerate();
        while let Some((number, line)) = lines.next() {
            let Some(head) = line.trim_start().strip_prefix("//<") else {
                ensure!(
                    !is_marker(line),
                    "line {}: a marker outside of a hole: {line}",
                    number + 1
                );
                plain.push_str(line);
                plain.push('\n');
                continue;
            };
            pieces.push(Piece::Text(std::mem::take(&mut plain)));
            let indent = &line[..line.len() - line.trim_start().len()];
            let body = lines.by_ref().map(|(_, line)| line);
            let hole =
                Hole::parse(head, indent, body).with_context(|| format!("line {}", number + 1))?;
            pieces.push(Piece::Hole(hole));
        }
        pieces.push(Piece::Text(plain));
        let source = Self { pieces };
        ensure!(source.holes().next().is_some(), "there is no hole in it");
        Ok(source)
    }

    /// The holes, in order.
    pub(crate) fn holes(&self) -> impl Iterator<Item = &Hole> {
        self.pieces.iter().filter_map(|piece| match piece {
            Piece::Hole(hole) => Some(hole),
            Piece::Text(_) => None,
        })
    }

    /// What a learner starts from.
    pub(crate) fn starter(&self) -> String {
        self.render(|hole| {
            format!(
                "{}// {}: {}\n{}",
                hole.indent, hole.name, hole.task, hole.starter
            )
        })
    }

    /// What a learner is shown in the end.
    pub(crate) fn solution(&self) -> String {
        self.render(|hole| hole.solution.clone())
    }

    /// The solution with the holes that `mutant` fills in wrongly.
    pub(crate) fn mutated(&self, mutant: &Mutant) -> Result<String> {
        for name in mutant.fillings.keys() {
            ensure!(
                self.holes().any(|hole| hole.name == *name),
                "mutant {} fills a hole called {name}, which the solution does not have",
                mutant.name
            );
        }
        Ok(self.render(|hole| match mutant.fillings.get(&hole.name) {
            Some(filling) => indented(filling, &hole.indent),
            None => hole.solution.clone(),
        }))
    }

    fn render(&self, fill: impl Fn(&Hole) -> String) -> String {
        self.pieces
            .iter()
            .map(|piece| match piece {
                Piece::Text(text) => text.clone(),
                Piece::Hole(hole) => fill(hole),
            })
            .collect()
    }
}

impl Hole {
    fn parse<'a>(head: &str, indent: &str, lines: impl Iterator<Item = &'a str>) -> Result<Self> {
        let (name, task) = head
            .split_once(':')
            .context("a hole is marked `//< name: what belongs there`")?;
        let (mut solution, mut starter) = (String::new(), String::new());
        for line in lines {
            let trimmed = line.trim_start();
            if trimmed.starts_with("//>") {
                if starter.is_empty() {
                    starter = format!("{indent}todo!({:?});\n", task.trim());
                }
                return Ok(Self {
                    name: name.trim().to_owned(),
                    task: task.trim().to_owned(),
                    solution,
                    starter,
                    indent: indent.to_owned(),
                });
            }
            match trimmed.strip_prefix("//=") {
                Some(line) => {
                    let line = line.strip_prefix(' ').unwrap_or(line);
                    starter.push_str(format!("{indent}{line}").trim_end());
                    starter.push('\n');
                }
                None if trimmed.starts_with("//<") => bail!("a hole in a hole"),
                None => {
                    solution.push_str(line);
                    solution.push('\n');
                }
            }
        }
        bail!("the hole {} has no end", name.trim())
    }
}

impl Mutant {
    /// What it fills the holes with.
    pub(crate) fn fillings(&self) -> impl Iterator<Item = &str> {
        self.fillings.values().map(String::as_str)
    }

    /// Reads a file of `mutants/`.
    pub(crate) fn parse(name: &str, text: &str) -> Result<Self> {
        let line = |key: &str| {
            let line = text
                .lines()
                .find_map(|line| line.strip_prefix(key))
                .map(str::trim);
            line.filter(|line| !line.is_empty())
                .map(str::to_owned)
                .with_context(|| format!("mutant {name} has no line `{key} …`"))
        };
        Ok(Self {
            name: name.to_owned(),
            belief: line("//! belief:")?,
            truth: line("//! truth:")?,
            fillings: fillings(text).with_context(|| format!("mutant {name}"))?,
        })
    }
}

/// The holes of a mutant: name, and what is in it.
fn fillings(text: &str) -> Result<BTreeMap<String, String>> {
    let mut fillings = BTreeMap::new();
    let mut open: Option<(String, String)> = None;
    for line in text.lines().filter(|line| !line.starts_with("//!")) {
        match (line.strip_prefix("//<"), line.starts_with("//>"), &mut open) {
            (Some(name), _, None) => open = Some((name.trim().to_owned(), String::new())),
            (None, true, Some(_)) => fillings.extend(open.take()),
            (None, false, Some((_, body))) => {
                body.push_str(line);
                body.push('\n');
            }
            (None, false, None) if line.trim().is_empty() => {}
            _ => bail!("misplaced: {line}"),
        }
    }
    ensure!(open.is_none(), "a hole has no end");
    ensure!(!fillings.is_empty(), "no hole is filled");
    Ok(fillings)
}

fn indented(text: &str, indent: &str) -> String {
    text.lines()
        .map(|line| {
            if line.is_empty() {
                "\n".to_owned()
            } else {
                format!("{indent}{line}\n")
            }
        })
        .collect()
}

fn is_marker(line: &str) -> bool {
    let line = line.trim_start();
    ["//<", "//=", "//>"]
        .iter()
        .any(|marker| line.starts_with(marker))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "fn f() {\n    //< a: do it\n    done();\n    //>\n}\n//< b: more\nfn g() {}\n//= fn g() {\n//=     wrong();\n//= }\n//>\n";

    #[test]
    fn the_starter_has_the_task_and_not_the_solution() {
        let source = Source::parse(TEXT).unwrap();
        assert_eq!(
            source.starter(),
            "fn f() {\n    // a: do it\n    todo!(\"do it\");\n}\n// b: more\nfn g() {\n    wrong();\n}\n"
        );
        assert_eq!(source.solution(), "fn f() {\n    done();\n}\nfn g() {}\n");
    }

    #[test]
    fn a_mutant_replaces_the_holes_it_names() {
        let text = "//! belief: it is done\n//! truth: it is not\n//< a\nlater();\n//>\n";
        let mutant = Mutant::parse("late", text).unwrap();
        assert_eq!(mutant.belief, "it is done");
        let source = Source::parse(TEXT).unwrap();
        assert_eq!(
            source.mutated(&mutant).unwrap(),
            "fn f() {\n    later();\n}\nfn g() {}\n"
        );
        let stray = Mutant::parse("stray", &text.replace("//< a", "//< z")).unwrap();
        assert!(
            source
                .mutated(&stray)
                .unwrap_err()
                .to_string()
                .contains("called z")
        );
    }

    #[test]
    fn a_half_edited_source_is_refused_with_its_line() {
        for (text, part) in [
            ("fn f() {}\n", "no hole"),
            ("//< a: b\n", "has no end"),
            ("//< a\n//>\n", "what belongs there"),
            ("x\n//>\n", "line 2"),
            ("//< a: b\n//< c: d\n//>\n", "a hole in a hole"),
        ] {
            let error = format!("{:#}", Source::parse(text).unwrap_err());
            assert!(error.contains(part), "{text:?}: {error}");
        }
        for text in [
            "//! belief: x\n//! truth: y\n",
            "//! belief: x\n//< a\n//>\n",
            "//! belief: x\n//! truth: y\nz\n",
        ] {
            assert!(Mutant::parse("m", text).is_err(), "{text:?}");
        }
    }
}
