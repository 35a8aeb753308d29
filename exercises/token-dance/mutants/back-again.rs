//! belief: Whenever the host is the registry, the token may be shown.
//! truth: Once another host has been asked, it chooses what is asked next. If it sends us back with the token, it has us do at the registry what it could not do itself.
//< follow
let mut at = url.to_owned();
for _ in 0..=10 {
    let shown = token.filter(|_| host(&at) == host(url));
    let answer = ask(&at, shown).map_err(|error| error.to_string())?;
    if !matches!(answer.status, 301 | 302 | 303 | 307 | 308) {
        return Ok((at, answer));
    }
    let location = answer.header("location").ok_or("nowhere")?;
    at = join(&at, location);
}
Err(format!("{url} redirects in circles"))
//>
