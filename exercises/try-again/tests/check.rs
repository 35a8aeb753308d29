//! Servers with bad moments, what they are asked, and how long was waited between.

use std::cell::{Cell, RefCell};
use std::io;
use std::process::ExitCode;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use checks::client;
use checks::server::{Reply, Server};
use checks::{Check, Outcome, ensure, found};
use exercise::{Answer, Patience, Request, World};

pub fn main() -> ExitCode {
    checks::main(&[
        Check {
            id: "good",
            asks: "where all is well, one request is made and nobody waits",
            run: good,
        },
        Check {
            id: "bad-moment",
            asks: "a bad moment is outlived, with rests that double",
            run: bad_moment,
        },
        Check {
            id: "bad-day",
            asks: "a bad day is given up after so many attempts",
            run: bad_day,
        },
        Check {
            id: "no",
            asks: "a no is not asked again",
            run: no,
        },
        Check {
            id: "cut",
            asks: "a body that breaks off is gone on with where it broke off",
            run: cut,
        },
        Check {
            id: "no-ranges",
            asks: "a server that sends all of it again is understood",
            run: no_ranges,
        },
        Check {
            id: "other-part",
            asks: "another part than was asked for is refused",
            run: other_part,
        },
        Check {
            id: "stall",
            asks: "a server that falls silent is not waited for without end",
            run: stall,
        },
        Check {
            id: "mirror",
            asks: "where one host fails the next goes on",
            run: mirror,
        },
        Check {
            id: "nobody",
            asks: "the error comes when all hosts have failed",
            run: nobody,
        },
    ])
}

const BLOB: &str = "the bytes of a layer, which are some dozens";
const FIRST_WAIT: Duration = Duration::from_millis(10);
/// Longer than any machine is busy with something else.
const LONG: Duration = Duration::from_secs(60);
/// More requests than anything here takes.
const ENOUGH: usize = 60;

/// What came of a download.
struct Ran {
    result: Result<Vec<u8>, String>,
    waits: Vec<Duration>,
}

/// Downloads from these servers: `one`, `two` …
fn download(servers: &[Server], attempts: u32, silence: Duration) -> Outcome<Ran> {
    let names = ["one", "two", "three"];
    let (asked, no_limit) = (Cell::new(0), Cell::new(false));
    let waits = RefCell::new(Vec::new());
    let ask = |request: Request<'_>| {
        asked.set(asked.get() + 1);
        no_limit.set(no_limit.get() || request.silence.is_none());
        if asked.get() > ENOUGH {
            return Ok(Answer {
                status: 410,
                first: None,
                body: Box::new(io::empty()),
            });
        }
        let server = names.iter().position(|name| *name == request.host);
        let server = server.and_then(|number| servers.get(number));
        let server = server.ok_or_else(|| io::Error::other("there is no such host"))?;
        // Where a submission sets no limit, it is told so below and not after an hour.
        ask(server, request, request.silence.unwrap_or(silence))
    };
    let rest = |wait| waits.borrow_mut().push(wait);
    let patience = Patience {
        attempts,
        first_wait: FIRST_WAIT,
        silence,
    };
    let world = World {
        ask: &ask,
        rest: &rest,
    };
    let hosts = names.get(..servers.len()).unwrap_or(&names);
    let result = exercise::download(hosts, BLOB.len() as u64, patience, world);
    ensure!(
        asked.get() <= ENOUGH,
        "for-ever",
        "{ENOUGH} requests were made, of {attempts} a host, and it went on"
    );
    ensure!(
        silence == LONG || !no_limit.get(),
        "no-limit",
        "a request may wait for ever: its `silence` is None, and the server says nothing more"
    );
    Ok(Ran {
        result,
        waits: waits.into_inner(),
    })
}

fn ask(server: &Server, request: Request<'_>, silence: Duration) -> io::Result<Answer> {
    let range =
        (request.from > 0).then(|| ("Range".to_owned(), format!("bytes={}-", request.from)));
    let headers: Vec<_> = range.into_iter().collect();
    let answer = client::get(
        server.address,
        request.host,
        "/blob",
        &headers,
        Some(silence),
    )?;
    let range = answer
        .headers
        .iter()
        .find(|(name, _)| name == "content-range");
    let first = range.and_then(|(_, value)| {
        value
            .strip_prefix("bytes ")?
            .split('-')
            .next()?
            .parse()
            .ok()
    });
    Ok(Answer {
        status: answer.status,
        first,
        body: answer.body,
    })
}

/// A server whose answer to the n-th request is the n-th of `replies`, and the last one from then on.
fn scripted(replies: Vec<Reply>) -> Server {
    let asked = AtomicUsize::new(0);
    Server::new(move |_| {
        let number = asked.fetch_add(1, Ordering::SeqCst);
        replies[number.min(replies.len() - 1)].clone()
    })
}

fn whole() -> Reply {
    Reply::ok(BLOB)
}

/// The first ten bytes of the blob, and then the end.
fn cut_short() -> Reply {
    Reply::ok(&BLOB[..10]).announcing(BLOB.len())
}

/// The bytes from `first` on.
fn rest_of_it(first: usize) -> Reply {
    let range = format!("bytes {first}-{}/{}", BLOB.len() - 1, BLOB.len());
    Reply::new(206)
        .header("Content-Range", range)
        .body(&BLOB[first..])
}

/// The first bytes that a server was asked for, request by request.
fn asked(server: &Server) -> Vec<String> {
    let log = server.log();
    log.iter()
        .map(|request| request.header("range").unwrap_or("all").to_owned())
        .collect()
}

impl Ran {
    fn must(self) -> Outcome<Vec<Duration>> {
        match self.result {
            Ok(bytes) if bytes == BLOB.as_bytes() => Ok(self.waits),
            Ok(bytes) => found!(
                "wrong-bytes",
                "the blob is {:?}, and should be {BLOB:?}",
                String::from_utf8_lossy(&bytes)
            ),
            Err(error) => found!("gave-up", "the blob was not downloaded: {error}"),
        }
    }

    fn must_fail(self, what: &str) -> Outcome<Vec<Duration>> {
        match self.result {
            Ok(bytes) => found!(
                "no-error",
                "{what}, and download returned Ok, {} bytes",
                bytes.len()
            ),
            Err(_) => Ok(self.waits),
        }
    }
}

fn must_be_asked(server: &Server, expected: &[&str]) -> Outcome {
    let seen = asked(server);
    ensure!(
        seen.len() == expected.len(),
        "attempts",
        "the server was asked {} times, and should be asked {} times: {seen:?}",
        seen.len(),
        expected.len()
    );
    ensure!(
        seen == expected,
        "ranges",
        "the server was asked for {seen:?}, and should be asked for {expected:?}"
    );
    Ok(())
}

fn must_wait(waits: &[Duration], times: &[u32]) -> Outcome {
    let expected: Vec<_> = times.iter().map(|times| FIRST_WAIT * *times).collect();
    ensure!(
        waits == expected,
        "waits",
        "the rests were {waits:?}, and should be {expected:?}"
    );
    Ok(())
}

fn good() -> Outcome {
    let servers = [scripted(vec![whole()])];
    let waits = download(&servers, 5, LONG)?.must()?;
    must_be_asked(&servers[0], &["all"])?;
    must_wait(&waits, &[])
}

fn bad_moment() -> Outcome {
    for status in [429, 500, 503] {
        let bad = || Reply::new(status);
        let servers = [scripted(vec![bad(), bad(), bad(), whole()])];
        let waits = download(&servers, 5, LONG)?.must()?;
        must_be_asked(&servers[0], &["all"; 4])?;
        must_wait(&waits, &[1, 2, 4])?;
    }
    Ok(())
}

fn bad_day() -> Outcome {
    let servers = [scripted(vec![Reply::new(502)])];
    let waits = download(&servers, 4, LONG)?.must_fail("the server always says 502")?;
    must_be_asked(&servers[0], &["all"; 4])?;
    must_wait(&waits, &[1, 2, 4])
}

fn no() -> Outcome {
    for status in [400, 403, 404, 416] {
        let servers = [scripted(vec![Reply::new(status)])];
        let waits = download(&servers, 5, LONG)?.must_fail(&format!("the server says {status}"))?;
        must_be_asked(&servers[0], &["all"])?;
        must_wait(&waits, &[])?;
    }
    Ok(())
}

fn cut() -> Outcome {
    let again = rest_of_it(10)
        .body(&BLOB[10..20])
        .announcing(BLOB.len() - 10);
    let servers = [scripted(vec![cut_short(), again, rest_of_it(20)])];
    let waits = download(&servers, 5, LONG)?.must()?;
    must_be_asked(&servers[0], &["all", "bytes=10-", "bytes=20-"])?;
    must_wait(&waits, &[1, 2])?;
    // A server that does not say how long it is: the end looks like any.
    let servers = [scripted(vec![
        Reply::ok(&BLOB[..10]).unannounced(),
        rest_of_it(10),
    ])];
    download(&servers, 5, LONG)?.must()?;
    must_be_asked(&servers[0], &["all", "bytes=10-"])
}

fn no_ranges() -> Outcome {
    let servers = [scripted(vec![cut_short(), whole()])];
    download(&servers, 5, LONG)?.must()?;
    must_be_asked(&servers[0], &["all", "bytes=10-"])
}

fn other_part() -> Outcome {
    let lie = rest_of_it(20).body(&BLOB[10..]);
    let servers = [scripted(vec![cut_short(), lie])];
    let what = "the bytes from 10 on were asked for, and `first` was 20";
    download(&servers, 5, LONG)?.must_fail(what)?;
    must_be_asked(&servers[0], &["all", "bytes=10-"])
}

fn stall() -> Outcome {
    let servers = [scripted(vec![cut_short().then_silence(), rest_of_it(10)])];
    // On a machine that is busy a good answer may seem silent too: there are attempts enough.
    download(&servers, 50, Duration::from_millis(100))?.must()?;
    Ok(())
}

fn mirror() -> Outcome {
    let servers = [
        scripted(vec![Reply::new(404)]),
        scripted(vec![cut_short(), Reply::new(503)]),
        scripted(vec![rest_of_it(10)]),
    ];
    let waits = download(&servers, 3, LONG)?.must()?;
    must_be_asked(&servers[0], &["all"])?;
    must_be_asked(&servers[1], &["all", "bytes=10-", "bytes=10-"])?;
    must_be_asked(&servers[2], &["bytes=10-"])?;
    must_wait(&waits, &[1, 2])
}

fn nobody() -> Outcome {
    let servers = [
        scripted(vec![Reply::new(404)]),
        scripted(vec![Reply::new(503)]),
    ];
    let waits = download(&servers, 2, LONG)?.must_fail("no server has it")?;
    must_be_asked(&servers[0], &["all"])?;
    must_be_asked(&servers[1], &["all", "all"])?;
    must_wait(&waits, &[1])
}
