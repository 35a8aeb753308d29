use super::*;

const DIGEST: &str = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

fn parse(text: &str) -> Result<Reference> {
    text.parse()
}

/// What is written, in full, and as people write it.
#[test]
fn a_name_gets_what_it_lacks() {
    for (text, full, familiar) in [
        ("alpine", "docker.io/library/alpine", "alpine"),
        (
            "alpine:3.20",
            "docker.io/library/alpine:3.20",
            "alpine:3.20",
        ),
        ("library/alpine", "docker.io/library/alpine", "alpine"),
        ("docker.io/alpine", "docker.io/library/alpine", "alpine"),
        (
            "index.docker.io/alpine",
            "docker.io/library/alpine",
            "alpine",
        ),
        ("index.docker.io/a/b", "docker.io/a/b", "a/b"),
        (
            "docker.io/library/alpine",
            "docker.io/library/alpine",
            "alpine",
        ),
        ("library/a/b", "docker.io/library/a/b", "library/a/b"),
        ("user/image", "docker.io/user/image", "user/image"),
        ("a/b/c", "docker.io/a/b/c", "a/b/c"),
        ("localhost/image", "localhost/image", "localhost/image"),
        ("localhost", "docker.io/library/localhost", "localhost"),
        (
            "localhost:5000",
            "docker.io/library/localhost:5000",
            "localhost:5000",
        ),
        (
            "localhost:5000/image:1",
            "localhost:5000/image:1",
            "localhost:5000/image:1",
        ),
        ("host/image", "docker.io/host/image", "host/image"),
        ("Host/image", "Host/image", "Host/image"),
        ("ghcr.io/a/b", "ghcr.io/a/b", "ghcr.io/a/b"),
        ("127.0.0.1:80/a", "127.0.0.1:80/a", "127.0.0.1:80/a"),
        ("[::1]:5000/a", "[::1]:5000/a", "[::1]:5000/a"),
        ("[fe80::1]/a", "[fe80::1]/a", "[fe80::1]/a"),
        (
            "a:Tag_1.x-Y",
            "docker.io/library/a:Tag_1.x-Y",
            "a:Tag_1.x-Y",
        ),
        ("a:_", "docker.io/library/a:_", "a:_"),
        (
            "a__b-c--d.e_f",
            "docker.io/library/a__b-c--d.e_f",
            "a__b-c--d.e_f",
        ),
        ("xn--n3h.com/a", "xn--n3h.com/a", "xn--n3h.com/a"),
    ] {
        let reference = parse(text).unwrap();
        assert_eq!(reference.to_string(), full, "{text}");
        assert_eq!(reference.familiar(), familiar, "{text}");
        assert_eq!(parse(full).unwrap(), reference, "{text}");
        assert_eq!(parse(familiar).unwrap(), reference, "{text}");
    }
}

#[test]
fn what_the_grammar_does_not_have_is_refused() {
    let long_tag = format!("a:{}", "x".repeat(129));
    for text in [
        "",
        ":tag",
        "@sha256:1",
        "/a",
        "a/",
        "a//b",
        "a:",
        "a:.x",
        "a:-x",
        "a:b:c",
        "a:x/y",
        "a b",
        "-a",
        "a-",
        "a..b",
        "a___b",
        "a._b",
        ".a",
        "a_",
        "a/-b",
        "../etc/passwd",
        "a/../b",
        "http://a/b",
        "-host.com/a",
        "host-.com/a",
        "host..com/a",
        "host.com:/a",
        "host.com:x/a",
        "host.com:1:2/a",
        "[::1/a",
        "[]/a",
        "[::1]x/a",
        "[g::1]/a",
        "a@sha256:abc",
        "a@",
        "a@b@c",
        "a\n",
        "a\0",
        "ä",
        "a:ä",
        &long_tag,
    ] {
        let error = parse(text).expect_err(text).to_string();
        assert!(error.contains("invalid reference format"), "{error}");
    }
}

#[test]
fn upper_case_is_refused_in_a_path_by_name() {
    for text in [
        "Alpine",
        "user/Image",
        "docker.io/Library/x",
        "a.b/C:d",
        "A:b",
    ] {
        let error = parse(text).expect_err(text).to_string();
        assert!(error.ends_with("must be lowercase"), "{error}");
    }
    // No slash: the first part is no domain, however it looks.
    assert!(parse("Host.com").is_err());
    assert_eq!(parse("host.com").unwrap().path(), "library/host.com");
}

#[test]
fn an_id_is_no_name() {
    let id = &DIGEST[7..];
    let error = parse(id).unwrap_err().to_string();
    assert!(error.contains("64-byte hexadecimal"), "{error}");
    assert!(parse(&id[..63]).is_ok());
    assert!(parse(&format!("{id}a")).is_ok());
    assert!(parse(&format!("user/{id}")).is_ok());
    assert!(parse(&format!("{id}:tag")).is_ok());
}

#[test]
fn a_path_has_at_most_255_characters_and_a_tag_128() {
    let path = format!("a/{}", "b".repeat(253));
    assert!(parse(&path).is_ok());
    let error = parse(&format!("{path}b")).unwrap_err().to_string();
    assert!(error.contains("more than 255"), "{error}");
    assert!(parse(&format!("a:{}", "x".repeat(128))).is_ok());
}

#[test]
fn a_digest_is_known_and_whole() {
    let reference = parse(&format!("alpine:3@{DIGEST}")).unwrap();
    assert_eq!(reference.tag(), Some("3"));
    assert_eq!(reference.digest().unwrap().to_string(), DIGEST);
    assert_eq!(reference.familiar(), format!("alpine:3@{DIGEST}"));
    assert!(!reference.is_name_only());
    for wrong in [
        format!("a@{}", &DIGEST[..DIGEST.len() - 1]),
        format!("a@{}", DIGEST.replace("sha256", "md5")),
        format!("a@{}", DIGEST.replace("sha256", "sha256+")),
        format!("a@{}", DIGEST.replace("e3b0", "E3B0")),
    ] {
        assert!(parse(&wrong).is_err(), "{wrong}");
    }
}

#[test]
fn latest_is_added_where_nothing_is() {
    assert_eq!(parse("a").unwrap().or_latest().tag(), Some("latest"));
    assert_eq!(parse("a:1").unwrap().or_latest().tag(), Some("1"));
    let by_digest = parse(&format!("a@{DIGEST}")).unwrap().or_latest();
    assert_eq!(by_digest.tag(), None);
    assert_eq!(by_digest.with_tag("2").unwrap().familiar(), "a:2");
    assert!(by_digest.with_tag("no tag").is_err());
}
