//! Registries as they are: what they leave out, write in another way, or answer by another protocol.

use std::io::Write;

use harness::{Test, test};
use images::registry::{Client, Configuration, Version};
use layers::digest::Digest;

use crate::fixtures::{
    BLOB, IMAGE, MANIFEST, app, assert_error, blob, client, config_file, configuration, latest,
    manifest, scripted,
};
use crate::server::{Reply, Request, Server};

pub(crate) fn tests() -> Vec<Test> {
    vec![
        test("a_manifest_comes_in_many_ways", &[], a_manifest_comes),
        test("a_blob_comes_in_many_ways", &[], a_blob_comes),
        test("a_list_of_tags_comes_in_many_ways", &[], tags_come),
        test("pages_of_tags_are_linked_in_many_ways", &[], pages_of_tags),
        test("a_token_comes_in_many_ways", &[], a_token_comes),
        test("a_challenge_comes_in_many_ways", &[], a_challenge_comes),
        test(
            "who_does_not_say_how_is_told_the_password",
            &[],
            no_challenge,
        ),
        test("who_knows_no_head_is_asked_otherwise", &[], no_head),
    ]
}

/// What is taken, and what is refused, of all that may come as a manifest.
fn a_manifest_comes() {
    let digest = Digest::of(MANIFEST);
    let plain = || Reply::ok(MANIFEST);
    let typed = || plain().header("Content-Type", IMAGE);
    let bare = r#"{"schemaVersion": 2, "config": {}, "layers": null}"#;
    for (what, reply, is_taken) in [
        ("with its type", typed(), true),
        ("without a type", plain(), true),
        (
            "with parameters",
            plain().header("Content-Type", format!("{IMAGE}; charset=utf-8")),
            true,
        ),
        (
            "in capitals",
            plain().header("Content-Type", IMAGE.to_uppercase()),
            true,
        ),
        (
            "as text",
            plain().header("Content-Type", "text/plain; charset=utf-8"),
            true,
        ),
        (
            "as octets",
            plain().header("Content-Type", "binary/octet-stream"),
            true,
        ),
        (
            "as an index",
            plain().header("Content-Type", IMAGE.replace("manifest", "index")),
            false,
        ),
        (
            "as a chart",
            plain().header("Content-Type", "application/vnd.cncf.helm+json"),
            false,
        ),
        ("with nothing in it either", Reply::ok(bare), true),
        (
            "with its digest",
            typed().header("Docker-Content-Digest", digest),
            true,
        ),
        (
            "with another",
            typed().header("Docker-Content-Digest", Digest::of("")),
            false,
        ),
        (
            "with a nonsense of a digest",
            typed().header("Docker-Content-Digest", "\"etag\""),
            true,
        ),
        (
            "with an empty one",
            typed().header("Docker-Content-Digest", ""),
            true,
        ),
        (
            "with an algorithm of its own",
            typed().header("Docker-Content-Digest", "sha512:00"),
            true,
        ),
        ("without a length", typed().unannounced(), true),
        ("by HTTP/1.0", typed().of_old(), true),
        (
            "as packed in no way",
            typed().header("Content-Encoding", "identity"),
            true,
        ),
        (
            "after a byte order mark",
            Reply::ok(format!("\u{feff}{MANIFEST}")),
            true,
        ),
        (
            "with more behind it",
            Reply::ok(format!("{MANIFEST} x")),
            false,
        ),
        (
            "as a page",
            Reply::ok("<html>").header("Content-Type", "text/html"),
            false,
        ),
        (
            "as nothing",
            Reply::ok("").header("Content-Type", IMAGE),
            false,
        ),
    ] {
        let registry = scripted(vec![reply]);
        let found = manifest(&client(), &registry.authority());
        assert_eq!(found.is_ok(), is_taken, "{what}: {found:?}");
    }
}

fn gzip(text: &str) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(text.as_bytes()).unwrap();
    encoder.finish().unwrap()
}

fn a_blob_comes() {
    let packed = || Reply::ok(gzip(BLOB));
    for (what, reply, is_taken) in [
        ("as it is", Reply::ok(BLOB), true),
        ("without a length", Reply::ok(BLOB).unannounced(), true),
        ("by HTTP/1.0", Reply::ok(BLOB).of_old(), true),
        (
            "as text",
            Reply::ok(BLOB).header("Content-Type", "text/html"),
            true,
        ),
        (
            "with a strange digest",
            Reply::ok(BLOB).header("Docker-Content-Digest", "x"),
            true,
        ),
        // A layer is packed as it is, and some stores say so in this way.
        (
            "called packed",
            Reply::ok(BLOB).header("Content-Encoding", "gzip"),
            true,
        ),
        (
            "packed once more",
            packed().header("Content-Encoding", "gzip"),
            true,
        ),
        (
            "packed once more, in capitals",
            packed().header("Content-Encoding", "X-GZIP"),
            true,
        ),
        (
            "packed in an unknown way",
            packed().header("Content-Encoding", "br"),
            false,
        ),
        ("packed in secret", packed(), false),
        (
            "as a part of itself",
            Reply::new(206)
                .header("Content-Range", "bytes 0-42/43")
                .body(BLOB),
            true,
        ),
        (
            "as a part that does not say which",
            Reply::new(206).body(BLOB),
            false,
        ),
    ] {
        let registry = scripted(vec![reply]);
        let found = blob(&client(), &registry.authority(), 0);
        assert_eq!(
            found.as_deref() == Ok(BLOB.as_bytes()),
            is_taken,
            "{what}: {found:?}"
        );
    }
}

fn tags_come() {
    for (body, tags) in [
        (
            r#"{"name": "app", "tags": ["1", "2"]}"#,
            Some(&["1", "2"][..]),
        ),
        (r#"{"tags": ["1"], "next": 7}"#, Some(&["1"])),
        (r#"{"Tags": ["1"]}"#, Some(&["1"])),
        (r#"{"tags": null}"#, Some(&[])),
        (r#"{"tags": []}"#, Some(&[])),
        (r#"{"name": "app"}"#, Some(&[])),
        (r#"{"tags": [null, "", "1"]}"#, Some(&["1"])),
        (r#"{"tags": ["1"]} "#, Some(&["1"])),
        (r#"{"tags": "1"}"#, None),
        (r#"{"tags": [1]}"#, None),
        (r#"{"tags": ["../1"]}"#, None),
        ("[]", None),
        ("null", None),
        ("", None),
    ] {
        let registry = scripted(vec![Reply::ok(body)]);
        let found = client().tags(&app(&registry.authority()));
        let found = found.as_ref().ok().map(Vec::as_slice);
        let tags = tags.map(|tags| tags.iter().map(ToString::to_string).collect::<Vec<_>>());
        assert_eq!(found, tags.as_deref(), "{body}");
    }
}

fn pages_of_tags() {
    for (link, is_followed) in [
        ("</v2/app/tags/list?last=1>; rel=\"next\"", true),
        ("<http://HOST/v2/app/tags/list?last=1>; rel=next", true),
        ("<?last=1>; rel='next'", true),
        ("<list?last=1>;REL=\"next\"", true),
        (
            "<>; rel=prev, </v2/app/tags/list?last=1>; rel=\"next last\"",
            true,
        ),
        ("</v2/app/tags/list?last=1>", false),
        ("/v2/app/tags/list?last=1; rel=next", false),
        ("", false),
    ] {
        let registry = Server::new(move |request| {
            let host = request.header("host").unwrap_or_default();
            match request.path.ends_with("last=1") {
                true => Reply::ok(r#"{"tags": ["2"]}"#),
                false => Reply::ok(r#"{"tags": ["1"]}"#).header("Link", link.replace("HOST", host)),
            }
        });
        let tags = client().tags(&app(&registry.authority())).unwrap();
        assert_eq!(tags.len(), 1 + usize::from(is_followed), "{link}");
    }
}

/// A registry that is its own token server, whose answer is `token`, and that wants `Bearer t1`.
fn registry(challenges: &'static [&'static str], token: &'static str) -> Server {
    Server::new(move |request| {
        if request.path.starts_with("/token") {
            return Reply::ok(token);
        }
        match request.header("authorization") {
            Some("Bearer t1" | "Basic dXNlcjp3b3Jk") => Reply::ok(MANIFEST),
            _ => refused(request, challenges),
        }
    })
}

fn refused(request: &Request, challenges: &[&str]) -> Reply {
    let host = request.header("host").unwrap_or_default();
    challenges.iter().fold(Reply::new(401), |reply, challenge| {
        reply.header("WWW-Authenticate", challenge.replace("HOST", host))
    })
}

fn with_user(server: &Server) -> Client {
    let key = server.authority();
    let auths = format!(r#"{{"auths": {{"{key}": {{"auth": "dXNlcjp3b3Jk"}}}}}}"#);
    Client::new(Configuration {
        credentials: Some(config_file(&auths)),
        ..configuration()
    })
}

fn a_token_comes() {
    for (answer, is_taken) in [
        (r#"{"token": "t1"}"#, true),
        (r#"{"access_token": "t1"}"#, true),
        (r#"{"token": "", "access_token": "t1"}"#, true),
        (r#"{"token": null, "access_token": "t1"}"#, true),
        (r#"{"token": "t1", "access_token": "t2"}"#, true),
        (r#"{"Token": "t1"}"#, true),
        (
            r#"{"token": "t1", "expires_in": null, "issued_at": null, "refresh_token": null}"#,
            true,
        ),
        (r#"{"token": "t1", "expires_in": "300"}"#, true),
        (r#"{"token": "t1", "expires_in": 300.5}"#, true),
        (r#"{"token": "t1", "expires_in": -1}"#, true),
        (r#"{"token": "t1", "expires_in": 1e300}"#, true),
        (r#"{"token": "t1", "expires_in": "soon"}"#, true),
        (
            r#"{"token": "t1", "expires_in": {}, "issued_at": 7, "scope": ["x"]}"#,
            true,
        ),
        (r#"{"token": "t1"} and more"#, true),
        (r#"{"token": 1}"#, false),
        (r#"{"token": "line\nbreak"}"#, false),
        (r#"{}"#, false),
        (r#"[]"#, false),
        (r#"null"#, false),
        ("", false),
        ("<html>", false),
    ] {
        let registry = registry(&["Bearer realm=\"http://HOST/token\""], answer);
        let found = manifest(&client(), &registry.authority());
        assert_eq!(found.is_ok(), is_taken, "{answer}: {found:?}");
    }
}

fn a_challenge_comes() {
    let cases: [(&'static [&'static str], bool); 14] = [
        (
            &["Bearer realm=\"http://HOST/token\",service=\"reg\""],
            true,
        ),
        (&["bearer REALM = http://HOST/token"], true),
        (
            &["Bearer realm=\"http://HOST/token\" service=\"reg\" scope=\"\""],
            true,
        ),
        (&["Bearer realm=\"/token\""], true),
        (
            &["Bearer realm=\"http://HOST/token\",error=\"invalid_token\",x"],
            true,
        ),
        (&["Negotiate", "Bearer realm=\"http://HOST/token\""], true),
        (
            &["Negotiate, Bearer realm=\"http://HOST/token\", Basic realm=\"x\""],
            true,
        ),
        (
            &["Basic realm=\"x\"", "Bearer realm=\"http://HOST/token\""],
            true,
        ),
        (
            &[
                "Bearer realm=\"http://HOST/nowhere\"",
                "Bearer realm=\"http://HOST/token\"",
            ],
            true,
        ),
        (
            &["Bearer realm=\"ftp://HOST/\", Bearer realm=\"http://HOST/token\""],
            true,
        ),
        (&["Bearer service=\"reg\""], false),
        (&["Bearer realm=\"\""], false),
        (&["Digest realm=\"x\""], false),
        (&[""], false),
    ];
    for (challenges, is_answered) in cases {
        let registry = registry(challenges, r#"{"token": "t1"}"#);
        let found = manifest(&client(), &registry.authority());
        assert_eq!(found.is_ok(), is_answered, "{challenges:?}: {found:?}");
    }
    // Where no token is to be had, a password may do.
    let both = registry(
        &["Bearer realm=\"http://HOST/token\"", "Basic realm=\"x\""],
        "{}",
    );
    manifest(&with_user(&both), &both.authority()).unwrap();
    assert_error(manifest(&client(), &both.authority()), "without a token");
}

fn no_challenge() {
    let registry = registry(&[], "{}");
    manifest(&with_user(&registry), &registry.authority()).unwrap();
    assert_error(manifest(&client(), &registry.authority()), "401");
}

/// The question costs nothing where it is understood, and nothing is lost where it is not.
fn no_head() {
    for status in [400, 405, 406, 415, 501] {
        let registry = Server::new(move |request| match request.method.as_str() {
            "HEAD" => Reply::new(status),
            _ => Reply::new(404),
        });
        let repository = app(&registry.authority());
        let described = client().describe(&repository, &latest(), &[IMAGE]);
        assert_eq!(described.unwrap(), None, "{status}");
    }
    for status in [400, 404, 405, 501] {
        let registry = scripted(vec![Reply::new(status)]);
        let repository = app(&registry.authority());
        assert!(!client().has_blob(&repository, &Digest::of(BLOB)).unwrap());
    }
    let gone = scripted(vec![Reply::new(404)]);
    let digest = Version::Digest(Digest::of(MANIFEST));
    let described = client().describe(&app(&gone.authority()), &digest, &[IMAGE]);
    assert_error(described, "not found");
}
