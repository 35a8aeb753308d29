//! The attacks of the chapter: they work against `examples/naive.rs`, and must go on doing so, or they prove nothing.

use std::fs;
use std::path::Path;

use harness::{Need, Output, Run, Running, Test, example, test};

use crate::made::{done, file_system, images, path};

pub(crate) fn tests() -> Vec<Test> {
    let needs = &[Need::Root];
    vec![
        test(
            "a_registry_sends_another_layer",
            needs,
            a_registry_sends_another_layer,
        ),
        test(
            "a_registry_collects_passwords",
            needs,
            a_registry_collects_passwords,
        ),
        test(
            "a_manifest_means_two_things",
            needs,
            a_manifest_means_two_things,
        ),
        test(
            "an_answer_that_breaks_off",
            needs,
            an_answer_that_breaks_off,
        ),
    ]
}

/// A registry that runs until it is dropped, and its port.
fn registry(options: &[&str]) -> (String, Running) {
    let running = Run::new(example("images-registry"))
        .args(["0", &path("layout")])
        .args(options)
        .spawn();
    running.expect("ready on ");
    (running.expect("\n").trim().to_owned(), running)
}

/// An image of one compressed layer, laid out.
fn laid_out(contents: &str) -> Image {
    let archive = file_system("one", contents);
    Run::new("gzip").arg(&archive).output().assert_code(0);
    done(&["import", &format!("{archive}.gz"), "app"]);
    let (saved, layout) = (path("saved.tar"), path("layout"));
    done(&["save", "-o", &saved, "app"]);
    done(&["rm", "-f", "app"]);
    done(&["prune", "-f"]);
    fs::create_dir(&layout).unwrap();
    tar(&["-xf", &saved, "-C", &layout]);
    Image::read()
}

fn tar(arguments: &[&str]) {
    Run::new("tar").args(arguments).output().assert_code(0);
}

/// The files of the layout that an attacker would change.
struct Image {
    manifest: String,
    layer: String,
}

impl Image {
    fn read() -> Self {
        let digests = |file: &str| -> Vec<String> {
            let text = fs::read_to_string(file).unwrap();
            let parts = text.split("sha256:").skip(1);
            parts.map(|part| part[..64].to_owned()).collect()
        };
        let blob = |hex: &str| path(&format!("layout/blobs/sha256/{hex}"));
        let manifest = blob(&digests(&path("layout/index.json"))[0]);
        let layer = blob(digests(&manifest).last().unwrap());
        Self { manifest, layer }
    }
}

fn name(port: &str) -> String {
    format!("127.0.0.1:{port}/app")
}

/// Where the naive program has unpacked it.
fn naive(port: &str, password: &[&str]) -> (Output, String) {
    let root = path("naive");
    fs::create_dir(&root).unwrap();
    let output = Run::new(example("images-naive"))
        .args([&name(port), &root])
        .args(password)
        .output();
    (output, root)
}

/// Our pull, which is to be refused, and nothing of it to be seen.
#[track_caller]
fn is_refused(port: &str, why: &str) {
    let output = images(&["pull", &name(port)]).output().assert_code(1);
    assert!(output.err().contains(why), "{output}");
    assert_eq!(done(&["ls", "-q"]).out(), "");
    let layers = fs::read_dir(path("data/layers")).unwrap();
    assert_eq!(layers.count(), 0);
}

/// It has the right length, so that the digest alone tells: what follows a gzip stream may be zeroes.
fn a_registry_sends_another_layer() {
    let image = laid_out("one");
    let size = fs::metadata(&image.layer).unwrap().len();
    let tree = path("evil");
    fs::create_dir_all(format!("{tree}/etc")).unwrap();
    fs::write(format!("{tree}/etc/name"), "evil").unwrap();
    tar(&["-czf", &image.layer, "-C", &tree, "etc"]);
    let evil = fs::OpenOptions::new()
        .write(true)
        .open(&image.layer)
        .unwrap();
    assert!(evil.metadata().unwrap().len() < size);
    evil.set_len(size).unwrap();
    let (port, _registry) = registry(&[]);
    let (output, root) = naive(&port, &[]);
    output.assert_code(0);
    assert_eq!(
        fs::read_to_string(format!("{root}/etc/name")).unwrap(),
        "evil"
    );
    is_refused(&port, "a layer is not what was promised");
}

fn a_registry_collects_passwords() {
    laid_out("one");
    // `reader:secret`.
    const WORD: &str = "Basic cmVhZGVyOnNlY3JldA==";
    let (other, thief) = registry(&[]);
    let (port, _registry) = registry(&["--user", "reader:secret", "--blobs", &other]);
    naive(&port, &["reader:secret"]).0.assert_code(0);
    thief.expect(&format!(", {WORD}"));

    let (other, thief) = registry(&[]);
    let (port, _registry) = registry(&["--user", "reader:secret", "--blobs", &other]);
    let auths =
        format!("{{\"auths\": {{\"127.0.0.1:{port}\": {{\"auth\": \"cmVhZGVyOnNlY3JldA==\"}}}}}}");
    fs::write(path("config.json"), auths).unwrap();
    let pull = images(&["pull", "-q", &name(&port)]).env("DOCKER_CONFIG", harness::directory());
    pull.output().assert_code(0);
    thief.signal(9);
    let told = thief.wait().out();
    assert!(
        told.contains("/blobs/sha256:") && !told.contains("Basic"),
        "{told}"
    );
    assert!(!told.contains("Bearer"), "{told}");
}

/// CVE-2021-41190: who looks for images sees one, and who looks for an index sees another.
fn a_manifest_means_two_things() {
    let image = laid_out("one");
    let text = fs::read_to_string(&image.manifest).unwrap();
    let double = text.replacen('{', "{\"manifests\": [],", 1);
    let digest = layers::digest::Digest::of(&double);
    let file = Path::new(&image.manifest).with_file_name(digest.hex());
    fs::write(file, &double).unwrap();
    let index = format!("{{\"manifests\": [{{\"digest\": \"{digest}\"}}]}}");
    fs::write(path("layout/index.json"), index).unwrap();
    let (port, _registry) = registry(&[]);
    let (output, root) = naive(&port, &[]);
    output.assert_code(0);
    assert!(Path::new(&root).join("etc/name").exists());
    is_refused(&port, "an image and an index at once");
}

fn an_answer_that_breaks_off() {
    // Which no compression makes small.
    let digest = |number: u32| layers::digest::Digest::of(number.to_string()).hex();
    laid_out(&(0..2000).map(digest).collect::<String>());
    let (port, registry) = registry(&["--cut", "30000"]);
    let (output, root) = naive(&port, &[]);
    // It does not even notice, and what tar has unpacked looks like an image.
    output.assert_code(0);
    assert!(Path::new(&root).join("etc").exists());
    done(&["pull", "-q", &name(&port)]);
    registry.expect(" from byte 30000");
}
