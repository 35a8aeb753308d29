//! belief: How often a client asks is its own affair.
//! truth: It is the registry's too. A client that asks for what is not there, again and again, and for a token after each that is refused, is an attack that nobody meant; and its user waits for ever.
//< patience
fn patience(client: Client<'_>) -> Result<(), String> {
    match ask(client, &|_| Reply::Status(404)).0 {
        Ok(text) => Err(format!("404 made it return {text}")),
        Err(_) => Ok(()),
    }
}
//>
