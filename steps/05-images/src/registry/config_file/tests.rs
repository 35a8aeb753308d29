use std::os::unix::fs::PermissionsExt;

use super::*;

/// A file with this text, in a folder of its own that goes with it.
fn file(text: &str) -> (tempfile::TempDir, ConfigFile) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("config.json");
    fs::write(&path, text).unwrap();
    (dir, ConfigFile::at(path))
}

fn value(file: &ConfigFile) -> Value {
    serde_json::from_str(&fs::read_to_string(file.path()).unwrap()).unwrap()
}

#[test]
fn what_is_stored_is_found_again_and_nothing_else_is_lost() {
    let (_dir, file) = file(
        r#"{"auths": {"other": {"auth": "YTpi", "x": 1}, "reg:5000": {"email": "a@b"}},
            "HttpHeaders": {"User-Agent": "x"}, "psFormat": "{{.ID}}", "new": [1, {"a": null}]}"#,
    );
    let mine = Credential::password("user", "a:secret");
    let kept = file.store("reg:5000", &mine).unwrap();
    assert_eq!(kept, Kept::InFile(file.path().to_owned()));
    assert_eq!(file.credential("reg:5000").unwrap(), Some(mine));
    assert_eq!(
        value(&file),
        json!({"auths": {"other": {"auth": "YTpi", "x": 1},
                         "reg:5000": {"email": "a@b", "auth": "dXNlcjphOnNlY3JldA=="}},
               "HttpHeaders": {"User-Agent": "x"}, "psFormat": "{{.ID}}", "new": [1, {"a": null}]})
    );
    assert!(file.erase("reg:5000").unwrap());
    assert!(!file.erase("reg:5000").unwrap());
    assert_eq!(file.credential("reg:5000").unwrap(), None);
    assert_eq!(
        value(&file)["auths"],
        json!({"other": {"auth": "YTpi", "x": 1}})
    );
}

#[test]
fn the_file_is_made_for_its_owner_alone() {
    let dir = tempfile::tempdir().unwrap();
    let file = ConfigFile::at(dir.path().join("new/config.json"));
    assert_eq!(file.credential("reg").unwrap(), None);
    assert!(!file.erase("reg").unwrap());
    assert!(!file.path().exists());
    file.store("reg", &Credential::password("a", "b")).unwrap();
    let mode = |path: &Path| path.metadata().unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(file.path()), 0o600);
    assert_eq!(mode(file.path().parent().unwrap()), 0o700);
    let text = fs::read_to_string(file.path()).unwrap();
    assert_eq!(
        text,
        "{\n\t\"auths\": {\n\t\t\"reg\": {\n\t\t\t\"auth\": \"YTpi\"\n\t\t}\n\t}\n}"
    );
}

#[test]
fn a_link_stays_a_link() {
    let (dir, file) = file("{}");
    let link = dir.path().join("link.json");
    std::os::unix::fs::symlink(file.path(), &link).unwrap();
    let through = ConfigFile::at(&link);
    through
        .store("reg", &Credential::password("a", "b"))
        .unwrap();
    assert!(link.is_symlink());
    assert!(file.credential("reg").unwrap().is_some());
}

#[test]
fn an_identity_token_goes_before_a_password() {
    let (_dir, file) = file(r#"{"auths": {"reg": {"auth": "YTo=", "identitytoken": "t"}}}"#);
    let token = Credential::IdentityToken {
        username: "a".into(),
        token: "t".into(),
    };
    assert_eq!(file.credential("reg").unwrap(), Some(token.clone()));
    let before = value(&file);
    file.store("reg", &token).unwrap();
    assert_eq!(value(&file), before);
    // A password that replaces it leaves no token behind.
    file.store("reg", &Credential::password("a", "b")).unwrap();
    assert_eq!(value(&file), json!({"auths": {"reg": {"auth": "YTpi"}}}));
}

#[test]
fn entries_of_old_are_understood() {
    let (_dir, file) = file(
        r#"{"auths": {"https://reg.example/v1/": {"auth": "YTpiAAA="},
                      "plain": {"username": "u", "password": "p"}, "empty": {}}}"#,
    );
    let found = |key| file.credential(key).unwrap();
    assert_eq!(found("reg.example"), Some(Credential::password("a", "b")));
    assert_eq!(found("plain"), Some(Credential::password("u", "p")));
    assert_eq!(found("empty"), None);
    assert_eq!(found("reg.example.evil"), None);
    assert_eq!(found("example"), None);
}

#[test]
fn a_file_that_is_wrong_is_named_and_left_alone() {
    for text in [
        "{",
        "[]",
        r#"{"auths": []}"#,
        r#"{"auths": {"reg": {"auth": "secret!"}}}"#,
        r#"{"credsStore": 1}"#,
    ] {
        let (_dir, file) = file(text);
        let error = file.credential("reg").unwrap_err().to_string();
        assert!(error.contains("config.json is not as Docker"), "{error}");
        assert!(!error.contains("secret"), "{error}");
    }
    let (_dir, file) = file(r#"{"auths": []}"#);
    assert!(file.store("reg", &Credential::password("a", "b")).is_err());
    assert_eq!(fs::read_to_string(file.path()).unwrap(), r#"{"auths": []}"#);
}

#[test]
fn a_name_that_could_not_be_read_back_is_refused() {
    let (_dir, file) = file("{}");
    assert!(
        file.store("reg", &Credential::password("a:b", "c"))
            .is_err()
    );
}

#[test]
fn of_two_logins_at_once_neither_is_lost() {
    let (_dir, file) = file("{}");
    std::thread::scope(|scope| {
        for number in 0..8 {
            let file = file.clone();
            scope.spawn(move || {
                let key = format!("reg{number}");
                file.store(&key, &Credential::password("a", "b")).unwrap();
            });
        }
    });
    assert_eq!(value(&file)["auths"].as_object().unwrap().len(), 8);
}

#[test]
fn a_helper_that_is_not_there_is_named() {
    let (_dir, file) = file(r#"{"credHelpers": {"reg": "no-such-helper"}}"#);
    let error = file.credential("reg").unwrap_err();
    assert!(
        error
            .to_string()
            .contains("docker-credential-no-such-helper")
    );
    assert!(error.hint_text().is_some());
    assert_eq!(file.credential("other").unwrap(), None);
    for name in ["../evil", "a/b"] {
        let (_dir, file) = super::tests::file(&format!(r#"{{"credsStore": "{name}"}}"#));
        assert!(
            file.credential("reg")
                .unwrap_err()
                .to_string()
                .contains("name")
        );
    }
}

/// What is found for `reg`, in files as they are written by hand and by other programs; `None` is refused.
#[test]
fn the_file_is_read_as_docker_reads_it() {
    let user = Some(Some("user:word"));
    let cases: &[(&str, Option<Option<&str>>)] = &[
        ("", Some(None)),
        (" \n", Some(None)),
        ("{}", Some(None)),
        ("null", None),
        ("[]", None),
        ("{", None),
        (
            r#"{"auths": null, "credsStore": null, "credHelpers": null}"#,
            Some(None),
        ),
        (r#"{"auths": {"reg": {"auth": "dXNlcjp3b3Jk"}}}"#, user),
        (
            "\u{feff}{\"auths\": {\"reg\": {\"auth\": \"dXNlcjp3b3Jk\"}}}",
            user,
        ),
        (r#"{"auths": {"reg": {"auth": "dXNlcjp3b3Jk"}}} more"#, user),
        (r#"{"Auths": {"reg": {"AUTH": "dXNlcjp3b3Jk"}}}"#, user),
        (
            r#"{"auths": {"https://reg/v1/": {"auth": "dXNlcjp3b3Jk"}}}"#,
            user,
        ),
        (r#"{"auths": {"reg/": {"auth": "dXNlcjp3b3Jk"}}}"#, user),
        (
            r#"{"auths": {"http://reg": {"auth": "dXNlcjp3b3Jk"}}}"#,
            user,
        ),
        (
            r#"{"auths": {"reg": {"auth": null, "username": "user", "password": "word"}}}"#,
            user,
        ),
        (
            r#"{"auths": {"reg": {"auth": "", "username": "user", "password": "word"}}}"#,
            user,
        ),
        (
            r#"{"auths": {"reg": {"username": "user", "password": null}}}"#,
            Some(Some("user:")),
        ),
        (
            r#"{"auths": {"reg": {"auth": "dXNlcjp3b3Jk", "email": 7, "new": []}}}"#,
            user,
        ),
        (
            r#"{"auths": {"reg": {"auth": "dXNlcjp3b3Jk"}}, "credsStore": ""}"#,
            user,
        ),
        (
            r#"{"auths": {"reg": {"auth": "dXNlcjp3b3Jk"}}, "credHelpers": {"reg": null}}"#,
            user,
        ),
        (
            r#"{"auths": {"reg": {"auth": "dXNlcjp3b3Jk"}}, "credHelpers": {"reg": ""}}"#,
            user,
        ),
        (r#"{"auths": {"reg": null}}"#, Some(None)),
        (r#"{"auths": {"reg": {}}}"#, Some(None)),
        (r#"{"auths": {"reg": "x"}}"#, Some(None)),
        (r#"{"auths": {"other": {"auth": "%"}}}"#, Some(None)),
        (r#"{"auths": {"reg": {"auth": "%"}}}"#, None),
        (r#"{"auths": []}"#, None),
        (r#"{"credHelpers": "x"}"#, None),
        (r#"{"credsStore": 1}"#, None),
    ];
    for (text, expected) in cases {
        let (_dir, file) = file(text);
        let found = file.credential("reg");
        let shown = found.as_ref().ok().map(|found| {
            found.as_ref().map(|credential| match credential {
                Credential::Password { username, password } => format!("{username}:{password}"),
                Credential::IdentityToken { token, .. } => token.clone(),
            })
        });
        let shown = shown.as_ref().map(Option::as_deref);
        assert_eq!(shown, *expected, "{text}: {found:?}");
    }
}

/// What is written goes where it was found, whatever it is called there.
#[test]
fn a_key_of_another_case_is_not_doubled() {
    let (_dir, file) = file(r#"{"Auths": {"other": {"auth": "YTpi"}}}"#);
    file.store("reg", &Credential::password("a", "b")).unwrap();
    let text = value(&file);
    assert_eq!(text["Auths"]["reg"]["auth"], "YTpi");
    assert!(text.get("auths").is_none(), "{text}");
}
