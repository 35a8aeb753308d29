//! The commands, as a person types them.

use harness::{Need, Run, Test, test};

use crate::made::{done, file_system, images, path, refused, stored};

pub(crate) fn tests() -> Vec<Test> {
    let root = &[Need::Root];
    vec![
        test(
            "an_empty_store_has_a_heading",
            root,
            an_empty_store_has_a_heading,
        ),
        test("an_image_lives_and_dies", root, an_image_lives_and_dies),
        test(
            "inspect_is_dockers_document",
            root,
            inspect_is_dockers_document,
        ),
        test("history_tells_each_step", root, history_tells_each_step),
        test(
            "an_archive_comes_from_a_pipe",
            root,
            an_archive_comes_from_a_pipe,
        ),
        test("bad_words_are_refused", root, bad_words_are_refused),
        test("prune_asks_first", root, prune_asks_first),
        test("df_counts_a_layer_once", root, df_counts_a_layer_once),
        test("a_closed_pipe_is_no_error", root, a_closed_pipe_is_no_error),
        test(
            "a_user_is_told_whose_the_store_is",
            root,
            a_user_is_told_whose_the_store_is,
        ),
    ]
}

fn an_empty_store_has_a_heading() {
    assert_eq!(
        done(&["ls"]).out(),
        "REPOSITORY   TAG       IMAGE ID   CREATED   SIZE\n"
    );
    assert_eq!(done(&["ls", "-q"]).out(), "");
    assert_eq!(stored(), [""; 0]);
}

fn an_image_lives_and_dies() {
    let archive = file_system("one", "one");
    let id = done(&["import", "-m", "made", &archive, "app:1"]).out();
    let id = id.trim();
    let short = &id[7..19];
    done(&["tag", "app:1", "host.io:5000/user/app"]);
    done(&["tag", short, "app:2"]);
    let list = done(&["ls"]).out();
    let lines: Vec<&str> = list.lines().collect();
    assert_eq!(lines.len(), 4, "{list}");
    let heading = "REPOSITORY              TAG       IMAGE ID       CREATED ";
    assert!(lines[0].starts_with(heading), "{list}");
    assert!(
        lines[1].starts_with(&format!("app                     1         {short}   ")),
        "{list}"
    );
    assert!(lines[1].ends_with("100kB"), "{list}");
    assert_eq!(
        done(&["ls", "-q", "--no-trunc"]).out(),
        format!("{id}\n").repeat(3)
    );
    let raw = done(&["ls", "--format", "raw", "app:2"]).out();
    let beginning = format!("repository: app\ntag: 2\nimage_id: {short}\ncreated_at: 20");
    assert!(
        raw.starts_with(&beginning) && raw.ends_with("virtual_size: 100kB\n\n"),
        "{raw}"
    );
    assert_eq!(done(&["ls", "app"]).out().lines().count(), 3);
    let json = done(&["ls", "--format", "json", "app:2"]).out();
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(
        (&json["Repository"], &json["Tag"], &json["ID"]),
        (&"app".into(), &"2".into(), &short.into())
    );

    let lines = done(&["ls", "--format", "{{.ID}}: {{.Repository}}", "app:2"]).out();
    assert_eq!(lines, format!("{short}: app\n"));
    let table = done(&["ls", "--format", "table {{.ID}}\\t{{.Tag}}", "app:2"]).out();
    assert_eq!(table, format!("IMAGE ID       TAG\n{short}   2\n"));

    refused(&["rm", short], "must be forced");
    assert_eq!(done(&["rm", "app:2"]).out(), "Untagged: app:2\n");
    let gone = done(&["rm", "app:1", "host.io:5000/user/app:latest"]).out();
    let gone: Vec<&str> = gone.lines().collect();
    assert_eq!(
        gone[..2],
        ["Untagged: app:1", "Untagged: host.io:5000/user/app:latest"]
    );
    assert_eq!(gone[2], format!("Deleted: {id}"));
    assert!(
        gone[3].starts_with("Deleted: sha256:") && gone.len() == 4,
        "{gone:?}"
    );
    assert_eq!(stored(), [""; 0]);
    refused(
        &["rm", "app:1", "none"],
        "No such image: app:1\nNo such image: none:latest",
    );
    let forced = images(&["rm", "-f", "app:1"]).output().assert_code(0);
    assert_eq!(forced.err(), "No such image: app:1\n");
}

fn inspect_is_dockers_document() {
    let archive = file_system("one", "one");
    let changes = [
        "CMD [\"sh\"]",
        "ENV A=1",
        "LABEL l=v",
        "EXPOSE 80",
        "WORKDIR /etc",
    ];
    let mut arguments = vec!["import"];
    arguments.extend(changes.iter().flat_map(|change| ["-c", *change]));
    arguments.extend([archive.as_str(), "app"]);
    let id = done(&arguments).out();
    let text = done(&["inspect", "app"]).out();
    assert!(
        text.starts_with(&format!("[\n    {{\n        \"Id\": \"{}\",\n", id.trim())),
        "{text}"
    );
    let all: serde_json::Value = serde_json::from_str(&text).unwrap();
    let image = &all[0];
    assert_eq!(image["RepoTags"][0], "app:latest");
    assert_eq!(image["Config"]["Cmd"][0], "sh");
    assert_eq!(image["Config"]["Env"][0], "A=1");
    assert_eq!(
        image["Config"]["ExposedPorts"]["80/tcp"],
        serde_json::json!({})
    );
    assert_eq!(image["Os"], "linux");
    let upper = image["GraphDriver"]["Data"]["UpperDir"].as_str().unwrap();
    assert_eq!(
        std::fs::read_to_string(format!("{upper}/etc/link")).unwrap(),
        "one"
    );
    let template = "{{.Os}} {{index .RepoTags 0}} {{json .Config.Cmd}} {{.Config.Entrypoint}}";
    let line = done(&["inspect", "-f", template, "app"]).out();
    assert_eq!(line, "linux app:latest [\"sh\"] []\n");
    let missing = images(&["inspect", "none"]).output().assert_code(1);
    assert_eq!(missing.out(), "[]\n");
    assert!(
        missing.err().contains("No such image: none:latest"),
        "{missing}"
    );
}

fn history_tells_each_step() {
    let archive = file_system("one", "one");
    done(&["import", "-m", "from a tar", &archive, "app"]);
    let history = done(&["history", "--human=false", "app"]).out();
    let lines: Vec<&str> = history.lines().collect();
    assert!(
        lines[0].starts_with("IMAGE          CREATED AT"),
        "{history}"
    );
    assert!(lines[1].ends_with("100007    from a tar"), "{history}");
    let id = done(&["ls", "-q"]).out();
    assert_eq!(done(&["history", "-q", "app"]).out(), id);
}

fn an_archive_comes_from_a_pipe() {
    let archive = file_system("one", "one");
    let bytes = std::fs::read(&archive).unwrap();
    let id = images(&["import", "-", "piped"])
        .stdin(bytes.clone())
        .output()
        .assert_code(0)
        .out();
    assert_eq!(done(&["ls", "-q", "--no-trunc"]).out(), id);
    let saved = done(&["save", "piped"]).stdout;
    done(&["rm", "piped"]);
    let loaded = images(&["load"]).stdin(saved).output().assert_code(0);
    assert_eq!(loaded.out(), "Loaded image: piped:latest\n");
    assert_eq!(done(&["ls", "-q", "--no-trunc"]).out(), id);
    // Nothing, half of something, and something else.
    for bytes in [&b""[..], &bytes[..2000], b"text"] {
        images(&["load"]).stdin(bytes).output().assert_code(1);
        images(&["import", "-"])
            .stdin(bytes)
            .output()
            .assert_code(1);
    }
    assert_eq!(done(&["ls", "-q"]).out().lines().count(), 1);
}

fn bad_words_are_refused() {
    let archive = file_system("one", "one");
    done(&["import", &archive, "app"]);
    refused(&["tag", "none", "x"], "No such image: none:latest");
    refused(&["history", "none"], "No such image");
    refused(&["save", "none"], "No such image");
    for arguments in [
        &["rm", "App"][..],
        &["tag", "app", "App"],
        &["pull", "App"],
        &["push", "App"],
    ] {
        refused(arguments, "must be lowercase");
    }
    refused(&["ls", "--filter", "x=y"], "invalid filter 'x'");
    refused(&["prune", "-f", "--filter", "x=y"], "invalid filter 'x'");
    refused(&["ls", "--format", "{{.ID}"], "template parsing error");
    refused(&["inspect", "-f", "{{", "app"], "template parsing error");
    refused(&["load", "-i", "/nonexistent"], "No such file");
    refused(&["import", "/nonexistent"], "No such file");
    refused(&["save", "-o", "/nonexistent/x", "app"], "No such file");
    for (arguments, words) in [
        (
            &["ls", "--filter", "x"][..],
            "bad format of filter (expected name=value)",
        ),
        (&["run"], "no image given"),
        (
            &["run", "--pull", "never", "none"],
            "No such image: none:latest",
        ),
        (&["run", "--pull", "sometimes", "app"], "invalid value"),
        (&["run", "--platform", "/", "app"], "not a platform"),
        (&["rm"], "IMAGE"),
    ] {
        let output = images(arguments).output().assert_code(125);
        assert!(output.err().contains(words), "{output}");
    }
    for command in ["pull", "import", "load", "save"] {
        let arguments = [command, "--platform", "a/b/c/d", "app"];
        // Load reads its standard input.
        let count = if command == "load" { 3 } else { 4 };
        refused(&arguments[..count], "not a platform");
    }
    refused(
        &["import", "-c", "RUN x", "-"],
        "run is not a valid change command",
    );
    refused(
        &["tag", "app", "sha256:x"],
        "refusing to create an ambiguous tag using digest algorithm as name",
    );
    let digest = format!("app@sha256:{}", "0".repeat(64));
    refused(
        &["tag", "app", &digest],
        "refusing to create a tag with a digest reference",
    );
}

fn prune_asks_first() {
    let archive = file_system("one", "one");
    let id = done(&["import", &archive]).out();
    let asked = images(&["prune"]).stdin("n\n").output().assert_code(0);
    assert!(
        asked
            .out()
            .starts_with("WARNING! This will remove all dangling images.\n"),
        "{asked}"
    );
    assert_eq!(done(&["ls", "-q"]).out().lines().count(), 1);
    let pruned = images(&["prune"])
        .stdin("y\n")
        .output()
        .assert_code(0)
        .out();
    assert!(
        pruned.contains(&format!("Deleted Images:\ndeleted: {id}deleted: sha256:")),
        "{pruned}"
    );
    assert!(
        pruned.ends_with("\n\nTotal reclaimed space: 100kB\n"),
        "{pruned}"
    );
    assert_eq!(stored(), [""; 0]);
    assert_eq!(done(&["prune", "-f"]).out(), "Total reclaimed space: 0B\n");
}

fn df_counts_a_layer_once() {
    let archive = file_system("one", "one");
    done(&["import", &archive, "one"]);
    done(&["import", "-c", "CMD x", &archive, "two"]);
    let df = done(&["df"]).out();
    assert_eq!(
        df,
        "TYPE      TOTAL     ACTIVE    SIZE      RECLAIMABLE\nImages    2         0         100kB     100kB (100%)\n"
    );
    let details = done(&["df", "-v"]).out();
    assert!(
        details.contains("100kB     100kB         0B            0"),
        "{details}"
    );
}

fn a_closed_pipe_is_no_error() {
    let archive = file_system("one", "one");
    done(&["import", &archive, "app"]);
    let line = format!(
        "{} ls | true; exit ${{PIPESTATUS[0]}}",
        harness::bin("images").display()
    );
    let output = Run::new("bash").args(["-c", &line]).output().assert_code(0);
    assert_eq!(output.err(), "");
}

fn a_user_is_told_whose_the_store_is() {
    done(&["import", &file_system("one", "one"), "app"]);
    assert_eq!(
        images(&["ls"])
            .user(65534)
            .output()
            .assert_code(0)
            .out()
            .lines()
            .count(),
        2
    );
    for arguments in [
        &["rm", "app"][..],
        &["tag", "app", "x"],
        &["import", &path("one.tar")],
    ] {
        let output = images(arguments).user(65534).output().assert_code(1);
        assert!(output.err().contains("Permission denied"), "{output}");
    }
    assert_eq!(done(&["ls"]).out().lines().count(), 2);
}
