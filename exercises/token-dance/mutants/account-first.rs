//! belief: A registry has to know who asks, so it is told at once.
//! truth: It is told nothing before it says how it wants to be asked. It then gets a token, which is good for one repository and some minutes; the account is for the realm, and what is public is for anybody.
//< fetch
let (_, answer) = match follow(url, account, ask)? {
    (at, answer) if answer.status == 401 && host(&at) == host(url) => {
        let challenge = answer.header("www-authenticate").unwrap_or_default();
        let token = token(challenge, account, ask)?;
        follow(url, Some(&format!("Bearer {token}")), ask)?
    }
    other => other,
};
match answer.status {
    200 => Ok(answer.body),
    status => Err(format!("{url}: {status}")),
}
//>
