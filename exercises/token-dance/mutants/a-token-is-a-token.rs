//! belief: The realm knows what its tokens are for.
//! truth: It gives what it is asked for, and asked for nothing, it gives a token that allows nothing. Service and scope are in the challenge to be passed on.
//< token
let realm = parameter(challenge, "realm").ok_or("no realm")?;
if account.is_some() && !realm.starts_with("https://") {
    return Err(realm.to_owned());
}
let answer = ask(realm, account).map_err(|error| error.to_string())?;
match token_in(&answer.body) {
    Some(token) => Ok(token.to_owned()),
    None => Err(format!("{realm} gives no token")),
}
//>
