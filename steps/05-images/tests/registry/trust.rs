//! Whose word is taken: certificates, plain HTTP, and the proxy on the way.

use harness::{Test, test};
use images::registry::{Client, Insecure, Proxies};

use crate::fixtures::{BLOB, IMAGE, MANIFEST, assert_error, blob, client, configuration, manifest};
use crate::network::Network;
use crate::server::{Reply, Request, Server};

pub(crate) fn tests() -> Vec<Test> {
    vec![
        test(
            "the_machine_itself_may_speak_plain_http",
            &[],
            the_machine_itself,
        ),
        test("others_may_not_unless_they_are_named", &[], others_may_not),
        test(
            "a_stranger_is_not_trusted_unless_named",
            &[],
            a_stranger_is_not_trusted,
        ),
        test(
            "a_certificate_is_for_its_host",
            &[],
            a_certificate_is_for_its_host,
        ),
        test(
            "a_registry_may_want_our_certificate",
            &[],
            a_registry_may_want_ours,
        ),
        test(
            "what_begins_over_tls_stays_there",
            &[],
            what_begins_over_tls_stays_there,
        ),
        test(
            "who_answered_over_tls_is_not_asked_in_the_clear",
            &[],
            no_way_back,
        ),
        test("a_proxy_is_asked_for_a_tunnel", &[], a_proxy_is_asked),
        test("a_proxy_that_refuses_is_told", &[], a_proxy_that_refuses),
    ]
}

fn image(_: &Request) -> Reply {
    Reply::ok(MANIFEST).header("Content-Type", IMAGE)
}

fn the_machine_itself() {
    let registry = Server::new(image);
    manifest(&client(), &registry.authority()).unwrap();
    let port = registry.address.port();
    manifest(&client(), &format!("localhost:{port}")).unwrap();
    assert_eq!(registry.lines(), ["GET /v2/app/manifests/latest"; 2]);
    assert_eq!(
        registry.log()[0].header("accept-encoding"),
        Some("identity")
    );
    let user_agent = registry.log()[0].header("user-agent").map(str::to_owned);
    assert!(user_agent.is_some_and(|agent| agent.starts_with("drydock/")));
}

fn others_may_not() {
    let network = Network::new();
    let registry = network.plain("plain.test", image);
    let error = assert_error(
        manifest(&Client::new(network.configuration()), "plain.test"),
        "not HTTPS",
    );
    assert!(
        error
            .hint_text()
            .is_some_and(|hint| hint.contains("insecure-registries"))
    );
    assert!(registry.log().is_empty());
    assert!(!network.asked().contains(&"plain.test:80".to_owned()));
    let mut configuration = network.configuration();
    configuration.insecure = Insecure::new(["plain.test"]).unwrap();
    manifest(&Client::new(configuration), "plain.test").unwrap();
}

fn a_stranger_is_not_trusted() {
    let network = Network::new();
    let registry = network.stranger("strange.test", image);
    let error = assert_error(
        manifest(&Client::new(network.configuration()), "strange.test"),
        "certificate is not trusted",
    );
    assert!(
        error
            .hint_text()
            .is_some_and(|hint| hint.contains("certs.d/strange.test"))
    );
    assert!(registry.log().is_empty());
    let mut configuration = network.configuration();
    configuration.insecure = Insecure::new(["strange.test"]).unwrap();
    manifest(&Client::new(configuration), "strange.test").unwrap();
}

fn a_certificate_is_for_its_host() {
    let network = Network::new();
    let one = network.host("one.test", image);
    network.route("two.test:443", one.address);
    network.trust("two.test");
    let client = Client::new(network.configuration());
    manifest(&client, "one.test").unwrap();
    assert_error(manifest(&client, "two.test"), "certificate is not trusted");
}

fn a_registry_may_want_ours() {
    let network = Network::new();
    let _registry = network.host_for_known("reg.test", image);
    let folder = network.trust("reg.test");
    assert!(manifest(&Client::new(network.configuration()), "reg.test").is_err());
    let (certificate, key) = network.certificate("somebody");
    std::fs::write(folder.join("client.cert"), certificate.pem()).unwrap();
    std::fs::write(folder.join("client.key"), key.serialize_pem()).unwrap();
    manifest(&Client::new(network.configuration()), "reg.test").unwrap();
}

fn what_begins_over_tls_stays_there() {
    let network = Network::new();
    let _registry = network.host("reg.test", |_| {
        Reply::new(307).header("Location", "http://cdn.test/blob")
    });
    let cdn = network.plain("cdn.test", |_| Reply::ok(BLOB));
    let error = blob(&Client::new(network.configuration()), "reg.test", 0).unwrap_err();
    assert!(error.contains("over plain HTTP"), "{error}");
    assert!(cdn.log().is_empty());
}

/// An insecure registry that has spoken TLS once: who then breaks the connection does not get the next in the clear.
fn no_way_back() {
    let network = Network::new();
    let registry = network.host("reg.test", image);
    let mut configuration = network.configuration();
    configuration.insecure = Insecure::new(["reg.test"]).unwrap();
    let client = Client::new(configuration);
    manifest(&client, "reg.test").unwrap();
    drop(registry);
    let plain = network.plain("reg.test", image);
    assert!(manifest(&client, "reg.test").is_err());
    assert!(plain.log().is_empty());

    // The same within one request: it answers, and where it sends us for a token nobody is.
    let plain = network.plain("both.test", image);
    let _registry = network.host("both.test", |_| {
        let realm = "Bearer realm=\"https://gone.test/token\"";
        Reply::new(401).header("WWW-Authenticate", realm)
    });
    let mut configuration = network.configuration();
    configuration.insecure = Insecure::new(["both.test"]).unwrap();
    assert_error(
        manifest(&Client::new(configuration), "both.test"),
        "gone.test",
    );
    assert!(plain.log().is_empty());
}

fn a_proxy_is_asked() {
    let network = Network::new();
    let _registry = network.host("reg.test", image);
    manifest(&Client::new(network.configuration()), "reg.test").unwrap();
    assert_eq!(network.asked(), ["reg.test:443"]);
    // Without the proxy nobody knows the name.
    let mut configuration = network.configuration();
    configuration.proxies = Proxies::none();
    assert!(manifest(&Client::new(configuration), "reg.test").is_err());
}

fn a_proxy_that_refuses() {
    let network = Network::new();
    let error = assert_error(
        manifest(&Client::new(network.configuration()), "nobody.test"),
        "proxy",
    );
    assert!(
        error
            .hint_text()
            .is_some_and(|hint| hint.contains("HTTPS_PROXY"))
    );
    // It is not asked for what is on the machine itself.
    let mut configuration = configuration();
    configuration.proxies = network.configuration().proxies;
    let registry = Server::new(image);
    manifest(&Client::new(configuration), &registry.authority()).unwrap();
    assert_eq!(network.asked().len(), 1);
}
