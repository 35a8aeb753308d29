//! Documents of one mind and of two, and indexes as they are found in the wild.

use std::process::ExitCode;

use checks::{Check, Finding, Outcome, ensure, found};
use exercise::{Document, Entry, Kind, Platform};

pub fn main() -> ExitCode {
    checks::main(&[
        Check {
            id: "said",
            asks: "a document is what its header or its mediaType says",
            run: said,
        },
        Check {
            id: "header",
            asks: "a header is read without its parameters, and one that is for anything not at all",
            run: header,
        },
        Check {
            id: "contradiction",
            asks: "a document whose header and mediaType differ is refused",
            run: contradiction,
        },
        Check {
            id: "two-minds",
            asks: "a document with the fields of the other kind is refused",
            run: two_minds,
        },
        Check {
            id: "guess",
            asks: "a document of which nothing is said, or nothing known, is refused",
            run: guess,
        },
        Check {
            id: "platform",
            asks: "operating system and architecture are those of the machine",
            run: platform,
        },
        Check {
            id: "older",
            asks: "what was made for an older variant runs, and the newest of them is taken",
            run: older,
        },
        Check {
            id: "newer",
            asks: "what was made for a newer variant is not taken",
            run: newer,
        },
        Check {
            id: "unsaid",
            asks: "a variant that is not said is the family's own",
            run: unsaid,
        },
        Check {
            id: "nothing",
            asks: "where nothing fits there is an error",
            run: nothing,
        },
    ])
}

const IMAGE: &str = "application/vnd.oci.image.manifest.v1+json";
const INDEX: &str = "application/vnd.oci.image.index.v1+json";
const DOCKER_IMAGE: &str = "application/vnd.docker.distribution.manifest.v2+json";
const DOCKER_LIST: &str = "application/vnd.docker.distribution.manifest.list.v2+json";

fn image() -> Document<'static> {
    Document {
        has_config: true,
        has_layers: true,
        ..Document::default()
    }
}

fn index() -> Document<'static> {
    Document {
        has_manifests: true,
        ..Document::default()
    }
}

fn typed<'a>(
    shape: Document<'a>,
    content_type: Option<&'a str>,
    media_type: Option<&'a str>,
) -> Document<'a> {
    Document {
        content_type,
        media_type,
        ..shape
    }
}

fn is(document: &Document<'_>, expected: Kind) -> Outcome {
    match exercise::kind(document) {
        Ok(kind) if kind == expected => Ok(()),
        Ok(kind) => found!("other-kind", "{document:?} was taken for an {kind:?}"),
        Err(why) => found!("refused", "{document:?} was refused: {why}"),
    }
}

fn is_refused(document: &Document<'_>) -> Outcome {
    match exercise::kind(document) {
        Err(_) => Ok(()),
        Ok(kind) => found!("accepted", "{document:?} was taken for an {kind:?}"),
    }
}

fn said() -> Outcome {
    for (shape, types, kind) in [
        (image(), [IMAGE, DOCKER_IMAGE], Kind::Image),
        (index(), [INDEX, DOCKER_LIST], Kind::Index),
    ] {
        for name in types {
            is(&typed(shape.clone(), Some(name), Some(name)), kind)?;
            is(&typed(shape.clone(), Some(name), None), kind)?;
            is(&typed(shape.clone(), None, Some(name)), kind)?;
        }
    }
    Ok(())
}

fn header() -> Outcome {
    let long = format!("{INDEX}; charset=utf-8");
    is(&typed(index(), Some(&long), Some(INDEX)), Kind::Index)?;
    is(&typed(index(), Some(&long), None), Kind::Index)?;
    for generic in [
        "text/plain",
        "application/octet-stream",
        "application/json",
        "text/plain; charset=utf-8",
    ] {
        is(&typed(index(), Some(generic), Some(INDEX)), Kind::Index)?;
        is(
            &typed(image(), Some(generic), Some(DOCKER_IMAGE)),
            Kind::Image,
        )?;
    }
    Ok(())
}

fn contradiction() -> Outcome {
    is_refused(&typed(image(), Some(IMAGE), Some(INDEX)))?;
    is_refused(&typed(index(), Some(INDEX), Some(IMAGE)))?;
    is_refused(&typed(image(), Some(IMAGE), Some(DOCKER_IMAGE)))?;
    is_refused(&typed(image(), Some("text/html"), Some(IMAGE)))
}

fn two_minds() -> Outcome {
    let both = Document {
        has_manifests: true,
        ..image()
    };
    let index_with_layers = Document {
        has_layers: true,
        ..index()
    };
    let index_with_config = Document {
        has_config: true,
        ..index()
    };
    for name in [IMAGE, INDEX] {
        is_refused(&typed(both.clone(), Some(name), Some(name)))?;
        is_refused(&typed(both.clone(), None, Some(name)))?;
    }
    is_refused(&typed(index_with_layers, Some(INDEX), None))?;
    is_refused(&typed(index_with_config, Some(INDEX), Some(INDEX)))?;
    is_refused(&typed(index(), Some(IMAGE), None))?;
    is_refused(&typed(image(), Some(INDEX), Some(INDEX)))
}

fn guess() -> Outcome {
    for shape in [image(), index(), Document::default()] {
        is_refused(&typed(shape.clone(), None, None))?;
        is_refused(&typed(shape.clone(), Some("application/json"), None))?;
        is_refused(&typed(shape, Some("text/html"), None))?;
    }
    Ok(())
}

const fn of(
    os: &'static str,
    architecture: &'static str,
    variant: Option<u32>,
) -> Platform<'static> {
    Platform {
        os,
        architecture,
        variant,
    }
}

const AMD64: Platform<'_> = of("linux", "amd64", None);
const WINDOWS: Platform<'_> = of("windows", "amd64", None);
const ATTESTATION: Platform<'_> = of("unknown", "unknown", None);
const ARM64: Platform<'_> = of("linux", "arm64", None);

const fn arm(variant: u32) -> Platform<'static> {
    of("linux", "arm", Some(variant))
}

/// Which of `platforms` is chosen for `ours`, by its number.
fn chosen(platforms: &[Platform<'_>], ours: Platform<'_>) -> Result<usize, String> {
    let digests: Vec<_> = (0..platforms.len())
        .map(|number| number.to_string())
        .collect();
    let entries: Vec<_> = platforms
        .iter()
        .zip(&digests)
        .map(|(platform, digest)| Entry {
            platform: *platform,
            digest,
        })
        .collect();
    let entry = exercise::choose(&entries, ours)?;
    entry
        .digest
        .parse()
        .map_err(|_| "an entry that is not there".to_owned())
}

fn takes(platforms: &[Platform<'_>], ours: Platform<'_>, expected: usize) -> Outcome {
    let found = chosen(platforms, ours).map_err(|why| {
        Finding::new(
            "nothing",
            format!("for {ours:?}, of {platforms:?}, nothing was chosen: {why}"),
        )
    })?;
    ensure!(
        found == expected,
        "other",
        "for {ours:?}, {:?} was chosen, and {:?} is there",
        platforms[found],
        platforms[expected]
    );
    Ok(())
}

fn takes_none(platforms: &[Platform<'_>], ours: Platform<'_>) -> Outcome {
    match chosen(platforms, ours) {
        Err(_) => Ok(()),
        Ok(found) => found!("chosen", "for {ours:?}, {:?} was chosen", platforms[found]),
    }
}

fn platform() -> Outcome {
    let all = [WINDOWS, ATTESTATION, ARM64, AMD64, ATTESTATION];
    takes(&all, AMD64, 3)?;
    takes(&all, ARM64, 2)?;
    takes(&all, WINDOWS, 0)?;
    takes(&[AMD64, AMD64], AMD64, 0)
}

fn older() -> Outcome {
    takes(&[arm(5), arm(6)], arm(7), 1)?;
    takes(&[arm(6), arm(5)], arm(7), 0)?;
    takes(&[arm(5), arm(7), arm(6)], arm(7), 1)
}

fn newer() -> Outcome {
    takes(&[arm(7), arm(5)], arm(6), 1)?;
    takes_none(&[arm(7), arm(6)], arm(5))
}

fn unsaid() -> Outcome {
    takes(&[arm(6), of("linux", "arm", None)], arm(7), 1)?;
    takes(&[arm(7), arm(6)], of("linux", "arm", None), 0)?;
    takes(&[of("linux", "arm64", Some(8))], ARM64, 0)?;
    takes_none(&[of("linux", "arm64", Some(9))], ARM64)?;
    takes(&[of("linux", "amd64", Some(3)), AMD64], AMD64, 1)
}

fn nothing() -> Outcome {
    takes_none(&[], AMD64)?;
    takes_none(&[WINDOWS, ATTESTATION], AMD64)?;
    takes_none(&[AMD64, ATTESTATION], ARM64)
}
