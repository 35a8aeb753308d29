//! Who sees a mount: the process's mounts and its host's, side by side.

use std::fs;
use std::io::{self, Read, Write};
use std::path::Path;
use std::process::ExitCode;

use checks::proc::{self, Mount};
use checks::{Check, Outcome, ensure, probation};
use nix::mount::{MsFlags, mount};

pub fn main() -> ExitCode {
    checks::main(&[
        Check {
            id: "mounted",
            asks: "the process sees its mount",
            run: mounted,
        },
        Check {
            id: "not-leaked",
            asks: "the host does not see it, wherever the directory lies",
            run: not_leaked,
        },
        Check {
            id: "cut-off",
            asks: "the process does not see what the host mounts later",
            run: cut_off,
        },
        Check {
            id: "host-unchanged",
            asks: "the host's own mounts are as they were",
            run: host_unchanged,
        },
    ])
}

const DISK: &str = "/tmp/disk";
const INNER: &str = "/tmp/disk/inner";

/// The host, as systemd leaves it: every mount is shared. Below `DISK` lies a mount of its own.
fn host() -> Outcome {
    fs::create_dir_all(DISK)?;
    let none = None::<&str>;
    mount(Some("disk"), DISK, Some("tmpfs"), MsFlags::empty(), none)?;
    fs::create_dir_all(INNER)?;
    fs::create_dir_all("/tmp/disk/later")?;
    mount(none, "/", none, MsFlags::MS_REC | MsFlags::MS_SHARED, none)?;
    Ok(())
}

/// What the process sees, and what the host sees, after the submission has run and the host has then mounted something
/// on `later`.
struct Views {
    process: Vec<Mount>,
    host_before: Vec<Mount>,
    host_after: Vec<Mount>,
}

fn look(later: Option<&str>) -> Outcome<Views> {
    host()?;
    let host_before = proc::mounts("self");
    let (mut done, mut say_done) = io::pipe()?;
    let (mut go_on, mut say_go_on) = io::pipe()?;
    let process = probation(0, || {
        exercise::private_tmpfs(Path::new(INNER)).map_err(|errno| {
            checks::Finding::new(
                "refused",
                format!("private_tmpfs failed: {} ({errno:?})", errno.desc()),
            )
        })?;
        say_done.write_all(b"!")?;
        go_on.read_exact(&mut [0; 1])?;
        Ok(fs::read_to_string("/proc/self/mountinfo")?)
    })?;
    drop(say_done);
    if done.read(&mut [0; 1])? == 1 {
        let host_after = proc::mounts("self");
        if let Some(later) = later {
            mount(
                Some("later"),
                later,
                Some("tmpfs"),
                MsFlags::empty(),
                None::<&str>,
            )?;
        }
        say_go_on.write_all(b"!")?;
        let text: String = process.outcome()?;
        return Ok(Views {
            process: proc::parse_mounts(&text),
            host_before,
            host_after,
        });
    }
    Err(process
        .outcome::<String>()
        .err()
        .unwrap_or_else(|| checks::Finding::new("ended", "your code ended early")))
}

fn at<'m>(mounts: &'m [Mount], point: &str) -> Option<&'m Mount> {
    mounts
        .iter()
        .rev()
        .find(|mount| mount.point == Path::new(point))
}

fn mounted() -> Outcome {
    let views = look(None)?;
    let mount = at(&views.process, INNER);
    ensure!(
        mount.is_some_and(|mount| mount.kind == "tmpfs" && mount.has("nosuid")),
        "missing",
        "the process's /proc/self/mountinfo has no tmpfs on {INNER}"
    );
    Ok(())
}

fn not_leaked() -> Outcome {
    let views = look(None)?;
    if let Some(leaked) = at(&views.host_after, INNER) {
        let parent = at(&views.process, DISK)
            .map(|mount| mount.propagation.join(" "))
            .unwrap_or_default();
        let root = at(&views.process, "/")
            .map(|mount| mount.propagation.join(" "))
            .unwrap_or_default();
        let words = |tags: &str| {
            if tags.is_empty() {
                "private".to_owned()
            } else {
                tags.to_owned()
            }
        };
        let code = format!(
            "leaked-root-{}",
            if root.is_empty() { "private" } else { "shared" }
        );
        return checks::found!(
            code,
            "the host's mountinfo has got the line {:?}. In the process, / is {}, and {DISK}, on which {INNER} was \
             mounted, is {}",
            leaked.line,
            words(&root),
            words(&parent)
        );
    }
    Ok(())
}

fn cut_off() -> Outcome {
    for later in ["/mnt", "/tmp/disk/later"] {
        let views = look(Some(later))?;
        if let Some(mount) = at(&views.process, later) {
            return checks::found!(
                "hears",
                "the host has mounted something on {later}, and it has appeared in the process's mountinfo: {:?}",
                mount.line
            );
        }
    }
    Ok(())
}

fn host_unchanged() -> Outcome {
    let views = look(None)?;
    for before in &views.host_before {
        let after = views
            .host_after
            .iter()
            .find(|after| after.point == before.point && after.source == before.source);
        let propagation =
            |mount: Option<&Mount>| mount.map(|m| m.propagation.join(" ")).unwrap_or_default();
        let (was, is) = (propagation(Some(before)), propagation(after));
        ensure!(
            was == is,
            "changed",
            "the host's mount on {} was {was}, and now it is {}: you have changed the host's own mounts",
            before.point.display(),
            if is.is_empty() { "private" } else { &is }
        );
    }
    Ok(())
}
