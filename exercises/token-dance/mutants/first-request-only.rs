//! belief: After a redirect the token is not shown any more.
//! truth: Not to another host. Registries also redirect within themselves, from one path to another, and there they want the token as before.
//< follow
let (mut at, mut token) = (url.to_owned(), token);
for _ in 0..=10 {
    let answer = ask(&at, token.take()).map_err(|error| error.to_string())?;
    if !matches!(answer.status, 301 | 302 | 303 | 307 | 308) {
        return Ok((at, answer));
    }
    let location = answer.header("location").ok_or("nowhere")?;
    at = join(&at, location);
}
Err(format!("{url} redirects in circles"))
//>
