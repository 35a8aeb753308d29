//! What a registry sends as a manifest, and whether it is one.

use kit::{Error, Result};
use layers::digest::Digest;
use serde::Deserialize;
use serde::de::IgnoredAny;

use super::failure::printable;
use super::name::Version;
use crate::lenient;
use crate::manifest::media::{self, Family};

/// A manifest or an index, as its registry has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Manifest {
    /// What it is: one of the media types that were asked for.
    pub media_type: String,
    /// The digest of `bytes`.
    pub digest: Digest,
    /// Every byte of it: a manifest written anew would have another digest.
    pub bytes: Vec<u8>,
}

/// The most that a manifest may measure, Docker's and containerd's limit: it is held in memory.
pub(crate) const LARGEST: u64 = 4 << 20;

/// The fields that decide what a manifest is.
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Shape {
    media_type: String,
    schema_version: Option<u64>,
    config: Option<IgnoredAny>,
    layers: Option<IgnoredAny>,
    manifests: Option<IgnoredAny>,
    fs_layers: Option<IgnoredAny>,
}

/// What was told about the bytes before they came.
pub(crate) struct Told<'a> {
    pub(crate) content_type: Option<&'a str>,
    /// `Docker-Content-Digest`.
    pub(crate) digest: Option<&'a str>,
}

/// Checks `bytes`, which came as `version` when one of `accept` was asked for.
pub(crate) fn check(
    bytes: Vec<u8>,
    version: &Version,
    accept: &[&str],
    told: &Told<'_>,
) -> Result<Manifest> {
    let digest = Digest::of(&bytes);
    let announced: Option<Digest> = told.digest.and_then(|text| text.parse().ok());
    for wanted in version.digest().into_iter().chain(&announced) {
        if *wanted != digest {
            return Err(Error::new(format!(
                "the manifest has the digest {digest}, not {wanted}"
            ))
            .hint("it was changed on its way, or the registry's storage is damaged"));
        }
    }
    let shape: Shape = lenient::read(&bytes).map_err(|e| {
        Error::new(format!(
            "the manifest is not a JSON object as it should be: {e}"
        ))
    })?;
    let media_type = media_type(&shape, told.content_type)?;
    if !accept.contains(&media_type.as_str()) {
        return Err(Error::new(format!(
            "the manifest is of type {}, which was not asked for",
            printable(&media_type)
        )));
    }
    Ok(Manifest {
        media_type,
        digest,
        bytes,
    })
}

/// What the manifest is. All that says so must agree: what is an image to one reader and an index to another shows
/// each of them something else under one digest (CVE-2021-41190).
// ANCHOR: media_type
fn media_type(shape: &Shape, content_type: Option<&str>) -> Result<String> {
    if shape.schema_version == Some(1) || shape.fs_layers.is_some() {
        return Err(Error::new(
            "the manifest is of Docker's first format, which no longer is supported",
        )
        .hint("push the image anew with a Docker younger than 2017"));
    }
    let is_image = shape.layers.is_some() || shape.config.is_some();
    let is_index = shape.manifests.is_some();
    if is_image && is_index {
        return Err(Error::new("the manifest is an image and an index at once"));
    }
    let header = content_type.and_then(media::told);
    let body = media::told(&shape.media_type);
    let told = match (header, body) {
        (Some(header), Some(body)) if header != body => {
            return Err(Error::new(format!(
                "the manifest is sent as {} and calls itself {}",
                printable(&header),
                printable(&body)
            )));
        }
        (header, body) => header.or(body),
    };
    let Some(told) = told else {
        // An OCI document need not say it, and servers of plain files do not know it.
        return match (is_image, is_index) {
            (true, _) => Ok(media::MANIFEST.to_owned()),
            (_, true) => Ok(media::INDEX.to_owned()),
            _ => Err(Error::new("nothing says what the manifest is")
                .hint("the registry does not send its Content-Type")),
        };
    };
    match media::family(&told) {
        Some(Family::Index) if is_image => Err(other_than(&told)),
        Some(Family::Manifest) if is_index => Err(other_than(&told)),
        _ => Ok(told),
    }
}
// ANCHOR_END: media_type

fn other_than(told: &str) -> Error {
    Error::new(format!(
        "the manifest is called {} and is something else",
        printable(told)
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    const IMAGE: &str = "application/vnd.oci.image.manifest.v1+json";
    const INDEX: &str = "application/vnd.oci.image.index.v1+json";
    const DOCKER: &str = "application/vnd.docker.distribution.manifest.v2+json";

    fn checked(body: &str, content_type: Option<&str>) -> Result<Manifest> {
        let told = Told {
            content_type,
            digest: None,
        };
        let accept = [IMAGE, INDEX];
        check(body.into(), &Version::tag("x").unwrap(), &accept, &told)
    }

    #[test]
    fn what_a_manifest_is_stands_in_its_header_or_in_itself() {
        for (body, content_type, want) in [
            ("{\"layers\": []}", Some(IMAGE), IMAGE),
            ("{\"layers\": []}", Some(&IMAGE.to_uppercase()), IMAGE),
            ("{\"layers\": []}", None, IMAGE),
            ("{\"Config\": {}}", Some("text/html; charset=utf-8"), IMAGE),
            ("{\"manifests\": []}", Some("binary/octet-stream"), INDEX),
            (
                "{\"mediaType\": null, \"schemaVersion\": 2.0, \"layers\": []}",
                Some(""),
                IMAGE,
            ),
            ("{\"manifests\": null, \"layers\": []}", Some(IMAGE), IMAGE),
            (
                "{\"layers\": []}",
                Some("application/vnd.oci.image.manifest.v1+json; charset=utf-8"),
                IMAGE,
            ),
            (&format!("{{\"mediaType\": \"{INDEX}\"}}"), None, INDEX),
            (
                &format!("{{\"mediaType\": \"{INDEX}\"}}"),
                Some("text/plain"),
                INDEX,
            ),
        ] {
            assert_eq!(checked(body, content_type).unwrap().media_type, want);
        }
    }

    #[test]
    fn a_manifest_of_two_minds_is_refused() {
        for (body, content_type, want) in [
            (
                "{\"layers\": [], \"manifests\": []}",
                Some(IMAGE),
                "at once",
            ),
            ("{\"manifests\": []}", Some(IMAGE), "something else"),
            ("{\"config\": {}}", Some(INDEX), "something else"),
            (
                &format!("{{\"mediaType\": \"{INDEX}\"}}"),
                Some(IMAGE),
                "calls itself",
            ),
            ("{\"layers\": []}", Some(DOCKER), "not asked for"),
            ("{}", None, "nothing says"),
            ("null", None, "nothing says"),
            ("{\"mediaType\": 1}", None, "mediaType"),
            (
                "{\"schemaVersion\": 1, \"fsLayers\": []}",
                Some(IMAGE),
                "first format",
            ),
            ("<html>", Some(IMAGE), "not a JSON"),
            ("[]", Some(IMAGE), "JSON"),
        ] {
            let error = checked(body, content_type).unwrap_err().to_string();
            assert!(error.contains(want), "{body}: {error}");
        }
    }

    #[test]
    fn a_digest_must_be_that_of_the_bytes() {
        let body = b"{\"layers\": []}".to_vec();
        let right = Digest::of(&body);
        let wrong = Digest::of("").to_string();
        let right_text = right.to_string();
        let check = |version, digest| {
            let told = Told {
                content_type: Some(IMAGE),
                digest,
            };
            super::check(body.clone(), &version, &[IMAGE], &told)
        };
        let tag = Version::tag("x").unwrap();
        assert_eq!(check(tag.clone(), None).unwrap().digest, right);
        assert!(check(tag.clone(), Some(&right_text)).is_ok());
        // Of another algorithm: it says nothing that we could compare.
        assert!(check(tag.clone(), Some("sha512:00")).is_ok());
        assert!(check(tag, Some(&wrong)).is_err());
        assert!(check(Version::Digest(right), None).is_ok());
        assert!(check(Version::Digest(Digest::of("")), None).is_err());
    }
}
