//! belief: A broken download starts over.
//! truth: A connection that breaks after 900 megabytes, on the average, never brings 1000. What has come is kept, and the rest asked for: `Range: bytes=N-`.
//< part
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
    bytes.clear();
    let from = 0;
    let silence = Some(patience.silence);
    let answer = (world.ask)(Request { host, from, silence }).map_err(bad_moment)?;
    match answer.status {
        200 => bytes.clear(),
        206 if answer.first == Some(from) => {}
        206 => return Err(Failure::No(format!("{host} sends another part"))),
        429 | 500..=599 => return Err(Failure::BadMoment(format!("{host}: {}", answer.status))),
        status => return Err(Failure::No(format!("{host}: {status}"))),
    }
    let missing = size - bytes.len() as u64;
    // What came before an error stays in `bytes`.
    answer.body.take(missing).read_to_end(bytes).map_err(bad_moment)?;
    match bytes.len() as u64 == size {
        true => Ok(()),
        false => Err(Failure::BadMoment(format!("{host} breaks off"))),
    }
}
//>
