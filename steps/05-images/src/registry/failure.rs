//! What can go wrong with a request, sorted by what is to be done about it.

use std::time::{Duration, SystemTime};

use kit::Error;
use ureq::http::{HeaderMap, StatusCode, header};

use super::resolver::NotResolved;
use super::url::Url;
use crate::lenient::Json;

/// A request that did not give what was asked for.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The registry was not reached, or the connection broke.
    Broken {
        /// What the kernel, or TLS, said.
        error: Error,
        /// Whether it may be otherwise in a moment.
        passing: bool,
    },
    /// The registry said no.
    Refused(Box<Refusal>),
    /// What came is not what may come, or a thing of our own is wrong: nothing is tried again.
    Wrong(Error),
}

/// A registry's no.
#[derive(Debug)]
pub(crate) struct Refusal {
    pub(crate) status: StatusCode,
    /// Its own words: code and message, without what could steer a terminal.
    pub(crate) words: String,
    /// How long it wants to be left alone.
    pub(crate) retry_after: Option<Duration>,
    /// Who says so.
    pub(crate) url: Url,
    /// What to do about it, if we know better than the status does.
    pub(crate) hint: Option<String>,
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Wrong(error)
    }
}

impl Failure {
    /// Whether the same may succeed in a moment.
    pub(crate) fn is_passing(&self) -> bool {
        match self {
            Self::Broken { passing, .. } => *passing,
            Self::Refused(refusal) => {
                matches!(refusal.status.as_u16(), 408 | 429 | 500 | 502 | 503 | 504)
            }
            Self::Wrong(_) => false,
        }
    }

    /// The status that the registry answered with, if it did.
    pub(crate) fn status(&self) -> Option<u16> {
        match self {
            Self::Refused(refusal) => Some(refusal.status.as_u16()),
            _ => None,
        }
    }

    /// How long the registry wants to be left alone.
    pub(crate) fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Refused(refusal) => refusal.retry_after,
            _ => None,
        }
    }

    /// For a person.
    pub(crate) fn into_error(self) -> Error {
        match self {
            Self::Broken { error, .. } | Self::Wrong(error) => error,
            Self::Refused(refusal) => refusal.into_error(),
        }
    }
}

impl Refusal {
    /// From an answer; `body` is the beginning of what it holds.
    pub(crate) fn new(url: &Url, status: StatusCode, headers: &HeaderMap, body: &[u8]) -> Self {
        Self {
            status,
            words: words(body),
            retry_after: retry_after(headers),
            url: url.clone(),
            hint: None,
        }
    }

    fn into_error(self) -> Error {
        let mut message = format!("{} answered {}", self.url.shown(), self.status);
        if !self.words.is_empty() {
            message.push_str(": ");
            message.push_str(&self.words);
        }
        let error = Error::new(message);
        let hint = self.hint.or_else(|| match self.status.as_u16() {
            401 | 403 => Some(format!(
                "log in: drydock login {}; the repository may also not exist",
                self.url.authority
            )),
            429 => Some("the registry limits how often it is asked: wait, or log in".to_owned()),
            500.. => Some("the registry has a fault of its own: try again later".to_owned()),
            _ => None,
        });
        match hint {
            Some(hint) => error.hint(hint),
            None => error,
        }
    }
}

/// The errors that an answer tells (OCI distribution specification, "Error codes"), in one line; or what other servers
/// write in their place, Docker Hub among them.
fn words(body: &[u8]) -> String {
    let told = Json::parse_first(body).unwrap_or_default();
    let errors = told
        .get("errors")
        .and_then(Json::as_list)
        .unwrap_or_default();
    let words: Vec<_> = errors.iter().take(3).map(one).collect();
    if words.iter().any(|words| !words.is_empty()) {
        return printable(&words.join("; "));
    }
    let others = ["details", "message", "error_description", "error"];
    let other = others.iter().find_map(|key| told.get(key)?.as_text());
    printable(other.unwrap_or_default())
}

fn one(error: &Json) -> String {
    let text = |key| error.get(key).and_then(Json::as_text).unwrap_or_default();
    let code = text("code").to_lowercase().replace('_', " ");
    let message = match text("message") {
        "" => text("detail"),
        message => message,
    };
    match (code.as_str(), message) {
        ("", message) => message.to_owned(),
        (_, "") => code,
        _ => format!("{code}: {message}"),
    }
}

/// Without control characters, and not too long: a stranger wrote it, and it goes to a terminal.
pub(crate) fn printable(text: &str) -> String {
    let is_plain = |c: &char| {
        !c.is_control() && !matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    text.chars().filter(is_plain).take(300).collect()
}

/// `Retry-After`: seconds, or a date (RFC 9110, 10.2.3).
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get(header::RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse() {
        // One that cannot be counted is longer than anybody waits.
        let seconds = Duration::try_from_secs_f64(seconds);
        return seconds
            .ok()
            .or(Some(Duration::MAX).filter(|_| !text.starts_with('-')));
    }
    let date = httpdate::parse_http_date(text).ok()?;
    Some(
        date.duration_since(SystemTime::now())
            .unwrap_or(Duration::ZERO),
    )
}

/// What ureq says, with the mend.
pub(crate) fn broken(url: &Url, error: ureq::Error) -> Failure {
    let told = |what: String| Error::new(format!("cannot reach {}: {what}", url.shown()));
    let found = rustls_error(&error);
    let (error, passing) = match (&error, found) {
        (_, Some(rustls::Error::InvalidCertificate(why))) => (
            told(format!("its certificate is not trusted: {why}")).hint(format!(
                "put its authority's certificate into /etc/docker/certs.d/{}/ca.crt, or name it in insecure-registries of daemon.json",
                url.authority
            )),
            false,
        ),
        (_, Some(rustls::Error::InvalidMessage(_))) => (
            told("the server gave an answer that is not HTTPS".to_owned()).hint(format!(
                "if it speaks plain HTTP, name {} in insecure-registries of daemon.json",
                url.authority
            )),
            false,
        ),
        (_, Some(other)) => (told(format!("TLS: {other}")), false),
        (ureq::Error::Timeout(ureq::Timeout::PerRead), _) => {
            (told("it has gone silent".to_owned()), true)
        }
        (ureq::Error::Timeout(_), _) => (told("it does not answer in time".to_owned()), true),
        (ureq::Error::Io(io), _) => {
            let passing = !matches!(
                io.kind(),
                std::io::ErrorKind::ConnectionRefused | std::io::ErrorKind::NotFound
            ) && !is_not_resolved(io);
            (Error::io("reach", url.shown(), io).hint(REACH), passing)
        }
        (ureq::Error::HostNotFound, _) => (told("there is no such host".to_owned()).hint(REACH), false),
        (other, _) => (told(printable(&other.to_string())).hint(REACH), false),
    };
    Failure::Broken { error, passing }
}

const REACH: &str =
    "check the registry's name, the network, and HTTP_PROXY, HTTPS_PROXY and NO_PROXY";

/// Whether the host's name could not be looked up.
fn is_not_resolved(error: &std::io::Error) -> bool {
    error
        .get_ref()
        .is_some_and(|inner| inner.is::<NotResolved>())
}

/// rustls' own error; a handshake wraps it in one of I/O.
fn rustls_error(error: &ureq::Error) -> Option<&rustls::Error> {
    match error {
        ureq::Error::Rustls(error) => Some(error),
        ureq::Error::Io(error) => error.get_ref()?.downcast_ref(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(status: u16, headers: &[(&'static str, &str)], body: &str) -> Refusal {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.insert(*name, value.parse().unwrap());
        }
        let url = Url::parse("https://reg/v2/x?sig=secret").unwrap();
        let status = StatusCode::from_u16(status).unwrap();
        Refusal::new(&url, status, &map, body.as_bytes())
    }

    #[test]
    fn a_registry_is_quoted_without_what_steers_a_terminal() {
        let body = "{\"errors\": [{\"code\": \"NAME_UNKNOWN\", \"message\": \"no \\u001b[31msuch\\r\\n name\"}, {\"code\": \"DENIED\"}]}";
        let error = Failure::Refused(refusal(404, &[], body).into()).into_error();
        assert_eq!(
            error.to_string(),
            "https://reg/v2/x answered 404 Not Found: name unknown: no [31msuch name; denied"
        );
        for (body, words) in [
            ("", ""),
            ("<html>", ""),
            ("[]", ""),
            ("null", ""),
            (r#"{"errors": 1}"#, ""),
            (r#"{"errors": null}"#, ""),
            (r#"{"errors": []}"#, ""),
            (r#"{"errors": [null, {}]}"#, ""),
            (r#"{"errors": ["no", {"message": "yes"}]}"#, "; yes"),
            (
                r#"{"Errors": [{"Code": "A_B", "message": null, "detail": {"a": 1}}]}"#,
                "a b",
            ),
            (
                r#"{"errors": [{"code": 7, "message": "no", "detail": "never"}]}"#,
                "no",
            ),
            (
                r#"{"errors": [{"code": "X", "detail": "never"}]}"#,
                "x: never",
            ),
            (r#"{"errors": [{"code": "X"}]} and more"#, "x"),
            (
                r#"{"details": "incorrect username or password"}"#,
                "incorrect username or password",
            ),
            (
                r#"{"message": "Not Found", "documentation_url": "https://x"}"#,
                "Not Found",
            ),
            (
                r#"{"error": "invalid_grant", "error_description": "it has run out"}"#,
                "it has run out",
            ),
            (r#"{"error": {"code": 404}}"#, ""),
        ] {
            assert_eq!(refusal(500, &[], body).words, words, "{body}");
        }
    }

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        let after = |value| refusal(503, &[("retry-after", value)], "").retry_after;
        for (text, seconds) in [("7", 7.0), (" 7 ", 7.0), ("0", 0.0), ("1.5", 1.5)] {
            assert_eq!(
                after(text),
                Some(Duration::from_secs_f64(seconds)),
                "{text}"
            );
        }
        assert_eq!(after("1e30"), Some(Duration::MAX));
        assert_eq!(after("Thu, 01 Jan 1970 00:00:00 GMT"), Some(Duration::ZERO));
        let hour = Duration::from_secs(3600);
        let later = httpdate::fmt_http_date(SystemTime::now() + 2 * hour);
        assert!(after(&later).unwrap() > hour);
        assert_eq!(after("soon"), None);
        assert_eq!(after("-1"), None);
    }

    #[test]
    fn only_what_may_pass_is_tried_again() {
        for (status, passing) in [
            (429, true),
            (503, true),
            (500, true),
            (501, false),
            (404, false),
            (401, false),
        ] {
            assert_eq!(
                Failure::Refused(refusal(status, &[], "").into()).is_passing(),
                passing
            );
        }
    }
}
