//! The program at registries: accounts, searches, mirrors, and the file that names them.

use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;

use harness::{Need, Run, Test, bin, directory, test};
use layers::digest::Digest;

use crate::server::{Reply, Request, Server};

pub(crate) fn tests() -> Vec<Test> {
    let root = &[Need::Root];
    vec![
        test("login_and_logout_keep_dockers_file", root, login_and_logout),
        test("a_wrong_login_is_not_kept", root, a_wrong_login),
        test(
            "a_password_is_asked_for_at_a_terminal",
            root,
            a_password_at_a_terminal,
        ),
        test(
            "a_helper_keeps_what_login_gives_it",
            root,
            a_helper_keeps_it,
        ),
        test(
            "a_search_is_shown_as_docker_shows_it",
            root,
            a_search_is_shown,
        ),
        test(
            "a_mirror_of_the_file_is_asked_first",
            root,
            a_mirror_is_asked_first,
        ),
        test("a_wrong_configuration_file_is_named", root, a_wrong_file),
        test(
            "an_archive_comes_from_an_address",
            root,
            an_archive_from_an_address,
        ),
        test(
            "what_lies_is_not_pulled_for_a_run",
            root,
            what_lies_is_not_run,
        ),
    ]
}

/// With a home of the test's own.
fn images(arguments: &[&str]) -> Run {
    Run::new(bin("images"))
        .args(arguments)
        .env("HOME", directory().join("home"))
}

fn config_file() -> std::path::PathBuf {
    directory().join("home/.docker/config.json")
}

fn config() -> String {
    std::fs::read_to_string(config_file()).unwrap_or_default()
}

/// `user` with the password `word`.
fn guarded() -> Server {
    Server::new(|request| match request.header("authorization") {
        Some("Basic dXNlcjp3b3Jk") => Reply::ok("{}"),
        _ => Reply::new(401).header("WWW-Authenticate", "Basic realm=\"x\""),
    })
}

fn login_and_logout() {
    let registry = guarded();
    let at = registry.authority();
    std::fs::create_dir_all(config_file().parent().unwrap()).unwrap();
    std::fs::write(config_file(), r#"{"detachKeys": "ctrl-q"}"#).unwrap();
    let login = images(&["login", "-u", "user", "--password-stdin", &at])
        .stdin("word\n")
        .output()
        .assert_code(0);
    assert_eq!(login.out(), "Login Succeeded\n");
    let warning = format!(
        "\nWARNING! Your credentials are stored unencrypted in '{}'.\n",
        config_file().display()
    );
    assert!(login.err().starts_with(&warning), "{login}");
    let text = format!(
        "{{\n\t\"auths\": {{\n\t\t\"{at}\": {{\n\t\t\t\"auth\": \"dXNlcjp3b3Jk\"\n\t\t}}\n\t}},\n\t\"detachKeys\": \"ctrl-q\"\n}}"
    );
    assert_eq!(config().trim_end(), text);
    let mode = config_file().metadata().unwrap().permissions().mode();
    assert_eq!(mode & 0o7777, 0o600);

    let again = images(&["login", &at]).output().assert_code(0);
    assert!(
        again
            .err()
            .starts_with("Authenticating with existing credentials... [Username: user]\n"),
        "{again}"
    );
    let clear = images(&["login", "-u", "user", "-p", "word", &at])
        .output()
        .assert_code(0);
    assert!(
        clear
            .err()
            .starts_with("WARNING! Using --password via the CLI is insecure"),
        "{clear}"
    );

    for _ in 0..2 {
        let logout = images(&["logout", &at]).output().assert_code(0);
        assert_eq!(
            logout.out(),
            format!("Removing login credentials for {at}\n")
        );
        assert_eq!(
            config().trim_end(),
            "{\n\t\"auths\": {},\n\t\"detachKeys\": \"ctrl-q\"\n}"
        );
    }
}

fn a_wrong_login() {
    let registry = guarded();
    let at = registry.authority();
    let wrong = images(&["login", "-u", "user", "--password-stdin", &at])
        .stdin("guess")
        .output()
        .assert_code(1);
    assert!(
        wrong
            .err()
            .contains("unauthorized: incorrect username or password"),
        "{wrong}"
    );
    assert!(!wrong.err().contains("guess"));
    for (arguments, words) in [
        (&["--password-stdin"][..], "requires --username"),
        (&["-u", "", "--password-stdin"], "requires --username"),
        (
            &["-u", "user", "-p", "x", "--password-stdin"],
            "conflicting options",
        ),
        (
            &["-u", "user"],
            "cannot perform an interactive login from a non TTY device",
        ),
        (
            &["-u", "user", "--password-stdin"],
            "cannot perform an interactive login",
        ),
        (&[], "cannot perform an interactive login"),
    ] {
        let output = images(&[&["login"], arguments, &[&at]].concat())
            .output()
            .assert_code(1);
        assert!(output.err().contains(words), "{output}");
    }
    assert_eq!(config(), "");
    let nowhere = Run::new("env")
        .args(["-u", "HOME", bin("images").to_str().unwrap(), "logout", &at])
        .output()
        .assert_code(1);
    assert!(
        nowhere.err().contains("there is no place for credentials"),
        "{nowhere}"
    );
}

fn a_password_at_a_terminal() {
    let registry = guarded();
    let at = registry.authority();
    let terminal = images(&["login", &at]).under_pty();
    terminal.expect("Username: ");
    terminal.send("user\n");
    terminal.expect("Password: ");
    terminal.send("wrong\x15wor\x7frd\r");
    terminal.expect("Login Succeeded");
    // Nothing of what was typed is to be seen.
    let shown = terminal.wait().out().replace('\r', "");
    assert!(shown.contains("Password: \n\nWARNING"), "{shown}");
    assert!(config().contains("dXNlcjp3b3Jk"));

    let terminal = images(&["login", "-u", "user", "--config-file", "/dev/null", &at]).under_pty();
    terminal.expect("Password: ");
    terminal.send("x\x03");
    terminal.expect("interrupted");
    assert_eq!(terminal.wait().code, Some(1));
}

fn a_helper_keeps_it() {
    let registry = guarded();
    let at = registry.authority();
    std::fs::create_dir_all(config_file().parent().unwrap()).unwrap();
    std::fs::write(config_file(), r#"{"credsStore": "drydock-test"}"#).unwrap();
    let helper = std::env::var(crate::HELPER).unwrap();
    let run = |arguments: &[&str]| images(arguments).env(crate::HELPER, &helper);
    let login = run(&["login", "-u", "user", "-p", "word", &at])
        .output()
        .assert_code(0);
    assert!(!login.err().contains("unencrypted"), "{login}");
    assert!(!config().contains("dXNlcjp3b3Jk"));
    let again = run(&["login", &at]).output().assert_code(0);
    assert!(again.err().contains("[Username: user]"), "{again}");
    run(&["logout", &at]).output().assert_code(0);
    let gone = run(&["login", &at]).output().assert_code(1);
    assert!(gone.err().contains("non TTY"), "{gone}");
}

const FOUND: &str = r#"{"num_results": 2, "results": [
    {"name": "user/other", "description": "short", "star_count": 3, "is_official": false},
    {"name": "app", "description": "an application of which the description is rather long, so that it is cut",
     "star_count": 7, "is_official": true}]}"#;

/// Byte for byte what docker 28 shows of this answer.
const SHOWN: &str = "NAME         DESCRIPTION                                     STARS     OFFICIAL\n\
                     app          an application of which the description is r…   7         [OK]\n\
                     user/other   short                                           3         \n";
const SHOWN_AS_JSON: &str = "{\"Description\":\"an application of which the description is r…\",\"IsOfficial\":\"true\",\"Name\":\"app\",\"StarCount\":\"7\"}\n\
                             {\"Description\":\"short\",\"IsOfficial\":\"false\",\"Name\":\"user/other\",\"StarCount\":\"3\"}\n";

fn a_search_is_shown() {
    let registry = Server::new(|_| Reply::ok(FOUND));
    let term = format!("{}/app", registry.authority());
    let search = |options: &[&str]| images(&[&["search"], options, &[&term]].concat()).output();
    assert_eq!(search(&[]).assert_code(0).out(), SHOWN);
    assert_eq!(
        search(&["--format", "json"]).assert_code(0).out(),
        SHOWN_AS_JSON
    );
    let whole = search(&["--no-trunc", "--filter", "stars=5"])
        .assert_code(0)
        .out();
    assert!(
        whole.contains("so that it is cut   7 ") && !whole.contains("other"),
        "{whole}"
    );
    let lines = search(&["--limit", "1", "--format", "{{.Name}}: {{.StarCount}}"]);
    assert_eq!(lines.assert_code(0).out(), "app: 7\n");
    let asked: Vec<String> = registry.lines();
    assert_eq!(asked[0], "GET /v1/search?q=app&n=25");
    assert_eq!(asked[3], "GET /v1/search?q=app&n=1");
    for (options, words) in [
        (&["--limit", "101"][..], "outside the range of [1, 100]"),
        (&["--filter", "x=5"], "invalid filter 'x'"),
        (&["--filter", "stars=x"], "invalid filter 'stars=x'"),
        (&["--format", "{{.X}}"], "can't evaluate field X"),
    ] {
        let output = search(options).assert_code(1);
        assert!(output.err().contains(words), "{output}");
    }
    let scheme = images(&["search", "https://reg/app"])
        .output()
        .assert_code(1);
    assert!(scheme.err().contains("Invalid repository name"), "{scheme}");
}

/// An image of no layers.
fn repository() -> impl Fn(&Request) -> Reply + Send + Sync + 'static {
    let config = r#"{"architecture":"amd64","os":"linux","config":{},"rootfs":{"type":"layers","diff_ids":[]}}"#;
    let digest = Digest::of(config);
    let manifest = format!(
        r#"{{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","config":{{"mediaType":"application/vnd.oci.image.config.v1+json","digest":"{digest}","size":{}}},"layers":[]}}"#,
        config.len()
    );
    let blob = format!("/blobs/{digest}");
    move |request| match &request.path {
        path if path.contains("/manifests/") => Reply::ok(manifest.clone())
            .header("Content-Type", "application/vnd.oci.image.manifest.v1+json"),
        path if path.ends_with(&blob) => Reply::ok(config),
        _ => Reply::new(404),
    }
}

fn daemon(text: &str) -> String {
    let path = directory().join("daemon.json");
    std::fs::write(&path, text).unwrap();
    path.to_str().unwrap().to_owned()
}

fn a_mirror_is_asked_first() {
    let broken = Server::new(|_| Reply::new(503));
    let mirror = Server::new(repository());
    let file = daemon(&format!(
        r#"{{"registry-mirrors": ["http://{}", "http://{}/hub"], "insecure-registries": ["reg.test:5000"], "debug": true}}"#,
        broken.authority(),
        mirror.authority()
    ));
    let pulled = images(&["--config-file", &file, "pull", "app:1"])
        .output()
        .assert_code(0);
    assert!(
        pulled.out().ends_with("docker.io/library/app:1\n"),
        "{pulled}"
    );
    assert_eq!(broken.lines()[0], "GET /v2/library/app/manifests/1");
    assert_eq!(mirror.lines()[0], "GET /hub/v2/library/app/manifests/1");
    // The option stands where people put it.
    images(&["pull", "-q", "app:1", "--config-file", &file])
        .output()
        .assert_code(0);
}

fn a_wrong_file() {
    for (text, words) in [
        ("{", "not an object of JSON"),
        (
            r#"{"registry-mirror": []}"#,
            "unknown key \"registry-mirror\"",
        ),
        (
            r#"{"registry-mirrors": "x"}"#,
            "registry-mirrors is not a list of strings",
        ),
        (r#"{"insecure-registries": ["a/b"]}"#, "insecure-registries"),
    ] {
        let file = daemon(text);
        for command in [
            &["pull", "app"][..],
            &["push", "app"],
            &["search", "app"],
            &["logout"],
        ] {
            let output = images(&[&["--config-file", &file], command].concat())
                .output()
                .assert_code(1);
            assert!(
                output.err().contains(words) && output.err().contains("daemon.json"),
                "{output}"
            );
        }
    }
    let missing = images(&["--config-file", "/nonexistent", "pull", "app"])
        .output()
        .assert_code(1);
    assert!(missing.err().contains("/nonexistent"), "{missing}");
}

/// Whatever a registry does, the run ends with its words and Docker's code, and nothing is there.
fn what_lies_is_not_run() {
    let good = Arc::new(repository());
    for (lie, words) in [
        (Reply::new(404), "404"),
        (Reply::ok("other"), "digest"),
        (Reply::ok("x").announcing(100), "ended"),
    ] {
        let good = Arc::clone(&good);
        let shown = words.to_owned();
        let registry = Server::new(move |request| match request.path.contains("/blobs/") {
            true => lie.clone(),
            false => good(request),
        });
        let name = format!("{}/app", registry.authority());
        let output = images(&["run", "-q", &name, "true"])
            .output()
            .assert_code(125);
        assert!(
            output.err().starts_with("Unable to find image '"),
            "{output}"
        );
        assert!(output.err().contains("\nimages: "), "{shown}: {output}");
        assert_eq!(images(&["ls", "-q"]).output().assert_code(0).out(), "");
    }
}

fn an_archive_from_an_address() {
    std::fs::write(directory().join("file"), "contents").unwrap();
    let archive = Run::new("tar")
        .args(["-C", directory().to_str().unwrap(), "-c", "file"])
        .output()
        .assert_code(0)
        .stdout;
    let cut = archive[..700].to_vec();
    let host = Server::new(move |request| match request.path.as_str() {
        "/moved" => Reply::new(302).header("Location", "/fs.tar"),
        "/fs.tar" => Reply::ok(archive.clone()),
        "/cut" => Reply::ok(cut.clone()).announcing(archive.len()),
        _ => Reply::new(404),
    });
    let at = |path: &str| format!("http://{}{path}", host.authority());
    let imported = images(&["import", "-c", "CMD [\"x\"]", &at("/moved"), "fs:1"])
        .output()
        .assert_code(0)
        .out();
    let lines: Vec<&str> = imported.lines().collect();
    assert_eq!(lines[0], format!("Downloading from {}", at("/moved")));
    assert!(
        lines[1].starts_with("sha256:") && lines.len() == 2,
        "{imported}"
    );
    let history = images(&["history", "--format", "{{.Comment}}", "fs:1"]).output();
    assert_eq!(
        history.assert_code(0).out(),
        format!("Imported from {}\n", at("/moved"))
    );
    assert!(
        host.log()
            .iter()
            .all(|request| request.header("authorization").is_none())
    );
    images(&["rm", "fs:1"]).output().assert_code(0);
    for (path, words) in [("/none", "404"), ("/cut", "images: ")] {
        let output = images(&["import", &at(path)]).output().assert_code(1);
        assert!(output.err().contains(words), "{output}");
    }
    images(&["import", "http://"]).output().assert_code(1);
    assert_eq!(
        images(&["ls", "-a", "-q"]).output().assert_code(0).out(),
        ""
    );
}
