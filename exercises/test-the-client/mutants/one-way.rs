//! belief: After what was cut short comes the rest.
//! truth: If it was asked for. A client may as well ask for all of it again, and is right; a registry that does not look at what was asked sends it the second half as the whole.
//< good_will
fn good_will(client: Client<'_>) -> Result<(), String> {
    for moment in [
        Reply::Body(MANIFEST, TEXT),
        Reply::Status(503),
        Reply::Cut(&TEXT[..5]),
        Reply::Stall(&TEXT[..5]),
    ] {
        let first = RefCell::new(Some(moment.clone()));
        let (result, _) = ask(client, &|request| match (first.take(), request.from) {
            (Some(reply), _) => reply,
            (None, 0) if moment == Reply::Status(503) => Reply::Body(MANIFEST, TEXT),
            (None, _) => Reply::Rest(&TEXT[5..]),
        });
        if result.as_deref() != Ok(TEXT) {
            return Err(format!("after {moment:?} it returned {result:?}"));
        }
    }
    Ok(())
}
//>
