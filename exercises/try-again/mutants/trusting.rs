//! belief: A 206 holds what was asked for.
//! truth: It holds what `Content-Range` says. A cache that answers with another part makes a blob of two parts that do not fit, and all of it is fetched before the digest tells.
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
    let from = bytes.len() as u64;
    let silence = Some(patience.silence);
    let answer = (world.ask)(Request { host, from, silence }).map_err(bad_moment)?;
    match answer.status {
        200 => bytes.clear(),
        206 if answer.first.is_some() => {}
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
