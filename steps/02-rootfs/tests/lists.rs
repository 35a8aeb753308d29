//! Lists of mounts as an OCI runtime specification has them, carried out.

#[expect(dead_code, reason = "each suite uses its own part")]
mod common;

use std::path::Path;
use std::process::ExitCode;

use common::{container, outside};
use harness::{Need, Run, busybox_root, test};
use rootfs::{Mount, Options};

const ROOT: [Need; 2] = [Need::Root, Need::Package("busybox", "busybox-static")];

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().collect();
    if let [_, flag, root, script, mounts @ ..] = &arguments[..]
        && flag == "container"
    {
        return container_of(root, script, mounts);
    }
    harness::run(
        "rootfs",
        vec![
            test(
                "every_option_reaches_the_kernel",
                &ROOT,
                every_option_reaches_the_kernel,
            ),
            test(
                "the_last_mount_on_a_place_is_the_one_that_is_masked",
                &ROOT,
                the_last_mount_on_a_place_is_the_one_that_is_masked,
            ),
            test("a_list_without_ours", &ROOT, a_list_without_ours),
            test(
                "what_the_kernel_does_not_take",
                &ROOT,
                what_the_kernel_does_not_take,
            ),
        ],
    )
}

/// Each mount is TARGET TYPE SOURCE OPTIONS, and they are the whole list.
fn container_of(root: &str, script: &str, mounts: &[String]) -> ExitCode {
    let mount = |text: &String| {
        let [target, kind, source, words] = text.split(' ').collect::<Vec<_>>()[..] else {
            panic!("not a mount: {text}");
        };
        Mount::from_options(
            target,
            Some(kind),
            Some(Path::new(source)),
            words.split(','),
        )
        .unwrap()
    };
    let mut options = Options::new(root);
    options.mounts = mounts.iter().map(mount).collect();
    container(options, script)
}

fn with(mounts: &[&str], script: &str) -> Run {
    Run::new(std::env::current_exe().unwrap())
        .arg("container")
        .arg(busybox_root())
        .arg(script)
        .args(mounts)
}

fn every_option_reaches_the_kernel() {
    let data = outside("data");
    // Where a mount does not say it, the host's could.
    let bind = |words: &str| format!("/x bind {} rbind,{words}", data.display());
    let tmpfs = |words: &str| format!("/x tmpfs tmpfs {words}");
    for (words, shown) in [
        ("ro", "ro,relatime"),
        ("nosuid,nodev,noexec", "rw,nosuid,nodev,noexec,relatime"),
        ("noatime", "rw,noatime"),
        ("noatime,nodiratime", "rw,noatime,nodiratime"),
        ("strictatime", "rw"),
        ("nosymfollow", "rw,relatime,nosymfollow"),
        ("rro,rnoatime", "ro,noatime"),
        ("ro,rrw", "rw,relatime"),
        ("noatime,rrelatime", "rw,relatime"),
    ] {
        let plain = "rw,suid,dev,exec,relatime,diratime,symfollow";
        for mount in [tmpfs(words), bind(&format!("{plain},{words}"))] {
            // Masks are made of the null device in /dev.
            let list = ["/proc proc proc nosuid", "/dev tmpfs tmpfs nosuid", &mount];
            let script = "awk '$5 == \"/x\" {print $6}' /proc/self/mountinfo";
            let found = with(&list, script).output().assert_code(0).out();
            assert_eq!(found.trim(), shown, "{mount}");
        }
    }
    let list = [
        "/proc proc proc defaults",
        "/dev tmpfs tmpfs nosuid",
        "/x tmpfs name size=64k,mode=700,sync,dirsync",
    ];
    let script = "awk '$5 == \"/x\" {print $9, $10}' /proc/self/mountinfo; stat -c %a /x";
    let found = with(&list, script).output().assert_code(0).out();
    // Some kernels add an option of their own.
    assert!(
        found.starts_with("name rw,sync,dirsync,size=64k,mode=700"),
        "{found}"
    );
    assert!(found.ends_with("\n700\n"), "{found}");
}

fn the_last_mount_on_a_place_is_the_one_that_is_masked() {
    let list = [
        "/proc proc proc ro",
        "/dev tmpfs tmpfs nosuid",
        "/dev tmpfs tmpfs nosuid,mode=711",
        "/proc proc proc rw",
        "/dev/pts devpts devpts newinstance",
    ];
    let script = "stat -c %a /dev; test -c /dev/null; test -c /dev/pts/ptmx; \
                  wc -c < /proc/timer_list; ! echo 1 > /proc/sysrq-trigger";
    let found = with(&list, script).output().assert_code(0).out();
    assert_eq!(found, "711\n0\n");
}

/// Then masks find nothing to cover, and what is mounted below `/dev` lies in the image's.
fn a_list_without_ours() {
    let script = "ls /proc; test -d /dev/shm && touch /dev/shm/x && test -e /in/deep/x";
    with(
        &["/dev/shm tmpfs tmpfs nosuid", "/in/deep bind /dev/shm bind"],
        "true",
    )
    .output()
    .assert_code(0);
    let data = outside("data");
    let bind = format!("/in/deep bind {} bind", data.display());
    std::fs::write(data.join("x"), "").unwrap();
    let found = with(&["/dev/shm tmpfs tmpfs nosuid", &bind], script);
    assert_eq!(found.output().assert_code(0).out(), "");
}

fn what_the_kernel_does_not_take() {
    for (mount, error) in [
        ("/x tmpfs tmpfs size=many", "cannot mount tmpfs on /x: "),
        (
            "/x nonsense none ro",
            "cannot mount nonsense on /x: No such device (ENODEV)",
        ),
        ("/x ext4 /nonexistent ro", "cannot mount ext4 on /x: "),
    ] {
        let said = with(&[mount], "true").output().assert_code(125).err();
        assert!(said.contains(error), "{mount}: {said}");
    }
}
