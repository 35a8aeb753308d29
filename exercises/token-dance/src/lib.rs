//! Asking a registry that wants to know who asks.

use std::io;

/// What was answered.
#[derive(Clone, Debug)]
pub struct Answer {
    /// `200`.
    pub status: u16,
    /// Names in small letters, and values.
    pub headers: Vec<(String, String)>,
    /// All of it.
    pub body: String,
}

impl Answer {
    /// The value of a header, by its name in small letters.
    fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(found, _)| found == name);
        found.map(|(_, value)| value.as_str())
    }
}

/// Asks a URL, with this value of the header `Authorization`, if there is one. Follows no redirects.
pub type Ask<'a> = &'a dyn Fn(&str, Option<&str>) -> io::Result<Answer>;

/// What is at `url`. `account` is the value of the header `Authorization` that says who we are: `Basic …`.
pub fn fetch(url: &str, account: Option<&str>, ask: Ask<'_>) -> Result<String, String> {
    //< fetch: ask, and if the host wants a token, fetch one and ask once more
    let (at, mut answer) = follow(url, None, ask)?;
    if answer.status == 401 {
        if host(&at) != host(url) {
            return Err(format!(
                "{at} wants to know who asks, and is not who was asked"
            ));
        }
        let challenge = answer.header("www-authenticate").unwrap_or_default();
        let token = token(challenge, account, ask)?;
        (_, answer) = follow(url, Some(&format!("Bearer {token}")), ask)?;
    }
    match answer.status {
        200 => Ok(answer.body),
        status => Err(format!("{url}: {status}")),
    }
    //= let _ = (url, account, ask, follow, token, host, Answer::header);
    //= todo!("ask, and answer the challenge")
    //>
}

/// A token for what `challenge` says.
fn token(challenge: &str, account: Option<&str>, ask: Ask<'_>) -> Result<String, String> {
    //< token: ask the realm of the challenge for its service and scope
    let part = |name| parameter(challenge, name).ok_or(format!("{challenge:?} has no {name}"));
    let (realm, service, scope) = (part("realm")?, part("service")?, part("scope")?);
    if account.is_some() && !realm.starts_with("https://") {
        return Err(format!(
            "{realm} would see the account in the clear, and so would others"
        ));
    }
    let answer = ask(&format!("{realm}?service={service}&scope={scope}"), account)
        .map_err(|error| error.to_string())?;
    match (answer.status, token_in(&answer.body)) {
        (200, Some(token)) => Ok(token.to_owned()),
        (status, _) => Err(format!("{realm} gives no token: {status}")),
    }
    //= let _ = (challenge, account, ask, parameter, token_in);
    //= todo!("fetch a token")
    //>
}

/// Asks `url`, follows redirects, and returns where that led and what was answered there.
fn follow(url: &str, token: Option<&str>, ask: Ask<'_>) -> Result<(String, Answer), String> {
    //< follow: redirects, ten at the most, and the token only as far as it is for
    let (mut at, mut token) = (url.to_owned(), token);
    for _ in 0..=10 {
        let answer = ask(&at, token).map_err(|error| error.to_string())?;
        if !matches!(answer.status, 301 | 302 | 303 | 307 | 308) {
            return Ok((at, answer));
        }
        let location = answer
            .header("location")
            .ok_or(format!("{at} redirects to nowhere"))?;
        let next = join(&at, location);
        if host(&next) != host(&at) {
            token = None;
        }
        at = next;
    }
    Err(format!("{url} redirects in circles"))
    //= let _ = (url, token, ask, join);
    //= todo!("ask, and follow redirects")
    //>
}

/// `https://reg.test:5000` of `https://reg.test:5000/v2/`: how, who, and at which port.
fn host(url: &str) -> &str {
    let start = url.find("://").map_or(0, |at| at + "://".len());
    let length = url[start..].find('/').unwrap_or(url.len() - start);
    &url[..start + length]
}

/// Where a `Location` leads that was found at `url`.
fn join(url: &str, location: &str) -> String {
    match location.starts_with('/') {
        true => format!("{}{location}", host(url)),
        false => location.to_owned(),
    }
}

/// The value of `name` in `Bearer name="value",…`.
fn parameter<'c>(challenge: &'c str, name: &str) -> Option<&'c str> {
    let mut parts = challenge.strip_prefix("Bearer ")?.split(',');
    let value = parts.find_map(|part| part.trim().strip_prefix(name)?.strip_prefix('='))?;
    Some(value.trim_matches('"'))
}

/// The token in `{"token": "…"}`.
fn token_in(json: &str) -> Option<&str> {
    let (_, rest) = json.split_once("\"token\"")?;
    rest.split('"').nth(1)
}
