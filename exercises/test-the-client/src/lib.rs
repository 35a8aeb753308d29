//! A test for clients of registries.

use std::cell::RefCell;

use layers::digest::Digest;

/// What a client is to fetch.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// What it is to be.
    pub media_type: &'static str,
    /// The digest of its text.
    pub digest: Digest,
    /// The length of its text, in bytes.
    pub size: usize,
}

/// What a client asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// Whom: `registry.test`, or where it was sent.
    pub host: String,
    /// For a token, and not for what is wanted.
    pub for_token: bool,
    /// What it shows of itself.
    pub secret: Option<Secret>,
    /// The first byte that it asks for.
    pub from: usize,
}

/// What is not for everybody.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Secret {
    /// Name and password. All clients have some.
    Account,
    /// A token.
    Token(String),
}

/// What a registry answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// A text of this media type, to its end.
    Body(&'static str, &'static str),
    /// What follows the first bytes, as many as `from` says.
    Rest(&'static str),
    /// This much of a text, and then the connection is closed, though more was promised.
    Cut(&'static str),
    /// This much, and then nothing is said, and nothing closed. A client that waits says so: it returns an error.
    Stall(&'static str),
    /// `401`, and that tokens are given by this host.
    Challenge(&'static str),
    /// A token.
    Token(&'static str),
    /// The same is to be had from this host.
    Redirect(&'static str),
    /// Any other answer, and nothing with it.
    Status(u16),
}

/// A registry, and all the hosts that it has to do with.
pub type Registry<'a> = &'a dyn Fn(&Request) -> Reply;
/// A client.
pub type Client<'a> = &'a dyn Fn(&Wanted, Registry<'_>) -> Result<String, String>;

const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const INDEX: &str = "application/vnd.oci.image.index.v1+json";
const TEXT: &str = r#"{"config": {}, "layers": []}"#;

/// Says what is wrong with the client, if anything is.
pub fn judge(client: Client<'_>) -> Result<(), String> {
    //< judge: accept the client that is right, reject those that are not
    good_will(client)?;
    lies(client)?;
    secrets(client)?;
    patience(client)
    //= let _ = (client, ask, MANIFEST, INDEX, TEXT);
    //= todo!("write the test")
    //>
}

/// What the client returned, and what it asked.
fn ask(client: Client<'_>, registry: Registry<'_>) -> (Result<String, String>, Vec<Request>) {
    let log = RefCell::new(Vec::new());
    let wanted = Wanted {
        media_type: MANIFEST,
        digest: Digest::of(TEXT),
        size: TEXT.len(),
    };
    let result = client(&wanted, &|request| {
        log.borrow_mut().push(request.clone());
        registry(request)
    });
    (result, log.into_inner())
}

//< good_will: registries that a client gets its manifest from
fn good_will(client: Client<'_>) -> Result<(), String> {
    for moment in [
        Reply::Body(MANIFEST, TEXT),
        Reply::Status(503),
        Reply::Cut(&TEXT[..5]),
        Reply::Stall(&TEXT[..5]),
    ] {
        let first = RefCell::new(Some(moment.clone()));
        let (result, _) = ask(client, &|request| match (first.take(), request.from) {
            (Some(reply), _) => reply,
            (None, 0) => Reply::Body(MANIFEST, TEXT),
            (None, from) => Reply::Rest(&TEXT[from..]),
        });
        if result.as_deref() != Ok(TEXT) {
            return Err(format!("after {moment:?} it returned {result:?}"));
        }
    }
    Ok(())
}
//= // Your own functions, if you like.
//>

//< lies: registries that no client believes
fn lies(client: Client<'_>) -> Result<(), String> {
    for lie in [
        Reply::Body(INDEX, TEXT),
        Reply::Body(MANIFEST, r#"{"config": {}, "layers": 42}"#),
        Reply::Body(MANIFEST, r#"{"config": {}}"#),
        Reply::Body(MANIFEST, r#"{"config": {}, "layers": []} and more"#),
        Reply::Cut(&TEXT[..5]),
    ] {
        let (result, _) = ask(client, &|_| lie.clone());
        if result.is_ok() {
            return Err(format!("it took {lie:?} for what was wanted"));
        }
    }
    Ok(())
}
//= //
//>

//< secrets: who gets to know what
fn guarded(request: &Request, then: Reply) -> Reply {
    match &request.secret {
        _ if request.for_token => Reply::Token("t1"),
        Some(Secret::Token(_)) => then,
        _ => Reply::Challenge("auth.test"),
    }
}

fn secrets(client: Client<'_>) -> Result<(), String> {
    let whole = || Reply::Body(MANIFEST, TEXT);
    let (plain, first) = ask(client, &|request| guarded(request, whole()));
    let (redirected, second) = ask(client, &|request| match request.host.as_str() {
        "cdn.test" => whole(),
        _ => guarded(request, Reply::Redirect("cdn.test")),
    });
    let (_, third) = ask(client, &|request| match request.host.as_str() {
        "registry.test" => Reply::Redirect("evil.test"),
        _ if request.for_token => Reply::Token("t1"),
        _ => Reply::Challenge("evil.test"),
    });
    if plain.is_err() || redirected.is_err() {
        return Err(format!("with a token: {plain:?}, {redirected:?}"));
    }
    for request in [first, second, third].iter().flatten() {
        let is_for_it = match (&request.secret, request.host.as_str()) {
            (None, _) => true,
            (Some(Secret::Account), host) => host == "auth.test" && request.for_token,
            (Some(Secret::Token(_)), host) => host == "registry.test",
        };
        if !is_for_it || request.host == "evil.test" && request.for_token {
            return Err(format!("it asked {request:?}"));
        }
    }
    Ok(())
}
//= //
//>

//< patience: how often it asks
fn patience(client: Client<'_>) -> Result<(), String> {
    let (result, log) = ask(client, &|_| Reply::Status(404));
    if result.is_ok() || log.len() != 1 {
        return Err(format!(
            "404 made it return {result:?} after {} requests",
            log.len()
        ));
    }
    let refuse = |request: &Request| match request.for_token {
        true => Reply::Token("t1"),
        false => Reply::Challenge("auth.test"),
    };
    for registry in [&refuse as Registry<'_>, &|_| Reply::Status(503)] {
        let (result, log) = ask(client, registry);
        if result.is_ok() || log.len() > 10 {
            return Err(format!(
                "it returned {result:?} after {} requests",
                log.len()
            ));
        }
    }
    Ok(())
}
//= //
//>
