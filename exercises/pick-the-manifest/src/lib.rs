//! What a document is, and which entry of an index is for us.

/// What a registry has sent, as far as it matters here.
#[derive(Clone, Debug, Default)]
pub struct Document<'a> {
    /// The header that it came with.
    pub content_type: Option<&'a str>,
    /// Its field `mediaType`.
    pub media_type: Option<&'a str>,
    /// Whether it has a field `config`.
    pub has_config: bool,
    /// Whether it has a field `layers`.
    pub has_layers: bool,
    /// Whether it has a field `manifests`.
    pub has_manifests: bool,
}

/// The two kinds of documents.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The manifest of one image.
    Image,
    /// A list of manifests, one for each platform.
    Index,
}

/// What runs what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Platform<'a> {
    /// `linux`.
    pub os: &'a str,
    /// `amd64`.
    pub architecture: &'a str,
    /// 6 for `v6`.
    pub variant: Option<u32>,
}

/// An entry of an index.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry<'a> {
    /// What it was made for.
    pub platform: Platform<'a>,
    /// What it is.
    pub digest: &'a str,
}

const IMAGES: [&str; 2] = [
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.v2+json",
];
const INDEXES: [&str; 2] = [
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
];
/// What servers send for anything.
const GENERIC: [&str; 3] = ["text/plain", "application/octet-stream", "application/json"];

/// What the document is.
pub fn kind(document: &Document<'_>) -> Result<Kind, String> {
    //< kind: take what is said of the document, if all say the same
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
    //= let called = document.content_type.or(document.media_type).unwrap_or_default();
    //= if INDEXES.contains(&called) {
    //=     Ok(Kind::Index)
    //= } else if IMAGES.contains(&called) {
    //=     Ok(Kind::Image)
    //= } else if GENERIC.contains(&called) && document.has_manifests {
    //=     Ok(Kind::Index)
    //= } else {
    //=     Ok(Kind::Image)
    //= }
    //>
}

/// The entry for `platform`.
pub fn choose<'e, 'a>(
    entries: &'e [Entry<'a>],
    platform: Platform<'_>,
) -> Result<&'e Entry<'a>, String> {
    //< choose: take the best that this platform runs
    let runs = |entry: &&Entry<'_>| {
        let other = entry.platform;
        (other.os, other.architecture) == (platform.os, platform.architecture)
            && level(other) <= level(platform)
    };
    let mut best: Option<&Entry<'_>> = None;
    for entry in entries.iter().filter(runs) {
        if best.is_none_or(|best| level(entry.platform) > level(best.platform)) {
            best = Some(entry);
        }
    }
    best.ok_or(format!("there is nothing for {platform:?}"))
    //= let fits = |entry: &&Entry<'_>| entry.platform.architecture == platform.architecture;
    //= let same = |entry: &&Entry<'_>| fits(entry) && entry.platform.variant == platform.variant;
    //= let found = entries.iter().find(same).or_else(|| entries.iter().find(fits));
    //= let _ = level;
    //= found.or(entries.first()).ok_or("the index is empty".to_owned())
    //>
}

/// The number of the variant, also where it is not said.
fn level(platform: Platform<'_>) -> u32 {
    platform.variant.unwrap_or(match platform.architecture {
        "arm" => 7,
        "arm64" => 8,
        _ => 1,
    })
}
