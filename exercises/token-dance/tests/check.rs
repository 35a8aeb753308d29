//! Hosts that ask who is asking, and what each of them got to know.

use std::cell::Cell;
use std::io::{self, Read};
use std::process::ExitCode;

use checks::client;
use checks::server::{Reply, Request, Server};
use checks::{Check, Finding, Outcome, ensure, found};
use exercise::Answer;

pub fn main() -> ExitCode {
    checks::main(&[
        Check {
            id: "open",
            asks: "who wants to know nothing is told nothing",
            run: open,
        },
        Check {
            id: "dance",
            asks: "a token is fetched from the realm, and shown to the registry",
            run: dance,
        },
        Check {
            id: "nobody",
            asks: "who has no account gets a token all the same",
            run: nobody,
        },
        Check {
            id: "once",
            asks: "a token that is refused is the last",
            run: once,
        },
        Check {
            id: "within",
            asks: "a redirect within the registry keeps the token",
            run: within,
        },
        Check {
            id: "elsewhere",
            asks: "a redirect to another host is told nothing",
            run: elsewhere,
        },
        Check {
            id: "look-alike",
            asks: "neither is one whose name begins in the same way",
            run: look_alike,
        },
        Check {
            id: "back",
            asks: "a redirect that leads back is told nothing more",
            run: back,
        },
        Check {
            id: "asked-back",
            asks: "only the host that was asked may ask who we are",
            run: asked_back,
        },
        Check {
            id: "circle",
            asks: "redirects in circles end",
            run: circle,
        },
        Check {
            id: "in-the-clear",
            asks: "no account is shown over plain http",
            run: in_the_clear,
        },
    ])
}

/// `user:word`.
const ACCOUNT: &str = "Basic dXNlcjp3b3Jk";
const TOKEN: &str = "Bearer t1";
const BLOB: &str = "https://registry.test/v2/app/blobs/1";
/// More requests than anything here takes.
const ENOUGH: usize = 30;

/// Hosts by their names, all of them on the loopback device.
struct Net {
    hosts: Vec<(&'static str, Server)>,
    asked: Cell<usize>,
}

impl Net {
    fn new() -> Self {
        Self {
            hosts: Vec::new(),
            asked: Cell::new(0),
        }
    }

    fn host(
        mut self,
        name: &'static str,
        handler: impl Fn(&Request) -> Reply + Send + Sync + 'static,
    ) -> Self {
        self.hosts.push((name, Server::new(handler)));
        self
    }

    /// A realm that gives the token `t1` to who asks as the challenge says.
    fn realm(self) -> Self {
        self.host("auth.test", |request| match request.path.as_str() {
            "/token?service=reg&scope=repository:app:pull" => {
                Reply::ok(r#"{"token": "t1", "expires_in": 300}"#)
            }
            _ => Reply::ok(r#"{"token": "allows-nothing"}"#),
        })
    }

    fn fetch(&self, account: Option<&str>) -> Outcome<Result<String, String>> {
        let result = exercise::fetch(BLOB, account, &|url, authorization| {
            self.asked.set(self.asked.get() + 1);
            match self.asked.get() > ENOUGH {
                true => Err(io::Error::other("this has gone on for too long")),
                false => self.ask(url, authorization),
            }
        });
        let asked = self.asked.get();
        ensure!(
            asked <= ENOUGH,
            "for-ever",
            "{ENOUGH} requests were made, and it went on"
        );
        Ok(result)
    }

    fn ask(&self, url: &str, authorization: Option<&str>) -> io::Result<Answer> {
        let (_, rest) = url.split_once("://").unwrap_or_default();
        let (name, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        let server = self
            .server(name)
            .ok_or_else(|| io::Error::other(format!("nobody is called {name}")))?;
        let headers: Vec<_> = authorization
            .map(|value| ("Authorization".to_owned(), value.to_owned()))
            .into_iter()
            .collect();
        let mut answer = client::get(server.address, name, path, &headers, None)?;
        let mut body = String::new();
        answer.body.read_to_string(&mut body)?;
        Ok(Answer {
            status: answer.status,
            headers: answer.headers,
            body,
        })
    }

    fn server(&self, name: &str) -> Option<&Server> {
        let found = self.hosts.iter().find(|(found, _)| *found == name);
        found.map(|(_, server)| server)
    }

    /// What a host was shown, request by request; `-` is nothing.
    fn shown(&self, name: &str) -> Vec<String> {
        let log = self.server(name).map(Server::log).unwrap_or_default();
        log.iter()
            .map(|request| request.header("authorization").unwrap_or("-").to_owned())
            .collect()
    }

    /// A host was shown this and nothing else.
    fn must_have_seen(&self, name: &str, expected: &[&str]) -> Outcome {
        let shown = self.shown(name);
        let secret = shown
            .iter()
            .find(|value| *value != "-" && !expected.contains(&value.as_str()));
        if let Some(secret) = secret {
            return found!("shown", "{name} was shown {secret:?}");
        }
        ensure!(
            shown == expected,
            "asked-otherwise",
            "{name} was shown {shown:?}, request by request, and should be shown {expected:?}"
        );
        Ok(())
    }
}

fn must(result: Result<String, String>) -> Outcome {
    match result.as_deref() {
        Ok("blob") => Ok(()),
        Ok(other) => found!(
            "other-body",
            "the blob is {other:?}, and should be \"blob\""
        ),
        Err(error) => Err(Finding::new(
            "failed",
            format!("the blob was not fetched: {error}"),
        )),
    }
}

fn must_fail(result: Result<String, String>, what: &str) -> Outcome {
    ensure!(result.is_err(), "no-error", "{what}, and fetch returned Ok");
    Ok(())
}

fn challenge(realm: &str) -> Reply {
    let value = format!("Bearer realm=\"{realm}\",service=\"reg\",scope=\"repository:app:pull\"");
    Reply::new(401).header("WWW-Authenticate", value)
}

/// A registry that wants a token, and then does what `then` says.
fn guarded(
    then: impl Fn(&Request) -> Reply + Send + Sync,
) -> impl Fn(&Request) -> Reply + Send + Sync {
    move |request| match request.header("authorization") {
        Some(TOKEN) => then(request),
        _ => challenge("https://auth.test/token"),
    }
}

fn to(url: &'static str) -> Reply {
    Reply::new(307).header("Location", url)
}

fn open() -> Outcome {
    let net = Net::new().host("registry.test", |_| Reply::ok("blob"));
    must(net.fetch(Some(ACCOUNT))?)?;
    net.must_have_seen("registry.test", &["-"])
}

fn dance() -> Outcome {
    let net = Net::new()
        .host("registry.test", guarded(|_| Reply::ok("blob")))
        .realm();
    let result = net.fetch(Some(ACCOUNT))?;
    net.must_have_seen("registry.test", &["-", TOKEN])?;
    net.must_have_seen("auth.test", &[ACCOUNT])?;
    must(result)
}

fn nobody() -> Outcome {
    let net = Net::new()
        .host("registry.test", guarded(|_| Reply::ok("blob")))
        .realm();
    must(net.fetch(None)?)?;
    net.must_have_seen("auth.test", &["-"])
}

fn once() -> Outcome {
    let net = Net::new()
        .host("registry.test", |_| challenge("https://auth.test/token"))
        .realm();
    must_fail(net.fetch(Some(ACCOUNT))?, "the registry refused the token")?;
    net.must_have_seen("registry.test", &["-", TOKEN])
}

fn within() -> Outcome {
    let registry = guarded(|request| match request.path.as_str() {
        "/storage/1" => Reply::ok("blob"),
        _ => to("/storage/1"),
    });
    let net = Net::new().host("registry.test", registry).realm();
    let result = net.fetch(Some(ACCOUNT))?;
    net.must_have_seen("registry.test", &["-", TOKEN, TOKEN])?;
    must(result)
}

fn elsewhere() -> Outcome {
    let net = Net::new()
        .host(
            "registry.test",
            guarded(|_| to("https://cdn.test/1?signature=x")),
        )
        .host("cdn.test", |_| Reply::ok("blob"))
        .realm();
    let result = net.fetch(Some(ACCOUNT))?;
    net.must_have_seen("cdn.test", &["-"])?;
    must(result)
}

fn look_alike() -> Outcome {
    for (name, url) in [
        (
            "registry.test.evil.test",
            "https://registry.test.evil.test/1",
        ),
        ("registry.test:8443", "https://registry.test:8443/1"),
    ] {
        let net = Net::new()
            .host("registry.test", guarded(move |_| to(url)))
            .host(name, |_| Reply::ok("blob"))
            .realm();
        let result = net.fetch(Some(ACCOUNT))?;
        net.must_have_seen(name, &["-"])?;
        must(result)?;
    }
    Ok(())
}

fn back() -> Outcome {
    let registry = |request: &Request| match request.path.as_str() {
        "/v2/private" => Reply::ok("blob"),
        _ => guarded(|_| to("https://evil.test/"))(request),
    };
    let net = Net::new()
        .host("registry.test", registry)
        .host("evil.test", |_| to("https://registry.test/v2/private"))
        .realm();
    let result = net.fetch(Some(ACCOUNT))?;
    let shown = net.shown("registry.test");
    ensure!(
        shown.last().is_some_and(|last| last == "-"),
        "shown-again",
        "evil.test has sent us to the registry's /v2/private, and we have shown {shown:?} there, the last after it"
    );
    must(result)
}

fn asked_back() -> Outcome {
    // Before the registry has wanted anything, and after.
    for wants_token in [false, true] {
        let registry = move |request: &Request| match wants_token {
            true => guarded(|_| to("https://evil.test/"))(request),
            false => to("https://evil.test/"),
        };
        let net = Net::new()
            .host("registry.test", registry)
            .host("evil.test", |_| challenge("https://evil.test/token"))
            .realm();
        let result = net.fetch(Some(ACCOUNT))?;
        net.must_have_seen("evil.test", &["-"])?;
        must_fail(result, "evil.test, where a redirect led, refused the blob")?;
    }
    Ok(())
}

fn circle() -> Outcome {
    let net = Net::new().host("registry.test", |_| to("/v2/app/blobs/1"));
    must_fail(net.fetch(None)?, "the redirects lead in a circle")
}

fn in_the_clear() -> Outcome {
    let net = Net::new()
        .host("registry.test", |_| challenge("http://auth.test/token"))
        .realm();
    let result = net.fetch(Some(ACCOUNT))?;
    net.must_have_seen("auth.test", &[])?;
    must_fail(result, "the realm is http://auth.test")
}
