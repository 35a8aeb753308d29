//! Patterns as Go's `path.Match` has them: `*` and `?` stop at a slash, `[a-z]` and `[^a-z]` are sets, `\` takes the next
//! character as it is.

use kit::{Error, Result};

/// Whether all of `text` matches `pattern`.
///
/// # Errors
/// The pattern is malformed.
pub(crate) fn matches(pattern: &str, text: &str) -> Result<bool> {
    let items = parse(pattern)
        .ok_or_else(|| Error::new(format!("{pattern:?}: syntax error in pattern")))?;
    let text: Vec<char> = text.chars().collect();
    // Which beginnings of the pattern match the text so far: linear, whatever the pattern.
    let mut states = vec![false; items.len() + 1];
    states[0] = true;
    skip_stars(&items, &mut states);
    for c in text {
        let mut next = vec![false; items.len() + 1];
        for (at, item) in items.iter().enumerate() {
            if states[at] {
                match item {
                    Item::Star if c != '/' => next[at] = true,
                    Item::One(set) if set.has(c) => next[at + 1] = true,
                    _ => {}
                }
            }
        }
        skip_stars(&items, &mut next);
        states = next;
    }
    Ok(states[items.len()])
}

enum Item {
    Star,
    One(Set),
}

enum Set {
    Any,
    Char(char),
    Ranges {
        negated: bool,
        ranges: Vec<(char, char)>,
    },
}

impl Set {
    fn has(&self, c: char) -> bool {
        match self {
            Self::Any => c != '/',
            Self::Char(own) => *own == c,
            Self::Ranges { negated, ranges } => {
                ranges.iter().any(|(from, to)| (*from..=*to).contains(&c)) != *negated
            }
        }
    }
}

/// A star may match nothing.
fn skip_stars(items: &[Item], states: &mut [bool]) {
    for (at, item) in items.iter().enumerate() {
        if states[at] && matches!(item, Item::Star) {
            states[at + 1] = true;
        }
    }
}

fn parse(pattern: &str) -> Option<Vec<Item>> {
    let mut items = Vec::new();
    let mut chars = pattern.chars();
    while let Some(c) = chars.next() {
        items.push(match c {
            '*' => Item::Star,
            '?' => Item::One(Set::Any),
            '\\' => Item::One(Set::Char(chars.next()?)),
            '[' => Item::One(parse_set(&mut chars)?),
            c => Item::One(Set::Char(c)),
        });
    }
    Some(items)
}

fn parse_set(chars: &mut std::str::Chars<'_>) -> Option<Set> {
    let negated = chars.as_str().starts_with('^');
    if negated {
        chars.next();
    }
    let mut ranges = Vec::new();
    loop {
        let from = match chars.next()? {
            ']' if !ranges.is_empty() => return Some(Set::Ranges { negated, ranges }),
            ']' | '-' => return None,
            '\\' => chars.next()?,
            c => c,
        };
        let to = match chars.as_str().starts_with('-') {
            true => {
                chars.next();
                match chars.next()? {
                    ']' | '-' => return None,
                    '\\' => chars.next()?,
                    c => c,
                }
            }
            false => from,
        };
        ranges.push((from, to));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The table of Go's own test of `path.Match`.
    #[test]
    fn patterns_are_gos() {
        for (pattern, text, expected) in [
            ("abc", "abc", true),
            ("*", "abc", true),
            ("*c", "abc", true),
            ("a*", "a", true),
            ("a*", "ab/c", false),
            ("a*/b", "abc/b", true),
            ("a*/b", "a/c/b", false),
            ("a*b*c*d*e*/f", "axbxcxdxe/f", true),
            ("a*b*c*d*e*/f", "axbxcxdxexxx/f", true),
            ("a*b*c*d*e*/f", "axbxcxdxe/xxx/f", false),
            ("a*b?c*x", "abxbbxdbxebxczzx", true),
            ("a*b?c*x", "abxbbxdbxebxczzy", false),
            ("ab[c]", "abc", true),
            ("ab[b-d]", "abc", true),
            ("ab[e-g]", "abc", false),
            ("ab[^c]", "abc", false),
            ("ab[^e-g]", "abc", true),
            ("a\\*b", "a*b", true),
            ("a\\*b", "ab", false),
            ("a?b", "a/b", false),
            ("[a-ζ]*", "α", true),
            ("*[a-ζ]", "A", false),
            ("[\\]a]", "]", true),
            ("*x", "xxx", true),
            ("", "", true),
        ] {
            assert_eq!(
                matches(pattern, text).unwrap(),
                expected,
                "{pattern} {text}"
            );
        }
        for wrong in [
            "[", "[^", "[^bc", "a[", "[]a]", "[-]", "[x-]", "[a-b-c]", "\\",
        ] {
            assert!(matches(wrong, "a").is_err(), "{wrong}");
        }
    }
}
