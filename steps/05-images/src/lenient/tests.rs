use std::collections::BTreeMap;

use serde::Deserialize;

use super::*;

#[derive(Debug, Default, PartialEq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Sample {
    text: String,
    maybe: Option<String>,
    number: i64,
    size: u64,
    truth: bool,
    list: Vec<String>,
    some_map: BTreeMap<String, String>,
    inner: Inner,
    inners: Vec<Inner>,
}

#[derive(Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
struct Inner {
    one: String,
    two: String,
}

fn sample(text: &str) -> Sample {
    read(text.as_bytes()).unwrap_or_else(|wrong| panic!("{text}: {wrong}"))
}

#[test]
fn what_is_absent_or_null_is_zero() {
    let null = r#"{"text":null,"maybe":null,"number":null,"size":null,"truth":null,"list":null,
        "someMap":null,"inner":null,"inners":null,"unknown":{"a":[1]}}"#;
    for text in ["{}", "null", null] {
        assert_eq!(sample(text), Sample::default(), "{text}");
    }
    let listed = sample(r#"{"list":["a",null,""],"inners":[null],"someMap":{"a":null}}"#);
    assert_eq!(listed.list, ["a", "", ""]);
    assert_eq!(listed.inners, [Inner::default()]);
    assert_eq!(listed.some_map["a"], "");
}

#[test]
fn keys_are_found_whatever_their_case_and_the_last_counts() {
    for (text, expected) in [
        (r#"{"text":"a"}"#, "a"),
        (r#"{"TEXT":"a"}"#, "a"),
        (r#"{"text":"a","text":"b"}"#, "b"),
        (r#"{"text":"a","Text":"b"}"#, "b"),
        (r#"{"Text":"a","text":"b"}"#, "b"),
        (r#"{"text":"a","text":null}"#, "a"),
    ] {
        assert_eq!(sample(text).text, expected, "{text}");
        assert_eq!(
            Json::parse(text.as_bytes()).unwrap().get("text"),
            Some(&Json::Text(expected.to_owned()))
        );
    }
    let both = sample(
        r#"{"inner":{"one":"1","two":"x"},"Inner":{"two":"2"},"SOMEMAP":{"A":"a","a":"b"}}"#,
    );
    assert_eq!(
        (both.inner.one.as_str(), both.inner.two.as_str()),
        ("1", "2")
    );
    // A map's keys are what they are.
    assert_eq!(
        (both.some_map["A"].as_str(), both.some_map["a"].as_str()),
        ("a", "b")
    );
}

#[test]
fn a_whole_number_may_be_written_as_a_fraction() {
    for (text, number) in [
        ("7", 7),
        ("7.0", 7),
        ("7e0", 7),
        ("-7", -7),
        ("-7.0", -7),
        ("0.0", 0),
    ] {
        assert_eq!(sample(&format!("{{\"number\":{text}}}")).number, number);
    }
    for wrong in ["7.5", "1e300", "-1e18", "18446744073709551616"] {
        let text = format!("{{\"size\":{wrong}}}");
        assert!(read::<Sample>(text.as_bytes()).is_err(), "{wrong}");
    }
}

#[test]
fn what_is_no_text_is_the_sign_for_it() {
    let read = |bytes: &[u8]| read::<Sample>(bytes).unwrap().text;
    assert_eq!(read(b"\xef\xbb\xbf{\"text\":\"a\"}"), "a");
    assert_eq!(read(b"{\"text\":\"\xff\"}"), "\u{fffd}");
    for (text, expected) in [
        (r"\ud83d\ude00", "😀"),
        (r"\ud83d", "\u{fffd}"),
        (r"\ude00\ud83d", "\u{fffd}\u{fffd}"),
        (r"\ud83dx\ude00", "\u{fffd}x\u{fffd}"),
        (r"\\ud83d", r"\ud83d"),
        (r"\u00e4\\", r"ä\"),
    ] {
        assert_eq!(
            read(format!("{{\"text\":\"{text}\"}}").as_bytes()),
            expected,
            "{text}"
        );
    }
}

#[test]
fn another_type_is_named_by_its_place() {
    for (text, error) in [
        (r#"{"text":1}"#, "text: a number, where a text belongs"),
        (
            r#"{"number":"1"}"#,
            "number: a text, where a number belongs",
        ),
        (
            r#"{"truth":"true"}"#,
            "truth: a text, where a truth value belongs",
        ),
        (r#"{"list":"a"}"#, "list: a text, where a list belongs"),
        (
            r#"{"LIST":["a",{}]}"#,
            "list[1]: an object, where a text belongs",
        ),
        (
            r#"{"inners":[{"two":[]}]}"#,
            "inners[0].two: a list, where a text belongs",
        ),
        (r#"{"inner":[]}"#, "inner: a list, where an object belongs"),
        (
            r#"{"someMap":{"k":true}}"#,
            "someMap.k: a truth value, where a text belongs",
        ),
        ("[]", "a list, where an object belongs"),
    ] {
        assert_eq!(
            read::<Sample>(text.as_bytes()).unwrap_err().to_string(),
            error
        );
    }
    for wrong in [
        "",
        "{",
        "{} {}",
        "{\"a\":1}x",
        "nul",
        "{'a':1}",
        "{\"a\":01}",
    ] {
        assert!(read::<Sample>(wrong.as_bytes()).is_err(), "{wrong}");
    }
}

#[test]
fn a_stream_ends_with_its_first_document() {
    let first = |text: &str| read_first::<Sample>(text.as_bytes()).map(|sample| sample.text);
    for text in [
        r#"{"text":"a"}"#,
        "{\"text\":\"a\"}\n{\"text\":\"b\"}",
        "{\"text\":\"a\"} rest",
    ] {
        assert_eq!(first(text).unwrap(), "a", "{text}");
    }
    for wrong in ["", " ", "x{}"] {
        assert!(first(wrong).is_err(), "{wrong}");
    }
}
