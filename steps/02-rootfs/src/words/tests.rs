//! Every word, as tables.

use super::*;
use crate::mount::PropagationKind;
use libc::*;

fn words(text: &str) -> Words {
    Words::read(text.split(',')).unwrap()
}

#[test]
fn every_attribute_has_its_bits_and_a_recursive_form() {
    let time = MOUNT_ATTR__ATIME;
    for (word, set, clear) in [
        ("ro", MOUNT_ATTR_RDONLY, 0),
        ("rw", 0, MOUNT_ATTR_RDONLY),
        ("nosuid", MOUNT_ATTR_NOSUID, 0),
        ("suid", 0, MOUNT_ATTR_NOSUID),
        ("nodev", MOUNT_ATTR_NODEV, 0),
        ("dev", 0, MOUNT_ATTR_NODEV),
        ("noexec", MOUNT_ATTR_NOEXEC, 0),
        ("exec", 0, MOUNT_ATTR_NOEXEC),
        ("noatime", MOUNT_ATTR_NOATIME, time),
        ("atime", 0, time),
        ("nodiratime", MOUNT_ATTR_NODIRATIME, 0),
        ("diratime", 0, MOUNT_ATTR_NODIRATIME),
        ("relatime", 0, time),
        ("norelatime", 0, time),
        ("strictatime", MOUNT_ATTR_STRICTATIME, time),
        ("nostrictatime", 0, time),
        ("nosymfollow", MOUNT_ATTR_NOSYMFOLLOW, 0),
        ("symfollow", 0, MOUNT_ATTR_NOSYMFOLLOW),
        (
            "ro,nosuid,noexec",
            MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC,
            0,
        ),
        // The last word wins.
        ("ro,rw", 0, MOUNT_ATTR_RDONLY),
        ("rw,ro", MOUNT_ATTR_RDONLY, 0),
        ("noatime,strictatime", MOUNT_ATTR_STRICTATIME, time),
        ("strictatime,relatime", 0, time),
    ] {
        let expected = Attributes {
            set,
            clear,
            ..Attributes::default()
        };
        assert_eq!(
            words(word),
            Words {
                attributes: expected,
                ..Words::default()
            },
            "{word}"
        );
        let recursive: Vec<String> = word.split(',').map(|word| format!("r{word}")).collect();
        let recursive = recursive.join(",");
        let expected = Attributes {
            recursive_set: set,
            recursive_clear: clear,
            ..Attributes::default()
        };
        assert_eq!(
            words(&recursive),
            Words {
                attributes: expected,
                ..Words::default()
            },
            "{recursive}"
        );
    }
}

#[test]
fn every_propagation_has_its_word() {
    use PropagationKind::*;
    for (word, kind) in [
        ("private", Private),
        ("slave", Slave),
        ("shared", Shared),
        ("unbindable", Unbindable),
    ] {
        for (word, recursive) in [(word.to_owned(), false), (format!("r{word}"), true)] {
            let propagation = words(&word).propagation.unwrap();
            assert_eq!(propagation, Propagation::new(kind, recursive));
            assert_eq!(propagation.word(), word);
        }
    }
}

#[test]
fn what_is_no_attribute_is_the_file_systems() {
    for (text, data) in [
        ("defaults", &[][..]),
        ("", &[]),
        ("silent,loud", &[]),
        (
            "size=64m,mode=1777",
            &[("size", Some("64m")), ("mode", Some("1777"))],
        ),
        ("newinstance", &[("newinstance", None)]),
        (
            "sync,dirsync,lazytime,mand,iversion",
            &[
                ("sync", None),
                ("dirsync", None),
                ("lazytime", None),
                ("mand", None),
                ("iversion", None),
            ],
        ),
        ("async", &[("async", None)]),
        ("a=b=c,empty=", &[("a", Some("b=c")), ("empty", Some(""))]),
        // Words that only begin like a recursive one.
        (
            "remount,rsize=1",
            &[("remount", None), ("rsize", Some("1"))],
        ),
    ] {
        let text_of = |text: &str| CString::new(text).unwrap();
        let data = data
            .iter()
            .map(|(key, value)| (text_of(key), value.map(text_of)))
            .collect();
        assert_eq!(
            words(text),
            Words {
                data,
                ..Words::default()
            },
            "{text}"
        );
    }
}

#[test]
fn a_mount_of_a_specification() {
    let bind = |recursive| Source::Bind {
        path: "/src".into(),
        recursive,
    };
    let tmpfs = Source::FileSystem {
        kind: c"tmpfs".into(),
        source: Some(c"/src".into()),
        options: vec![],
    };
    for (kind, options, source) in [
        (Some("none"), &["bind"][..], bind(false)),
        (None, &["rbind"], bind(true)),
        (Some("bind"), &["ro"], bind(false)),
        (Some("bind"), &["rbind", "ro"], bind(true)),
        (Some("tmpfs"), &["nosuid"], tmpfs),
    ] {
        let mount =
            Mount::from_options("/x", kind, Some(Path::new("/src")), options.iter().copied());
        assert_eq!(mount.unwrap().source, source, "{kind:?} {options:?}");
    }
}

#[test]
fn what_is_not_supported_is_refused_by_name() {
    for (kind, source, word, why) in [
        (
            Some("tmpfs"),
            None,
            "tmpcopyup",
            "the option tmpcopyup is not supported",
        ),
        (
            None,
            Some("/a"),
            "idmap",
            "the option idmap is not supported",
        ),
        (
            None,
            Some("/a"),
            "ridmap",
            "the option ridmap is not supported",
        ),
        (
            None,
            Some("/a"),
            "idmap=uids=0-1-10",
            "the option idmap=uids=0-1-10 is not supported",
        ),
        (
            Some("bind"),
            Some("/a"),
            "size=1m",
            "a bind does not take the option \"size\"",
        ),
        (
            Some("bind"),
            Some("/a"),
            "sync",
            "a bind does not take the option \"sync\"",
        ),
        (None, None, "rbind", "a bind needs a source"),
        (None, None, "ro", "it has no type"),
        (Some("none"), Some("none"), "ro", "it has no type"),
        (Some("a\0b"), None, "ro", "\"a\\0b\" has a NUL byte"),
        (Some("tmpfs"), None, "size=\0", "\"\\0\" has a NUL byte"),
    ] {
        let error = Mount::from_options("/x", kind, source.map(Path::new), [word]).unwrap_err();
        assert_eq!(error.to_string(), format!("cannot mount on /x: {why}"));
        assert!(error.hint_text().is_some(), "{error}");
    }
}
