//! What layers cost: a root of a hundred of them, and archives in and out, beside GNU tar and umoci.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};

use super::speed::{Comparison, Ground, words};
use super::{Bench, Figure, text};

const LAYERS: usize = 100;

pub(super) fn run(bench: &Bench) -> Result<Vec<Figure>> {
    let scratch = bench.scratch.path().join("layers");
    let program = bench.program("layers")?;
    let mut figures = many_layers(bench, &program, &scratch)?;
    let tree = scratch.join("tree");
    plant(&tree)?;
    let here = text(&scratch)?;
    in_shell(
        bench,
        &format!(
            "cd '{here}' && tar -cf tree.tar -C tree . && umoci init --layout image && umoci new --image image:t && \
             umoci raw add-layer --image image:t tree.tar"
        ),
    )?;
    let script = |script: String| words(&["sh", "-c", &format!("cd '{here}' && {script}")]);
    figures.extend(
        Comparison {
            ours: (
                "layers unpack".to_owned(),
                script(format!("rm -rf out && '{program}' unpack out tree.tar")),
            ),
            peers: vec![
                (
                    "tar -x".to_owned(),
                    script("rm -rf out && mkdir out && tar -xpf tree.tar -C out".to_owned()),
                    Some(1.5),
                ),
                (
                    "umoci unpack".to_owned(),
                    script("rm -rf bundle && umoci unpack --image image:t bundle".to_owned()),
                    Some(1.0),
                ),
            ],
            ground: Ground::AsItIs,
        }
        .measure(bench)?,
    );
    figures.extend(
        Comparison {
            ours: (
                "layers pack".to_owned(),
                script(format!("'{program}' pack tree > packed.tar")),
            ),
            peers: vec![(
                "tar -c".to_owned(),
                script(
                    "tar --xattrs --format=posix --sort=name -cf packed.tar -C tree .".to_owned(),
                ),
                Some(1.5),
            )],
            ground: Ground::AsItIs,
        }
        .measure(bench)?,
    );
    Ok(figures)
}

/// The start of a container on a hundred layers, beside util-linux with the same mount.
fn many_layers(bench: &Bench, program: &str, scratch: &Path) -> Result<Vec<Figure>> {
    let base = text(&bench.rootfs)?;
    let mut ours = words(&[program, "run", "--layer", &base]);
    let mut lower = vec![base];
    for number in 1..LAYERS {
        let layer = scratch.join(number.to_string());
        fs::create_dir_all(&layer).with_context(|| format!("cannot make {}", layer.display()))?;
        fs::write(layer.join(format!("file-{number}")), "").context("cannot write a file")?;
        ours.extend(words(&["--layer", &text(&layer)?]));
        lower.insert(0, number.to_string());
    }
    ours.extend(words(&["/bin/true"]));
    for name in ["upper", "work", "merged"] {
        fs::create_dir_all(scratch.join(name)).context("cannot make a directory")?;
    }
    let bare = format!(
        "cd '{}' && mount -t overlay overlay -o 'lowerdir={},upperdir=upper,workdir=work' merged && chroot merged /bin/true",
        text(scratch)?,
        lower.join(":")
    );
    Comparison {
        ours: (format!("layers run, {LAYERS} layers"), ours),
        peers: vec![(
            "unshare + mount + chroot".to_owned(),
            words(&["unshare", "-muinpf", "sh", "-c", &bare]),
            Some(2.0),
        )],
        ground: Ground::AsItIs,
    }
    .measure(bench)
}

/// Five thousand small files and two large ones: what a layer is made of.
fn plant(tree: &Path) -> Result<()> {
    for number in 0..5000_usize {
        let directory = tree.join(format!("{}", number % 100));
        if number < 100 {
            fs::create_dir_all(&directory).context("cannot make a directory")?;
        }
        let contents = number.to_string().repeat(800);
        fs::write(directory.join(number.to_string()), contents).context("cannot write a file")?;
    }
    for number in 0..2_u8 {
        let contents: Vec<u8> = (0..32 << 20)
            .map(|at: u32| (at / 7) as u8 ^ number)
            .collect();
        fs::write(tree.join(format!("large-{number}")), contents).context("cannot write a file")?;
    }
    Ok(())
}

fn in_shell(bench: &Bench, script: &str) -> Result<()> {
    let output = bench
        .privilege
        .command("sh")
        .args(["-c", script])
        .output()
        .context("cannot run a shell")?;
    ensure!(
        output.status.success(),
        "cannot make the archives: {}",
        String::from_utf8_lossy(&output.stderr).trim()
    );
    Ok(())
}
