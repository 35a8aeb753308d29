//! Tables of what is understood and what is not.

use super::*;

#[test]
fn sizes() {
    for (text, expected) in [
        ("0", Some(Limit::Unset)),
        ("-1", Some(Limit::Unlimited)),
        ("1", Some(Limit::Of(1))),
        ("64m", Some(Limit::Of(64 << 20))),
        ("64M", Some(Limit::Of(64 << 20))),
        ("64mb", Some(Limit::Of(64 << 20))),
        ("64MiB", Some(Limit::Of(64 << 20))),
        ("64 m", Some(Limit::Of(64 << 20))),
        ("1.5g", Some(Limit::Of(3 << 29))),
        ("1024b", Some(Limit::Of(1024))),
        ("2t", Some(Limit::Of(2 << 40))),
        ("0.0m", Some(Limit::Unset)),
        ("0.5", None),
        ("0.0001k", None),
        ("12x", None),
        ("", None),
        ("m", None),
        ("-2", None),
        ("-1m", None),
        ("1e3", None),
        ("1..5m", None),
        ("0x10", None),
        ("9999999p", None),
        ("64mm", None),
        ("inf", None),
    ] {
        assert_eq!(size(text).ok(), expected, "{text:?}");
    }
    assert!(size("12x").unwrap_err().contains("64m"));
}

#[test]
fn counts() {
    for (text, expected) in [
        ("10", Some(Limit::Of(10))),
        ("0", Some(Limit::Unset)),
        ("-1", Some(Limit::Unlimited)),
        ("-2", None),
        ("1.5", None),
        ("ten", None),
        ("99999999999999999999", None),
    ] {
        assert_eq!(count(text).ok(), expected, "{text:?}");
    }
}

#[test]
fn processors() {
    for (text, expected) in [
        ("0.5", Some(500_000_000)),
        (".5", Some(500_000_000)),
        ("2", Some(2_000_000_000)),
        ("2.", Some(2_000_000_000)),
        ("0.000000001", Some(1)),
        ("0", Some(0)),
        ("99", Some(99_000_000_000)),
        ("99999999999999", Some(u64::MAX)),
        ("0.0000000001", None),
        (".", None),
        ("", None),
        ("-1", Some(0)),
        ("-2", None),
        ("1,5", None),
        ("1e9", None),
    ] {
        assert_eq!(cpus(text).ok(), expected, "{text:?}");
    }
}

#[test]
fn lists() {
    for (text, expected) in [
        ("0", Some(vec![0])),
        ("0-2,4", Some(vec![0, 1, 2, 4])),
        ("1,0\n", Some(vec![1, 0])),
        ("", None),
        ("2-1", None),
        ("0-", None),
        ("a", None),
        ("0-4294967295", None),
    ] {
        assert_eq!(list(text).ok(), expected, "{text:?}");
    }
}

#[test]
fn huge_pages_are_named_as_the_kernels_files_name_them() {
    for (text, expected) in [
        ("2MB=64m", Some(("2MB".to_owned(), 64 << 20))),
        ("2m=4096k", Some(("2MB".to_owned(), 4 << 20))),
        ("1g=1g", Some(("1GB".to_owned(), 1 << 30))),
        ("64k=0", Some(("64KB".to_owned(), 0))),
        ("2MB", None),
        ("1=1", None),
        ("x=1", None),
    ] {
        assert_eq!(hugetlb(text).ok(), expected, "{text:?}");
    }
}

#[test]
fn a_rate_needs_a_block_device() {
    for text in [
        "/dev/null:1mb",
        "/nonexistent:1mb",
        "/dev/null",
        ":1",
        "/dev/null:0",
    ] {
        assert!(throttle(text, Rate::ReadBytes).is_err(), "{text:?}");
    }
    assert!(throttle("/dev/null:1mb", Rate::ReadOperations).is_err());
}

#[test]
fn names_are_dockers() {
    for (text, fits) in [
        ("web", true),
        ("a1_.-", true),
        ("a", false),
        ("", false),
        ("-a", false),
        (".a", false),
        ("a/b", false),
        ("a b", false),
        ("ä1", false),
        (&"a".repeat(201), false),
    ] {
        assert_eq!(name(text).is_ok(), fits, "{text:?}");
    }
}

#[test]
fn a_parent_is_a_path_below() {
    for (text, expected) in [
        ("/lab/students", Some("lab/students")),
        ("lab//x/", Some("lab/x")),
        ("/", None),
        ("", None),
        ("/lab/../..", None),
        ("..", None),
    ] {
        assert_eq!(
            parent(text.as_ref()).ok().as_deref(),
            expected.map(Path::new),
            "{text:?}"
        );
    }
}
