//! Bytes as text that a parser of JSON takes.

use std::borrow::Cow;

/// Without a byte order mark; what is not UTF-8, and halves of surrogate pairs, is U+FFFD.
pub(super) fn readable(bytes: &[u8]) -> Cow<'_, str> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let text = String::from_utf8_lossy(bytes);
    // There are none in most documents, which then need no copy.
    match text.contains("\\u") {
        true => paired(&text).map_or(text.clone(), Cow::Owned),
        false => text,
    }
}

/// `None` if all escaped surrogates are in pairs.
fn paired(text: &str) -> Option<String> {
    let mut mended = String::new();
    let (mut copied, mut at) = (0, 0);
    while let Some(found) = text[at..].find('\\') {
        let start = at + found;
        let first = escaped(text, start);
        let second = escaped(text, start + 6);
        at = match (first, second) {
            (Some(0xd800..=0xdbff), Some(0xdc00..=0xdfff)) => start + 12,
            (Some(0xd800..=0xdfff), _) => {
                mended.push_str(&text[copied..start]);
                mended.push_str("\\ufffd");
                copied = start + 6;
                copied
            }
            // A backslash, and what it escapes: be it another.
            _ => start + 1 + text[start + 1..].chars().next().map_or(0, char::len_utf8),
        };
    }
    (copied > 0).then(|| mended + &text[copied..])
}

/// The unit of `\uXXXX` at `at`.
fn escaped(text: &str, at: usize) -> Option<u32> {
    let digits = text.get(at..at + 6)?.strip_prefix("\\u")?;
    u32::from_str_radix(digits, 16).ok()
}
