//! belief: A client that falls for nothing is right.
//! truth: One that refuses everything falls for nothing either. Beside each lie belongs an honest registry, of which the client gets its manifest.
//< judge
let _ = (good_will, patience);
lies(client)?;
secrets(client)
//>
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
    let _ = (plain, redirected);
    for request in [first, second, third].iter().flatten() {
        let is_for_it = match (&request.secret, request.host.as_str()) {
            (None, _) => true,
            (Some(Secret::Account), host) => host == "auth.test" && request.for_token,
            (Some(Secret::Token(_)), host) => host == "registry.test",
        };
        if !is_for_it || request.host == "evil.test" && request.for_token {
            return Err(format!("it asked {request:?}"));
        }
    }
    Ok(())
}
//>
