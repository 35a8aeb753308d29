//! Sending: what is there already, what is taken over, what is sent in pieces, and what breaks on the way.

use std::sync::{Arc, Mutex};

use harness::{Test, test};
use images::registry::{Manifest, Pushed, Repository, Version};
use layers::digest::Digest;

use crate::fixtures::{BLOB, IMAGE, MANIFEST, app, assert_error, client, config_file, latest};
use crate::network::Network;
use crate::server::{Reply, Request, Server};

pub(crate) fn tests() -> Vec<Test> {
    vec![
        test("what_is_there_is_not_sent", &[], what_is_there_is_not_sent),
        test(
            "what_another_repository_has_is_taken_over",
            &[],
            what_another_has,
        ),
        test(
            "what_may_not_be_taken_over_is_sent",
            &[],
            what_may_not_be_taken_over,
        ),
        test(
            "leave_for_the_other_may_be_refused",
            &[],
            leave_for_the_other_may_be_refused,
        ),
        test("a_small_blob_is_sent_at_once", &[], a_small_blob),
        test("a_large_blob_is_sent_in_pieces", &[], a_large_blob),
        test(
            "a_piece_that_broke_off_goes_on",
            &[],
            a_piece_that_broke_off,
        ),
        test(
            "a_registry_that_lost_bytes_is_refused",
            &[],
            a_registry_that_lost_bytes,
        ),
        test(
            "an_answer_that_got_lost_is_asked_for",
            &[],
            an_answer_that_got_lost,
        ),
        test(
            "what_is_not_its_digest_is_not_pushed",
            &[],
            what_is_not_its_digest,
        ),
        test(
            "an_upload_elsewhere_is_told_nothing",
            &[],
            an_upload_elsewhere,
        ),
        test(
            "an_upload_in_the_clear_is_refused",
            &[],
            an_upload_in_the_clear,
        ),
        test(
            "an_upload_to_itself_stays_over_tls",
            &[],
            an_upload_to_itself_stays_over_tls,
        ),
        test(
            "what_is_sent_follows_no_redirect",
            &[],
            what_is_sent_follows_no_redirect,
        ),
        test("a_manifest_is_put_whole", &[], a_manifest_is_put_whole),
    ]
}

/// What is sent at once.
const PIECE: usize = 8 << 20;

/// A registry that takes uploads. Its answers can be changed: `meddle` is asked first.
struct Registry {
    server: Server,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    upload: Vec<u8>,
    blob: Option<Vec<u8>>,
}

type Meddle = dyn Fn(&Request, &mut State) -> Option<Reply> + Send + Sync;

impl Registry {
    fn new(meddle: impl Fn(&Request, &mut State) -> Option<Reply> + Send + Sync + 'static) -> Self {
        let state = Arc::new(Mutex::new(State::default()));
        let shared = Arc::clone(&state);
        let meddle: Box<Meddle> = Box::new(meddle);
        let server = Server::new(move |request| {
            let mut state = shared.lock().unwrap();
            meddle(request, &mut state).unwrap_or_else(|| state.answer(request))
        });
        Self { server, state }
    }

    fn push(&self, blob: &[u8]) -> kit::Result<Pushed> {
        let repository = app(&self.server.authority());
        client().upload_blob(&repository, &Digest::of(blob), None, &mut &blob[..])
    }

    fn has(&self, blob: &[u8]) -> bool {
        self.state.lock().unwrap().blob.as_deref() == Some(blob)
    }
}

impl State {
    fn answer(&mut self, request: &Request) -> Reply {
        match request.method.as_str() {
            "HEAD" => Reply::new(if self.blob.is_some() { 200 } else { 404 }),
            "POST" => Reply::new(202).header("Location", "/v2/app/blobs/uploads/1?state=a"),
            "PATCH" => self.append(request),
            "GET" => self.progress(204),
            "PUT" => {
                self.upload.extend(&request.body);
                self.blob = Some(std::mem::take(&mut self.upload));
                Reply::new(201)
            }
            _ => Reply::new(204),
        }
    }

    fn append(&mut self, request: &Request) -> Reply {
        let range = request.header("content-range").unwrap_or_default();
        let (first, last) = range.split_once('-').unwrap_or_default();
        let (first, last): (usize, usize) = (first.parse().unwrap(), last.parse().unwrap());
        assert_eq!(last + 1 - first, request.body.len());
        if first != self.upload.len() {
            return self.progress(416);
        }
        self.upload.extend(&request.body);
        self.progress(202)
    }

    fn progress(&self, status: u16) -> Reply {
        Reply::new(status)
            .header("Location", "/v2/app/blobs/uploads/1?state=b")
            .header(
                "Range",
                format!("0-{}", self.upload.len().saturating_sub(1)),
            )
    }
}

/// More than one piece, and none of it like the other.
fn large() -> Vec<u8> {
    (0u32..2_400_000).flat_map(u32::to_le_bytes).collect()
}

fn methods(server: &Server) -> Vec<String> {
    server
        .log()
        .into_iter()
        .map(|request| request.method)
        .collect()
}

fn what_is_there_is_not_sent() {
    let registry = Registry::new(|request, _| (request.method == "HEAD").then(|| Reply::new(200)));
    assert_eq!(registry.push(BLOB.as_bytes()).unwrap(), Pushed::Already);
    let digest = Digest::of(BLOB);
    assert_eq!(
        registry.server.lines(),
        [format!("HEAD /v2/app/blobs/{digest}")]
    );
}

fn mount(registry: &Registry) -> kit::Result<Pushed> {
    let domain = registry.server.authority();
    let from = Repository::new(&domain, "lib/base").unwrap();
    let digest = Digest::of(BLOB);
    client().upload_blob(&app(&domain), &digest, Some(&from), &mut BLOB.as_bytes())
}

fn what_another_has() {
    let registry = Registry::new(|request, _| {
        let wanted = "/v2/app/blobs/uploads/?mount=sha256%3A";
        (request.path.starts_with(wanted) && request.path.ends_with("&from=lib%2Fbase"))
            .then(|| Reply::new(201))
    });
    assert_eq!(mount(&registry).unwrap(), Pushed::Mounted);
    assert_eq!(methods(&registry.server), ["HEAD", "POST"]);
    // Of another registry nothing can be taken over, and its names are not told.
    let elsewhere = Repository::new("other.test", "secret").unwrap();
    let registry = Registry::new(|_, _| None);
    let repository = app(&registry.server.authority());
    let digest = Digest::of(BLOB);
    let pushed = client()
        .upload_blob(&repository, &digest, Some(&elsewhere), &mut BLOB.as_bytes())
        .unwrap();
    assert_eq!(pushed, Pushed::Sent(BLOB.len() as u64));
    assert!(!registry.server.lines().concat().contains("secret"));
}

fn what_may_not_be_taken_over() {
    // It starts an upload instead, or says no.
    for refusal in [None, Some(Reply::new(403))] {
        let registry = Registry::new(move |request, _| {
            request
                .path
                .contains("mount=")
                .then(|| refusal.clone())
                .flatten()
        });
        assert_eq!(mount(&registry).unwrap(), Pushed::Sent(BLOB.len() as u64));
        assert!(registry.has(BLOB.as_bytes()));
    }
}

/// A token for both repositories may be more than somebody gets.
fn leave_for_the_other_may_be_refused() {
    let network = Network::new();
    let state = Mutex::new(State::default());
    let registry = network.host("reg.test", move |request| {
        if request.header("authorization").is_some() {
            return state.lock().unwrap().answer(request);
        }
        let realm = "Bearer realm=\"https://auth.test/token\"";
        Reply::new(401).header("WWW-Authenticate", realm)
    });
    let auth = network.host("auth.test", |request| match request.path.contains("base") {
        true => Reply::new(403),
        false => Reply::ok(r#"{"token": "t1"}"#),
    });
    let client = images::registry::Client::new(network.configuration());
    let from = Repository::new("reg.test", "lib/base").unwrap();
    let pushed = client.upload_blob(
        &app("reg.test"),
        &Digest::of(BLOB),
        Some(&from),
        &mut BLOB.as_bytes(),
    );
    assert_eq!(pushed.unwrap(), Pushed::Sent(BLOB.len() as u64));
    assert_eq!(registry.log().last().unwrap().method, "PUT");
    assert_eq!(auth.log().len(), 2);
}

fn a_small_blob() {
    for blob in [BLOB, ""] {
        let registry = Registry::new(|_, _| None);
        let pushed = registry.push(blob.as_bytes()).unwrap();
        assert_eq!(pushed, Pushed::Sent(blob.len() as u64));
        assert!(registry.has(blob.as_bytes()));
        assert_eq!(methods(&registry.server), ["HEAD", "POST", "PUT"]);
        let put = format!(
            "PUT /v2/app/blobs/uploads/1?state=a&digest={}",
            Digest::of(blob).to_string().replace(':', "%3A")
        );
        assert_eq!(registry.server.lines()[2], put);
    }
}

fn a_large_blob() {
    let blob = large();
    let registry = Registry::new(|_, _| None);
    assert_eq!(
        registry.push(&blob).unwrap(),
        Pushed::Sent(blob.len() as u64)
    );
    assert!(registry.has(&blob));
    assert_eq!(
        methods(&registry.server),
        ["HEAD", "POST", "PATCH", "PATCH", "PUT"]
    );
    let exact = &blob[..PIECE];
    let registry = Registry::new(|_, _| None);
    registry.push(exact).unwrap();
    assert!(registry.has(exact));
    assert_eq!(methods(&registry.server), ["HEAD", "POST", "PATCH", "PUT"]);
}

fn a_piece_that_broke_off() {
    let blob = large();
    let registry = Registry::new(|request, state| {
        let second = request.method == "PATCH" && state.upload.len() == PIECE;
        second.then(|| {
            // A part of it arrives, and then the registry is gone.
            state.upload.extend(&request.body[..1000]);
            Reply::new(503)
        })
    });
    registry.push(&blob).unwrap();
    assert!(registry.has(&blob));
    let log = registry.server.log();
    let ranges: Vec<_> = log
        .iter()
        .filter_map(|r| r.header("content-range"))
        .collect();
    let last = blob.len() - 1;
    assert_eq!(ranges[1], format!("{PIECE}-{last}"));
    assert_eq!(ranges[2], format!("{}-{last}", PIECE + 1000));
}

fn a_registry_that_lost_bytes() {
    let registry = Registry::new(|request, state| {
        let second = request.method == "PATCH" && state.upload.len() == PIECE;
        second.then(|| {
            state.upload.truncate(5);
            Reply::new(416)
        })
    });
    assert_error(registry.push(&large()), "where it should have");
}

fn an_answer_that_got_lost() {
    let registry = Registry::new(|request, state| {
        (request.method == "PUT").then(|| {
            state.answer(request);
            Reply::new(504)
        })
    });
    registry.push(BLOB.as_bytes()).unwrap();
    assert!(registry.has(BLOB.as_bytes()));
    assert_eq!(methods(&registry.server), ["HEAD", "POST", "PUT", "HEAD"]);
}

fn what_is_not_its_digest() {
    let registry = Registry::new(|_, _| None);
    let repository = app(&registry.server.authority());
    let other = Digest::of("something else");
    let pushed = client().upload_blob(&repository, &other, None, &mut BLOB.as_bytes());
    assert_error(pushed, "has the digest");
    assert_eq!(methods(&registry.server), ["HEAD", "POST", "DELETE"]);
}

/// A registry `reg.test` that wants a password and has uploads go to `to`; what it holds of us is in config.json, and so
/// is what `other.test` does.
fn uploading_to(network: &Network, to: &'static str) -> (Server, images::registry::Client) {
    let server = network.host("reg.test", move |request| {
        match (request.header("authorization"), request.method.as_str()) {
            (None, _) => Reply::new(401).header("WWW-Authenticate", "Basic realm=\"x\""),
            (_, "POST") => Reply::new(202).header("Location", to),
            _ => Reply::new(404),
        }
    });
    let word = r#"{"auth": "dXNlcjp3b3Jk"}"#;
    let mut configuration = network.configuration();
    configuration.credentials = Some(config_file(&format!(
        r#"{{"auths": {{"reg.test": {word}, "other.test": {word}}}}}"#
    )));
    (server, images::registry::Client::new(configuration))
}

/// A registry that could have us write to another with what we are there would write there itself.
fn an_upload_elsewhere() {
    let network = Network::new();
    let (_registry, client) = uploading_to(&network, "https://other.test/v2/app/blobs/uploads/1");
    let other = network.host("other.test", |_| {
        Reply::new(401).header("WWW-Authenticate", "Basic realm=\"x\"")
    });
    let pushed = client.upload_blob(
        &app("reg.test"),
        &Digest::of(BLOB),
        None,
        &mut BLOB.as_bytes(),
    );
    assert_error(pushed, "push access denied");
    assert_eq!(methods(&other), ["PUT"]);
    assert_eq!(other.log()[0].header("authorization"), None);
}

fn an_upload_in_the_clear() {
    let network = Network::new();
    let (_registry, client) = uploading_to(&network, "http://store.test/v2/app/blobs/uploads/1");
    let pushed = client.upload_blob(
        &app("reg.test"),
        &Digest::of(BLOB),
        None,
        &mut BLOB.as_bytes(),
    );
    let error = assert_error(pushed, "over plain HTTP");
    assert!(
        error
            .hint_text()
            .is_some_and(|hint| hint.contains("X-Forwarded-Proto"))
    );
    assert!(!network.asked().contains(&"store.test:80".to_owned()));
}

/// Behind a proxy that ends TLS a registry does not know of it, and calls itself `http://`: it is asked over TLS all the
/// same.
fn an_upload_to_itself_stays_over_tls() {
    let network = Network::new();
    let (registry, client) = uploading_to(&network, "http://reg.test/v2/app/blobs/uploads/1");
    let digest = Digest::of(BLOB);
    let pushed = client.upload_blob(&app("reg.test"), &digest, None, &mut BLOB.as_bytes());
    assert!(
        registry.lines().iter().any(|line| line.starts_with("PUT ")),
        "{pushed:?}"
    );
    assert!(!network.asked().contains(&"reg.test:80".to_owned()));
}

/// Nor does it become a GET, as web browsers have it.
fn what_is_sent_follows_no_redirect() {
    for status in [301, 302, 303, 307, 308] {
        let registry = Registry::new(move |request, _| {
            let redirect = || Reply::new(status).header("Location", "/elsewhere");
            (request.method == "POST").then(redirect)
        });
        assert_error(registry.push(BLOB.as_bytes()), "redirects what we send");
        assert_eq!(methods(&registry.server), ["HEAD", "POST"]);
    }
}

fn a_manifest_is_put_whole() {
    let digest = Digest::of(MANIFEST);
    let manifest = Manifest {
        media_type: IMAGE.to_owned(),
        digest,
        bytes: MANIFEST.into(),
    };
    let registry = Server::new(move |_| Reply::new(201).header("Docker-Content-Digest", digest));
    let repository = app(&registry.authority());
    let client = client();
    client
        .put_manifest(&repository, &latest(), &manifest)
        .unwrap();
    client
        .put_manifest(&repository, &Version::Digest(digest), &manifest)
        .unwrap();
    let first = &registry.log()[0];
    assert_eq!(first.line(), "PUT /v2/app/manifests/latest");
    assert_eq!(first.header("content-type"), Some(IMAGE));
    assert_eq!(first.body, MANIFEST.as_bytes());
    let other = Version::Digest(Digest::of(""));
    assert_error(
        client.put_manifest(&repository, &other, &manifest),
        "has the digest",
    );
    let deaf = Server::new(|_| Reply::new(201).header("Docker-Content-Digest", Digest::of("")));
    let repository = app(&deaf.authority());
    assert_error(
        client.put_manifest(&repository, &latest(), &manifest),
        "has stored",
    );
}
