//! The words behind `console` in a fence's info string: what it needs of the machine, and what of its output may vary.

use std::fs;

use anyhow::{Result, bail};
use harness::Need;

/// What a fence may need.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Requirement {
    /// Root in the machine's first user namespace.
    Root,
    /// The controllers on cgroup v1; memory stands for all of them, since a hybrid machine has odd ones on v2.
    Cgroup1,
    /// The controllers on cgroup v2.
    Cgroup2,
    /// A way out of this machine. The chapter then keeps the machine's network namespace.
    Network,
}

/// What of a fence's output may differ from one run to the next, beside what always may (see `normal`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Varying {
    /// `sizes`: numbers with a unit of bytes.
    pub sizes: bool,
    /// `times`: durations.
    pub times: bool,
    /// `pids`: every number of two digits and more.
    pub pids: bool,
}

/// All that an info string says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tags {
    pub requirements: Vec<Requirement>,
    pub varying: Varying,
}

const KNOWN: &str = "root, cgroup1, cgroup2, network; sizes, times, pids";

/// Reads an info string. `None` if the fence is not a `console` fence.
pub(crate) fn parse(info: &str) -> Result<Option<Tags>> {
    let mut words = info.split([',', ' ']).filter(|word| !word.is_empty());
    if words.next() != Some("console") {
        return Ok(None);
    }
    let mut tags = Tags::default();
    for word in words {
        match word {
            "root" => tags.requirements.push(Requirement::Root),
            "cgroup1" => tags.requirements.push(Requirement::Cgroup1),
            "cgroup2" => tags.requirements.push(Requirement::Cgroup2),
            "network" => tags.requirements.push(Requirement::Network),
            "sizes" => tags.varying.sizes = true,
            "times" => tags.varying.times = true,
            "pids" => tags.varying.pids = true,
            unknown => bail!("the tag {unknown} is unknown; the tags are {KNOWN}"),
        }
    }
    Ok(Some(tags))
}

impl Requirement {
    /// Why this machine does not satisfy it; `None` if it does.
    pub(crate) fn missing(self) -> Option<String> {
        match self {
            Self::Root => Need::Root.missing().or_else(|| {
                (!is_first_user_namespace())
                    .then(|| "needs root outside of a user namespace".into())
            }),
            Self::Cgroup1 => Need::ControllerV1("memory").missing(),
            Self::Cgroup2 => Need::ControllerV2("memory").missing(),
            Self::Network => {
                (!has_default_route()).then(|| "needs a network: there is no default route".into())
            }
        }
    }

    /// Whether `DRYDOCK_PROMISES` says that this machine has it, so that to lack it is a failure.
    pub(crate) fn is_promised(self) -> bool {
        is_promised(
            &std::env::var("DRYDOCK_PROMISES").unwrap_or_default(),
            self.key(),
        )
    }

    fn key(self) -> &'static str {
        match self {
            Self::Root => "root",
            Self::Cgroup1 => "cgroup1",
            Self::Cgroup2 => "cgroup2",
            Self::Network => "network",
        }
    }
}

/// As the test harness reads it: `all,-swap`, and the last word on a key counts.
fn is_promised(list: &str, key: &str) -> bool {
    list.split(',')
        .map(str::trim)
        .fold(false, |promised, word| {
            if word.strip_prefix('-') == Some(key) {
                return false;
            }
            promised || word == key || word == "all"
        })
}

/// Only there does uid 0 map to itself and to all that follow (user_namespaces(7)).
fn is_first_user_namespace() -> bool {
    fs::read_to_string("/proc/self/uid_map")
        .is_ok_and(|map| map.split_whitespace().eq(["0", "0", "4294967295"]))
}

/// A line of the routing table whose destination is 0.0.0.0 (proc_pid_net(5)).
fn has_default_route() -> bool {
    fs::read_to_string("/proc/net/route").is_ok_and(|routes| {
        routes
            .lines()
            .skip(1)
            .any(|route| route.split_whitespace().nth(1) == Some("00000000"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_info_string_is_a_list_of_known_words() {
        assert_eq!(parse("text").unwrap(), None);
        assert_eq!(parse("").unwrap(), None);
        assert_eq!(parse("console").unwrap(), Some(Tags::default()));
        let tags = parse("console,root, cgroup2,sizes").unwrap().unwrap();
        assert_eq!(tags.requirements, [Requirement::Root, Requirement::Cgroup2]);
        assert!(tags.varying.sizes && !tags.varying.times);
    }

    #[test]
    fn an_unknown_word_is_an_error_that_lists_the_known() {
        let error = parse("console,rooot").unwrap_err().to_string();
        assert!(
            error.contains("rooot") && error.contains("cgroup2"),
            "{error}"
        );
    }

    #[test]
    fn the_last_word_on_a_promise_counts() {
        assert!(is_promised("root, cgroup2", "cgroup2"));
        assert!(is_promised("all", "network"));
        assert!(!is_promised("all,-network", "network"));
        assert!(!is_promised("cgroup1", "cgroup2"));
    }
}
