//! What a registry answers to whom it does not know: `WWW-Authenticate` (RFC 9110, 11.6.1; the distribution project's
//! token specification).

use std::collections::HashMap;

/// One way in that a registry offers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Challenge {
    /// Send a user name and a password.
    Basic,
    /// Fetch a token at `realm` and send it.
    Bearer {
        /// Where tokens are given out.
        realm: String,
        /// For whom the token is to be.
        service: Option<String>,
        /// What it is to allow, if the registry says it.
        scope: Option<String>,
    },
}

/// All challenges of these headers that we can answer, in their order. A header may hold several, and several headers
/// may be sent; what cannot be read ends the reading of its header.
pub(crate) fn parse<'a>(headers: impl IntoIterator<Item = &'a str>) -> Vec<Challenge> {
    let parsed = headers.into_iter().flat_map(schemes);
    parsed
        .filter_map(|(scheme, mut parameters)| match scheme.as_str() {
            "basic" => Some(Challenge::Basic),
            "bearer" => Some(Challenge::Bearer {
                realm: parameters.remove("realm")?,
                service: parameters.remove("service"),
                scope: parameters.remove("scope"),
            }),
            _ => None,
        })
        .collect()
}

type Parameters = HashMap<String, String>;

fn schemes(header: &str) -> Vec<(String, Parameters)> {
    let mut found: Vec<(String, Parameters)> = Vec::new();
    let mut rest = header;
    loop {
        rest = rest.trim_start_matches([' ', '\t', ',']);
        let Some((word, after)) = token(rest) else {
            return found;
        };
        // A word with `=` behind it is a parameter of the last scheme, any other begins a scheme.
        match (after.trim_start().strip_prefix('='), found.last_mut()) {
            (Some(value), Some((_, parameters))) => {
                let Some((value, after)) = value_of(value.trim_start()) else {
                    return found;
                };
                // The first of a name counts: a second cannot turn a realm elsewhere.
                parameters.entry(word.to_ascii_lowercase()).or_insert(value);
                rest = after;
            }
            (Some(_), None) => return found,
            (None, _) => {
                found.push((word.to_ascii_lowercase(), Parameters::new()));
                rest = after;
            }
        }
    }
}

fn token(text: &str) -> Option<(&str, &str)> {
    let is_token = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c);
    let end = text.find(|c| !is_token(c)).unwrap_or(text.len());
    (end > 0).then(|| text.split_at(end))
}

/// A token or a quoted string.
fn value_of(text: &str) -> Option<(String, &str)> {
    let Some(quoted) = text.strip_prefix('"') else {
        let end = text.find([',', ' ', '\t']).unwrap_or(text.len());
        let (value, rest) = text.split_at(end);
        return Some((value.to_owned(), rest));
    };
    let mut value = String::new();
    let mut characters = quoted.char_indices();
    while let Some((at, character)) = characters.next() {
        match character {
            '"' => return Some((value, &quoted[at + 1..])),
            '\\' => value.push(characters.next()?.1),
            character => value.push(character),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bearer(realm: &str, service: Option<&str>, scope: Option<&str>) -> Challenge {
        Challenge::Bearer {
            realm: realm.into(),
            service: service.map(Into::into),
            scope: scope.map(Into::into),
        }
    }

    #[test]
    fn challenges_are_read_as_registries_write_them() {
        for (header, want) in [
            (
                r#"Bearer realm="https://auth.docker.io/token",service="registry.docker.io",scope="repository:a/b:pull,push""#,
                vec![bearer(
                    "https://auth.docker.io/token",
                    Some("registry.docker.io"),
                    Some("repository:a/b:pull,push"),
                )],
            ),
            (r#"Basic realm="Registry Realm""#, vec![Challenge::Basic]),
            (
                r#"bearer REALM = "https://a/" "#,
                vec![bearer("https://a/", None, None)],
            ),
            (
                "Bearer realm=https://a/t,service=b",
                vec![bearer("https://a/t", Some("b"), None)],
            ),
            (
                r#"Negotiate, Basic realm="a, b=c", Bearer realm="https://a/\"q""#,
                vec![Challenge::Basic, bearer("https://a/\"q", None, None)],
            ),
            (
                r#"Bearer realm="one", realm="two""#,
                vec![bearer("one", None, None)],
            ),
            ("Basic", vec![Challenge::Basic]),
        ] {
            assert_eq!(parse([header]), want, "{header}");
        }
        assert_eq!(parse(["Basic", "Bearer realm=a"]).len(), 2);
    }

    #[test]
    fn what_cannot_be_read_is_no_challenge() {
        for header in [
            "",
            ",,,",
            "Bearer",
            "Bearer service=\"a\"",
            "Bearer realm=\"open",
            "Bearer realm=\"open\\",
            "realm=\"a\"",
            "=",
            "\"",
            "Digest realm=\"a\"",
        ] {
            assert_eq!(parse([header]), [], "{header}");
        }
    }
}
