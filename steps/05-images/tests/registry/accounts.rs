//! `login`, `logout`, credential helpers, `search`.

use std::path::Path;

use harness::{Need, Test, test};
use images::registry::{Client, ConfigFile, Configuration, Credential, Filter, Kept, Server};

use crate::fixtures::{
    IMAGE, MANIFEST, assert_error, client, config_file, configuration, manifest,
};
use crate::network::Network;
use crate::server::{self, Reply, Request};

pub(crate) fn tests() -> Vec<Test> {
    let shell = &[Need::Program("sh"), Need::Program("sed")];
    vec![
        test(
            "who_is_let_in_is_remembered",
            &[],
            who_is_let_in_is_remembered,
        ),
        test("who_is_not_let_in_is_not", &[], who_is_not_let_in_is_not),
        test(
            "a_token_is_kept_in_the_passwords_place",
            &[],
            a_token_is_kept,
        ),
        test(
            "no_password_goes_over_plain_http",
            &[],
            no_password_over_http,
        ),
        test(
            "a_helper_keeps_what_the_file_does_not",
            shell,
            a_helper_keeps_it,
        ),
        test("a_search_finds_by_stars", &[], a_search_finds_by_stars),
        test(
            "a_registry_without_search_says_so",
            &[],
            a_registry_without_search,
        ),
    ]
}

fn user() -> Credential {
    Credential::password("user", "word")
}

fn guarded(request: &Request) -> Reply {
    match request.header("authorization") {
        Some("Basic dXNlcjp3b3Jk") => Reply::ok(MANIFEST).header("Content-Type", IMAGE),
        _ => Reply::new(401).header("WWW-Authenticate", "Basic realm=\"x\""),
    }
}

fn text(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_default()
}

fn at(authority: &str) -> Server {
    Server::new(Some(authority)).unwrap()
}

fn with(file: &ConfigFile) -> Client {
    Client::new(Configuration {
        credentials: Some(file.clone()),
        ..configuration()
    })
}

fn who_is_let_in_is_remembered() {
    let registry = server::Server::new(guarded);
    let authority = registry.authority();
    let file = config_file(r#"{"detachKeys": "ctrl-q"}"#);
    let kept = client().login(&at(&authority), &user(), &file).unwrap();
    assert_eq!(kept, Kept::InFile(file.path().to_owned()));
    assert!(text(file.path()).contains("detachKeys"));
    manifest(&with(&file), &authority).unwrap();
    assert!(file.erase(at(&authority).key()).unwrap());
    assert_error(manifest(&with(&file), &authority), "denied");
}

fn who_is_not_let_in_is_not() {
    let registry = server::Server::new(guarded);
    let file = config_file("{}");
    let wrong = Credential::password("user", "guess");
    let error = assert_error(
        client().login(&at(&registry.authority()), &wrong, &file),
        "unauthorized: incorrect username or password",
    );
    assert!(
        error
            .hint_text()
            .is_some_and(|hint| hint.contains("check both"))
    );
    assert_eq!(text(file.path()), "{}");
    let gone = server::Server::new(|_| Reply::new(404));
    assert_error(
        client().login(&at(&gone.authority()), &user(), &file),
        "404",
    );
}

fn a_token_is_kept() {
    let network = Network::new();
    let _registry = network.host("reg.test", |request| {
        match request.header("authorization") {
            Some("Bearer t1") => Reply::ok("{}"),
            _ => Reply::new(401).header(
                "WWW-Authenticate",
                "Bearer realm=\"https://auth.test/token\",service=\"reg\"",
            ),
        }
    });
    let auth = network.host("auth.test", |_| {
        Reply::ok(r#"{"token": "t1", "refresh_token": "id1"}"#)
    });
    let file = config_file("{}");
    let client = Client::new(network.configuration());
    client
        .login(&at("https://reg.test/v2/"), &user(), &file)
        .unwrap();
    assert_eq!(
        auth.lines(),
        ["GET /token?service=reg&account=user&offline_token=true&client_id=drydock"]
    );
    let token = Credential::IdentityToken {
        username: "user".into(),
        token: "id1".into(),
    };
    assert_eq!(file.credential("reg.test").unwrap(), Some(token));
    assert!(
        !text(file.path()).contains("d29yZA"),
        "the password is in the file"
    );
}

fn no_password_over_http() {
    let network = Network::new();
    let plain = network.plain("reg.test", guarded);
    let file = config_file("{}");
    let client = Client::new(network.configuration());
    assert_error(client.login(&at("reg.test"), &user(), &file), "not HTTPS");
    assert!(plain.log().is_empty());
}

fn a_helper_keeps_it() {
    let registry = server::Server::new(guarded);
    let authority = registry.authority();
    let file = config_file(&format!(
        r#"{{"credHelpers": {{"{authority}": "drydock-test"}}}}"#
    ));
    let server = at(&authority);
    assert_eq!(file.credential(server.key()).unwrap(), None);
    let kept = client().login(&server, &user(), &file).unwrap();
    assert_eq!(kept, Kept::ByHelper("drydock-test".into()));
    assert!(!text(file.path()).contains("dXNlcjp3b3Jk"));
    assert_eq!(file.credential(server.key()).unwrap(), Some(user()));
    manifest(&with(&file), &authority).unwrap();
    // An identity token goes in and out under a name of its own.
    let token = Credential::IdentityToken {
        username: String::new(),
        token: "id".into(),
    };
    file.store(server.key(), &token).unwrap();
    assert_eq!(file.credential(server.key()).unwrap(), Some(token));
    assert!(file.erase(server.key()).unwrap());
    assert_eq!(file.credential(server.key()).unwrap(), None);
    // Other registries have nothing to do with it.
    let kept = file.store("other", &user()).unwrap();
    assert_eq!(kept, Kept::InFile(file.path().to_owned()));
}

fn a_search_finds_by_stars() {
    let network = Network::new();
    let hub = network.host("index.docker.io", |_| {
        Reply::ok(
            r#"{"num_results": 3, "results": [
                {"name": "a", "description": "x\ny\u001b[31m", "star_count": 1, "is_official": false},
                {"name": "b", "star_count": 900, "is_official": true, "is_trusted": true},
                {"name": "c", "star_count": 5}]}"#,
        )
    });
    let client = Client::new(network.configuration());
    let search = |filter: &str, limit| {
        let mut wanted = Filter::default();
        if !filter.is_empty() {
            wanted.add(filter).unwrap();
        }
        let found = client.search("docker.io", "bu sy", &wanted, limit);
        found.map(|found| {
            found
                .into_iter()
                .map(|f| (f.name, f.description))
                .collect::<Vec<_>>()
        })
    };
    let names = |filter, limit| -> Vec<String> {
        search(filter, limit)
            .unwrap()
            .into_iter()
            .map(|(name, _)| name)
            .collect()
    };
    assert_eq!(names("", 25), ["b", "c", "a"]);
    assert_eq!(names("stars=5", 25), ["b", "c"]);
    assert_eq!(names("is-official=true", 25), ["b"]);
    assert_eq!(names("", 1), ["b"]);
    assert_eq!(search("", 25).unwrap()[2].1, "x y[31m");
    assert_eq!(hub.lines()[0], "GET /v1/search?q=bu%20sy&n=25");
    for limit in [0, 101] {
        assert_error(search("", limit), "outside the range of [1, 100]");
    }
}

fn a_registry_without_search() {
    let registry = server::Server::new(|_| Reply::new(404));
    let found = client().search(&registry.authority(), "x", &Filter::default(), 25);
    let error = assert_error(found, "404");
    assert!(
        error
            .hint_text()
            .is_some_and(|hint| hint.contains("cannot be searched"))
    );
}
