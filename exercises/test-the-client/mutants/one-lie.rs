//! belief: A digest that is not right covers all lies.
//! truth: It covers other bytes. A body that is cut, one that goes on, and the same bytes under the name of another type are each a lie of their own, and for each there are clients that fall for this one alone.
//< lies
fn lies(client: Client<'_>) -> Result<(), String> {
    for lie in [Reply::Body(MANIFEST, r#"{"config": {}, "layers": 42}"#)] {
        let _ = INDEX;
        let (result, _) = ask(client, &|_| lie.clone());
        if result.is_ok() {
            return Err(format!("it took {lie:?} for what was wanted"));
        }
    }
    Ok(())
}
//>
