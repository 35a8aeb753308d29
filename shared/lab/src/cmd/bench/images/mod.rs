//! What images cost: pull, save, load and list, beside Docker, Podman, and skopeo with umoci.
//!
//! All pull the same image from the same registry on the loopback device, in turn, each into an empty store on a file
//! system that is new. On one where the last store has just been removed, ext4 searches long for an inode that was not
//! in use a moment ago, and whoever comes next pays for it.

mod cost;
mod made;
mod servers;

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use layers::digest::Digest;
use layers::tar::{Entry, Kind, Time, Writer};
use serde_json::json;

use self::cost::{Cost, typical};
use self::servers::{Cleared, Daemon, Left, Registry, disk};
use super::{Bench, Figure, text};
use crate::ui::step;

/// A pull takes a minute with all its peers, so that it is not repeated as often as a start that takes milliseconds.
const PULLS: u32 = 3;
/// How many images a list is made of, and how long it may take.
const LISTED: usize = 1000;
const LIST_MS: f64 = 20.0;
/// At least so much faster than Docker and Podman.
const FASTER: f64 = 1.0 / 1.5;
/// MiB that a pull may hold.
const RESIDENT: f64 = 64.0;

pub(super) fn run(bench: &Bench) -> Result<Vec<Figure>> {
    let cache = bench.target.join("bench");
    let here = cache.join(format!("run-{}", std::process::id()));
    let left = Left::new(bench.privilege, &here)?;
    let cleared = Cleared(left.clone());
    let storage = cache.join(format!("registry-{}", made::VERSION));
    let registry = Registry::start(bench, &left, &here, &storage)?;
    let name = |tag: &str| format!("{}/big:{tag}", registry.address);
    let ground = Ground {
        bench,
        left: left.clone(),
        here: &here,
        program: bench.program("images")?,
        images: [name("1"), name("2")],
    };
    ground.fill(&storage)?;
    let mut figures = ground.pulls()?;
    figures.extend(ground.second(&registry)?);
    figures.extend(ground.archives()?);
    figures.extend(ground.list()?);
    drop(cleared);
    Ok(figures)
}

/// What all measurements stand on.
struct Ground<'a> {
    bench: &'a Bench,
    left: Left,
    here: &'a Path,
    /// Ours.
    program: String,
    /// The one that is pulled, and another that shares all layers with it but one.
    images: [String; 2],
}

impl Ground<'_> {
    /// Makes the images, unless the registry has them from an earlier time.
    fn fill(&self, storage: &Path) -> Result<()> {
        let filled = storage.join("filled");
        if filled.exists() {
            return Ok(());
        }
        step("image", "being made, once: 1.6 GB in fifty thousand files");
        let layout = self.here.join("layout");
        made::make(&layout)?;
        for (tag, image) in ["1", "2"].into_iter().zip(&self.images) {
            let from = format!("oci:{}:{tag}", text(&layout)?);
            let to = format!("docker://{image}");
            self.cost(&[
                "skopeo",
                "--insecure-policy",
                "copy",
                "--dest-tls-verify=false",
                &from,
                &to,
            ])?;
        }
        fs::remove_dir_all(&layout).context("cannot remove the layout")?;
        self.cost(&["touch", &text(&filled)?]).map(drop)
    }

    fn cost(&self, words: &[&str]) -> Result<Cost> {
        cost::of(self.bench, &self.left, self.here, words)
    }

    /// Ours, with a store of its own.
    fn ours(&self, words: &[&str]) -> Result<Cost> {
        let root = format!("DRYDOCK_ROOT={}", self.store()?);
        let mut all = vec!["env", &root, &self.program];
        all.extend(words);
        self.cost(&all)
    }

    fn store(&self) -> Result<String> {
        text(&disk(self.here).join("ours"))
    }

    /// A new file system for the next measurement. What waits to be written goes before it begins.
    fn fresh(&self) -> Result<()> {
        let script =
            "cd \"$1\"; mkdir -p disk; if mountpoint -q disk; then umount disk; fi; rm -f image
                      truncate -s 8G image; mkfs.ext4 -q -F image; mount -o loop image disk; sync";
        let here = text(self.here)?;
        self.cost(&["sh", "-euc", script, "sh", &here]).map(drop)
    }

    fn daemon(&self) -> Result<Daemon> {
        self.fresh()?;
        Daemon::start(self.bench, &self.left, self.here)
    }

    /// Every program pulls in turn, round after round.
    fn pulls(&self) -> Result<Vec<Figure>> {
        let image = &self.images[0];
        let mut all: [Vec<Cost>; 4] = Default::default();
        for round in 0..self.bench.rounds.min(PULLS) {
            step("pull", format_args!("round {}", round + 1));
            self.fresh()?;
            all[0].push(self.ours(&["pull", "-q", image])?);
            all[1].push(self.docker(&self.daemon()?, &["pull", "-q", image])?);
            self.fresh()?;
            all[2].push(self.podman(image)?);
            self.fresh()?;
            all[3].push(self.skopeo_and_umoci(image)?);
        }
        let [ours, docker, podman, umoci] = all.map(|costs| typical(&costs));
        let ratio = |peer: &str, unit, ours: f64, of: f64, goal| Figure {
            name: format!("images pull / {peer}"),
            ours,
            peer: Some(of),
            unit,
            value: ours / of,
            goal: Some(goal),
        };
        let cpu = "s CPU";
        Ok(vec![
            ratio("docker pull", "s", ours.wall, docker.wall, FASTER),
            ratio("podman pull", "s", ours.wall, podman.wall, FASTER),
            ratio("skopeo + umoci", "s", ours.wall, umoci.wall, FASTER),
            ratio("docker pull", cpu, ours.cpu, docker.cpu, 1.0),
            ratio("podman pull", cpu, ours.cpu, podman.cpu, 1.0),
            ratio("skopeo + umoci", cpu, ours.cpu, umoci.cpu, 1.0),
            Figure {
                peer: Some(docker.resident),
                ..alone(
                    "images pull, most memory (peer: dockerd)",
                    ours.resident,
                    "MiB",
                    RESIDENT,
                )
            },
        ])
    }

    /// The client's time, and the daemon's work.
    fn docker(&self, daemon: &Daemon, words: &[&str]) -> Result<Cost> {
        let before = daemon.cpu()?;
        let mut all = vec!["docker", "--host", &daemon.host];
        all.extend(words);
        let client = self.cost(&all)?;
        Ok(Cost {
            wall: client.wall,
            cpu: client.cpu + daemon.cpu()? - before,
            resident: daemon.resident()?,
        })
    }

    /// In a mount namespace of its own: it leaves its store mounted.
    fn podman(&self, image: &str) -> Result<Cost> {
        let at = |name| text(&disk(self.here).join(name));
        let (root, run) = (at("podman")?, at("podman-run")?);
        self.cost(&[
            "unshare",
            "--mount",
            "--propagation",
            "private",
            "podman",
            "--root",
            &root,
            "--runroot",
            &run,
            "--storage-driver",
            "overlay",
            "--events-backend",
            "none",
            "pull",
            "--quiet",
            "--tls-verify=false",
            image,
        ])
    }

    /// The one fetches, the other unpacks.
    fn skopeo_and_umoci(&self, image: &str) -> Result<Cost> {
        let script = "cd \"$1\" && skopeo --insecure-policy copy --quiet --src-tls-verify=false \"docker://$2\" \
                      oci:image:t && umoci unpack --image image:t bundle";
        let disk = text(&disk(self.here))?;
        self.cost(&["sh", "-euc", script, "sh", &disk, image])
    }

    /// How much of another image comes that shares all layers but one with what is there.
    fn second(&self, registry: &Registry) -> Result<Vec<Figure>> {
        let mut read = 0;
        registry.sent(&mut read)?;
        self.fresh()?;
        self.ours(&["pull", "-q", &self.images[0]])?;
        let first: Vec<_> = registry.sent(&mut read)?;
        self.ours(&["pull", "-q", &self.images[1]])?;
        let sent = registry.sent(&mut read)?;
        let mib = |sent: &[(String, u64)]| {
            sent.iter().map(|(_, bytes)| *bytes).sum::<u64>() as f64 / f64::from(1 << 20)
        };
        // A configuration is a blob too, and another image has another one.
        Ok(vec![
            alone(
                "blobs sent for a second image of 5 shared layers and 1 new",
                sent.len() as f64,
                "",
                2.0,
            ),
            Figure {
                peer: Some(mib(&first)),
                ..alone(
                    "the same in bytes (peer: the first image)",
                    mib(&sent),
                    "MiB",
                    64.0,
                )
            },
        ])
    }

    /// Both save what they have pulled, and both load what Docker has saved.
    fn archives(&self) -> Result<Vec<Figure>> {
        let image = &self.images[0];
        let saved = text(&disk(self.here).join("saved.tar"))?;
        let archive = text(&self.here.join("docker.tar"))?;
        let mut all: [Vec<Cost>; 4] = Default::default();
        for round in 0..self.bench.rounds.min(PULLS) {
            step("save, load", format_args!("round {}", round + 1));
            self.fresh()?;
            self.ours(&["pull", "-q", image])?;
            all[0].push(self.ours(&["save", "-o", &saved, image])?);
            let daemon = self.daemon()?;
            self.docker(&daemon, &["pull", "-q", image])?;
            all[1].push(self.docker(&daemon, &["save", "-o", &saved, image])?);
            self.cost(&["cp", &saved, &archive])?;
            drop(daemon);
            self.fresh()?;
            all[2].push(self.ours(&["load", "-q", "-i", &archive])?);
            all[3].push(self.docker(&self.daemon()?, &["load", "-q", "-i", &archive])?);
            self.cost(&["rm", "-f", &archive])?;
        }
        let [save, docker_save, load, docker_load] = all.map(|costs| typical(&costs));
        let ratio = |word: &str, ours: Cost, docker: Cost| Figure {
            name: format!("images {word} / docker {word}"),
            ours: ours.wall,
            peer: Some(docker.wall),
            unit: "s",
            value: ours.wall / docker.wall,
            goal: Some(1.0),
        };
        Ok(vec![
            ratio("save", save, docker_save),
            ratio("load", load, docker_load),
            alone("images load, most memory", load.resident, "MiB", RESIDENT),
        ])
    }

    /// The list of a thousand images.
    fn list(&self) -> Result<Vec<Figure>> {
        self.fresh()?;
        let archive = self.here.join("many.tar");
        many(&archive)?;
        self.ours(&["load", "-q", "-i", &text(&archive)?])?;
        let root = format!("DRYDOCK_ROOT={}", self.store()?);
        let words = super::speed::words(&["env", &root, &self.program, "ls"]);
        let time = super::speed::Comparison {
            ours: ("images ls".to_owned(), words),
            peers: Vec::new(),
            ground: super::speed::Ground::AsItIs,
        }
        .own_time(self.bench)?;
        let name = format!("images ls, {LISTED} images");
        Ok(vec![alone(&name, time * 1000.0, "ms", LIST_MS)])
    }
}

fn alone(name: &str, value: f64, unit: &'static str, goal: f64) -> Figure {
    Figure {
        name: name.to_owned(),
        ours: value,
        peer: None,
        unit,
        value,
        goal: Some(goal),
    }
}

/// An archive as `docker save` makes it, of a thousand images that have their only layer in common.
fn many(path: &Path) -> Result<()> {
    let mut layer = Writer::new(Vec::new());
    layer.append(&entry("file", 0))?;
    let layer = layer.finish()?;
    let diff_id = Digest::of(&layer);
    let file = fs::File::create(path).context("cannot make an archive")?;
    let mut writer = Writer::new(std::io::BufWriter::new(file));
    let mut add = |path: &str, contents: &[u8]| {
        writer.append_file(&entry(path, contents.len() as u64), contents)
    };
    add("layer.tar", &layer)?;
    let mut manifest = Vec::new();
    for number in 0..LISTED {
        let config = json!({
            "architecture": "amd64",
            "os": "linux",
            "created": format!("2024-01-01T{:02}:{:02}:00Z", number / 60, number % 60),
            "rootfs": {"type": "layers", "diff_ids": [diff_id.to_string()]},
        });
        let name = format!("{number}.json");
        add(&name, config.to_string().as_bytes())?;
        manifest.push(json!({
            "Config": name,
            "RepoTags": [format!("many:{number}")],
            "Layers": ["layer.tar"],
        }));
    }
    add("manifest.json", json!(manifest).to_string().as_bytes())?;
    writer.finish()?;
    Ok(())
}

fn entry(path: &str, size: u64) -> Entry {
    Entry {
        path: path.into(),
        kind: Kind::File { size },
        mode: 0o644,
        uid: 0,
        gid: 0,
        mtime: Time::default(),
        xattrs: Default::default(),
    }
}
