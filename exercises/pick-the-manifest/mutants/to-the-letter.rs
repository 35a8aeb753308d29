//! belief: A header is compared as it comes.
//! truth: RFC 9110 lets parameters follow, `; charset=utf-8`, and servers of plain files send `text/plain` for whatever they do not know. Both are right, and neither contradicts the document.
//< kind
let header = document
    .content_type
    .filter(|text| *text != GENERIC[2]);
let called = match (header, document.media_type) {
    (Some(header), Some(own)) if header != own => {
        return Err(format!("it is sent as {header} and calls itself {own}"));
    }
    (Some(called), _) | (None, Some(called)) => called,
    (None, None) => return Err("nothing says what it is".to_owned()),
};
let (is_image, is_index) = (IMAGES.contains(&called), INDEXES.contains(&called));
if is_image && document.has_manifests
    || is_index && (document.has_config || document.has_layers)
{
    return Err(format!(
        "it is called {called}, and has the fields of another"
    ));
}
match (is_image, is_index) {
    (true, _) => Ok(Kind::Image),
    (_, true) => Ok(Kind::Index),
    _ => Err(format!("{called} is unknown")),
}
//>
