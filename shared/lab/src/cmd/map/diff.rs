//! The difference between two maps: what has come, what has gone, what has changed, and where it hangs.

use super::blocks::{Block, Line, Mark, parents};

/// The second map's trees with what the first had, without what is the same in both but for the ancestors of a
/// difference.
pub(super) fn difference(before: &[Block], after: &[Block]) -> Vec<Block> {
    let empty = Block {
        title: String::new(),
        lines: Vec::new(),
    };
    let mut blocks = Vec::new();
    for block in after {
        let old = before
            .iter()
            .find(|old| old.title == block.title)
            .unwrap_or(&empty);
        blocks.push(merged(old, block));
    }
    for old in before
        .iter()
        .filter(|old| !after.iter().any(|block| block.title == old.title))
    {
        let gone = Block {
            title: old.title.clone(),
            lines: Vec::new(),
        };
        blocks.push(merged(old, &gone));
    }
    blocks.retain(|block| !block.lines.is_empty());
    blocks
}

fn merged(before: &Block, after: &Block) -> Block {
    let mut lines: Vec<Line> = after.lines.clone();
    // Several mounts may lie on top of each other: the first of a key is the first of the other.
    let mut left: Vec<&Line> = before.lines.iter().collect();
    for line in &mut lines {
        line.mark = match left.iter().position(|old| old.key == line.key) {
            Some(at) => {
                let old = left.remove(at);
                let differs = match (&old.compared, &line.compared) {
                    (Some(old), Some(new)) => old != new,
                    _ => old.text != line.text,
                };
                if differs {
                    line.text.push_str(&was(&old.text, &line.text));
                    Mark::Changed
                } else {
                    Mark::Same
                }
            }
            None => Mark::Added,
        };
    }
    for gone in left {
        let at = place(before, gone, &lines);
        lines.insert(
            at,
            Line {
                mark: Mark::Removed,
                ..gone.clone()
            },
        );
    }
    Block {
        title: after.title.clone(),
        lines: only_differences(lines),
    }
}

/// What a changed line had in place of what it has now: its fields are two spaces apart.
fn was(old: &str, new: &str) -> String {
    let fields = |text: &str| -> Vec<String> { text.split("  ").map(str::to_owned).collect() };
    let now = fields(new);
    let mut gone = fields(old);
    gone.retain(|field| !now.contains(field));
    match gone.is_empty() {
        true => String::new(),
        false => format!("  (was {})", gone.join("  ")),
    }
}

/// Behind the line that stood in front of it, or the nearest that is still there, and what hangs on that.
fn place(before: &Block, gone: &Line, lines: &[Line]) -> usize {
    let at = before
        .lines
        .iter()
        .position(|line| std::ptr::eq(line, gone))
        .unwrap_or(0);
    let neighbour = before.lines[..at]
        .iter()
        .rev()
        .find_map(|old| lines.iter().rposition(|line| line.key == old.key));
    // Not between another line and what hangs on it.
    let behind = neighbour.map_or(0, |index| index + 1);
    let deeper = lines[behind..]
        .iter()
        .take_while(|line| line.depth > gone.depth);
    behind + deeper.count()
}

fn only_differences(lines: Vec<Line>) -> Vec<Line> {
    let parents = parents(&lines);
    let mut keep = vec![false; lines.len()];
    for (index, line) in lines.iter().enumerate() {
        if line.mark == Mark::Same {
            continue;
        }
        let mut current = Some(index);
        while let Some(at) = current {
            keep[at] = true;
            current = parents[at];
        }
    }
    lines
        .into_iter()
        .zip(keep)
        .filter_map(|(line, keep)| keep.then_some(line))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn block(lines: &[(usize, &str, &str)]) -> Block {
        let line = |(depth, key, text): &(usize, &str, &str)| Line {
            depth: *depth,
            key: (*key).to_owned(),
            text: (*text).to_owned(),
            compared: None,
            mark: Mark::Same,
        };
        Block {
            title: "Mounts".to_owned(),
            lines: lines.iter().map(line).collect(),
        }
    }

    fn shown(blocks: &[Block]) -> Vec<(Mark, &str)> {
        blocks
            .iter()
            .flat_map(|block| {
                block
                    .lines
                    .iter()
                    .map(|line| (line.mark, line.text.as_str()))
            })
            .collect()
    }

    #[test]
    fn what_is_the_same_is_left_out_but_for_what_a_difference_hangs_on() {
        let before = [block(&[
            (0, "/", "/ shared"),
            (1, "/proc", "/proc"),
            (1, "/mnt", "/mnt"),
        ])];
        let after = [block(&[
            (0, "/", "/ shared"),
            (1, "/proc", "/proc"),
            (2, "/proc/x", "/proc/x new"),
        ])];
        assert_eq!(
            shown(&difference(&before, &after)),
            [
                (Mark::Same, "/ shared"),
                (Mark::Same, "/proc"),
                (Mark::Added, "/proc/x new"),
                (Mark::Removed, "/mnt"),
            ]
        );
    }

    #[test]
    fn a_change_of_propagation_is_a_change() {
        let before = [block(&[(0, "/", "/  shared:1")])];
        let after = [block(&[(0, "/", "/  private")])];
        assert_eq!(
            shown(&difference(&before, &after)),
            [(Mark::Changed, "/  private  (was shared:1)")]
        );
        assert!(difference(&before, &before).is_empty());
    }

    #[test]
    fn a_tree_that_is_gone_is_shown_as_gone() {
        let before = [block(&[(0, "/", "/"), (1, "/x", "/x")])];
        assert_eq!(
            shown(&difference(&before, &[])),
            [(Mark::Removed, "/"), (Mark::Removed, "/x")]
        );
        assert_eq!(
            shown(&difference(&[], &before)),
            [(Mark::Added, "/"), (Mark::Added, "/x")]
        );
    }

    #[test]
    fn two_mounts_on_each_other_are_two() {
        let one = [block(&[(0, "/", "/"), (1, "/x", "/x")])];
        let two = [block(&[(0, "/", "/"), (1, "/x", "/x"), (2, "/x", "/x")])];
        assert_eq!(
            shown(&difference(&one, &two)).last(),
            Some(&(Mark::Added, "/x"))
        );
        assert_eq!(
            shown(&difference(&two, &one)).last(),
            Some(&(Mark::Removed, "/x"))
        );
    }
}
