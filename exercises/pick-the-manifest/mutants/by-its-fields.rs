//! belief: What has layers is an image, what has manifests is an index.
//! truth: So it was before CVE-2021-41190. With both fields it is what the reader happens to look at first; and what says nothing of itself may be anything.
//< kind
let _ = (IMAGES, INDEXES, GENERIC, document.content_type, document.media_type);
match (document.has_config || document.has_layers, document.has_manifests) {
    (true, _) => Ok(Kind::Image),
    (_, true) => Ok(Kind::Index),
    _ => Err("it has no fields".to_owned()),
}
//>
