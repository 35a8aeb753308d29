//! belief: The registry knows best where its tokens are given.
//! truth: If it names a realm in the clear, or somebody on the way has it do so, everybody on the way reads the account. What began over TLS does not go on without.
//< token
let part = |name| parameter(challenge, name).ok_or(format!("{challenge:?} has no {name}"));
let (realm, service, scope) = (part("realm")?, part("service")?, part("scope")?);
let answer = ask(&format!("{realm}?service={service}&scope={scope}"), account)
    .map_err(|error| error.to_string())?;
match token_in(&answer.body) {
    Some(token) => Ok(token.to_owned()),
    None => Err(format!("{realm} gives no token")),
}
//>
