//! Which file a path leads to, when the image has been made by somebody who wants it to lead elsewhere.

use std::fs::{self, File};
use std::io::Read;
use std::os::fd::AsFd;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use checks::{Check, Outcome, ensure, found, probation};
use nix::fcntl::{AT_FDCWD, RenameFlags, renameat2};

pub fn main() -> ExitCode {
    checks::main(&[
        Check {
            id: "plain",
            asks: "a plain path leads to its file",
            run: || leads("/etc/app.conf", "inside"),
        },
        Check {
            id: "dots",
            asks: ".. at the root stays at the root",
            run: || leads("/../etc/app.conf", "inside"),
        },
        Check {
            id: "link",
            asks: "a relative symbolic link is followed",
            run: || leads("/etc/relative", "inside"),
        },
        Check {
            id: "absolute",
            asks: "an absolute symbolic link begins at the root",
            run: || leads("/etc/absolute", "inside"),
        },
        Check {
            id: "climbing",
            asks: "a link with more .. than there are directories does not lead out",
            run: || leads("/etc/climbing", "inside"),
        },
        Check {
            id: "directory",
            asks: "nor does a directory on the way that is a link",
            run: || leads("/var/etc/app.conf", "inside"),
        },
        Check {
            id: "host-path",
            asks: "an absolute link that names the root by the host's path leads nowhere",
            run: host_path,
        },
        Check {
            id: "race",
            asks: "nor one that becomes a link while the path is looked up",
            run: race,
        },
    ])
}

const ROOT: &str = "/tmp/image";

/// An image, and beside it a host that has the same files with other contents.
fn image() -> Outcome<File> {
    for (place, text) in [(ROOT, "inside"), ("/tmp", "outside")] {
        fs::create_dir_all(format!("{place}/etc"))?;
        fs::write(format!("{place}/etc/app.conf"), text)?;
    }
    fs::create_dir_all("/tmp/image/tmp/etc")?;
    fs::write("/tmp/image/tmp/etc/app.conf", "inside")?;
    symlink("app.conf", "/tmp/image/etc/relative")?;
    symlink("/tmp/etc/app.conf", "/tmp/image/etc/absolute")?;
    symlink(
        "../../../../../../tmp/etc/app.conf",
        "/tmp/image/etc/climbing",
    )?;
    fs::create_dir_all("/tmp/image/var")?;
    symlink("/tmp/etc", "/tmp/image/var/etc")?;
    Ok(File::open(ROOT)?)
}

fn read(root: &File, path: &str) -> Result<String, nix::errno::Errno> {
    let mut text = String::new();
    let opened = exercise::open_inside(root.as_fd(), Path::new(path))?;
    File::from(opened)
        .read_to_string(&mut text)
        .map_err(|_| nix::errno::Errno::EIO)?;
    Ok(text)
}

fn leads(path: &str, expected: &str) -> Outcome {
    let root = image()?;
    match read(&root, path) {
        Ok(text) => ensure!(
            text == expected,
            "outside",
            "{path} was to be looked up in {ROOT}, and has led to a file of the host"
        ),
        Err(errno) => {
            return found!(
                "refused",
                "{path} was refused: {} ({errno:?}). A process whose root is {ROOT} can open it",
                errno.desc()
            );
        }
    }
    Ok(())
}

/// In the root there is no /tmp/image.
fn host_path() -> Outcome {
    let root = image()?;
    symlink("/tmp/image/etc/app.conf", "/tmp/image/etc/host-path")?;
    ensure!(
        read(&root, "/etc/host-path").is_err(),
        "opened",
        "/etc/host-path is a link to /tmp/image/etc/app.conf, which does not exist for a process whose root is {ROOT}; \
         it was opened by the host's name"
    );
    Ok(())
}

/// Somebody in the container exchanges a directory for a link, back and forth.
fn race() -> Outcome {
    let root = image()?;
    let (real, link) = ("/tmp/image/data", "/tmp/image/data.link");
    fs::create_dir_all(real)?;
    fs::write("/tmp/image/data/app.conf", "inside")?;
    symlink("/tmp/etc", link)?;
    // The link means a directory that the image has, so that every answer but the host's file is right.
    let _attacker = probation(0, || -> Outcome {
        loop {
            renameat2(AT_FDCWD, real, AT_FDCWD, link, RenameFlags::RENAME_EXCHANGE)?;
        }
    })?;
    let end = Instant::now() + Duration::from_millis(1500);
    let mut tries = 0u32;
    while Instant::now() < end {
        tries += 1;
        // EAGAIN and the like are fair: a container that plays such games may be refused.
        if read(&root, "/data/app.conf").is_ok_and(|text| text == "outside") {
            return found!(
                "raced",
                "at try {tries}, /data became a link between two look-ups of one path, and a file of the host was opened"
            );
        }
    }
    Ok(())
}
