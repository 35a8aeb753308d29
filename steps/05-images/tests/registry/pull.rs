//! Answers that are cut short, wrong, slow, endless, or lead round in circles.

use std::io::Read;
use std::time::Duration;

use harness::{Test, test};
use images::registry::{Client, Verified, Version};
use layers::digest::Digest;

use crate::fixtures::{
    BLOB, IMAGE, MANIFEST, app, assert_error, blob, client, configuration, latest, manifest,
    scripted,
};
use crate::server::{Reply, Server};

pub(crate) fn tests() -> Vec<Test> {
    vec![
        test("a_blob_goes_on_where_it_broke_off", &[], a_blob_goes_on),
        test(
            "a_registry_that_refuses_a_range_sends_all",
            &[],
            a_refused_range,
        ),
        test(
            "a_blob_is_sent_again_from_the_start",
            &[],
            a_blob_is_sent_again,
        ),
        test(
            "a_blob_that_has_gone_silent_goes_on",
            &[],
            a_blob_that_has_gone_silent,
        ),
        test(
            "a_blob_that_never_ends_is_refused",
            &[],
            a_blob_that_never_ends,
        ),
        test(
            "a_blob_of_another_length_is_refused",
            &[],
            a_blob_of_another_length,
        ),
        test(
            "a_blob_that_gives_a_byte_a_time_is_given_up",
            &[],
            a_byte_a_time,
        ),
        test(
            "another_part_than_asked_for_is_not_taken",
            &[],
            another_part,
        ),
        test("one_client_serves_all_threads", &[], one_client_serves_all),
        test(
            "a_blob_of_another_digest_is_refused",
            &[],
            a_blob_of_another_digest,
        ),
        test(
            "a_blob_is_asked_for_from_an_offset",
            &[],
            a_blob_from_an_offset,
        ),
        test("a_bad_moment_is_waited_out", &[], a_bad_moment),
        test("a_bad_day_is_not", &[], a_bad_day),
        test("an_hour_is_not_waited", &[], an_hour_is_not_waited),
        test("a_no_is_taken_for_a_no", &[], a_no_is_a_no),
        test(
            "a_manifest_cut_short_is_asked_for_again",
            &[],
            a_manifest_cut_short,
        ),
        test(
            "a_manifest_without_end_is_refused",
            &[],
            a_manifest_without_end,
        ),
        test(
            "a_manifest_is_what_was_asked_for",
            &[],
            a_manifest_is_what_was_asked_for,
        ),
        test(
            "a_manifest_is_described_without_its_bytes",
            &[],
            a_manifest_is_described,
        ),
        test("redirects_end", &[], redirects_end),
    ]
}

/// What is asked for from `position` on.
pub(crate) fn part(position: usize) -> Reply {
    Reply::new(206)
        .header(
            "Content-Range",
            format!("bytes {position}-{}/{}", BLOB.len() - 1, BLOB.len()),
        )
        .body(&BLOB[position..])
}

/// The beginning of the blob, and then nothing.
pub(crate) fn cut_short() -> Reply {
    Reply::ok(&BLOB[..10]).announcing(BLOB.len())
}

fn ranges(server: &Server) -> Vec<Option<String>> {
    let log = server.log();
    log.iter()
        .map(|r| r.header("range").map(str::to_owned))
        .collect()
}

pub(crate) fn image() -> Reply {
    Reply::ok(MANIFEST).header("Content-Type", IMAGE)
}

fn a_blob_goes_on() {
    let registry = scripted(vec![cut_short(), part(10)]);
    assert_eq!(
        blob(&client(), &registry.authority(), 0).unwrap(),
        BLOB.as_bytes()
    );
    assert_eq!(ranges(&registry), [None, Some("bytes=10-".into())]);
}

fn a_refused_range() {
    for status in [400, 403, 405, 416, 500, 501, 503] {
        let registry = scripted(vec![cut_short(), Reply::new(status), Reply::ok(BLOB)]);
        assert_eq!(
            blob(&client(), &registry.authority(), 0).unwrap(),
            BLOB.as_bytes()
        );
        assert_eq!(ranges(&registry), [None, Some("bytes=10-".into()), None]);
    }
    // Once is enough to know it.
    let replies = vec![cut_short(), Reply::new(400), cut_short(), Reply::ok(BLOB)];
    let registry = scripted(replies);
    assert!(blob(&client(), &registry.authority(), 0).is_ok());
    assert_eq!(
        ranges(&registry),
        [None, Some("bytes=10-".into()), None, None]
    );
    // What it does not have at all is not asked for twice.
    let registry = scripted(vec![cut_short(), Reply::new(404)]);
    assert!(blob(&client(), &registry.authority(), 0).is_err());
    assert_eq!(registry.log().len(), 2);
}

fn a_blob_is_sent_again() {
    // It knows nothing of ranges, and the second time breaks off within what we have.
    let shorter = Reply::ok(&BLOB[..5]).announcing(BLOB.len());
    let registry = scripted(vec![cut_short(), shorter, Reply::ok(BLOB)]);
    assert_eq!(
        blob(&client(), &registry.authority(), 0).unwrap(),
        BLOB.as_bytes()
    );
}

fn a_blob_that_has_gone_silent() {
    let registry = scripted(vec![cut_short().then_silence(), part(10)]);
    let mut configuration = configuration();
    configuration.patience.silence = Duration::from_millis(300);
    // On a machine that is busy a good answer may seem silent too.
    configuration.patience.attempts = 20;
    let client = Client::new(configuration);
    assert_eq!(
        blob(&client, &registry.authority(), 0).unwrap(),
        BLOB.as_bytes()
    );
    assert!(registry.log().len() > 1);
}

fn a_blob_that_never_ends() {
    let registry = scripted(vec![Reply::ok(BLOB).then_more_and_more()]);
    let error = blob(&client(), &registry.authority(), 0).unwrap_err();
    assert!(error.contains("more than the 43 bytes"), "{error}");
}

fn a_blob_of_another_length() {
    for reply in [Reply::ok("short"), Reply::ok(format!("{BLOB} and more"))] {
        let registry = scripted(vec![reply]);
        let error = blob(&client(), &registry.authority(), 0).unwrap_err();
        assert!(error.contains("where the manifest says 43"), "{error}");
        assert_eq!(registry.log().len(), 1);
    }
    let registry = scripted(vec![Reply::ok("short").unannounced()]);
    let error = blob(&client(), &registry.authority(), 0).unwrap_err();
    assert!(error.contains("breaks off after 5 of 43 bytes"), "{error}");
}

fn a_byte_a_time() {
    let registry = Server::new(|request| {
        let position = request.header("range").map_or(0, |range| {
            let start = range.trim_start_matches("bytes=").trim_end_matches('-');
            start.parse().unwrap()
        });
        let all = part(position);
        let rest = BLOB.len() - position;
        all.body(&BLOB[position..=position]).announcing(rest)
    });
    let error = blob(&client(), &registry.authority(), 0).unwrap_err();
    assert!(
        error.contains("disconnected") || error.contains("breaks off"),
        "{error}"
    );
    assert_eq!(registry.log().len(), 3);
}

fn another_part() {
    let lie = |range: &str| {
        Reply::new(206)
            .header("Content-Range", range)
            .body(&BLOB[9..])
    };
    let lies = [
        lie("bytes 9-42/43"),
        lie("bytes 10-42/99"),
        lie("bytes */43"),
        Reply::new(206).body(&BLOB[10..]),
        Reply::ok(&BLOB[10..]),
    ];
    for reply in lies {
        // It is not believed, and all of it is asked for.
        let registry = scripted(vec![cut_short(), reply.clone(), Reply::ok(BLOB)]);
        let got = blob(&client(), &registry.authority(), 0).unwrap();
        assert_eq!(got, BLOB.as_bytes());
        assert_eq!(ranges(&registry), [None, Some("bytes=10-".into()), None]);
        // Who lies about that too is believed in nothing.
        let registry = scripted(vec![cut_short(), reply]);
        assert!(blob(&client(), &registry.authority(), 0).is_err());
        assert_eq!(registry.log().len(), 3);
    }
    let registry = scripted(vec![cut_short(), Reply::new(416)]);
    let error = blob(&client(), &registry.authority(), 0).unwrap_err();
    assert!(error.contains("416"), "{error}");
}

fn a_blob_of_another_digest() {
    let registry = scripted(vec![Reply::ok(BLOB.replace('t', "d"))]);
    let digest = Digest::of(BLOB);
    let blob = client().blob(&app(&registry.authority()), &digest, BLOB.len() as u64, 0);
    let error = Verified::new(blob.unwrap(), digest)
        .read_to_end(&mut Vec::new())
        .unwrap_err();
    assert!(error.to_string().contains("have the digest"), "{error}");
}

fn one_client_serves_all() {
    let registry = Server::new(|_| Reply::ok(BLOB));
    let (client, authority) = (client(), registry.authority());
    std::thread::scope(|scope| {
        for _ in 0..16 {
            scope.spawn(|| {
                assert_eq!(blob(&client, &authority, 0).unwrap(), BLOB.as_bytes());
            });
        }
    });
    assert_eq!(registry.log().len(), 16);
}

fn a_blob_from_an_offset() {
    let registry = scripted(vec![part(12)]);
    let authority = registry.authority();
    assert_eq!(
        blob(&client(), &authority, 12).unwrap(),
        &BLOB.as_bytes()[12..]
    );
    assert_eq!(ranges(&registry), [Some("bytes=12-".into())]);
    // Nothing is missing: nothing is asked for.
    assert_eq!(blob(&client(), &authority, BLOB.len() as u64).unwrap(), b"");
    assert_eq!(registry.log().len(), 1);
    assert!(blob(&client(), &authority, 44).is_err());
}

fn a_bad_moment() {
    for status in [429, 500, 502, 503, 504] {
        let bad = Reply::new(status).header("Retry-After", 0);
        let registry = scripted(vec![bad.clone(), bad, image()]);
        manifest(&client(), &registry.authority()).unwrap();
        assert_eq!(registry.log().len(), 3);
    }
}

fn a_bad_day() {
    let registry = scripted(vec![Reply::new(503)]);
    let error = assert_error(manifest(&client(), &registry.authority()), "503");
    assert!(error.hint_text().is_some());
    assert_eq!(registry.log().len(), 3);
}

fn an_hour_is_not_waited() {
    let registry = scripted(vec![Reply::new(429).header("Retry-After", 3600)]);
    let error = assert_error(manifest(&client(), &registry.authority()), "429");
    assert!(error.hint_text().is_some_and(|hint| hint.contains("wait")));
    assert_eq!(registry.log().len(), 1);
}

fn a_no_is_a_no() {
    let body = r#"{"errors": [{"code": "MANIFEST_UNKNOWN", "message": "manifest unknown"}]}"#;
    let registry = scripted(vec![Reply::new(404).body(body)]);
    let authority = registry.authority();
    let want = format!("manifest for {authority}/app:latest not found: ");
    let error = assert_error(manifest(&client(), &authority), &want);
    assert!(
        error
            .to_string()
            .contains("manifest unknown: manifest unknown"),
        "{error}"
    );
    assert_eq!(registry.log().len(), 1);
}

fn a_manifest_cut_short() {
    let cut = image().announcing(MANIFEST.len() + 1);
    let registry = scripted(vec![cut, image()]);
    assert_eq!(
        manifest(&client(), &registry.authority()).unwrap(),
        MANIFEST.as_bytes()
    );
}

fn a_manifest_without_end() {
    let registry = scripted(vec![image().then_more_and_more()]);
    assert_error(
        manifest(&client(), &registry.authority()),
        "more than 4194304 bytes",
    );
}

fn a_manifest_is_what_was_asked_for() {
    let digest = Digest::of(MANIFEST);
    let right = |registry: &Server, version: &Version| {
        client().manifest(&app(&registry.authority()), version, &[IMAGE])
    };
    let registry = scripted(vec![image().header("Docker-Content-Digest", digest)]);
    let found = right(&registry, &Version::Digest(digest)).unwrap();
    assert_eq!((found.digest, found.media_type.as_str()), (digest, IMAGE));
    assert_eq!(registry.log()[0].header("accept"), Some(IMAGE));
    assert_eq!(
        registry.lines()[0],
        format!("GET /v2/app/manifests/{digest}")
    );
    assert_error(
        right(&registry, &Version::Digest(Digest::of(""))),
        "has the digest",
    );
    let lying = scripted(vec![
        image().header("Docker-Content-Digest", Digest::of("")),
    ]);
    assert_error(right(&lying, &latest()), "has the digest");
    let web = scripted(vec![
        Reply::ok("<html>").header("Content-Type", "text/html"),
    ]);
    assert_error(right(&web, &latest()), "not a JSON");
    let list = Reply::ok(r#"{"manifests": []}"#)
        .header("Content-Type", "application/vnd.oci.image.index.v1+json");
    assert_error(right(&scripted(vec![list]), &latest()), "was not asked for");
}

fn a_manifest_is_described() {
    let digest = Digest::of(MANIFEST);
    let registry = scripted(vec![
        image().header("Docker-Content-Digest", digest),
        image(),
    ]);
    let repository = app(&registry.authority());
    let client = client();
    let found = client
        .describe(&repository, &latest(), &[IMAGE])
        .unwrap()
        .unwrap();
    assert_eq!(found.digest, digest);
    assert_eq!(found.size, MANIFEST.len() as u64);
    assert_eq!(found.media_type, IMAGE);
    // A registry need not say it.
    assert_eq!(
        client.describe(&repository, &latest(), &[IMAGE]).unwrap(),
        None
    );
    assert_eq!(registry.lines(), ["HEAD /v2/app/manifests/latest"; 2]);
    let deaf = scripted(vec![Reply::new(405)]);
    let repository = app(&deaf.authority());
    assert_eq!(
        client.describe(&repository, &latest(), &[IMAGE]).unwrap(),
        None
    );
}

fn redirects_end() {
    let registry = scripted(vec![Reply::new(302).header("Location", "/v2/again")]);
    let error = blob(&client(), &registry.authority(), 0).unwrap_err();
    assert!(error.contains("more than 10 times"), "{error}");
    assert_eq!(registry.log().len(), 11);
    let nowhere = scripted(vec![Reply::new(302)]);
    let error = blob(&client(), &nowhere.authority(), 0).unwrap_err();
    assert!(error.contains("nowhere"), "{error}");
}
