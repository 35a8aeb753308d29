//! A registry as people run it: the distribution project's own, and skopeo as the other client.

use std::fs;
use std::io::Read;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};

use harness::{Need, Run, Running, Test, eventually, test};
use images::registry::{
    Client, Configuration, Credential, Insecure, Manifest, Pushed, Repository, Server, Verified,
    Version,
};
use layers::digest::Digest;

use crate::fixtures::{IMAGE, app, assert_error, client, config_file, configuration, latest};
use crate::network::Network;

const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
const LAYER: &str = "application/vnd.oci.image.layer.v1.tar+gzip";

pub(crate) fn tests() -> Vec<Test> {
    let registry = Need::Program("docker-registry");
    let skopeo = Need::Program("skopeo");
    vec![
        test(
            "what_is_pushed_comes_back",
            &[registry],
            what_is_pushed_comes_back,
        ),
        test(
            "a_large_blob_comes_back",
            &[registry],
            a_large_blob_comes_back,
        ),
        test(
            "what_we_push_others_pull",
            &[registry, skopeo],
            what_we_push_others_pull,
        ),
        test(
            "what_others_push_we_pull",
            &[registry, skopeo],
            what_others_push_we_pull,
        ),
        test(
            "a_password_is_asked_for_over_tls",
            &[registry],
            a_password_is_asked_for,
        ),
    ]
}

/// A registry that runs until it is dropped.
struct Registry {
    address: SocketAddr,
    _running: Running,
}

impl Registry {
    /// With more lines in its configuration: `http` is the last section of it.
    fn new(more_http: &str, sections: &str) -> Self {
        let folder = harness::directory().join("registry");
        fs::create_dir_all(&folder).unwrap();
        let address = free_address();
        let text = format!(
            "version: 0.1\nlog: {{level: error}}\n{sections}storage:\n  delete: {{enabled: true}}\n  filesystem: {{rootdirectory: {}}}\nhttp:\n  addr: {address}\n{more_http}",
            folder.join("storage").display()
        );
        let path = folder.join("config.yml");
        fs::write(&path, text).unwrap();
        let running = Run::new("docker-registry").arg("serve").arg(&path).spawn();
        eventually(|| TcpStream::connect(address).ok());
        Self {
            address,
            _running: running,
        }
    }

    fn domain(&self) -> String {
        self.address.to_string()
    }
}

/// One that was free a moment ago, which is as much as can be said of a port for another program.
fn free_address() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap()
}

/// An image: a layer, a configuration, and the manifest of the two.
struct Image {
    layer: Vec<u8>,
    config: Vec<u8>,
    manifest: Manifest,
}

impl Image {
    fn new() -> Self {
        let folder = harness::directory().join("layer");
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("file"), "contents").unwrap();
        let (tar, gz) = (
            folder.with_extension("tar"),
            folder.with_extension("tar.gz"),
        );
        let script = "tar -cf \"$1\" -C \"$3\" . && gzip -nc \"$1\" >\"$2\"";
        Run::new("sh")
            .args(["-c", script, "sh"])
            .args([&tar, &gz, &folder])
            .output()
            .assert_code(0);
        let layer = fs::read(gz).unwrap();
        let config = format!(
            r#"{{"architecture":"amd64","os":"linux","config":{{}},"rootfs":{{"type":"layers","diff_ids":["{}"]}}}}"#,
            Digest::of(fs::read(tar).unwrap())
        );
        let manifest = format!(
            "{{\n  \"schemaVersion\": 2,\n  \"mediaType\": \"{IMAGE}\",\n  \"config\": {},\n  \"layers\": [{}]\n}}",
            descriptor(CONFIG, config.as_bytes()),
            descriptor(LAYER, &layer)
        );
        Self {
            layer,
            config: config.into(),
            manifest: Manifest {
                media_type: IMAGE.into(),
                digest: Digest::of(&manifest),
                bytes: manifest.into(),
            },
        }
    }

    fn push(&self, client: &Client, repository: &Repository) -> kit::Result<()> {
        for blob in [&self.layer, &self.config] {
            client.upload_blob(repository, &Digest::of(blob), None, &mut &blob[..])?;
        }
        client.put_manifest(repository, &latest(), &self.manifest)
    }

    #[track_caller]
    fn assert_is_at(&self, client: &Client, repository: &Repository) {
        for version in [latest(), Version::Digest(self.manifest.digest)] {
            let found = client.manifest(repository, &version, &[IMAGE]).unwrap();
            assert_eq!(found, self.manifest);
        }
        for blob in [&self.layer, &self.config] {
            assert_eq!(&pulled(client, repository, blob), blob);
        }
    }

    /// As an OCI image layout (image-layout.md), for other programs.
    fn write_layout(&self, folder: &Path) {
        let blobs = folder.join("blobs/sha256");
        fs::create_dir_all(&blobs).unwrap();
        for blob in [&self.layer, &self.config, &self.manifest.bytes] {
            fs::write(blobs.join(Digest::of(blob).hex()), blob).unwrap();
        }
        fs::write(
            folder.join("oci-layout"),
            r#"{"imageLayoutVersion": "1.0.0"}"#,
        )
        .unwrap();
        let manifest = descriptor(IMAGE, &self.manifest.bytes);
        let index = format!(r#"{{"schemaVersion": 2, "manifests": [{manifest}]}}"#);
        fs::write(folder.join("index.json"), index).unwrap();
    }
}

fn descriptor(media_type: &str, bytes: &[u8]) -> String {
    format!(
        r#"{{"mediaType": "{media_type}", "digest": "{}", "size": {}}}"#,
        Digest::of(bytes),
        bytes.len()
    )
}

/// The blob that should be `blob`.
fn pulled(client: &Client, repository: &Repository, blob: &[u8]) -> Vec<u8> {
    let digest = Digest::of(blob);
    let found = client
        .blob(repository, &digest, blob.len() as u64, 0)
        .unwrap();
    let mut bytes = Vec::new();
    Verified::new(found, digest)
        .read_to_end(&mut bytes)
        .unwrap();
    bytes
}

fn what_is_pushed_comes_back() {
    let registry = Registry::new("", "");
    let (client, image) = (client(), Image::new());
    let repository = app(&registry.domain());
    assert!(client.tags(&repository).is_err());
    image.push(&client, &repository).unwrap();
    image.assert_is_at(&client, &repository);
    let put = |tag| client.put_manifest(&repository, &Version::tag(tag).unwrap(), &image.manifest);
    put("2.0").unwrap();
    let mut tags = client.tags(&repository).unwrap();
    tags.sort();
    assert_eq!(tags, ["2.0", "latest"]);

    let described = client
        .describe(&repository, &latest(), &[IMAGE])
        .unwrap()
        .unwrap();
    assert_eq!(described.digest, image.manifest.digest);
    assert_eq!(described.size, image.manifest.bytes.len() as u64);
    let nope = Version::tag("nope").unwrap();
    assert_error(
        client.manifest(&repository, &nope, &[IMAGE]),
        "manifest unknown",
    );
    assert_error(client.describe(&repository, &nope, &[IMAGE]), "not found");

    let digest = Digest::of(&image.layer);
    assert!(client.has_blob(&repository, &digest).unwrap());
    assert!(!client.has_blob(&repository, &Digest::of("other")).unwrap());
    let upload =
        |to: &Repository| client.upload_blob(to, &digest, Some(&repository), &mut std::io::empty());
    let other = Repository::new(registry.domain(), "lib/other").unwrap();
    assert_eq!(upload(&other).unwrap(), Pushed::Mounted);
    assert_eq!(upload(&other).unwrap(), Pushed::Already);
    assert_eq!(pulled(&client, &other, &image.layer), image.layer);
}

fn a_large_blob_comes_back() {
    let registry = Registry::new("", "");
    let (client, repository) = (client(), app(&registry.domain()));
    let blob: Vec<u8> = (0u32..2_400_000).flat_map(u32::to_le_bytes).collect();
    let digest = Digest::of(&blob);
    let pushed = client
        .upload_blob(&repository, &digest, None, &mut &blob[..])
        .unwrap();
    assert_eq!(pushed, Pushed::Sent(blob.len() as u64));
    assert!(pulled(&client, &repository, &blob) == blob);
    // From where an earlier pull broke off.
    let kept = &blob[..7_654_321];
    let length = kept.len() as u64;
    let rest = client
        .blob(&repository, &digest, blob.len() as u64, length)
        .unwrap();
    let mut bytes = kept.to_vec();
    Verified::resumed(kept, length, rest, digest)
        .unwrap()
        .read_to_end(&mut bytes)
        .unwrap();
    assert!(bytes == blob);
}

fn skopeo_copy(arguments: [&str; 2], from: &str, to: &str) {
    Run::new("skopeo")
        .args(["--insecure-policy", "copy"])
        .args(arguments)
        .args([from, to])
        .output()
        .assert_code(0);
}

fn layout(folder: &Path) -> String {
    format!("oci:{}:latest", folder.display())
}

fn folder(name: &str) -> PathBuf {
    harness::directory().join(name)
}

fn what_we_push_others_pull() {
    let registry = Registry::new("", "");
    let image = Image::new();
    let repository = app(&registry.domain());
    image.push(&client(), &repository).unwrap();
    let to = folder("pulled");
    let from = format!("docker://{}/app:latest", registry.domain());
    skopeo_copy(
        ["--src-tls-verify=false", "--preserve-digests"],
        &from,
        &layout(&to),
    );
    for blob in [&image.layer, &image.config, &image.manifest.bytes] {
        let path = to.join("blobs/sha256").join(Digest::of(blob).hex());
        assert_eq!(&fs::read(path).unwrap(), blob);
    }
}

fn what_others_push_we_pull() {
    let registry = Registry::new("", "");
    let image = Image::new();
    let from = folder("pushed");
    image.write_layout(&from);
    let from = format!("oci:{}", from.display());
    let to = format!("docker://{}/app:latest", registry.domain());
    skopeo_copy(
        ["--dest-tls-verify=false", "--preserve-digests"],
        &from,
        &to,
    );
    image.assert_is_at(&client(), &app(&registry.domain()));
}

/// `user:pass:word`, as htpasswd writes it with `-B`: a password may hold a colon.
const HTPASSWD: &str = "user:$2y$05$HHpLbpb9cejTgDwyg9yU/.Ld23x682qPs.sjnrs9B7aePd75Qcy.u\n";

fn a_password_is_asked_for() {
    let network = Network::new();
    let (certificate, key) = network.certificate("reg.test");
    let htpasswd = folder("htpasswd");
    fs::write(&htpasswd, HTPASSWD).unwrap();
    let (cert_path, key_path) = (folder("tls.crt"), folder("tls.key"));
    fs::write(&cert_path, certificate.pem()).unwrap();
    fs::write(&key_path, key.serialize_pem()).unwrap();
    let registry = Registry::new(
        &format!(
            "  tls: {{certificate: {}, key: {}}}\n",
            cert_path.display(),
            key_path.display()
        ),
        &format!(
            "auth:\n  htpasswd: {{realm: lab, path: {}}}\n",
            htpasswd.display()
        ),
    );
    network.route("reg.test:443", registry.address);
    let file = config_file("{}");
    let with = |configuration: Configuration| {
        Client::new(Configuration {
            credentials: Some(file.clone()),
            ..configuration
        })
    };
    let (repository, server) = (app("reg.test"), Server::new(Some("reg.test")).unwrap());
    let image = Image::new();

    // Who it is, is not proven until its authority is trusted.
    assert_error(
        image.push(&with(network.configuration()), &repository),
        "not trusted",
    );
    network.trust("reg.test");
    let client = with(network.configuration());
    let error = assert_error(image.push(&client, &repository), "push access denied");
    assert!(
        error
            .hint_text()
            .is_some_and(|hint| hint.contains("drydock login"))
    );
    let wrong = Credential::password("user", "guess");
    assert_error(
        client.login(&server, &wrong, &file),
        "incorrect username or password",
    );
    let right = Credential::password("user", "pass:word");
    client.login(&server, &right, &file).unwrap();
    image.push(&client, &repository).unwrap();
    // All of it goes over one connection, also the challenge that is the first answer.
    let connections = network.asked().len();
    image.assert_is_at(&with(network.configuration()), &repository);
    assert_eq!(network.asked().len(), connections + 1);

    // By its address it is on the machine itself, where TLS is spoken and not held against anything.
    let here = app(&registry.domain());
    file.store(&registry.domain(), &right).unwrap();
    image.assert_is_at(&with(configuration()), &here);
    // Logged out, and by a name that is as insecure as the user says.
    assert!(file.erase(server.key()).unwrap());
    let mut insecure = network.configuration();
    insecure.insecure = Insecure::new(["reg.test"]).unwrap();
    let found = with(insecure).manifest(&repository, &latest(), &[IMAGE]);
    assert_error(found, "pull access denied");
}
