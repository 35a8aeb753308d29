//! One question and its answer: the right way to the host, the challenge answered, redirects followed as far as that is
//! safe, and the same again when the network has a bad moment.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use kit::Error;
use ureq::http::{HeaderName, HeaderValue, Method, StatusCode, header};

use super::answer::{Answer, Whole, accepted, read_all};
use super::authorization::{Known, answer_challenge, may_carry_secrets};
use super::configuration::Configuration;
use super::endpoint::Host;
use super::failure::Failure;
use super::transport::Transport;
use super::url::{Scheme, Url};

/// What is asked.
#[derive(Clone, Debug)]
pub(crate) struct Ask<'a> {
    pub(crate) method: Method,
    pub(crate) target: Target,
    pub(crate) headers: Vec<(HeaderName, HeaderValue)>,
    pub(crate) body: Option<&'a [u8]>,
    /// What it takes: `repository:library/busybox:pull`.
    pub(crate) scopes: &'a [String],
    /// Whether it may be asked again without harm.
    pub(crate) again: bool,
}

/// Where it is asked.
#[derive(Clone, Debug)]
pub(crate) enum Target {
    /// A path at the host, from `/v2/` on.
    Path(String),
    /// Where the host has sent us.
    At(Url),
}

impl<'a> Ask<'a> {
    /// A GET of `path`.
    pub(crate) fn get(path: impl Into<String>, scopes: &'a [String]) -> Self {
        Self {
            method: Method::GET,
            target: Target::Path(path.into()),
            headers: Vec::new(),
            body: None,
            scopes,
            again: true,
        }
    }

    /// The same with another method.
    pub(crate) fn method(mut self, method: Method) -> Self {
        self.method = method;
        self
    }

    /// With a header.
    pub(crate) fn header(mut self, name: HeaderName, value: &str) -> Result<Self, Failure> {
        let value = HeaderValue::from_str(value).map_err(|_| {
            Failure::Wrong(Error::new(format!("{value:?} cannot be sent as {name}")))
        })?;
        self.headers.push((name, value));
        Ok(self)
    }
}

const MOST_REDIRECTS: usize = 10;

/// All that is remembered between requests.
#[derive(Debug)]
pub(crate) struct Exchange {
    pub(crate) transport: Transport,
    known: Known,
    settled: Mutex<HashMap<String, Scheme>>,
}

impl Exchange {
    pub(crate) fn new(configuration: Configuration) -> Self {
        Self {
            transport: Transport::new(configuration),
            known: Known::default(),
            settled: Mutex::default(),
        }
    }

    /// What all requests go by.
    pub(crate) fn configuration(&self) -> &Configuration {
        &self.transport.configuration
    }

    /// Asks `host`, as often as is promising.
    pub(crate) fn ask(&self, host: &Host, ask: &Ask<'_>) -> Result<Answer, Failure> {
        self.patiently(ask.again && !host.is_mirror, || self.once(host, ask))
    }

    /// The same with the whole answer, of which at most `limit` bytes are taken. One that breaks off is asked for
    /// again.
    pub(crate) fn ask_whole(
        &self,
        host: &Host,
        ask: &Ask<'_>,
        limit: u64,
    ) -> Result<Whole, Failure> {
        self.patiently(ask.again && !host.is_mirror, || {
            let answer = self.once(host, ask)?;
            let (headers, url) = (answer.headers.clone(), answer.url.clone());
            let bytes = read_all(answer, limit)?;
            Ok(Whole {
                headers,
                url,
                bytes,
            })
        })
    }

    /// Asks for what is at `url`, whoever that is, as often as is promising. Nobody is told who asks.
    pub(crate) fn ask_anonymously(&self, url: &Url, ask: &Ask<'_>) -> Result<Answer, Failure> {
        self.patiently(ask.again, || accepted(url, self.follow(url, ask, None)?))
    }

    fn patiently<T>(
        &self,
        again: bool,
        mut attempt: impl FnMut() -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        let mut failures = 0;
        loop {
            let failure = match attempt() {
                Err(failure) if again => failure,
                done => return done,
            };
            failures += 1;
            self.wait(failures, failure)?;
        }
    }

    /// Waits after `failures` failures in a row, of which `failure` is the last; gives it back if there is no point.
    pub(crate) fn wait(&self, failures: u32, failure: Failure) -> Result<(), Failure> {
        let patience = &self.configuration().patience;
        if !failure.is_passing() || failures >= patience.attempts {
            return Err(failure);
        }
        let wait = match failure.retry_after() {
            Some(wait) if wait > patience.longest_wait => return Err(failure),
            Some(wait) => wait,
            None => patience.wait(failures),
        };
        std::thread::sleep(wait);
        Ok(())
    }

    /// Asks once, over TLS, and if the host is one that may be without, in the clear where TLS does not come about.
    fn once(&self, host: &Host, ask: &Ask<'_>) -> Result<Answer, Failure> {
        let path = match &ask.target {
            Target::Path(path) => path,
            Target::At(url) if url.authority == host.authority => return self.authorized(url, ask),
            // To whom a registry sends us, we are nobody: what we may do there is not for the registry to use.
            Target::At(url) => return accepted(url, self.follow(url, ask, None)?),
        };
        let schemes = match self.settled(host) {
            Some(scheme) => vec![scheme],
            None => host.schemes.clone(),
        };
        let mut last = None;
        for scheme in schemes {
            match self.authorized(&host.url(scheme, path), ask) {
                // Not if it was spoken to in this way, be it a moment ago and by another thread: what then breaks is
                // another thing than the way.
                Err(failure @ Failure::Broken { .. }) if self.settled(host) != Some(scheme) => {
                    last = Some(failure);
                }
                done => return done,
            }
        }
        Err(last.unwrap_or_else(|| {
            Failure::Wrong(Error::new(format!("{} has no address", host.authority)))
        }))
    }

    /// How `host` has answered before. From then on it is not spoken to in another way.
    fn settled(&self, host: &Host) -> Option<Scheme> {
        let settled = self.settled.lock().unwrap_or_else(PoisonError::into_inner);
        let scheme = settled.get(&host.authority).copied();
        scheme.filter(|scheme| host.schemes.contains(scheme))
    }

    fn settle(&self, url: &Url) {
        let mut settled = self.settled.lock().unwrap_or_else(PoisonError::into_inner);
        settled.entry(url.authority.clone()).or_insert(url.scheme);
    }

    /// Asks with what the host is known to want, and once more if it then says what it wants: a token may have run
    /// out, or allow too little.
    // ANCHOR: authorized
    fn authorized(&self, url: &Url, ask: &Ask<'_>) -> Result<Answer, Failure> {
        let known = self.known.header(url, ask.scopes);
        let first = self.follow(url, ask, known.as_ref())?;
        self.settle(url);
        let answer = if first.status == StatusCode::UNAUTHORIZED && first.url.same_origin(url) {
            let answered = answer_challenge(&self.transport, &self.known, url, &first, ask.scopes)?;
            first.discard();
            let second = self.follow(url, ask, Some(&answered.header))?;
            match (second.status.as_u16(), answered.nameless) {
                // What is not for everybody: then it matters why we are nobody.
                (401 | 403, Some(failure)) => return Err(failure),
                _ => second,
            }
        } else {
            first
        };
        accepted(url, answer)
    }
    // ANCHOR_END: authorized

    /// Follows redirects. From the first that leaves the host on, nobody is told who asks.
    // ANCHOR: follow
    fn follow(
        &self,
        start: &Url,
        ask: &Ask<'_>,
        authorization: Option<&HeaderValue>,
    ) -> Result<Answer, Failure> {
        let mut authorization = authorization;
        let mut url = start.clone();
        for _ in 0..=MOST_REDIRECTS {
            let answer =
                self.transport
                    .send(&ask.method, &url, &ask.headers, ask.body, authorization)?;
            if !matches!(answer.status.as_u16(), 301 | 302 | 303 | 307 | 308) {
                return Ok(answer);
            }
            let next = answer
                .header(header::LOCATION)
                .ok_or_else(|| Error::new(format!("{} redirects to nowhere", url.shown())))?;
            let next = url.onward(next)?;
            if ask.body.is_some() || !ask.method.is_safe() {
                return Err(Failure::Wrong(
                    Error::new(format!(
                        "{} redirects what we send to {}",
                        url.shown(),
                        next.shown()
                    ))
                    .hint("name the registry by the host that it redirects to"),
                ));
            }
            self.check_redirect(&url, &next)?;
            if !next.same_origin(&url) {
                authorization = None;
            }
            answer.discard();
            url = next;
        }
        Err(Failure::Wrong(Error::new(format!(
            "{} redirects more than {MOST_REDIRECTS} times",
            start.shown()
        ))))
    }
    // ANCHOR_END: follow

    /// What began over TLS does not go on in the clear, unless the user said that it may.
    pub(crate) fn check_redirect(&self, from: &Url, to: &Url) -> Result<(), Failure> {
        if from.scheme == Scheme::Http || may_carry_secrets(self.configuration(), to) {
            return Ok(());
        }
        Err(Failure::Wrong(
            Error::new(format!(
                "{} sends us on to {}, over plain HTTP",
                from.shown(),
                to.shown()
            ))
            .hint("a registry behind a proxy that ends TLS must be told so (X-Forwarded-Proto)"),
        ))
    }
}
