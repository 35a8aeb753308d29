//! belief: A redirect is a part of the answer, so the request goes on as it is.
//! truth: It goes on to another host. That one keeps blobs for many, may be anybody's, and with the token can read all that the token allows. This was CVE-2020-15157.
//< follow
let mut at = url.to_owned();
for _ in 0..=10 {
    let answer = ask(&at, token).map_err(|error| error.to_string())?;
    if !matches!(answer.status, 301 | 302 | 303 | 307 | 308) {
        return Ok((at, answer));
    }
    let location = answer.header("location").ok_or("nowhere")?;
    at = join(&at, location);
}
Err(format!("{url} redirects in circles"))
//>
