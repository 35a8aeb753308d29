//! Where a repository is asked for: its registry, and before Docker Hub its mirrors.

use super::configuration::Configuration;
use super::url::{Scheme, Url};

/// Docker Hub, as references name it.
pub const HUB: &str = "docker.io";
/// Docker Hub, as it is reached.
const HUB_HOST: &str = "registry-1.docker.io";
/// Docker Hub, as its search and its credentials know it: a name from before there was a second protocol.
pub(crate) const HUB_INDEX: &str = "index.docker.io";
/// The key of Docker Hub's credentials in config.json.
const HUB_KEY: &str = "https://index.docker.io/v1/";

/// A registry that is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Host {
    /// Host and port.
    pub(crate) authority: String,
    /// What stands before `/v2/`: empty, or `/prefix`.
    pub(crate) prefix: String,
    /// How it may be spoken to, the better way first.
    pub(crate) schemes: Vec<Scheme>,
    /// Whether another is asked when this one fails. It is then not waited for.
    pub(crate) is_mirror: bool,
}

impl Host {
    /// The registry of `domain`. An insecure one may speak TLS, and if it does not, is spoken to in the clear.
    pub(crate) fn origin(domain: &str, configuration: &Configuration) -> Self {
        let authority = if is_hub(domain) { HUB_HOST } else { domain };
        Self::named(authority, configuration)
    }

    /// The registry of `domain` where it is searched.
    pub(crate) fn index(domain: &str, configuration: &Configuration) -> Self {
        let authority = if is_hub(domain) { HUB_INDEX } else { domain };
        Self::named(authority, configuration)
    }

    fn named(authority: &str, configuration: &Configuration) -> Self {
        let schemes = match configuration.insecure.covers(authority) {
            true => vec![Scheme::Https, Scheme::Http],
            false => vec![Scheme::Https],
        };
        Self {
            authority: authority.to_ascii_lowercase(),
            prefix: String::new(),
            schemes,
            is_mirror: false,
        }
    }

    fn mirror(url: &Url) -> Self {
        Self {
            authority: url.authority.clone(),
            prefix: url.path.trim_end_matches('/').to_owned(),
            schemes: vec![url.scheme],
            is_mirror: true,
        }
    }

    /// All that a pull from `domain` asks, in their order. Docker has mirrors of Docker Hub alone.
    pub(crate) fn for_pull(domain: &str, configuration: &Configuration) -> Vec<Self> {
        let mirrors = configuration.mirrors.0.iter().map(Self::mirror);
        mirrors
            .filter(|_| is_hub(domain))
            .chain([Self::origin(domain, configuration)])
            .collect()
    }

    /// The address of `path` there.
    pub(crate) fn url(&self, scheme: Scheme, path: &str) -> Url {
        Url::new(scheme, &self.authority, &format!("{}{path}", self.prefix))
    }
}

fn is_hub(domain: &str) -> bool {
    [HUB, HUB_INDEX, HUB_HOST].contains(&domain)
}

/// The key under which config.json has the credentials of a host.
pub fn credentials_key(authority: &str) -> &str {
    if is_hub(authority) {
        HUB_KEY
    } else {
        authority
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::registry::configuration::Mirrors;

    fn configuration() -> Configuration {
        Configuration {
            mirrors: Mirrors::new(["http://mirror:5000/hub/"]).unwrap(),
            ..Configuration::default()
        }
    }

    #[test]
    fn only_docker_hub_has_mirrors() {
        let hosts = Host::for_pull("docker.io", &configuration());
        let urls: Vec<_> = hosts
            .iter()
            .map(|host| host.url(host.schemes[0], "/v2/").to_string())
            .collect();
        assert_eq!(
            urls,
            [
                "http://mirror:5000/hub/v2/",
                "https://registry-1.docker.io/v2/"
            ]
        );
        assert_eq!(Host::for_pull("quay.io", &configuration()).len(), 1);
    }

    #[test]
    fn only_the_insecure_are_spoken_to_in_the_clear() {
        let schemes = |domain| Host::origin(domain, &configuration()).schemes;
        assert_eq!(schemes("quay.io"), [Scheme::Https]);
        assert_eq!(schemes("localhost:5000"), [Scheme::Https, Scheme::Http]);
    }

    #[test]
    fn docker_hub_has_one_key_by_all_its_names() {
        assert_eq!(credentials_key("registry-1.docker.io"), HUB_KEY);
        assert_eq!(credentials_key("docker.io"), HUB_KEY);
        assert_eq!(credentials_key("quay.io"), "quay.io");
    }
}
