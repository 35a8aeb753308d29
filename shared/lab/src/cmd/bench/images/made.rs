//! The image that is pulled. It is made here, from a seed, so that it is the same on every machine.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::Path;

use anyhow::{Context, Result};
use flate2::Compression;
use flate2::write::GzEncoder;
use layers::digest::Digest;
use layers::tar::{Entry, Kind, Time, Writer};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

/// How many files each layer has: fifty thousand together, the lowest layer the largest, as images have it.
const FILES: [usize; 6] = [15_000, 12_000, 9_000, 7_000, 5_000, 2_000];
/// Bytes of the one large file that each layer has beside them.
const LARGE: u64 = 80 << 20;
/// Files in a directory.
const NEIGHBOURS: usize = 40;
/// Changes whenever the image does, so that an older one is not taken for it.
pub(super) const VERSION: u32 = 2;

/// A layer as the manifest names it.
struct Layer {
    descriptor: Value,
    diff_id: Digest,
}

/// Writes two images into an OCI layout (OCI image specification, image-layout.md): `1`, and `2`, which differs from it
/// in the last layer.
pub(super) fn make(layout: &Path) -> Result<()> {
    let blobs = layout.join("blobs/sha256");
    fs::create_dir_all(&blobs).with_context(|| format!("cannot make {}", blobs.display()))?;
    let text = text();
    // Two layers at a time, one for each processor that the smallest of machines has.
    let numbers: Vec<usize> = (0..=FILES.len()).collect();
    let mut layers = Vec::new();
    for pair in numbers.chunks(2) {
        let made = std::thread::scope(|scope| {
            let threads: Vec<_> = pair
                .iter()
                .map(|number| scope.spawn(|| layer(&blobs, &text, *number)))
                .collect();
            threads
                .into_iter()
                .map(|thread| thread.join().expect("it does not panic"))
                .collect::<Result<Vec<_>>>()
        });
        layers.extend(made?);
    }
    let (other, own) = layers.split_last().context("there are layers")?;
    let (last, shared) = own.split_last().context("there are layers")?;
    let mut index = Vec::new();
    for (tag, top) in [("1", last), ("2", other)] {
        let layers: Vec<&Layer> = shared.iter().chain([top]).collect();
        let mut manifest = manifest(&blobs, &layers)?;
        manifest["annotations"] = json!({"org.opencontainers.image.ref.name": tag});
        index.push(manifest);
    }
    let index = json!({"schemaVersion": 2, "manifests": index});
    let version = json!({"imageLayoutVersion": "1.0.0"});
    for (name, contents) in [("index.json", index), ("oci-layout", version)] {
        fs::write(layout.join(name), contents.to_string()).context("cannot write the layout")?;
    }
    Ok(())
}

/// Writes the configuration and the manifest of an image, and returns the manifest's descriptor.
fn manifest(blobs: &Path, layers: &[&Layer]) -> Result<Value> {
    let diff_ids: Vec<_> = layers.iter().map(|l| l.diff_id.to_string()).collect();
    let config = json!({
        "architecture": architecture(),
        "os": "linux",
        "config": {"Cmd": ["/bin/sh"]},
        "rootfs": {"type": "layers", "diff_ids": diff_ids},
    });
    let config = document(blobs, "application/vnd.oci.image.config.v1+json", &config)?;
    let layers: Vec<_> = layers.iter().map(|l| &l.descriptor).collect();
    let media_type = "application/vnd.oci.image.manifest.v1+json";
    let manifest = json!({
        "schemaVersion": 2,
        "mediaType": media_type,
        "config": config,
        "layers": layers,
    });
    document(blobs, media_type, &manifest)
}

/// In Go's words, which are the specification's.
fn architecture() -> &'static str {
    match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    }
}

fn document(blobs: &Path, media_type: &str, contents: &Value) -> Result<Value> {
    let text = contents.to_string();
    let digest = Digest::of(&text);
    fs::write(blobs.join(digest.hex()), &text).context("cannot write a blob")?;
    Ok(descriptor(media_type, &digest, text.len() as u64))
}

fn descriptor(media_type: &str, digest: &Digest, size: u64) -> Value {
    json!({"mediaType": media_type, "digest": digest.to_string(), "size": size})
}

/// Layer `number`; beyond the last, another one in the place of the last.
fn layer(blobs: &Path, text: &[u8], number: usize) -> Result<Layer> {
    let place = blobs.join(format!("making-{number}"));
    let file = File::create(&place).context("cannot make a blob")?;
    let blob = Hashed::new(BufWriter::with_capacity(1 << 17, file));
    let mut writer = Writer::new(Hashed::new(GzEncoder::new(blob, Compression::default())));
    let mut chance = Chance(number as u64 + 1);
    let files = *FILES.get(number).unwrap_or(&FILES[FILES.len() - 1]);
    for at in 0..files {
        let directory = format!("usr/share/layer-{number}/{:03}", at / NEIGHBOURS);
        if at % NEIGHBOURS == 0 {
            writer.append(&entry(&directory, Kind::Directory))?;
        }
        // From half a kilobyte to a hundred, as many small as large.
        let base = 512 << chance.below(8);
        let size = base + chance.below(base);
        append(
            &mut writer,
            &format!("{directory}/file-{at}"),
            size,
            text,
            &mut chance,
        )?;
    }
    let large = format!("usr/lib/large-{number}");
    append(&mut writer, &large, LARGE, text, &mut chance)?;
    let (encoder, diff_id, _) = writer.finish()?.finish();
    let blob = encoder.finish().context("cannot compress a layer")?;
    let (mut file, digest, size) = blob.finish();
    file.flush().context("cannot write a blob")?;
    fs::rename(&place, blobs.join(digest.hex())).context("cannot name a blob")?;
    let media_type = "application/vnd.oci.image.layer.v1.tar+gzip";
    Ok(Layer {
        descriptor: descriptor(media_type, &digest, size),
        diff_id,
    })
}

fn append(
    writer: &mut Writer<impl Write>,
    path: &str,
    size: u64,
    text: &[u8],
    chance: &mut Chance,
) -> Result<()> {
    let mut contents: Box<dyn io::Read> = Box::new(io::empty());
    let mut left = size;
    while left > 0 {
        let start = chance.below(text.len() as u64 / 2);
        let length = left.min(text.len() as u64 / 2);
        let piece = &text[start as usize..(start + length) as usize];
        contents = Box::new(io::Read::chain(contents, piece));
        left -= length;
    }
    writer.append_file(&entry(path, Kind::File { size }), contents)?;
    Ok(())
}

fn entry(path: &str, kind: Kind) -> Entry {
    Entry {
        path: path.into(),
        mode: if kind == Kind::Directory {
            0o755
        } else {
            0o644
        },
        kind,
        uid: 0,
        gid: 0,
        mtime: Time {
            seconds: 1_600_000_000,
            nanoseconds: 0,
        },
        xattrs: Default::default(),
    }
}

/// Words of a language that nobody speaks: to gzip they are what programs and their texts are, three to one.
fn text() -> Vec<u8> {
    let mut chance = Chance(0x9e37_79b9);
    let words: Vec<Vec<u8>> = (0..1024)
        .map(|_| {
            let length = 3 + chance.below(9);
            (0..length).map(|_| b'a' + chance.below(26) as u8).collect()
        })
        .collect();
    let mut text = Vec::new();
    while text.len() < 32 << 20 {
        let word = chance.below(words.len() as u64) as usize;
        text.extend_from_slice(&words[word]);
        text.push(b' ');
    }
    text
}

/// Marsaglia's xorshift: the same numbers everywhere.
struct Chance(u64);

impl Chance {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) % limit
    }
}

/// A writer that knows the digest of what has passed, and how much that was.
struct Hashed<W> {
    output: W,
    hasher: Sha256,
    length: u64,
}

impl<W: Write> Hashed<W> {
    fn new(output: W) -> Self {
        Self {
            output,
            hasher: Sha256::new(),
            length: 0,
        }
    }

    fn finish(self) -> (W, Digest, u64) {
        let digest = format!("sha256:{:x}", self.hasher.finalize());
        let digest = digest.parse().expect("it is in the form of a digest");
        (self.output, digest, self.length)
    }
}

impl<W: Write> Write for Hashed<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let length = self.output.write(bytes)?;
        self.hasher.update(&bytes[..length]);
        self.length += length as u64;
        Ok(length)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.output.flush()
    }
}
