//! belief: A URL that begins with the registry's is the registry's.
//! truth: `https://registry.test.evil.test` begins with `https://registry.test`, and so does `https://registry.test:8443`, which is another server. The whole host is compared.
//< follow
let (mut at, mut token) = (url.to_owned(), token);
for _ in 0..=10 {
    let answer = ask(&at, token).map_err(|error| error.to_string())?;
    if !matches!(answer.status, 301 | 302 | 303 | 307 | 308) {
        return Ok((at, answer));
    }
    let location = answer.header("location").ok_or("nowhere")?;
    let next = join(&at, location);
    if !next.starts_with(host(&at)) {
        token = None;
    }
    at = next;
}
Err(format!("{url} redirects in circles"))
//>
