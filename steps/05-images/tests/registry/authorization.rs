//! Who is told who we are, and who is not.

use std::sync::atomic::{AtomicUsize, Ordering};

use harness::{Test, test};
use images::registry::{Client, Configuration, Mirrors, Repository};

use crate::fixtures::{
    BLOB, IMAGE, MANIFEST, app, assert_error, blob, client, config_file, configuration, latest,
    manifest,
};
use crate::network::Network;
use crate::server::{Reply, Request, Server};

/// `user:word`.
const USER: &str = "Basic dXNlcjp3b3Jk";

pub(crate) fn tests() -> Vec<Test> {
    vec![
        test(
            "a_token_is_for_what_the_registry_wants",
            &[],
            a_token_is_for_what_the_registry_wants,
        ),
        test("a_token_is_fetched_once", &[], a_token_is_fetched_once),
        test(
            "a_token_that_ran_out_is_renewed",
            &[],
            a_token_that_ran_out_is_renewed,
        ),
        test(
            "nobody_gets_a_token_for_what_is_public",
            &[],
            nobody_gets_a_token,
        ),
        test(
            "nobody_is_enough_for_what_is_public",
            &[],
            nobody_is_enough_for_what_is_public,
        ),
        test(
            "an_identity_token_is_exchanged",
            &[],
            an_identity_token_is_exchanged,
        ),
        test(
            "basic_is_sent_when_asked_for",
            &[],
            basic_is_sent_when_asked_for,
        ),
        test(
            "a_refused_password_is_told",
            &[],
            a_refused_password_is_told,
        ),
        test(
            "a_token_that_is_none_is_refused",
            &[],
            a_token_that_is_none_is_refused,
        ),
        test(
            "a_redirect_to_another_host_is_told_nothing",
            &[],
            a_redirect_is_told_nothing,
        ),
        test(
            "a_redirect_cannot_ask_who_we_are",
            &[],
            a_redirect_cannot_ask,
        ),
        test(
            "a_redirect_back_is_told_nothing_more",
            &[],
            a_redirect_back_is_told_nothing,
        ),
        test(
            "a_realm_in_the_clear_is_told_nothing",
            &[],
            a_realm_in_the_clear,
        ),
        test(
            "a_mirror_is_not_told_the_origins_secret",
            &[],
            a_mirror_is_not_told,
        ),
        test(
            "a_mirror_in_the_clear_is_told_nothing",
            &[],
            a_mirror_in_the_clear,
        ),
    ]
}

fn challenge(realm: &str) -> Reply {
    let value = format!("Bearer realm=\"{realm}\",service=\"reg\",scope=\"repository:app:pull\"");
    Reply::new(401).header("WWW-Authenticate", value)
}

/// A registry that shows its manifest to who has the token `token`.
fn guarded(realm: &'static str, token: &'static str) -> impl Fn(&Request) -> Reply + Send + Sync {
    move |request| match request.header("authorization") {
        Some(found) if found == format!("Bearer {token}") => {
            Reply::ok(MANIFEST).header("Content-Type", IMAGE)
        }
        _ => challenge(realm),
    }
}

fn token(text: &str) -> Reply {
    Reply::ok(format!(r#"{{"token": "{text}", "expires_in": 300}}"#))
}

fn with_user(configuration: Configuration, key: &str) -> Configuration {
    let auths = format!(r#"{{"auths": {{"{key}": {{"auth": "dXNlcjp3b3Jk"}}}}}}"#);
    Configuration {
        credentials: Some(config_file(&auths)),
        ..configuration
    }
}

fn secrets_of(server: &Server) -> Vec<Option<String>> {
    let log = server.log();
    let secrets = log.iter().map(|request| request.header("authorization"));
    secrets.map(|secret| secret.map(str::to_owned)).collect()
}

fn a_token_is_fetched_once() {
    let network = Network::new();
    let registry = network.host("reg.test", guarded("https://auth.test/token?x=1", "t1"));
    let auth = network.host("auth.test", |_| token("t1"));
    let client = Client::new(with_user(network.configuration(), "reg.test"));
    for _ in 0..2 {
        assert_eq!(manifest(&client, "reg.test").unwrap(), MANIFEST.as_bytes());
    }
    assert_eq!(
        secrets_of(&registry),
        [None, Some("Bearer t1".into()), Some("Bearer t1".into())]
    );
    assert_eq!(
        auth.lines(),
        ["GET /token?x=1&service=reg&scope=repository%3Aapp%3Apull&account=user"]
    );
    assert_eq!(secrets_of(&auth), [Some(USER.into())]);
    // Another repository takes another token.
    let other = Repository::new("reg.test", "other").unwrap();
    client.manifest(&other, &latest(), &[IMAGE]).unwrap();
    assert_eq!(auth.log().len(), 2);
}

fn a_token_is_for_what_the_registry_wants() {
    let network = Network::new();
    let _registry = network.host("reg.test", |request| {
        match request.header("authorization") {
            Some(_) => Reply::ok(MANIFEST).header("Content-Type", IMAGE),
            None => Reply::new(401).header(
                "WWW-Authenticate",
                "Bearer realm=\"https://auth.test/t\",scope=\"a:b:c repository:app:pull\"",
            ),
        }
    });
    // For longer than any clock goes.
    let for_ever = format!(r#"{{"token": "t1", "expires_in": {}}}"#, u64::MAX);
    let auth = network.host("auth.test", move |_| Reply::ok(for_ever.as_str()));
    manifest(&Client::new(network.configuration()), "reg.test").unwrap();
    let asked = "GET /t?scope=repository%3Aapp%3Apull&scope=a%3Ab%3Ac";
    assert_eq!(auth.lines(), [asked]);
}

fn a_token_that_ran_out_is_renewed() {
    static GIVEN: AtomicUsize = AtomicUsize::new(0);
    let network = Network::new();
    // Each token is good for one request.
    let used = AtomicUsize::new(0);
    let _registry = network.host("reg.test", move |request| {
        let wanted = format!("Bearer t{}", used.load(Ordering::SeqCst) + 1);
        if request.header("authorization") != Some(&wanted) {
            return challenge("https://auth.test/token");
        }
        used.fetch_add(1, Ordering::SeqCst);
        Reply::ok(MANIFEST).header("Content-Type", IMAGE)
    });
    let auth = network.host("auth.test", |_| {
        token(&format!("t{}", GIVEN.fetch_add(1, Ordering::SeqCst) + 1))
    });
    let client = Client::new(network.configuration());
    for _ in 0..3 {
        manifest(&client, "reg.test").unwrap();
    }
    assert_eq!(auth.log().len(), 3);
}

fn nobody_gets_a_token() {
    let network = Network::new();
    let _registry = network.host("reg.test", guarded("https://auth.test/token", "t1"));
    let auth = network.host("auth.test", |_| {
        // The other name for it, and the form that some servers have of its time.
        Reply::ok(r#"{"access_token": "t1", "issued_at": "2020-01-01T00:00:00Z", "expires_in": 0}"#)
    });
    // What is known of another registry is no business of this one's.
    let client = Client::new(with_user(network.configuration(), "auth.test"));
    manifest(&client, "reg.test").unwrap();
    assert_eq!(secrets_of(&auth), [None]);
    assert!(!auth.lines()[0].contains("account"));
}

fn nobody_is_enough_for_what_is_public() {
    let network = Network::new();
    let _public = network.host("reg.test", guarded("https://auth.test/token", "nobody"));
    let _private = network.host("own.test", guarded("https://auth.test/token", "somebody"));
    let _clear = network.host("basic.test", |_| {
        Reply::new(401).header("WWW-Authenticate", "Basic realm=\"x\"")
    });
    let auth = network.host("auth.test", |_| Reply::ok(r#"{"token": "nobody"}"#));
    let client = Client::new(Configuration {
        credentials: Some(config_file(r#"{"credsStore": "drydock-none"}"#)),
        ..network.configuration()
    });
    manifest(&client, "reg.test").unwrap();
    assert_eq!(secrets_of(&auth), [None]);
    for host in ["own.test", "basic.test"] {
        assert_error(
            manifest(&client, host),
            "cannot run the credential helper docker-credential-drydock-none",
        );
    }
}

fn an_identity_token_is_exchanged() {
    let network = Network::new();
    let _registry = network.host("reg.test", guarded("https://auth.test/token", "t1"));
    let auth = network.host("auth.test", |_| Reply::ok(r#"{"access_token": "t1"}"#));
    let file =
        config_file(r#"{"auths": {"reg.test": {"auth": "dXNlcjo=", "identitytoken": "id&1"}}}"#);
    let client = Client::new(Configuration {
        credentials: Some(file),
        ..network.configuration()
    });
    manifest(&client, "reg.test").unwrap();
    let asked = &auth.log()[0];
    assert_eq!(asked.line(), "POST /token");
    assert_eq!(asked.header("authorization"), None);
    assert_eq!(
        String::from_utf8_lossy(&asked.body),
        "grant_type=refresh_token&service=reg&client_id=drydock&scope=repository%3Aapp%3Apull&refresh_token=id%261"
    );
}

fn basic_is_sent_when_asked_for() {
    let registry = Server::new(|request| match request.header("authorization") {
        Some(USER) => Reply::ok(MANIFEST).header("Content-Type", IMAGE),
        _ => Reply::new(401)
            .header("WWW-Authenticate", "Negotiate")
            .header("WWW-Authenticate", "Basic realm=\"reg\""),
    });
    let authority = registry.authority();
    // Without credentials there is nothing to send, and nothing is sent.
    let error = assert_error(manifest(&client(), &authority), "pull access denied for");
    assert!(error.hint_text().is_some_and(|hint| hint.contains("login")));
    assert_eq!(secrets_of(&registry), [None]);
    let client = Client::new(with_user(configuration(), &authority));
    for _ in 0..2 {
        manifest(&client, &authority).unwrap();
    }
    let user = || Some(USER.to_owned());
    assert_eq!(secrets_of(&registry), [None, None, user(), user()]);
}

fn a_refused_password_is_told() {
    let network = Network::new();
    let registry = network.host("reg.test", guarded("https://auth.test/token", "t1"));
    let auth = network.host("auth.test", |_| {
        Reply::new(401).body(r#"{"errors": [{"code": "UNAUTHORIZED", "message": "no such user"}]}"#)
    });
    let client = Client::new(with_user(network.configuration(), "reg.test"));
    let error = assert_error(manifest(&client, "reg.test"), "unauthorized: no such user");
    assert!(
        error
            .hint_text()
            .is_some_and(|hint| hint.contains("log in"))
    );
    // A wrong password is not tried again: the account may be locked for it.
    assert_eq!((registry.log().len(), auth.log().len()), (1, 1));
}

fn a_token_that_is_none_is_refused() {
    for answer in [
        "{}",
        "[]",
        "text",
        r#"{"token": ""}"#,
        r#"{"token": "a\nb: c"}"#,
    ] {
        let network = Network::new();
        let _registry = network.host("reg.test", guarded("https://auth.test/token", "t1"));
        let _auth = network.host("auth.test", move |_| Reply::ok(answer));
        let client = Client::new(network.configuration());
        assert_error(manifest(&client, "reg.test"), "token");
    }
    // A right one that the registry then does not want is not fetched for ever.
    let network = Network::new();
    let registry = network.host("reg.test", guarded("https://auth.test/token", "t1"));
    let _auth = network.host("auth.test", |_| token("other"));
    let client = Client::new(network.configuration());
    assert_error(manifest(&client, "reg.test"), "pull access denied");
    assert_eq!(registry.log().len(), 2);
}

/// A registry that wants a token and then sends blobs elsewhere.
fn redirecting(to: &'static str) -> impl Fn(&Request) -> Reply + Send + Sync {
    move |request| match request.header("authorization") {
        Some("Bearer t1") => Reply::new(307).header("Location", to),
        _ => challenge("https://auth.test/token"),
    }
}

fn a_redirect_is_told_nothing() {
    let network = Network::new();
    let _registry = network.host("reg.test", redirecting("https://cdn.test/blob?sig=1"));
    let _auth = network.host("auth.test", |_| token("t1"));
    let cdn = network.host("cdn.test", |_| Reply::ok(BLOB));
    let client = Client::new(with_user(network.configuration(), "reg.test"));
    assert_eq!(blob(&client, "reg.test", 0).unwrap(), BLOB.as_bytes());
    assert_eq!(cdn.lines(), ["GET /blob?sig=1"]);
    assert_eq!(secrets_of(&cdn), [None]);
}

/// Neither after the registry knows us nor before: then the challenge would be the first that we see.
fn a_redirect_cannot_ask() {
    for tokens in [1, 0] {
        let network = Network::new();
        let known = redirecting("https://evil.test/blob");
        let _registry = network.host("reg.test", move |request| match tokens {
            0 => Reply::new(307).header("Location", "https://evil.test/blob"),
            _ => known(request),
        });
        let auth = network.host("auth.test", |_| token("t1"));
        let evil = network.host("evil.test", |_| challenge("https://evil.test/token"));
        let client = Client::new(with_user(network.configuration(), "reg.test"));
        let digest = layers::digest::Digest::of(BLOB);
        let error = client.blob(&app("reg.test"), &digest, 43, 0).unwrap_err();
        let hint = error.hint_text().unwrap_or_default();
        assert!(hint.contains("not shown to another"), "{error}");
        assert_eq!(evil.lines(), ["GET /blob"]);
        assert_eq!(secrets_of(&evil), [None]);
        assert_eq!(auth.log().len(), tokens);
    }
}

fn a_redirect_back_is_told_nothing() {
    let network = Network::new();
    let registry = network.host("reg.test", |request| match request.path.as_str() {
        "/v2/secret" => Reply::ok(BLOB),
        _ => redirecting("https://evil.test/back")(request),
    });
    let _auth = network.host("auth.test", |_| token("t1"));
    let _evil = network.host("evil.test", |_| {
        Reply::new(302).header("Location", "https://reg.test/v2/secret")
    });
    let client = Client::new(with_user(network.configuration(), "reg.test"));
    blob(&client, "reg.test", 0).unwrap();
    assert_eq!(secrets_of(&registry).last(), Some(&None));
}

fn a_realm_in_the_clear() {
    let network = Network::new();
    let _registry = network.host("reg.test", guarded("http://auth.test/token", "t1"));
    let auth = network.plain("auth.test", |_| token("t1"));
    let client = Client::new(with_user(network.configuration(), "reg.test"));
    assert_error(manifest(&client, "reg.test"), "over plain HTTP");
    assert!(auth.log().is_empty());
    let mut configuration = with_user(network.configuration(), "reg.test");
    configuration.insecure = images::registry::Insecure::new(["auth.test:80"]).unwrap();
    manifest(&Client::new(configuration), "reg.test").unwrap();
}

fn a_mirror_is_not_told() {
    let network = Network::new();
    let mirror = network.host("mirror.test", |_| {
        Reply::new(401).header("WWW-Authenticate", "Basic realm=\"x\"")
    });
    let hub = network.host("registry-1.docker.io", |request| {
        match request.header("authorization") {
            Some(USER) => Reply::ok(MANIFEST).header("Content-Type", IMAGE),
            _ => Reply::new(401).header("WWW-Authenticate", "Basic realm=\"x\""),
        }
    });
    let mut configuration = with_user(network.configuration(), "https://index.docker.io/v1/");
    configuration.mirrors = Mirrors::new(["https://mirror.test"]).unwrap();
    manifest(&Client::new(configuration), "docker.io").unwrap();
    assert_eq!(secrets_of(&mirror), [None]);
    assert_eq!(secrets_of(&hub), [None, Some(USER.into())]);
}

fn a_mirror_in_the_clear() {
    let network = Network::new();
    let mirror = network.plain("mirror.test", |_| {
        Reply::new(401).header("WWW-Authenticate", "Basic realm=\"x\"")
    });
    let _hub = network.host("registry-1.docker.io", |_| Reply::new(404));
    let mut configuration = with_user(network.configuration(), "mirror.test");
    configuration.mirrors = Mirrors::new(["http://mirror.test"]).unwrap();
    assert_error(
        manifest(&Client::new(configuration), "docker.io"),
        "not found",
    );
    assert_eq!(secrets_of(&mirror), [None]);
}
