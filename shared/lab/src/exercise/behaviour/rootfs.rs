//! What the program of step 02 must do besides.

use std::fs;

use checks::{Check, Outcome, ensure, found, proc};

use super::subject::{root, run, run_in_root, share_mounts, sleeping};

pub(super) const CHECKS: &[Check] = &[
    Check {
        id: "root",
        asks: "--rootfs DIR makes DIR the root",
        run: new_root,
    },
    Check {
        id: "old-root",
        asks: "nothing of the host's mounts is left in the container",
        run: old_root,
    },
    Check {
        id: "sys",
        asks: "/sys is there and read-only",
        run: sys,
    },
    Check {
        id: "dev",
        asks: "/dev has the standard devices, and none of the host's disks",
        run: dev,
    },
    Check {
        id: "masked",
        asks: "/proc/kcore shows nothing, and /proc/sys cannot be written",
        run: masked,
    },
    Check {
        id: "read-only",
        asks: "with --read-only the root cannot be written to",
        run: read_only,
    },
    Check {
        id: "bind",
        asks: "--bind shows a directory of the host, and with :ro it cannot be written to, nor what is mounted below it",
        run: bind,
    },
    Check {
        id: "symlink",
        asks: "a symbolic link in DIR leads no mount out of it",
        run: symlink,
    },
];

fn new_root() -> Outcome {
    let ran = run_in_root(&[], &["cat", "/etc/os-release"])?;
    ensure!(
        ran.out.contains("ID=busybox"),
        "host-root",
        "/etc/os-release in the container begins {:?} {}",
        ran.out.lines().next().unwrap_or(""),
        ran.err
    );
    Ok(())
}

fn old_root() -> Outcome {
    let root = root();
    let (mut child, pid) = sleeping(&["--rootfs", root.to_str().unwrap_or_default()])?;
    let inside = proc::mounts(pid);
    let link = proc::link(&format!("/proc/{pid}/root"));
    child.kill()?;
    child.wait()?;
    let top = inside
        .iter()
        .filter(|mount| mount.point == std::path::Path::new("/"))
        .count();
    let strange = inside.iter().find(|mount| {
        let known = ["/", "/proc", "/sys", "/dev"];
        let point = mount.point.to_string_lossy();
        !known.iter().any(|place| {
            point == *place || (*place != "/" && point.starts_with(&format!("{place}/")))
        })
    });
    if let Some(mount) = strange {
        return found!(
            "left",
            "the container's mountinfo has {}, which is not of its own making: {:?}",
            mount.point.display(),
            mount.line
        );
    }
    ensure!(
        top >= 1,
        "chroot",
        "the container's mountinfo has no mount on /: it is in a chroot, from which root can walk out ({link})"
    );
    Ok(())
}

fn sys() -> Outcome {
    let ran = run_in_root(&[], &["cat", "/proc/self/mountinfo"])?;
    let mounts = proc::parse_mounts(&ran.out);
    let Some(sys) = mounts
        .iter()
        .find(|mount| mount.point == std::path::Path::new("/sys"))
    else {
        return found!("missing", "nothing is mounted on /sys {}", ran.err);
    };
    ensure!(
        sys.has("ro"),
        "writable",
        "/sys is mounted with {}",
        sys.options.join(",")
    );
    Ok(())
}

fn dev() -> Outcome {
    for (name, numbers) in [
        ("null", "1:3"),
        ("zero", "1:5"),
        ("full", "1:7"),
        ("random", "1:8"),
        ("urandom", "1:9"),
        ("tty", "5:0"),
    ] {
        let ran = run_in_root(&[], &["stat", "-c", "%F %t:%T", &format!("/dev/{name}")])?;
        ensure!(
            ran.out == format!("character special file {numbers}"),
            "missing",
            "/dev/{name} should be the character device {numbers}, and is {:?} {}",
            ran.out,
            ran.err
        );
    }
    let ran = run_in_root(&[], &["find", "/dev", "-type", "b"])?;
    ensure!(
        ran.out.is_empty(),
        "disks",
        "the container has block devices of the host: {}",
        ran.out
    );
    Ok(())
}

fn masked() -> Outcome {
    let ran = run_in_root(&[], &["sh", "-c", "head -c 4 /proc/kcore | wc -c"])?;
    ensure!(
        ran.out == "0",
        "kcore",
        "/proc/kcore, the kernel's memory, gives {} bytes",
        ran.out
    );
    let ran = run_in_root(&[], &["cat", "/proc/self/mountinfo"])?;
    let sys = proc::parse_mounts(&ran.out)
        .into_iter()
        .find(|mount| mount.point == std::path::Path::new("/proc/sys"));
    ensure!(
        sys.is_some_and(|mount| mount.has("ro")),
        "proc-sys",
        "/proc/sys, the settings of the whole machine, can be written to"
    );
    Ok(())
}

fn read_only() -> Outcome {
    let ran = run_in_root(&["--read-only"], &["touch", "/written"])?;
    ensure!(
        ran.code != 0,
        "writable",
        "with --read-only, `touch /written` succeeded"
    );
    ensure!(
        ran.err.contains("Read-only"),
        "other-error",
        "`touch /written` should fail with EROFS, and said: {}",
        ran.err
    );
    Ok(())
}

fn bind() -> Outcome {
    fs::create_dir_all("/dev/shm/shown/below")?;
    fs::write("/dev/shm/shown/file", "seen")?;
    let none = None::<&str>;
    nix::mount::mount(
        Some("tmpfs"),
        "/dev/shm/shown/below",
        Some("tmpfs"),
        nix::mount::MsFlags::empty(),
        none,
    )?;
    let ran = run_in_root(&["--bind", "/dev/shm/shown:/mnt"], &["cat", "/mnt/file"])?;
    ensure!(
        ran.out == "seen",
        "not-shown",
        "--bind /dev/shm/shown:/mnt, and /mnt/file reads {:?} {}",
        ran.out,
        ran.err
    );
    for place in ["/mnt/new", "/mnt/below/new"] {
        let ran = run_in_root(&["--bind", "/dev/shm/shown:/mnt:ro"], &["touch", place])?;
        ensure!(
            ran.code != 0,
            format!("writable{}", place.replace("/mnt", "").replace('/', "-")),
            "--bind /dev/shm/shown:/mnt:ro, and `touch {place}` succeeded: MS_RDONLY is ignored when a bind mount is made, \
             and changes one mount alone when it is remounted"
        );
    }
    Ok(())
}

fn symlink() -> Outcome {
    share_mounts()?;
    let image = "/dev/shm/image";
    fs::create_dir_all(format!("{image}/bin"))?;
    fs::copy(root().join("bin/busybox"), format!("{image}/bin/busybox"))?;
    fs::create_dir_all("/dev/shm/outside")?;
    for name in ["dev", "sys", "tmp"] {
        fs::create_dir_all(format!("{image}/{name}"))?;
    }
    // Where /proc should be, the image has a link to a directory of the host.
    std::os::unix::fs::symlink("/../../../dev/shm/outside", format!("{image}/proc"))?;
    let ran = run(&["--rootfs", image, "/bin/busybox", "true"])?;
    let outside: Vec<_> = fs::read_dir("/dev/shm/outside")?.flatten().collect();
    let mounted = proc::mount_at("self", "/dev/shm/outside");
    ensure!(
        outside.is_empty() && mounted.is_none(),
        "out",
        "the image's /proc is a symbolic link, and following it by name has brought the container's /proc to \
         /dev/shm/outside, on the host (exit code {})",
        ran.code
    );
    Ok(())
}
