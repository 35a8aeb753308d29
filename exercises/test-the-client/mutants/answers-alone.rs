//! belief: What counts is what the client returns.
//! truth: It also matters what it says on the way. A password that was shown to a stranger is seen in no result: the manifest is there, and right. Only who notes the requests sees it.
//< secrets
fn guarded(request: &Request, then: Reply) -> Reply {
    match &request.secret {
        _ if request.for_token => Reply::Token("t1"),
        Some(Secret::Token(_)) => then,
        _ => Reply::Challenge("auth.test"),
    }
}

fn secrets(client: Client<'_>) -> Result<(), String> {
    let whole = || Reply::Body(MANIFEST, TEXT);
    let (plain, first) = ask(client, &|request| guarded(request, whole()));
    let (redirected, second) = ask(client, &|request| match request.host.as_str() {
        "cdn.test" => whole(),
        _ => guarded(request, Reply::Redirect("cdn.test")),
    });
    let (_, third) = ask(client, &|request| match request.host.as_str() {
        "registry.test" => Reply::Redirect("evil.test"),
        _ if request.for_token => Reply::Token("t1"),
        _ => Reply::Challenge("evil.test"),
    });
    if plain.is_err() || redirected.is_err() {
        return Err(format!("with a token: {plain:?}, {redirected:?}"));
    }
    let _ = (first, second, third);
    Ok(())
}
//>
