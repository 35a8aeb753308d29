//! How a registry is told who asks: the answer to its challenge (the distribution project's token specification).
//!
//! The first request goes without. The registry answers 401 and says how it wants to be asked: with a name and a
//! password, or with a token that is fetched elsewhere. What was found out is remembered for the requests to come.
//! Nothing of it is ever shown to another host than the one it was made for.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use kit::{Error, Result};
use ureq::http::{HeaderValue, Method, header};

use super::answer::{Answer, read_all};
use super::challenge::{self, Challenge};
use super::configuration::Configuration;
use super::credential::{self, Credential};
use super::endpoint::credentials_key;
use super::failure::{Failure, Refusal};
use super::transport::Transport;
use super::url::{Scheme, Url, escape};
use crate::lenient::Json;

/// What has been found out, by registry.
#[derive(Debug, Default)]
pub(crate) struct Known(Mutex<HashMap<String, Way>>);

/// How a registry wants to be asked.
enum Way {
    Basic(HeaderValue),
    /// Tokens by what they allow.
    Bearer(HashMap<String, Token>),
}

impl std::fmt::Debug for Way {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Basic(_) => "Basic",
            Self::Bearer(_) => "Bearer",
        })
    }
}

/// A token, as a header's value.
pub(crate) struct Token {
    pub(crate) header: HeaderValue,
    /// A token for fetching others, given at login.
    pub(crate) refresh: Option<String>,
    until: Instant,
}

/// What identifies us to a token server.
const CLIENT: &str = "drydock";
/// A token server's answer is a token, not a book.
const LARGEST: u64 = 1 << 20;

impl Known {
    /// The header that `origin` wants for `scopes`, if that is known already.
    pub(crate) fn header(&self, origin: &Url, scopes: &[String]) -> Option<HeaderValue> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match known.get(&place(origin))? {
            Way::Basic(header) => Some(header.clone()),
            Way::Bearer(tokens) => {
                let token = tokens.get(&scopes.join(" "))?;
                (Instant::now() < token.until).then(|| token.header.clone())
            }
        }
    }

    /// Gives the header back, to ask with.
    fn remember_basic(&self, origin: &Url, header: HeaderValue) -> HeaderValue {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.insert(place(origin), Way::Basic(header.clone()));
        header
    }

    /// The same of a token.
    fn remember_token(&self, origin: &Url, scopes: &[String], token: Token) -> HeaderValue {
        let header = token.header.clone();
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let way = known
            .entry(place(origin))
            .or_insert_with(|| Way::Bearer(HashMap::new()));
        if let Way::Basic(_) = way {
            *way = Way::Bearer(HashMap::new());
        }
        if let Way::Bearer(tokens) = way {
            tokens.insert(scopes.join(" "), token);
        }
        header
    }
}

fn place(url: &Url) -> String {
    format!("{}://{}", url.scheme, url.authority)
}

/// How a challenge is answered.
pub(crate) struct Answered {
    /// The header to ask with again.
    pub(crate) header: HeaderValue,
    /// Why it does not say who asks, although it should.
    pub(crate) nameless: Option<Failure>,
}

/// Answers the challenge of `answer`, which came from `origin`.
///
/// Where credentials cannot be had, because a helper is not installed or fails, a token may still be had for nobody, as
/// in Docker: what is public is pulled with any configuration. To push, it takes somebody.
pub(crate) fn answer_challenge(
    transport: &Transport,
    known: &Known,
    origin: &Url,
    answer: &Answer,
    scopes: &[String],
) -> Result<Answered, Failure> {
    let configuration = &transport.configuration;
    let credential = match &configuration.credentials {
        Some(file) if may_carry_secrets(configuration, origin) => {
            file.credential(credentials_key(&origin.authority))
        }
        _ => Ok(None),
    };
    let mut challenges = challenges_of(answer);
    // A token says less than a password does. The sort keeps the registry's order otherwise.
    challenges.sort_by_key(|challenge| *challenge == Challenge::Basic);
    let has_bearer = challenges.first().is_some_and(|c| *c != Challenge::Basic);
    let is_push = scopes.iter().any(|scope| scope.ends_with("push"));
    let (credential, nameless) = match credential {
        Err(error) if has_bearer && !is_push => (None, Some(Failure::from(error))),
        credential => (credential?, None),
    };
    if challenges.is_empty() && credential.is_some() {
        // It says no, and not how it wants to be asked: for whom the user has a password there, that is the oldest way.
        challenges.push(Challenge::Basic);
    }
    let mut first = None;
    for challenge in &challenges {
        let answered = match (challenge, &credential) {
            (Challenge::Bearer { .. }, credential) => {
                let wanted = Wanted {
                    scopes,
                    credential: credential.as_ref(),
                    offline: false,
                };
                fetch_token(transport, origin, challenge, &wanted)
                    .map(|token| known.remember_token(origin, scopes, token))
            }
            (Challenge::Basic, Some(credential)) => {
                basic_header(origin, credential).map(|header| known.remember_basic(origin, header))
            }
            (Challenge::Basic, None) => Err(unasked(configuration, origin, answer)),
        };
        match answered {
            Ok(header) => return Ok(Answered { header, nameless }),
            Err(failure) => drop(first.get_or_insert(failure)),
        }
    }
    // Why we are nobody matters more than what nobody was told.
    let refused = || Failure::Refused(answer.refusal().into());
    Err(nameless.or(first).unwrap_or_else(refused))
}

/// The registry wants a password, and there is none that may be sent.
fn unasked(configuration: &Configuration, origin: &Url, answer: &Answer) -> Failure {
    let mut refusal = answer.refusal();
    if !may_carry_secrets(configuration, origin) {
        refusal.hint = Some(format!(
            "it is spoken to over plain HTTP, so no password is sent: name {} in insecure-registries of daemon.json if you want that",
            origin.authority
        ));
    }
    Failure::Refused(refusal.into())
}

/// All challenges of an answer that we can answer.
pub(crate) fn challenges_of(answer: &Answer) -> Vec<Challenge> {
    let headers = answer.headers.get_all(header::WWW_AUTHENTICATE);
    challenge::parse(headers.iter().filter_map(|value| value.to_str().ok()))
}

/// Over TLS, or to a registry of which the user said that it may be without.
pub(crate) fn may_carry_secrets(configuration: &Configuration, url: &Url) -> bool {
    url.scheme == Scheme::Https || configuration.insecure.covers_url(url)
}

/// The header of basic authentication.
pub(crate) fn basic_header(origin: &Url, credential: &Credential) -> Result<HeaderValue, Failure> {
    match credential {
        Credential::Password { username, password } => Ok(secret(&format!(
            "Basic {}",
            credential::basic(username, password)
        ))?),
        Credential::IdentityToken { .. } => Err(Failure::Wrong(
            Error::new(format!(
                "{} wants a password, and all there is is a token",
                origin.shown()
            ))
            .hint("log in again"),
        )),
    }
}

/// What a token is fetched for.
pub(crate) struct Wanted<'a> {
    /// What it is to allow: `repository:library/busybox:pull`.
    pub(crate) scopes: &'a [String],
    /// Who asks; nobody gets a token for what is public.
    pub(crate) credential: Option<&'a Credential>,
    /// Whether a token for fetching others is wanted, to keep in the password's place.
    pub(crate) offline: bool,
}

/// Fetches a token where `challenge`, which `origin` made, says.
///
/// The realm is often another host: the protocol has it so, and the credentials are those that the user has for
/// `origin`. But they are sent nowhere in the clear that the user did not allow, and follow no redirect.
pub(crate) fn fetch_token(
    transport: &Transport,
    origin: &Url,
    challenge: &Challenge,
    wanted: &Wanted<'_>,
) -> Result<Token, Failure> {
    let Challenge::Bearer {
        realm,
        service,
        scope,
    } = challenge
    else {
        return Err(Failure::Wrong(Error::new(format!(
            "{} gives no tokens",
            origin.shown()
        ))));
    };
    let realm = origin
        .join(realm)
        .map_err(|e| e.within(format_args!("{} sends us for a token", origin.shown())))?;
    if !may_carry_secrets(&transport.configuration, &realm) {
        return Err(Failure::Wrong(Error::new(format!(
            "{} sends us for a token to {}, over plain HTTP",
            origin.shown(),
            realm.shown()
        ))
        .hint("name that host in insecure-registries of daemon.json, if you trust the network between")));
    }
    let mut scopes: Vec<&str> = wanted.scopes.iter().map(String::as_str).collect();
    let theirs = scope.as_deref().unwrap_or_default().split(' ');
    for scope in theirs.filter(|scope| !scope.is_empty()) {
        if !scopes.contains(&scope) {
            scopes.push(scope);
        }
    }
    let service = service.as_deref();
    let answer = match wanted.credential {
        Some(Credential::IdentityToken { token, .. }) => {
            refresh(transport, &realm, service, &scopes, token)?
        }
        _ => request(transport, &realm, service, &scopes, wanted)?,
    };
    read_token(answer)
}

/// The older way: a GET, with a name and a password or without.
fn request(
    transport: &Transport,
    realm: &Url,
    service: Option<&str>,
    scopes: &[&str],
    wanted: &Wanted<'_>,
) -> Result<Answer, Failure> {
    let mut parameters = Vec::new();
    parameters.extend(service.map(|service| ("service", service)));
    parameters.extend(scopes.iter().map(|scope| ("scope", *scope)));
    if let Some(credential) = wanted.credential {
        parameters.push(("account", credential.username()));
    }
    if wanted.offline {
        parameters.extend([("offline_token", "true"), ("client_id", CLIENT)]);
    }
    let authorization = wanted
        .credential
        .map(|credential| basic_header(realm, credential))
        .transpose()?;
    let url = realm.clone().with_query(&parameters);
    transport.send(&Method::GET, &url, &[], None, authorization.as_ref())
}

/// OAuth 2's way, with a refresh token (RFC 6749, 6).
fn refresh(
    transport: &Transport,
    realm: &Url,
    service: Option<&str>,
    scopes: &[&str],
    token: &str,
) -> Result<Answer, Failure> {
    let scope = scopes.join(" ");
    let form = [
        ("grant_type", "refresh_token"),
        ("service", service.unwrap_or_default()),
        ("client_id", CLIENT),
        ("scope", &scope),
        ("refresh_token", token),
    ]
    .map(|(name, value)| format!("{name}={}", escape(value)))
    .join("&");
    let form_type = HeaderValue::from_static("application/x-www-form-urlencoded");
    let headers = [(header::CONTENT_TYPE, form_type)];
    transport.send(&Method::POST, realm, &headers, Some(form.as_bytes()), None)
}

fn read_token(answer: Answer) -> Result<Token, Failure> {
    if !answer.status.is_success() {
        let mut refusal: Refusal = answer.into_refusal();
        if matches!(refusal.status.as_u16(), 400 | 401 | 403) {
            refusal.hint = Some(
                "the name or the password is wrong, or no longer right: log in again".to_owned(),
            );
        }
        return Err(Failure::Refused(refusal.into()));
    }
    let shown = answer.url.shown();
    let wrong = || Failure::Wrong(Error::new(format!("{shown} answered without a token")));
    let given = Json::parse_first(&read_all(answer, LARGEST)?).map_err(|_| wrong())?;
    let text = |key| given.get(key).and_then(Json::as_text).unwrap_or_default();
    // The first is the distribution project's name for it, the second OAuth's.
    let token = match text("token") {
        "" => text("access_token"),
        token => token,
    };
    if token.is_empty() {
        return Err(wrong());
    }
    Ok(Token {
        header: secret(&format!("Bearer {token}"))?,
        refresh: Some(text("refresh_token").to_owned()).filter(|token| !token.is_empty()),
        until: Instant::now() + lifetime(given.get("expires_in")) - SPARE,
    })
}

/// A token is not used in its last moments: it must not run out on its way.
const SPARE: Duration = Duration::from_secs(10);

/// How long a token is good for: the specification's least also for a server that says less, or nothing that can be read;
/// and no sum of times that overflows.
fn lifetime(expires_in: Option<&Json>) -> Duration {
    let seconds = expires_in.and_then(Json::as_seconds);
    let seconds = seconds.filter(|seconds| !seconds.is_nan()).unwrap_or(0.0);
    Duration::from_secs_f64(seconds.clamp(60.0, 24.0 * 3600.0))
}

/// A header's value that is not printed.
fn secret(text: &str) -> Result<HeaderValue> {
    let mut value = HeaderValue::from_str(text)
        .map_err(|_| Error::new("a user's name, password or token holds a control character"))?;
    value.set_sensitive(true);
    Ok(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_known_for_its_scope_and_its_time() {
        let registry = Url::parse("https://reg/v2/x").unwrap();
        let (pull, push) = (["pull".to_owned()], ["push".to_owned()]);
        let known = Known::default();
        let token = |until| Token {
            header: secret("Bearer t").unwrap(),
            refresh: None,
            until,
        };
        let now = Instant::now();
        known.remember_token(&registry, &pull, token(now + Duration::from_secs(60)));
        known.remember_token(&registry, &push, token(now));
        assert!(known.header(&registry, &pull).is_some());
        assert!(known.header(&registry, &push).is_none());
        for other in ["https://other/", "http://reg/", "https://reg:444/"] {
            let other = Url::parse(other).unwrap();
            assert!(known.header(&other, &pull).is_none(), "{other}");
        }
    }
}
