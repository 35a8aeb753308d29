//! What a container could read or change of its host.

use std::fs;

use harness::Run;

use crate::Way;

/// A process of the host has a secret in its environment. `/proc` shows the PID namespace of whoever mounted it: left
/// as it is, it shows the host's processes, their environments, and through `/proc/PID/root` their files.
pub(crate) fn secrets_in_proc(way: Way) -> bool {
    // No exec after the word: while it lasts, there is no environment to be read.
    let victim = Run::new("sh")
        .args(["-c", "echo ready; read word"])
        .env("SECRET", "swordfish")
        .open_stdin()
        .spawn();
    victim.expect("ready");
    let script = format!("tr '\\0' '\\n' </proc/{}/environ", victim.pid());
    way.sh(&script).output().out().contains("swordfish")
}

/// The caller has a secret in its own environment, and a child inherits it.
pub(crate) fn environment(way: Way) -> bool {
    let run = way.sh("echo $SECRET").env("SECRET", "swordfish");
    run.output().out().contains("swordfish")
}

/// The caller has a file open that the container could not open itself: it is deleted (CVE-2016-9962, CVE-2024-21626).
pub(crate) fn descriptor(way: Way) -> bool {
    let path = harness::directory().join("secret");
    fs::write(&path, "swordfish").expect("the directory is ours");
    let open = format!("exec 7<{0}; rm {0}", path.display());
    way.sh("cat <&7")
        .after(&open)
        .output()
        .out()
        .contains("swordfish")
}

/// The host's mounts are shared, as systemd makes them. A new mount namespace is a copy whose mounts are peers of the
/// host's: what the container mounts appears there. The stage is a mount namespace of the test's own.
pub(crate) fn mount(way: Way) -> bool {
    let script = "set -e
        mount --make-rshared /
        cd \"$TMPDIR\"
        mkdir true forged
        echo right >true/passwd
        echo forged >forged/passwd
        \"$@\" sh -c \"mount --bind $TMPDIR/forged $TMPDIR/true\"
        cat \"$TMPDIR/true/passwd\"";
    let stage = Run::new("unshare")
        .args([
            "--mount",
            "--propagation",
            "private",
            "sh",
            "-c",
            script,
            "sh",
        ])
        .args(way.words());
    match stage.output().assert_code(0).out().as_str() {
        "forged\n" => true,
        "right\n" => false,
        other => panic!("neither: {other:?}"),
    }
}
