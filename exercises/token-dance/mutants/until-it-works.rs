//! belief: As long as the answer is 401, the token has run out, and another one helps.
//! truth: It may be that this account may not see this image. Then the next token is refused as well, and the realm is asked again and again, until it locks the account.
//< fetch
let (at, mut answer) = follow(url, None, ask)?;
while answer.status == 401 {
    if host(&at) != host(url) {
        return Err(at);
    }
    let challenge = answer.header("www-authenticate").unwrap_or_default();
    let token = token(challenge, account, ask)?;
    (_, answer) = follow(url, Some(&format!("Bearer {token}")), ask)?;
}
match answer.status {
    200 => Ok(answer.body),
    status => Err(format!("{url}: {status}")),
}
//>
