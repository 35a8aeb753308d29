//! Docker Hub's mirrors, good and bad.

use harness::{Test, test};
use images::registry::{Client, Configuration, Mirrors};

use crate::fixtures::{BLOB, blob, manifest};
use crate::network::Network;
use crate::pull::{cut_short, image, part};
use crate::server::{Reply, Request, Server};

pub(crate) fn tests() -> Vec<Test> {
    vec![
        test("a_mirror_is_asked_first", &[], a_mirror_is_asked_first),
        test(
            "a_mirror_that_fails_is_passed_over",
            &[],
            a_mirror_that_fails,
        ),
        test(
            "a_mirror_that_breaks_off_is_passed_over",
            &[],
            a_mirror_that_breaks_off,
        ),
    ]
}

/// Docker Hub, and a mirror of it.
fn mirrored(
    network: &Network,
    hub: impl Fn(&Request) -> Reply + Send + Sync + 'static,
    mirror: impl Fn(&Request) -> Reply + Send + Sync + 'static,
) -> (Client, Server, Server) {
    let hub = network.host("registry-1.docker.io", hub);
    let mirror = network.host("mirror.test", mirror);
    let client = Client::new(Configuration {
        mirrors: Mirrors::new(["https://gone.test", "https://mirror.test/hub"]).unwrap(),
        ..network.configuration()
    });
    (client, hub, mirror)
}

fn a_mirror_is_asked_first() {
    let network = Network::new();
    let (client, hub, mirror) = mirrored(&network, |_| image(), |_| image());
    manifest(&client, "docker.io").unwrap();
    assert_eq!(mirror.lines(), ["GET /hub/v2/app/manifests/latest"]);
    assert!(hub.log().is_empty());
    // Another registry's images it does not have.
    let other = network.host("other.test", |_| image());
    manifest(&client, "other.test").unwrap();
    assert_eq!((other.log().len(), mirror.log().len()), (1, 1));
}

fn a_mirror_that_fails() {
    let wrong = || Reply::ok("{}").header("Content-Type", "text/html");
    for reply in [Reply::new(404), Reply::new(503), Reply::new(401), wrong()] {
        let network = Network::new();
        let (client, hub, mirror) = mirrored(&network, |_| image(), move |_| reply.clone());
        manifest(&client, "docker.io").unwrap();
        // There is another to ask: nobody waits for a mirror.
        assert_eq!((mirror.log().len(), hub.log().len()), (1, 1));
    }
}

fn a_mirror_that_breaks_off() {
    let network = Network::new();
    let (client, hub, mirror) = mirrored(&network, |_| part(10), |_| cut_short());
    assert_eq!(blob(&client, "docker.io", 0).unwrap(), BLOB.as_bytes());
    assert_eq!((mirror.log().len(), hub.log().len()), (1, 1));
}
