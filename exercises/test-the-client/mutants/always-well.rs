//! belief: A test needs a server that can be relied on.
//! truth: The client needs one that cannot. A 503, a broken connection and a silent one come every day, and a client that has never met them in a test meets them at its users.
//< good_will
fn good_will(client: Client<'_>) -> Result<(), String> {
    for moment in [Reply::Body(MANIFEST, TEXT)] {
        let first = RefCell::new(Some(moment.clone()));
        let (result, _) = ask(client, &|request| match (first.take(), request.from) {
            (Some(reply), _) => reply,
            (None, 0) => Reply::Body(MANIFEST, TEXT),
            (None, from) => Reply::Rest(&TEXT[from..]),
        });
        if result.as_deref() != Ok(TEXT) {
            return Err(format!("after {moment:?} it returned {result:?}"));
        }
    }
    Ok(())
}
//>
