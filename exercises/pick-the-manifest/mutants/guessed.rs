//! belief: What is not said is an image, for most are.
//! truth: An index that is taken for an image has no layers, and an image made of nothing is no error that anybody understands. What has no type is refused, with a word on who failed to say it.
//< kind
let header = document
    .content_type
    .map(|text| text.split(';').next().unwrap_or(text).trim())
    .filter(|text| !GENERIC.contains(text));
let called = match (header, document.media_type) {
    (Some(header), Some(own)) if header != own => {
        return Err(format!("it is sent as {header} and calls itself {own}"));
    }
    (Some(called), _) | (None, Some(called)) => called,
    (None, None) if document.has_manifests => INDEXES[0],
    (None, None) => IMAGES[0],
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
