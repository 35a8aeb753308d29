use super::*;

fn text(os: &str, kind: &str, diff_ids: &str) -> String {
    format!(
        r#"{{"architecture":"amd64","os":"{os}","created":"2024-05-01T10:00:00.5Z","config":null,
        "history":null,"rootfs":{{"type":"{kind}","diff_ids":{diff_ids}}},"unknown":[1,2]}}"#
    )
}

#[test]
fn nulls_and_unknown_fields_are_harmless() {
    let config = Configuration::parse(text("linux", "layers", "null").as_bytes()).unwrap();
    assert_eq!(config.chain_ids().unwrap(), []);
    assert_eq!(config.created().unwrap().as_second(), 1_714_557_600);
    assert_eq!(config.platform().to_string(), "linux/amd64");
}

#[test]
fn what_cannot_run_here_is_refused() {
    let many = format!(
        "[{}]",
        vec![format!("\"{}\"", Digest::of("")); 501].join(",")
    );
    for wrong in [
        text("windows", "layers", "[]"),
        text("linux", "windows", "[]"),
        text("linux", "layers", "[\"sha256:1\"]"),
        text("linux", "layers", "[\"../../etc\"]"),
        text("linux", "layers", &many),
        String::new(),
        "[]".to_owned(),
    ] {
        assert!(Configuration::parse(wrong.as_bytes()).is_err(), "{wrong}");
    }
}

#[test]
fn a_chain_id_is_of_all_layers_below() {
    let (one, two) = (Digest::of("1"), Digest::of("2"));
    let ids = format!("[\"{one}\",\"{two}\"]");
    let config = Configuration::parse(text("linux", "layers", &ids).as_bytes()).unwrap();
    assert_eq!(config.chain_ids().unwrap(), [one, one.chain(&two)]);
}

#[test]
fn the_year_one_is_no_time() {
    assert_eq!(time("0001-01-01T00:00:00Z"), None);
    assert_eq!(time("yesterday"), None);
    assert!(time("1970-01-01T00:00:00Z").is_some());
}

/// Each row is a part of a configuration in another writing, and what is read there; `None` is refused.
#[test]
fn a_configuration_is_read_as_go_reads_it() {
    let host = Platform::host();
    let architecture = host.architecture.as_str();
    let os = |c: &Configuration| c.os.clone();
    let built = |c: &Configuration| c.architecture.clone();
    let steps = |c: &Configuration| format!("{}", c.history.iter().flatten().count());
    type Show<'a> = &'a dyn Fn(&Configuration) -> String;
    let cases: &[(&str, Show<'_>, Option<&str>)] = &[
        (r#""os":"linux""#, &os, Some("linux")),
        (r#""os":"Linux""#, &os, Some("linux")),
        (r#""OS":"linux""#, &os, Some("linux")),
        (r#""os":"""#, &os, Some("linux")),
        (r#""os":null"#, &os, Some("linux")),
        (r#""x":1"#, &os, Some("linux")),
        (r#""os":"windows""#, &os, None),
        (r#""os":"windows","os":"linux""#, &os, Some("linux")),
        (r#""os":1"#, &os, None),
        (r#""architecture":"""#, &built, Some(architecture)),
        (r#""architecture":null"#, &built, Some(architecture)),
        (r#""architecture":"x86_64""#, &built, Some("x86_64")),
        (
            r#""variant":null,"created":null,"author":null,"config":null,"history":null"#,
            &built,
            Some(architecture),
        ),
        (
            r#""created":"yesterday""#,
            &|c| format!("{:?}", c.created()),
            Some("None"),
        ),
        (r#""created":1"#, &os, None),
        (r#""history":[]"#, &steps, Some("0")),
        (
            r#""history":[null,{"empty_layer":null,"created":""}]"#,
            &steps,
            Some("2"),
        ),
        (r#""history":{}"#, &steps, None),
        (r#""rootfs":null"#, &os, Some("linux")),
        (
            r#""rootfs":{"type":null,"diff_ids":null}"#,
            &os,
            Some("linux"),
        ),
        (r#""rootfs":{"type":"","diff_ids":[]}"#, &os, Some("linux")),
        (r#""rootfs":{"type":"windows"}"#, &os, None),
        (r#""rootfs":{"diff_ids":[null]}"#, &os, None),
        (r#""rootfs":{"diff_ids":"x"}"#, &os, None),
        (r#""rootfs":[]"#, &os, None),
        (
            r#""container_config":{"Cmd":1},"id":7,"throwaway":true"#,
            &os,
            Some("linux"),
        ),
    ];
    for (text, show, expected) in cases {
        let read = Configuration::parse(format!("{{{text}}}").as_bytes());
        let shown = read.as_ref().ok().map(show);
        assert_eq!(shown.as_deref(), *expected, "{text}: {read:?}");
    }
}

#[test]
fn a_process_is_read_as_go_reads_it() {
    let cases: &[(&str, Option<&str>)] = &[
        ("{}", Some("{}")),
        ("null", Some("null")),
        (
            r#"{"User":null,"Tty":null,"StopTimeout":null,"Env":null,"Labels":null,"Healthcheck":null}"#,
            Some("{}"),
        ),
        (r#"{"Cmd":["a",null]}"#, Some(r#"{"Cmd":["a",""]}"#)),
        (r#"{"Cmd":"a b"}"#, Some(r#"{"Cmd":["a b"]}"#)),
        (r#"{"Cmd":[]}"#, Some(r#"{"Cmd":[]}"#)),
        (r#"{"cmd":["a"]}"#, Some(r#"{"Cmd":["a"]}"#)),
        (r#"{"Cmd":1}"#, None),
        (r#"{"Cmd":[1]}"#, None),
        (r#"{"Entrypoint":"a"}"#, Some(r#"{"Entrypoint":["a"]}"#)),
        (r#"{"Entrypoint":[""]}"#, Some("{}")),
        (
            r#"{"Entrypoint":["",""]}"#,
            Some(r#"{"Entrypoint":["",""]}"#),
        ),
        (r#"{"Shell":"sh"}"#, Some(r#"{"Shell":["sh"]}"#)),
        (r#"{"Env":["A=1",""]}"#, Some(r#"{"Env":["A=1",""]}"#)),
        (r#"{"Env":"A=1"}"#, None),
        (r#"{"Env":{"A":"1"}}"#, None),
        (r#"{"OnBuild":"x"}"#, None),
        (
            r#"{"ExposedPorts":{"80/tcp":null,"81/tcp":[],"82/tcp":{"x":1}}}"#,
            Some(r#"{"ExposedPorts":{"80/tcp":{},"81/tcp":{},"82/tcp":{}}}"#),
        ),
        (r#"{"ExposedPorts":["80/tcp"]}"#, None),
        (
            r#"{"Volumes":{"/a":null}}"#,
            Some(r#"{"Volumes":{"/a":{}}}"#),
        ),
        (r#"{"Volumes":[]}"#, None),
        (
            r#"{"Labels":{"a":null,"b":""}}"#,
            Some(r#"{"Labels":{"a":"","b":""}}"#),
        ),
        (r#"{"Labels":{"a":1}}"#, None),
        (r#"{"Labels":[]}"#, None),
        (r#"{"StopTimeout":10.0}"#, Some(r#"{"StopTimeout":10}"#)),
        (r#"{"StopTimeout":"10"}"#, None),
        (r#"{"Tty":1}"#, None),
        (r#"{"User":1000}"#, None),
        (r#"{"Healthcheck":{}}"#, Some(r#"{"Healthcheck":{}}"#)),
        (
            r#"{"HealthCheck":{"test":null,"INTERVAL":3e9,"Retries":null}}"#,
            Some(r#"{"Healthcheck":{"Interval":3000000000}}"#),
        ),
        (
            r#"{"Healthcheck":{"Test":["NONE"],"New":1}}"#,
            Some(r#"{"Healthcheck":{"Test":["NONE"]}}"#),
        ),
        (r#"{"Healthcheck":{"Test":"curl"}}"#, None),
        (r#"{"Healthcheck":{"Interval":"30s"}}"#, None),
        (r#"{"Healthcheck":[]}"#, None),
    ];
    for (text, expected) in cases {
        let read = Configuration::parse(format!("{{\"config\":{text}}}").as_bytes());
        let shown = read
            .as_ref()
            .ok()
            .map(|config| set_fields(config.config.as_ref()));
        let expected: Option<serde_json::Value> =
            expected.map(|text| serde_json::from_str(text).unwrap());
        assert_eq!(shown, expected, "{text}: {read:?}");
    }
}

/// What is set, as JSON.
fn set_fields(process: Option<&Process>) -> serde_json::Value {
    let zero = serde_json::to_value(Process::default()).unwrap();
    let mut shown = serde_json::to_value(process).unwrap();
    if let Some(fields) = shown.as_object_mut() {
        fields.retain(|key, value| zero.get(key) != Some(value));
    }
    shown
}

#[test]
fn what_is_wrong_is_named_by_its_place() {
    let error = Configuration::parse(br#"{"config":{"Env":["A=1",2]}}"#).unwrap_err();
    let error = error.to_string();
    assert!(
        error.contains("config.Env[1]: a number, where a text belongs"),
        "{error}"
    );
}
