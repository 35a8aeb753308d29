//! belief: A document that is called an image is an image.
//! truth: If it has `manifests` as well, then a program that looks at the fields takes it for an index, and runs what you have never seen. Both programs agree on the digest.
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
    (None, None) => return Err("nothing says what it is".to_owned()),
};
let (is_image, is_index) = (IMAGES.contains(&called), INDEXES.contains(&called));
match (is_image, is_index) {
    (true, _) => Ok(Kind::Image),
    (_, true) => Ok(Kind::Index),
    _ => Err(format!("{called} is unknown")),
}
//>
