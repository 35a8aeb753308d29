//! belief: A document is what the registry says that it is.
//! truth: The header is not under the digest: whoever serves the bytes can say another thing of them each time. What the document says of itself is signed; the header must agree with it.
//< kind
let header = document
    .content_type
    .map(|text| text.split(';').next().unwrap_or(text).trim())
    .filter(|text| !GENERIC.contains(text));
let called = match (header, document.media_type) {
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
