//! A download that outlives bad moments.

use std::io::{self, Read};
use std::time::Duration;

/// What is asked of a host.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// Who.
    pub host: &'a str,
    /// The first byte that is wanted. 0 is all of the blob, anything else is sent as `Range: bytes=FROM-`.
    pub from: u64,
    /// How long to wait for a byte, before there is an error. `None` is for ever.
    pub silence: Option<Duration>,
}

/// What was answered.
pub struct Answer {
    /// `200`.
    pub status: u16,
    /// Of a 206, the number of the first byte that is sent, as `Content-Range` says.
    pub first: Option<u64>,
    /// An error is what the network says, also that it ended before its time.
    pub body: Box<dyn Read>,
}

/// How patient we are.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// How often a host is asked.
    pub attempts: u32,
    /// The rest before the second attempt.
    pub first_wait: Duration,
    /// How long a host may say nothing.
    pub silence: Duration,
}

/// What can be done.
#[derive(Clone, Copy)]
pub struct World<'a> {
    /// Asks.
    pub ask: &'a dyn Fn(Request<'_>) -> io::Result<Answer>,
    /// Waits.
    pub rest: &'a dyn Fn(Duration),
}

/// The blob of `size` bytes that all of `hosts` have, or should have.
pub fn download(
    hosts: &[&str],
    size: u64,
    patience: Patience,
    world: World<'_>,
) -> Result<Vec<u8>, String> {
    //< download: outlive bad moments, and take a no for a no
    let mut bytes = Vec::new();
    let mut last = "there is nobody to ask".to_owned();
    for host in hosts {
        let mut wait = patience.first_wait;
        for attempt in 1..=patience.attempts {
            match part(host, size, &mut bytes, patience, world) {
                Ok(()) => return Ok(bytes),
                Err(Failure::No(why)) => {
                    last = why;
                    break;
                }
                Err(Failure::BadMoment(why)) => last = why,
            }
            if attempt < patience.attempts {
                (world.rest)(wait);
                wait *= 2;
            }
        }
    }
    Err(last)
    //= let _ = (patience, world.rest);
    //= let host = hosts.first().ok_or("there is nobody to ask")?;
    //= let request = Request { host, from: 0, silence: None };
    //= let answer = (world.ask)(request).map_err(|error| error.to_string())?;
    //= let mut bytes = Vec::new();
    //= answer.body.take(size).read_to_end(&mut bytes).map_err(|error| error.to_string())?;
    //= Ok(bytes)
    //>
}

//< part: one attempt, and how it failed
enum Failure {
    BadMoment(String),
    No(String),
}

/// Adds to `bytes` what comes, up to `size`.
fn part(
    host: &str,
    size: u64,
    bytes: &mut Vec<u8>,
    patience: Patience,
    world: World<'_>,
) -> Result<(), Failure> {
    let bad_moment = |error: io::Error| Failure::BadMoment(error.to_string());
    let from = bytes.len() as u64;
    let silence = Some(patience.silence);
    let answer = (world.ask)(Request {
        host,
        from,
        silence,
    })
    .map_err(bad_moment)?;
    match answer.status {
        200 => bytes.clear(),
        206 if answer.first == Some(from) => {}
        206 => return Err(Failure::No(format!("{host} sends another part"))),
        429 | 500..=599 => return Err(Failure::BadMoment(format!("{host}: {}", answer.status))),
        status => return Err(Failure::No(format!("{host}: {status}"))),
    }
    let missing = size - bytes.len() as u64;
    // What came before an error stays in `bytes`.
    answer
        .body
        .take(missing)
        .read_to_end(bytes)
        .map_err(bad_moment)?;
    match bytes.len() as u64 == size {
        true => Ok(()),
        false => Err(Failure::BadMoment(format!("{host} breaks off"))),
    }
}
//= // Your own functions, if you like.
//>
