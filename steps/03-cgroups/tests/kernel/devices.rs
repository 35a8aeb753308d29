//! Devices that can be opened, and others.

use harness::{Test, busybox_root, test};

use crate::common::{ROOT, container, prints, refusal};

pub(crate) fn tests() -> Vec<Test> {
    vec![
        test(
            "the_default_devices_are_open",
            &ROOT,
            the_default_devices_are_open,
        ),
        test("no_other_device_is", &ROOT, no_other_device_is),
        test(
            "a_rule_opens_as_far_as_it_says",
            &ROOT,
            a_rule_opens_as_far_as_it_says,
        ),
        test("a_rule_for_all_opens_all", &ROOT, a_rule_for_all_opens_all),
        test(
            "a_device_is_shown_and_opened",
            &ROOT,
            a_device_is_shown_and_opened,
        ),
        test(
            "what_is_no_device_is_refused",
            &ROOT,
            what_is_no_device_is_refused,
        ),
    ]
}

fn the_default_devices_are_open() {
    let script = "for d in null zero full random urandom tty ptmx; do
        test -c /dev/$d || echo $d is missing
        case $d in tty) ;; *) : < /dev/$d;; esac
    done; echo x > /dev/null; echo done";
    assert_eq!(prints(&[], script), "done\n");
}

/// A node of the kernel's log, which is harmless to open, and no default device.
const MAKE: &str = "mknod /tmp/log c 1 11; ";

fn no_other_device_is() {
    for options in [&[][..], &["--no-init"]] {
        let output = container(options, &format!("{MAKE}: < /tmp/log")).output();
        assert!(
            output.err().contains("Operation not permitted"),
            "{}",
            output.err()
        );
        assert_ne!(output.code, Some(0));
    }
    // Made it can be, as the OCI runtime specification has it.
    assert_eq!(
        prints(&[], &format!("{MAKE}test -c /tmp/log && echo made")),
        "made\n"
    );
}

fn a_rule_opens_as_far_as_it_says() {
    let options = ["--device-cgroup-rule", "c 1:11 r"];
    let script = format!(
        "{MAKE}(: < /tmp/log) && echo read; (: > /tmp/log) 2>/dev/null || echo not written"
    );
    assert_eq!(prints(&options, &script), "read\nnot written\n");
    let both = [
        "--device-cgroup-rule",
        "c 1:11 r",
        "--device-cgroup-rule",
        "c 1:11 w",
    ];
    assert_eq!(
        prints(&both, &format!("{MAKE}(: <> /tmp/log) && echo both")),
        "both\n"
    );
    let other = [
        "--device-cgroup-rule",
        "b 1:11 rwm",
        "--device-cgroup-rule",
        "c 1:12 rwm",
    ];
    assert!(
        container(&other, &format!("{MAKE}: < /tmp/log"))
            .output()
            .err()
            .contains("not permitted")
    );
}

fn a_rule_for_all_opens_all() {
    let script = format!("{MAKE}(: <> /tmp/log) && echo open");
    assert_eq!(
        prints(&["--device-cgroup-rule", "a *:* rwm"], &script),
        "open\n"
    );
    assert_eq!(
        prints(&["--device-cgroup-rule", "c *:* rwm"], &script),
        "open\n"
    );
}

fn a_device_is_shown_and_opened() {
    let root = busybox_root();
    let show = |device: &str, script: &str| {
        let run = crate::common::container_in(&root, &["--device", device], script);
        run.output().assert_code(0).out()
    };
    assert_eq!(show("/dev/kmsg", "(: < /dev/kmsg) && echo open"), "open\n");
    assert_eq!(
        show("/dev/kmsg:/dev/mylog", "(: < /dev/mylog) && echo open"),
        "open\n"
    );
    let script = "(: < /dev/mylog) && echo open; (: > /dev/mylog) 2>/dev/null || echo not written";
    assert_eq!(
        show("/dev/kmsg:/dev/mylog:r", script),
        "open\nnot written\n"
    );
}

fn what_is_no_device_is_refused() {
    for (device, word) in [("/etc/passwd", "not a device"), ("/nonexistent", "ENOENT")] {
        let output = container(&["--device", device], "true").output();
        let has_hint = word != "ENOENT";
        let sentence = refusal(output, has_hint);
        assert!(sentence.contains(word), "{sentence}");
    }
    // What is not in the form is told with the option, as for every other option.
    for (device, word) in [
        ("/dev/kmsg:/dev/x:y", "r, w and m; the form is"),
        ("/dev/kmsg:/dev/x:r:w", "too many colons; the form is"),
        (":/dev/x", "the source is empty; the form is"),
        ("/dev/kmsg:x", "not an absolute path; the form is"),
    ] {
        let output = container(&["--device", device], "true").output();
        let error = output.assert_code(125).err();
        let beginning = format!("error: invalid value '{device}' for '--device");
        assert!(
            error.starts_with(&beginning) && error.contains(word),
            "{error}"
        );
    }
}
