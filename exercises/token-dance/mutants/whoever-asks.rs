//! belief: A 401 is a question, and questions are answered.
//! truth: Of whom? A redirect leads wherever it likes, and a host there that says 401 names the realm that gets the account. Only the host that was asked may ask back.
//< fetch
let (_, mut answer) = follow(url, None, ask)?;
if answer.status == 401 {
    let challenge = answer.header("www-authenticate").unwrap_or_default();
    let token = token(challenge, account, ask)?;
    (_, answer) = follow(url, Some(&format!("Bearer {token}")), ask)?;
}
match answer.status {
    200 => Ok(answer.body),
    status => Err(format!("{url}: {status} {}", host(url))),
}
//>
