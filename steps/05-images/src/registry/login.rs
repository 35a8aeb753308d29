//! `login` and `logout`: whether a name and a password are right, asked of the registry itself.

use kit::{Error, Result};
use ureq::http::StatusCode;

use super::answer::Answer;
use super::authorization::{Wanted, basic_header, challenges_of, fetch_token};
use super::challenge::Challenge;
use super::client::Client;
use super::config_file::{ConfigFile, Kept, host_of_key};
use super::credential::Credential;
use super::endpoint::{HUB, Host, credentials_key};
use super::failure::Failure;
use super::url::{Scheme, Url};

/// A registry as `login` and `logout` name it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Server {
    domain: String,
}

impl Server {
    /// From the command line: a host, or an address of which the host counts; none is Docker Hub.
    ///
    /// # Errors
    /// It names no host.
    pub fn new(name: Option<&str>) -> Result<Self> {
        let domain = host_of_key(name.unwrap_or(HUB));
        Url::parse(&format!("https://{domain}/"))
            .map_err(|e| e.within("the registry's name cannot be used"))?;
        Ok(Self {
            domain: domain.to_owned(),
        })
    }

    /// The key under which its credentials are kept.
    pub fn key(&self) -> &str {
        credentials_key(&self.domain)
    }
}

impl Client {
    /// Asks `server` whether `credential` is right, and if so keeps it in `file`: itself, or the token that the
    /// registry gives in its place.
    ///
    /// # Errors
    /// The registry cannot be reached or does not accept it; it cannot be kept.
    pub fn login(
        &self,
        server: &Server,
        credential: &Credential,
        file: &ConfigFile,
    ) -> Result<Kept> {
        let accepted = self
            .authenticate(server, credential)
            .map_err(|failure| login_error(failure, server))?;
        file.store(server.key(), &accepted)
    }

    fn authenticate(
        &self,
        server: &Server,
        credential: &Credential,
    ) -> Result<Credential, Failure> {
        let (url, answer) = self.ping(server)?;
        if answer.status.is_success() {
            // Everybody is let in: Docker takes any name then, and so that it is found later, keeps it.
            return Ok(credential.clone());
        }
        if answer.status != StatusCode::UNAUTHORIZED {
            return Err(Failure::Refused(answer.into_refusal().into()));
        }
        let challenges = challenges_of(&answer);
        let bearer = challenges
            .iter()
            .find(|c| matches!(c, Challenge::Bearer { .. }));
        let (header, accepted) = match bearer.or(challenges.first()) {
            Some(challenge @ Challenge::Bearer { .. }) => {
                let wanted = Wanted {
                    scopes: &[],
                    credential: Some(credential),
                    offline: true,
                };
                let token = fetch_token(&self.exchange.transport, &url, challenge, &wanted)?;
                let accepted = token.refresh.map_or_else(
                    || credential.clone(),
                    |token| Credential::IdentityToken {
                        username: credential.username().to_owned(),
                        token,
                    },
                );
                (token.header, accepted)
            }
            // Who does not say how to be asked may know the oldest way.
            Some(Challenge::Basic) | None => (basic_header(&url, credential)?, credential.clone()),
        };
        let again = self.exchange.transport.send(
            &ureq::http::Method::GET,
            &url,
            &[],
            None,
            Some(&header),
        )?;
        match again.status.is_success() {
            true => Ok(accepted),
            false => Err(Failure::Refused(again.into_refusal().into())),
        }
    }

    /// Asks for nothing but an answer. In the clear only an insecure registry is asked, so that the password may follow.
    fn ping(&self, server: &Server) -> Result<(Url, Answer), Failure> {
        let host = Host::origin(&server.domain, self.exchange.configuration());
        let mut last = None;
        for scheme in &host.schemes {
            let url = host.url(*scheme, "/v2/");
            match self
                .exchange
                .transport
                .send(&ureq::http::Method::GET, &url, &[], None, None)
            {
                Ok(answer) => return Ok((url, answer)),
                Err(failure @ Failure::Broken { .. }) if *scheme == Scheme::Https => {
                    last = Some(failure);
                }
                Err(failure) => return Err(failure),
            }
        }
        Err(last.unwrap_or_else(|| Failure::Wrong(Error::new("there is no registry to ask"))))
    }
}

fn login_error(mut failure: Failure, server: &Server) -> Error {
    let undertaking = format!("cannot log in to {}", server.domain);
    match &mut failure {
        Failure::Refused(refusal) if matches!(refusal.status.as_u16(), 400 | 401 | 403) => {
            refusal.hint =
                Some("check both; some registries take an access token and no password".to_owned());
            failure.into_error().within(format_args!(
                "{undertaking}: unauthorized: incorrect username or password"
            ))
        }
        _ => failure.into_error().within(undertaking),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_is_kept_by_its_host() {
        let key = |name| Server::new(name).unwrap().key().to_owned();
        let hub = "https://index.docker.io/v1/";
        for name in [
            None,
            Some("docker.io"),
            Some(hub),
            Some("registry-1.docker.io"),
        ] {
            assert_eq!(key(name), hub);
        }
        assert_eq!(key(Some("reg.example:5000")), "reg.example:5000");
        assert_eq!(key(Some("https://reg.example/v2/")), "reg.example");
        assert!(Server::new(Some("https://user@host/")).is_err());
        assert!(Server::new(Some("")).is_err());
    }
}
