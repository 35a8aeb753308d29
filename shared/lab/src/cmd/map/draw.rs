//! Trees drawn: as text, and as a picture.

use std::fmt::Write;

use super::blocks::{Block, Line, Mark, parents};

/// As text. With `colour`, differences have some.
pub(super) fn text(blocks: &[Block], unseen: &[String], colour: bool) -> String {
    let mut out = String::new();
    for block in blocks {
        let _ = writeln!(out, "{}", paint(colour, "1", &block.title));
        for (index, branch) in branches(&block.lines).into_iter().enumerate() {
            let line = &block.lines[index];
            let (mark, code) = match line.mark {
                Mark::Same => (" ", ""),
                Mark::Added => ("+", "32"),
                Mark::Removed => ("-", "31"),
                Mark::Changed => ("~", "33"),
            };
            let _ = writeln!(
                out,
                "{}",
                paint(colour, code, &format!("{mark} {branch}{}", line.text))
            );
        }
        out.push('\n');
    }
    for sentence in unseen {
        let _ = writeln!(out, "Not seen: {sentence}.");
    }
    out
}

fn paint(colour: bool, code: &str, text: &str) -> String {
    if colour && !code.is_empty() {
        format!("\x1b[{code}m{text}\x1b[0m")
    } else {
        text.to_owned()
    }
}

/// The lines in front of each line's text: `│  ├─ `.
fn branches(lines: &[Line]) -> Vec<String> {
    let parents = parents(lines);
    let is_last = |at: usize| !(at + 1..lines.len()).any(|later| parents[later] == parents[at]);
    let branch = |at: usize| {
        let Some(mut above) = parents[at] else {
            return String::new();
        };
        let mut branch = String::from(if is_last(at) { "└─ " } else { "├─ " });
        while let Some(parent) = parents[above] {
            branch.insert_str(0, if is_last(above) { "   " } else { "│  " });
            above = parent;
        }
        branch
    };
    (0..lines.len()).map(branch).collect()
}

const ROW: usize = 22;
const INDENT: usize = 22;
const MARGIN: usize = 16;
/// Of a fixed-width letter of 13 pixels.
const LETTER: f64 = 7.83;

/// As a picture: text that can be selected, in the colours that the reader's system prefers.
pub(super) fn svg(blocks: &[Block], unseen: &[String]) -> String {
    let mut body = String::new();
    let (mut top, mut width) = (MARGIN, 320);
    for block in blocks {
        let height = ROW * (block.lines.len() + 1) + MARGIN;
        let widest = block
            .lines
            .iter()
            .map(|line| line.depth * INDENT + letters(&line.text))
            .max();
        let inner = widest.unwrap_or(0).max(letters(&block.title)) + 3 * MARGIN;
        width = width.max(inner);
        let _ = write!(body, "<g transform=\"translate({MARGIN} {top})\">");
        let _ = write!(
            body,
            "<rect class=\"box\" width=\"100%\" height=\"{height}\" rx=\"8\"/>"
        );
        let _ = write!(
            body,
            "<text class=\"title\" x=\"{MARGIN}\" y=\"{ROW}\">{}</text>",
            escape(&block.title)
        );
        body.push_str(&tree(&block.lines));
        body.push_str("</g>\n");
        top += height + MARGIN;
    }
    for sentence in unseen {
        let _ = writeln!(
            body,
            "<text class=\"dim\" x=\"{MARGIN}\" y=\"{}\">Not seen: {}.</text>",
            top + MARGIN,
            escape(sentence)
        );
        width = width.max(letters(sentence) + letters("Not seen: ."));
        top += ROW;
    }
    let (whole, height) = (width + 2 * MARGIN, top + MARGIN);
    // A box is as wide as the widest: "100%" would reach beyond the picture by its margins.
    let body = body.replace("width=\"100%\"", &format!("width=\"{width}\""));
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {whole} {height}\" width=\"{whole}\" height=\"{height}\" \
         role=\"img\"><title>Namespaces, mounts, cgroups and links</title><style>{STYLE}</style>\n{body}</svg>\n"
    )
}

fn tree(lines: &[Line]) -> String {
    let parents = parents(lines);
    let y = |at: usize| ROW * (at + 2);
    let mut out = String::new();
    for (at, line) in lines.iter().enumerate() {
        let x = MARGIN + line.depth * INDENT;
        if let Some(parent) = parents[at] {
            let from = MARGIN + lines[parent].depth * INDENT + 5;
            let _ = write!(
                out,
                "<path class=\"branch\" d=\"M{from} {} V{} H{}\"/>",
                y(parent) + 5,
                y(at).saturating_sub(5),
                x.saturating_sub(4)
            );
        }
        let (class, mark) = match line.mark {
            Mark::Same => ("same", ""),
            Mark::Added => ("added", "+ "),
            Mark::Removed => ("removed", "− "),
            Mark::Changed => ("changed", "~ "),
        };
        let _ = write!(
            out,
            "<text class=\"{class}\" x=\"{x}\" y=\"{}\">{mark}{}</text>",
            y(at),
            escape(&line.text)
        );
    }
    out
}

fn letters(text: &str) -> usize {
    (text.chars().count() as f64 * LETTER).ceil() as usize
}

fn escape(text: &str) -> String {
    // What no XML document may hold (a file name can): control characters.
    let plain: String = text
        .chars()
        .map(|c| if c.is_control() { '\u{fffd}' } else { c })
        .collect();
    plain
        .replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}

const STYLE: &str = "
text { font: 13px ui-monospace, 'DejaVu Sans Mono', monospace; fill: #1d2330; white-space: pre; }
.title { font-weight: 700; } .dim { fill: #5a6274; }
.box { fill: #f6f7fa; stroke: #c9cfdb; } .branch { fill: none; stroke: #8b94a7; }
.added { fill: #17692c; font-weight: 600; } .removed { fill: #a61b1b; text-decoration: line-through; }
.changed { fill: #8a5200; font-weight: 600; }
@media (prefers-color-scheme: dark) {
  text { fill: #e4e8f0; } .dim { fill: #9aa3b5; } .box { fill: #1b202b; stroke: #3a4356; }
  .branch { stroke: #6d778c; } .added { fill: #7ddc92; } .removed { fill: #ff9a94; } .changed { fill: #f2c069; }
}
";

#[cfg(test)]
mod tests {
    use super::*;

    fn block(text: &str) -> Block {
        let line = |depth, text: &str| Line {
            depth,
            key: text.to_owned(),
            text: text.to_owned(),
            compared: None,
            mark: Mark::Same,
        };
        Block {
            title: "Mounts".to_owned(),
            lines: vec![line(0, "/"), line(1, "/a"), line(2, text), line(1, "/b")],
        }
    }

    #[test]
    fn a_tree_is_drawn_with_branches() {
        let expected = "Mounts\n  /\n  ├─ /a\n  │  └─ /a/x\n  └─ /b\n\nNot seen: the rest.\n";
        assert_eq!(
            text(&[block("/a/x")], &["the rest".to_owned()], false),
            expected
        );
    }

    #[test]
    fn names_are_text_in_the_picture_too() {
        let picture = svg(&[block("/a/<script>&\u{1b}")], &[]);
        assert!(picture.contains("/a/&lt;script&gt;&amp;\u{fffd}"));
        assert!(!picture.contains("<script"));
        assert!(picture.contains("prefers-color-scheme: dark"));
    }
}
