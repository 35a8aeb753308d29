//! What a registry answers.

use std::io::Read;

use kit::Error;
use layers::compression::decompress;
use ureq::Body;
use ureq::http::header::AsHeaderName;
use ureq::http::{HeaderMap, StatusCode, header};

use super::failure::{Failure, Refusal, broken};
use super::url::Url;

/// What was answered.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Body,
    /// Who answered, redirects followed.
    pub(crate) url: Url,
}

impl Answer {
    /// A header's text.
    pub(crate) fn header(&self, name: impl AsHeaderName) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// Whether the body is not what it stands for, but that in fewer bytes.
    pub(crate) fn is_packed(&self) -> bool {
        let encoding = self.header(header::CONTENT_ENCODING);
        encoding.is_some_and(|encoding| !encoding.eq_ignore_ascii_case("identity"))
    }

    /// Reads what nobody wants to know, if it is short: a connection can be used again when its answer was heard out.
    pub(crate) fn discard(self) {
        let length = self.header(header::CONTENT_LENGTH);
        let length: Option<u64> = length.and_then(|length| length.parse().ok());
        if length.is_some_and(|length| length <= MOST_WORDS) {
            // One that breaks here is not used again, and that is all.
            let _broken = std::io::copy(&mut self.body.into_reader(), &mut std::io::sink());
        }
    }

    /// The answer as a refusal, without its words.
    pub(crate) fn refusal(&self) -> Refusal {
        Refusal::new(&self.url, self.status, &self.headers, &[])
    }

    /// The answer as a refusal.
    pub(crate) fn into_refusal(self) -> Refusal {
        let mut beginning = Vec::new();
        // Half an explanation is better than an error about it.
        let _cut_short = self
            .body
            .into_reader()
            .take(MOST_WORDS)
            .read_to_end(&mut beginning);
        Refusal::new(&self.url, self.status, &self.headers, &beginning)
    }
}

const MOST_WORDS: u64 = 64 << 10;

/// All of an answer's body, which is at most `limit` bytes. Some servers pack it although nobody has asked for that.
pub(crate) fn read_all(answer: Answer, limit: u64) -> Result<Vec<u8>, Failure> {
    let is_packed = answer.is_packed();
    let url = answer.url;
    let mut bytes = Vec::new();
    let body = answer.body.into_reader();
    let reader: Box<dyn Read> = match is_packed {
        true => decompress(body).map_err(|error| error.within(url.shown()))?,
        false => Box::new(body),
    };
    reader
        .take(limit + 1)
        .read_to_end(&mut bytes)
        .map_err(|e| broken(&url, ureq::Error::from(e)))?;
    if bytes.len() as u64 > limit {
        return Err(Failure::Wrong(Error::new(format!(
            "{} answers with more than {limit} bytes",
            url.shown()
        ))));
    }
    Ok(bytes)
}

/// An answer with its body.
#[derive(Debug)]
pub(crate) struct Whole {
    pub(crate) headers: HeaderMap,
    pub(crate) url: Url,
    pub(crate) bytes: Vec<u8>,
}

impl Whole {
    /// A header's text.
    pub(crate) fn header(&self, name: impl AsHeaderName) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}

/// `answer`, unless it is a refusal; `start` is whom we asked.
pub(crate) fn accepted(start: &Url, answer: Answer) -> Result<Answer, Failure> {
    if answer.status.is_success() {
        return Ok(answer);
    }
    let mut refusal = answer.into_refusal();
    // Whoever sends us elsewhere does not decide who is told who we are (CVE-2020-15157).
    if refusal.status == StatusCode::UNAUTHORIZED && !refusal.url.same_origin(start) {
        refusal.hint = Some(format!(
            "{} has sent us there, and credentials for one host are not shown to another",
            start.authority
        ));
    }
    Err(Failure::Refused(refusal.into()))
}
