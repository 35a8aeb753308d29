//! Looking up a host's name, so that a failure of it can be told from one of the connection.
//!
//! getaddrinfo(3) has error numbers of its own (EAI_NONAME and others). The standard library turns them into a sentence
//! and keeps neither the number nor a kind, so the only place that knows what failed is the one that asks.

use std::fmt;
use std::io;

use ureq::config::Config;
use ureq::http::Uri;
use ureq::unversioned::resolver::{DefaultResolver, ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::NextTimeout;

/// ureq's resolver, with its failures marked.
#[derive(Debug, Default)]
pub(crate) struct Names(DefaultResolver);

/// A name that was not found, or that nobody could be asked about, inside an [`io::Error`]. It says what the resolver
/// said.
#[derive(Debug)]
pub(crate) struct NotResolved(io::Error);

impl Resolver for Names {
    fn resolve(
        &self,
        uri: &Uri,
        config: &Config,
        timeout: NextTimeout,
    ) -> Result<ResolvedSocketAddrs, ureq::Error> {
        self.0
            .resolve(uri, config, timeout)
            .map_err(|error| match error {
                // What has an errno is the kernel's (no descriptor is free), and may pass.
                ureq::Error::Io(io) if io.raw_os_error().is_none() => {
                    ureq::Error::Io(io::Error::other(NotResolved(io)))
                }
                other => other,
            })
    }
}

impl fmt::Display for NotResolved {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl std::error::Error for NotResolved {}

#[cfg(test)]
mod tests {
    use ureq::Agent;
    use ureq::unversioned::transport::DefaultConnector;

    use super::super::failure::broken;
    use super::super::url::Url;
    use super::*;

    #[test]
    fn a_name_that_is_not_found_is_not_asked_for_again() {
        let names = Names::default();
        let agent = Agent::with_parts(Config::default(), DefaultConnector::default(), names);
        // No label of a name is this long, so that no name server is asked.
        let url = format!("http://{}.invalid/v2/", "x".repeat(64));
        let error = agent.get(&url).call().unwrap_err();
        let failure = broken(&Url::parse(&url).unwrap(), error);
        assert!(!failure.is_passing(), "{failure:?}");
        let error = failure.into_error();
        assert!(error.hint_text().is_some(), "{error}");
        assert!(error.to_string().contains("lookup"), "{error}");
    }
}
