//! The default root file system as an image: an archive for `images load`.
//!
//! All of it follows from the files, so that the same files are the same image: to load it again does nothing, or mends
//! what was damaged.

use std::collections::BTreeMap;
use std::io::Write;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use layers::digest::Digest;
use layers::pack::pack;
use layers::tar::{Entry, Kind, Time, Writer};
use layers::whiteout::Namespace;
use serde_json::json;

use crate::privilege::Privilege;
use crate::process;

/// What the image is called.
pub(crate) const NAME: &str = "busybox:latest";

/// Puts the default root file system, which is at `root`, into the store as [`NAME`], by `images`, the program.
pub(crate) fn ensure(privilege: Privilege, images: &Path, root: &Path) -> Result<()> {
    let ourselves = std::env::current_exe().context("cannot tell which program we are")?;
    // As root, since nobody else may read all of it.
    let mut archive = privilege.command(ourselves);
    archive.args(["root", "--archive"]).arg(root);
    let mut writer = archive
        .stdout(Stdio::piped())
        .spawn()
        .with_context(|| format!("cannot run `{}`", process::describe(&archive)))?;
    let stdout = writer.stdout.take().context("it has no output")?;
    let mut load: Command = privilege.command(images);
    let loaded = process::run(load.args(["load", "--quiet"]).stdin(stdout));
    let written = writer.wait()?;
    loaded.context("the default root file system could not be put into the store")?;
    if !written.success() {
        bail!("`{}` failed ({written})", process::describe(&archive));
    }
    Ok(())
}

/// Writes the archive: one layer, the configuration, and Docker's list of the two.
pub(crate) fn write(root: &Path, output: impl Write) -> Result<()> {
    let mut layer = Vec::new();
    pack(root, Namespace::here(), &mut layer)?;
    let made = root
        .join("bin/busybox")
        .metadata()
        .with_context(|| format!("{} is no root file system of ours", root.display()))?
        .mtime();
    let created = jiff::Timestamp::from_second(made)?.to_string();
    let config = serde_json::to_vec(&json!({
        "architecture": architecture(),
        "os": "linux",
        "created": created,
        "config": {
            "Env": ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"],
            "Cmd": ["sh"],
        },
        "rootfs": {"type": "layers", "diff_ids": [Digest::of(&layer).to_string()]},
        "history": [{"created": created, "created_by": "cargo lab up", "comment": "made from Debian's busybox-static"}],
    }))?;
    let config_name = format!("{}.json", Digest::of(&config).hex());
    let manifest = json!([{"Config": config_name, "RepoTags": [NAME], "Layers": ["layer.tar"]}]);
    let mut archive = Writer::new(output);
    for (name, contents) in [
        ("layer.tar", &layer),
        (&config_name, &config),
        ("manifest.json", &serde_json::to_vec(&manifest)?),
    ] {
        archive.append_file(&file(name, contents.len() as u64), &contents[..])?;
    }
    archive.finish()?.flush()?;
    Ok(())
}

fn file(name: &str, size: u64) -> Entry {
    Entry {
        path: name.as_bytes().to_vec(),
        kind: Kind::File { size },
        mode: 0o644,
        uid: 0,
        gid: 0,
        mtime: Time::default(),
        xattrs: BTreeMap::new(),
    }
}

/// In the Go language's words.
fn architecture() -> &'static str {
    match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    }
}
