//! The rules: which failure, which cause, how the cause is established here and now, and what to do.
//!
//! A rule claims its cause only if it has seen it. Where several rules know a failure, each looks for its own cause, and
//! none concludes from the others' silence unless the kernel leaves no other way; then it says so.

mod cgroups;
mod files;
mod limits;
mod mounts;
mod namespaces;
mod paths;
mod pivot;
mod users;

use serde::Serialize;

use super::scene::Scene;

/// One rule. Its texts make the book's table of errnos, and are plain sentences without a full stop.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Rule {
    /// A stable name.
    pub id: &'static str,
    /// The system calls.
    pub calls: &'static [&'static str],
    /// What they fail with.
    pub errno: &'static str,
    /// Why.
    pub cause: &'static str,
    /// What is looked at to establish it.
    pub how: &'static str,
    /// What to do.
    pub mend: &'static str,
    /// Where the manual says so.
    pub page: &'static str,
    /// Looks.
    #[serde(skip)]
    pub examine: fn(&Scene) -> Finding,
}

/// What a rule has found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Finding {
    /// It is so: what was seen.
    Established(String),
    /// It is not so: what was seen.
    Refuted(String),
    /// It cannot be told, and why.
    Unknown(String),
}

use Finding::{Established, Refuted, Unknown};

/// Established or refuted, by what was seen.
fn seen(is_so: bool, what: impl Into<String>) -> Finding {
    if is_so {
        Established(what.into())
    } else {
        Refuted(what.into())
    }
}

/// All rules, in the book's order.
pub(crate) fn all() -> impl Iterator<Item = &'static Rule> {
    [
        namespaces::RULES,
        users::RULES,
        mounts::RULES,
        pivot::RULES,
        cgroups::RULES,
        files::RULES,
        paths::RULES,
        limits::RULES,
    ]
    .into_iter()
    .flatten()
}

/// The rules that know this failure.
pub(crate) fn about<'a>(call: &'a str, errno: &'a str) -> impl Iterator<Item = &'static Rule> + 'a {
    all().filter(move |rule| rule.errno == errno && rule.calls.contains(&call))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn rules_are_whole_and_no_two_are_alike() {
        let ids: BTreeSet<_> = all().map(|rule| rule.id).collect();
        assert_eq!(ids.len(), all().count(), "ids are unique");
        assert!(ids.len() >= 30);
        for rule in all() {
            let texts = [rule.cause, rule.how, rule.mend, rule.page];
            assert!(
                texts
                    .iter()
                    .all(|text| text.len() > 6 && !text.ends_with('.')),
                "{rule:?}"
            );
            assert!(rule.page.ends_with(')'), "{} names a manual page", rule.id);
            assert!(rule.errno.starts_with('E'), "{}", rule.id);
        }
    }
}
