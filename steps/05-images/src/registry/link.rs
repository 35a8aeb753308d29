//! `Link`: where a list goes on (RFC 8288).

/// The reference of the first link whose relation is `next`.
pub(crate) fn next<'a>(headers: impl IntoIterator<Item = &'a str>) -> Option<String> {
    headers.into_iter().find_map(next_of)
}

fn next_of(header: &str) -> Option<String> {
    let mut rest = header;
    loop {
        rest = rest.trim_start_matches([' ', '\t', ',']);
        let (reference, after) = rest.strip_prefix('<')?.split_once('>')?;
        // A comma ends the link, unless it stands in quotes.
        let mut quoted = false;
        let end = after.find(|c| {
            quoted ^= c == '"';
            c == ',' && !quoted
        });
        let (parameters, after) = after.split_at(end.unwrap_or(after.len()));
        if parameters.split(';').any(is_next) {
            return Some(reference.trim().to_owned());
        }
        rest = after;
    }
}

fn is_next(parameter: &str) -> bool {
    let Some((name, value)) = parameter.split_once('=') else {
        return false;
    };
    let mut relations = value.trim().trim_matches(['"', '\'']).split(' ');
    name.trim().eq_ignore_ascii_case("rel") && relations.any(|r| r.eq_ignore_ascii_case("next"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_page_is_found_among_links() {
        for (header, want) in [
            (
                "</v2/a/tags/list?last=b&n=1>; rel=\"next\"",
                Some("/v2/a/tags/list?last=b&n=1"),
            ),
            ("<x>; rel=next", Some("x")),
            ("< /x > ; rel='next'", Some("/x")),
            ("<https://a/x>;rel=\"next\";title=x", Some("https://a/x")),
            (", <x>; rel=next", Some("x")),
            ("<x>;REL=\"prev NEXT\"", Some("x")),
            ("<a>; rel=prev, <b>; title=\"c, d\"; rel=next", Some("b")),
            ("<a>; rel=prev", None),
            ("<a>", None),
            ("a; rel=next", None),
            ("<a; rel=next", None),
            ("", None),
        ] {
            assert_eq!(next([header]).as_deref(), want, "{header}");
        }
    }
}
