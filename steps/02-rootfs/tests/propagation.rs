//! `--bind SRC:DST:rslave` and its like: which mounts made later appear on the other side.
//!
//! Each test has a mount namespace of its own as its host, where a shared tmpfs is mounted.

#[expect(dead_code, reason = "each suite uses its own part")]
mod common;

use std::path::Path;
use std::process::ExitCode;

use common::{container, outside};
use harness::{Need, Output, Run, bin, busybox_root, test};
use rootfs::{Options, Propagation};

const ROOT: [Need; 2] = [Need::Root, Need::Package("busybox", "busybox-static")];

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().collect();
    if let [_, word, root, script] = &arguments[..]
        && let Some(propagation) = word.strip_prefix("root=").and_then(root_propagation)
    {
        // No option of the program asks for it yet, so this one is the container.
        let options = Options {
            propagation,
            ..Options::new(root.as_str())
        };
        return container(options, script);
    }
    harness::run(
        "rootfs",
        vec![
            test("a_slave_sees_the_hosts", &ROOT, a_slave_sees_the_hosts),
            test(
                "a_shared_bind_goes_both_ways",
                &ROOT,
                a_shared_bind_goes_both_ways,
            ),
            test("private_goes_neither_way", &ROOT, private_goes_neither_way),
            test("each_bind_has_its_own", &ROOT, each_bind_has_its_own),
            test(
                "a_directory_of_the_root_file_system_is_shared",
                &ROOT,
                a_directory_of_the_root_file_system_is_shared,
            ),
            test(
                "mounts_below_a_shared_one_end_too",
                &ROOT,
                mounts_below_a_shared_one_end_too,
            ),
            test(
                "a_source_that_is_not_shared",
                &ROOT,
                a_source_that_is_not_shared,
            ),
            test("a_root_that_is_a_slave", &ROOT, a_root_that_is_a_slave),
            test("a_root_that_is_shared", &ROOT, a_root_that_is_shared),
            test(
                "a_user_namespace_follows_only",
                &ROOT,
                a_user_namespace_follows_only,
            ),
        ],
    )
}

fn root_propagation(word: &str) -> Option<Propagation> {
    Propagation::parse(word.as_bytes())
}

/// A host on which everything is shared, with a tmpfs on `$S` that has the directories `host`, `box` and `sub`, a mount
/// on the last. `$ROOTFS run $R …` is a container, whose script can wait for the host's with `turn`.
fn on_a_shared_host(script: &str) -> Output {
    let (root, shared) = (busybox_root(), outside("shared"));
    let pipes = outside("pipes");
    let mut all = format!(
        "mount --make-rshared /; S={shared}; P={pipes}; R='--rootfs {root}'; \
         mount -t tmpfs shared $S; mkdir $S/host $S/box $S/sub; mount -t tmpfs sub $S/sub; mkdir $S/sub/box; \
         rm -f $P/a $P/b; mkfifo $P/a $P/b; ",
        shared = shared.display(),
        pipes = pipes.display(),
        root = root.display(),
    );
    // mountinfo, by what a mount of a container's would add or take: the places.
    all += "table() { awk '{print $4, $5}' /proc/self/mountinfo | sort; }; before=$(table); ";
    all += script;
    all += "; after=$(table); test \"$before\" = \"$after\" || { echo \"$before\"; echo now; echo \"$after\"; exit 9; }";
    Run::new("unshare")
        .args(["--mount", "--propagation", "private", "sh", "-ec", &all])
        .env("ROOTFS", bin("rootfs"))
        .env("SELF", std::env::current_exe().unwrap())
        .output()
}

/// What a container with a bind of `$S` on `/s` sees of a mount that the host makes meanwhile, and the host of one that
/// the container makes: two words, `yes` or `no` each.
fn seen(options: &str) -> String {
    let inside = "mount -t tmpfs box /s/box; echo > /s/box/there; echo > /p/a; cat /p/b > /dev/null; \
                  test -e /s/host/there && echo yes || echo no; umount /s/box; echo > /p/a";
    let script = format!(
        "$ROOTFS run $R --bind $P:/p {options} sh -ec '{inside}' & \
         cat $P/a > /dev/null; test -e $S/box/there && echo yes || echo no; \
         mount -t tmpfs host $S/host; echo > $S/host/there; echo > $P/b; cat $P/a > /dev/null; wait $!; umount $S/host"
    );
    on_a_shared_host(&script).assert_code(0).out()
}

fn a_slave_sees_the_hosts() {
    for word in ["rslave", "slave"] {
        assert_eq!(seen(&format!("--bind $S:/s:{word}")), "no\nyes\n", "{word}");
    }
}

fn a_shared_bind_goes_both_ways() {
    for word in ["rshared", "shared"] {
        assert_eq!(
            seen(&format!("--bind $S:/s:{word}")),
            "yes\nyes\n",
            "{word}"
        );
    }
}

fn private_goes_neither_way() {
    for word in ["", ":private", ":rprivate"] {
        assert_eq!(seen(&format!("--bind $S:/s{word}")), "no\nno\n", "{word}");
    }
}

/// The mount namespace has to be open for one of them; the others stay what they are.
fn each_bind_has_its_own() {
    for word in ["rslave", "rshared"] {
        let other = format!("--bind $S/sub:/other:{word}");
        assert_eq!(seen(&format!("{other} --bind $S:/s")), "no\nno\n", "{word}");
        assert_eq!(
            seen(&format!("{other} --bind $S:/s:rslave")),
            "no\nyes\n",
            "{word}"
        );
        assert_eq!(
            seen(&format!("{other} --bind $S:/s:rshared")),
            "yes\nyes\n",
            "{word}"
        );
    }
}

/// What is at `/` itself is made private on the way, and a bind of a directory in it must not be by that.
fn a_directory_of_the_root_file_system_is_shared() {
    for (word, expected) in [("rslave", "no\nyes\n"), ("rshared", "yes\nyes\n")] {
        let found = seen_below_the_root(word);
        assert_eq!(found, expected, "{word}");
    }
}

fn seen_below_the_root(word: &str) -> String {
    let plain = outside("plain");
    for name in ["host", "box"] {
        std::fs::create_dir_all(plain.join(name)).unwrap();
    }
    assert!(
        is_on_the_root(&plain),
        "{} is a mount of its own",
        plain.display()
    );
    let options = format!("--bind {}:/s:{word}", plain.display());
    let inside = "mount -t tmpfs box /s/box; echo > /s/box/there; echo > /p/a; cat /p/b > /dev/null; \
                  test -e /s/host/there && echo yes || echo no; umount /s/box";
    let script = format!(
        "D={}; $ROOTFS run $R --bind $P:/p {options} sh -ec '{inside}' & \
         cat $P/a > /dev/null; test -e $D/box/there && echo yes || echo no; \
         mount -t tmpfs host $D/host; echo > $D/host/there; echo > $P/b; wait $!; umount $D/host",
        plain.display()
    );
    on_a_shared_host(&script).assert_code(0).out()
}

fn is_on_the_root(path: &Path) -> bool {
    let found = Run::new("findmnt")
        .args(["-n", "-o", "TARGET", "-T"])
        .arg(path);
    found.output().assert_code(0).out().trim() == "/"
}

fn mounts_below_a_shared_one_end_too() {
    // `set -e` and the comparison of the tables at the end are the test: `$S/sub` is still there, and nothing of the
    // container's, be it killed or not.
    for script in [
        "$ROOTFS run $R --bind $S:/s:rshared --bind $S:/t:rslave sh -c 'test -d /s/sub/box && test -d /t/sub/box'",
        "$ROOTFS run $R --bind $S:/s:rshared --tmpfs /tmp --read-only true",
        "$ROOTFS run $R --bind $S:/s:rshared sh -c 'kill -9 $$' || true",
        "$ROOTFS run $R --bind $S:/s:ro,rshared sh -c '! touch /s/x && ! touch /s/sub/x'; touch $S/x $S/sub/x",
        // As a hard link would: a root file system that is itself on a shared mount.
        "cp -a ${R#--rootfs } $S/sub/root; $ROOTFS run --rootfs $S/sub/root --bind $S:/s:rshared sh -c 'mount -t tmpfs x /mnt'",
        "cp -a ${R#--rootfs } $S/sub/root; $ROOTFS run --rootfs $S/sub/root --bind $S:/s:rslave sh -c 'mount -t tmpfs x /mnt'",
    ] {
        on_a_shared_host(script).assert_code(0);
    }
}

fn a_source_that_is_not_shared() {
    // Only a mount with a peer can become its slave.
    let slave = "mkdir -p $P/peer; mount --bind $S $P/peer; mount --make-slave $S";
    for (make, word, kind) in [
        ("mount --make-private $S", "rshared", "a shared"),
        ("mount --make-private $S", "slave", "a shared or slave"),
        (slave, "shared", "a shared"),
    ] {
        let script = format!(
            "{make}; $ROOTFS run $R --bind $S/box:/s:{word} true 2>&1 || echo $?; umount $P/peer 2> /dev/null || true"
        );
        let said = on_a_shared_host(&script).assert_code(0).out();
        let lines: Vec<&str> = said.lines().collect();
        let place = outside("shared");
        let place = place.display();
        assert_eq!(
            lines,
            [
                format!(
                    "rootfs: path {place}/box is mounted on {place} but it is not {kind} mount"
                ),
                format!("hint: `mount --make-rshared {place}` on the host makes it one"),
                "125".to_owned(),
            ]
        );
    }
    let script = format!("{slave}; $ROOTFS run $R --bind $S/box:/s:rslave true; umount $P/peer");
    on_a_shared_host(&script).assert_code(0);
}

fn a_root_that_is_a_slave() {
    for (word, expected) in [("rslave", "yes\n"), ("rprivate", "no\n")] {
        let inside = "mkdir -p /mnt/own; mount -t tmpfs own /mnt/own; echo > /a; cat /b > /dev/null; \
                      test -e /media/there && echo yes || echo no";
        let script = format!(
            "cp -a ${{R#--rootfs }} $S/sub/root; D=$S/sub/root; mkdir -p $D/media $D/mnt; mkfifo $D/a $D/b; \
             $SELF root={word} $D '{inside}' & \
             cat $D/a > /dev/null; ! mountpoint -q $D/mnt/own; \
             mount -t tmpfs host $D/media; echo > $D/media/there; echo > $D/b; wait $!; umount $D/media"
        );
        assert_eq!(
            on_a_shared_host(&script).assert_code(0).out(),
            expected,
            "{word}"
        );
    }
}

/// A peer of nobody outside the container.
fn a_root_that_is_shared() {
    let inside = "awk \"\\$5 == \\\"/\\\" || \\$5 == \\\"/proc\\\" {print \\$5, (\\$7 ~ /^shared:/)}\" /proc/self/mountinfo; \
                  mount -t tmpfs own /mnt";
    for (word, expected) in [("rshared", "/ 1\n/proc 1\n"), ("shared", "/ 1\n/proc 0\n")] {
        let script = format!("$SELF root={word} ${{R#--rootfs }} '{inside}'");
        assert_eq!(
            on_a_shared_host(&script).assert_code(0).out(),
            expected,
            "{word}"
        );
    }
}

fn a_user_namespace_follows_only() {
    assert_eq!(seen("--userns --bind $S:/s:rslave"), "no\nyes\n");
    let said = on_a_shared_host("! $ROOTFS run $R --userns --bind $S:/s:rshared true 2>&1")
        .assert_code(0)
        .out();
    assert!(
        said.contains("with a container in a user namespace\nhint: "),
        "{said}"
    );
}
