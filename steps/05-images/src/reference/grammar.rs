//! The terminal symbols of the grammar.

/// `host[:port]`.
pub(super) fn is_domain(text: &str) -> bool {
    // In brackets stand colons that do not begin a port.
    let (host, port) = match text.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((address, "")) => (Host::V6(address), None),
        Some((address, rest)) => match rest.strip_prefix(':') {
            Some(port) => (Host::V6(address), Some(port)),
            None => return false,
        },
        None => match text.split_once(':') {
            Some((host, port)) => (Host::Name(host), Some(port)),
            None => (Host::Name(text), None),
        },
    };
    let is_host = match host {
        Host::V6(address) => {
            !address.is_empty() && address.bytes().all(|b| b.is_ascii_hexdigit() || b == b':')
        }
        Host::Name(name) => name.split('.').all(is_label),
    };
    is_host && port.is_none_or(|port| !port.is_empty() && port.bytes().all(|b| b.is_ascii_digit()))
}

enum Host<'a> {
    Name(&'a str),
    V6(&'a str),
}

fn is_label(text: &str) -> bool {
    !text.is_empty()
        && !text.starts_with('-')
        && !text.ends_with('-')
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
}

/// One part of a path. Separators stand between words only, and only `.`, `_`, `__` and hyphens are separators.
pub(super) fn is_component(text: &str) -> bool {
    let is_word = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    let bytes = text.as_bytes();
    let ends_in_words = |b: Option<&u8>| b.is_some_and(|b| is_word(*b));
    if !ends_in_words(bytes.first()) || !ends_in_words(bytes.last()) {
        return false;
    }
    bytes
        .split(|b| is_word(*b))
        .all(|separator| match separator {
            b"" | b"." | b"_" | b"__" => true,
            other => other.iter().all(|b| *b == b'-'),
        })
}

pub(super) fn is_tag(text: &str) -> bool {
    let is_word = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
    text.len() <= 128
        && text.bytes().next().is_some_and(is_word)
        && text.bytes().all(|b| is_word(b) || matches!(b, b'.' | b'-'))
}

/// `algorithm:digits`; whether we know the algorithm is asked later.
pub(super) fn is_digest(text: &str) -> bool {
    let is_part = |part: &str| {
        part.starts_with(|c: char| c.is_ascii_alphabetic())
            && part.bytes().all(|b| b.is_ascii_alphanumeric())
    };
    text.split_once(':').is_some_and(|(algorithm, digits)| {
        algorithm.split(['-', '_', '+', '.']).all(is_part)
            && digits.len() >= 32
            && digits.bytes().all(|b| b.is_ascii_hexdigit())
    })
}
