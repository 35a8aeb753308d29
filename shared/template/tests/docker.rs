//! Lists and inspection against Docker's own client.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use template::list::{self, Row};
use template::{Error, Value, inspect, nil_map, nil_slice};

/// Written down from `docker` 28.2 (Go 1.24) before a server that answered with fixed images and containers. The rows are
/// those that it gave for `--format json` at the same time. Errors stand without the words that the command put before.
const RECORDED: &str = include_str!("data/docker.json");

#[derive(Deserialize)]
struct Recorded {
    images: Group,
    ps: Group,
    inspect: Group,
}

#[derive(Deserialize)]
struct Group {
    #[serde(default)]
    rows: Vec<BTreeMap<String, serde_json::Value>>,
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    format: Option<String>,
    #[serde(default)]
    quiet: bool,
    output: String,
    error: Option<String>,
}

const IMAGES: list::Kind = list::Kind {
    name: "*formatter.imageContext",
    headers: &[
        ("ID", "IMAGE ID"),
        ("Repository", "REPOSITORY"),
        ("Tag", "TAG"),
        ("Digest", "DIGEST"),
        ("CreatedSince", "CREATED"),
        ("CreatedAt", "CREATED AT"),
        ("Size", "SIZE"),
        ("Containers", "CONTAINERS"),
        ("SharedSize", "SHARED SIZE"),
        ("UniqueSize", "UNIQUE SIZE"),
    ],
    labels: false,
    table: "table {{.Repository}}\t{{.Tag}}\t{{.ID}}\t{{.CreatedSince}}\t{{.Size}}",
    raw: Some(
        "repository: {{.Repository}}\ntag: {{.Tag}}\nimage_id: {{.ID}}\ncreated_at: {{.CreatedAt}}\nvirtual_size: {{.Size}}\n",
    ),
    quiet: "{{.ID}}",
    raw_quiet: Some("image_id: {{.ID}}"),
};

const CONTAINERS: list::Kind = list::Kind {
    name: "*formatter.ContainerContext",
    headers: &[
        ("ID", "CONTAINER ID"),
        ("Names", "NAMES"),
        ("Image", "IMAGE"),
        ("Command", "COMMAND"),
        ("RunningFor", "CREATED"),
        ("State", "STATE"),
        ("Status", "STATUS"),
        ("Ports", "PORTS"),
        ("Labels", "LABELS"),
    ],
    labels: true,
    table: "table {{.ID}}\t{{.Image}}\t{{.Command}}\t{{.RunningFor}}\t{{.Status}}\t{{.Ports}}\t{{.Names}}",
    raw: None,
    quiet: "{{.ID}}",
    raw_quiet: None,
};

fn recorded() -> Recorded {
    serde_json::from_str(RECORDED).unwrap()
}

/// The text that was written, and the error's.
fn outcome(result: Result<(), Error>, out: &[u8]) -> (String, Option<String>) {
    let error = result.err().map(|error| error.to_string());
    (String::from_utf8(out.to_vec()).unwrap(), error)
}

fn compare(cases: &[Case], run: impl Fn(&Case) -> (String, Option<String>)) {
    let mut wrong = Vec::new();
    for case in cases {
        let expected = (case.output.clone(), case.error.clone());
        let found = run(case);
        if found != expected {
            wrong.push(format!(
                "{:?}\n  docker: {expected:?}\n  here:   {found:?}",
                case.format
            ));
        }
    }
    assert!(
        wrong.is_empty(),
        "{} of {} differ:\n{}",
        wrong.len(),
        cases.len(),
        wrong.join("\n")
    );
}

fn compare_list(group: &Group, kind: &list::Kind, finish: fn(Row, &str) -> Row) {
    let rows: Vec<Row> = group
        .rows
        .iter()
        .map(|fields| {
            let mut row = Row::new(kind);
            for (name, value) in fields {
                row = row.with(name, value.clone());
            }
            finish(row, fields["ID"].as_str().unwrap())
        })
        .collect();
    compare(&group.cases, |case| {
        let mut out = Vec::new();
        let format = list::Format::choose(kind, case.format.as_deref(), case.quiet);
        outcome(format.write(kind, &rows, &mut out), &out)
    });
}

#[test]
fn images_are_listed_as_docker_lists_them() {
    let group = recorded().images;
    assert!(group.cases.len() > 60 && group.rows.len() == 4);
    compare_list(&group, &IMAGES, |row, _| row);
}

#[test]
fn containers_are_listed_with_their_labels() {
    let group = recorded().ps;
    assert!(group.cases.len() > 10 && group.rows.len() == 2);
    compare_list(&group, &CONTAINERS, |row, id| {
        let mut labels = BTreeMap::new();
        if id.starts_with('c') {
            labels.insert("com.docker.x-y_z".to_owned(), "v1".to_owned());
            labels.insert("k".to_owned(), "v".to_owned());
        }
        row.with_labels(labels)
    });
}

#[derive(Serialize)]
#[serde(rename = "container.InspectResponse", rename_all = "PascalCase")]
struct Container {
    id: String,
    name: &'static str,
    args: Vec<&'static str>,
    state: State,
    config: Config,
    host_config: HostConfig,
    mounts: Vec<Mount>,
    network_settings: NetworkSettings,
}

#[derive(Serialize)]
#[serde(rename = "container.State", rename_all = "PascalCase")]
struct State {
    status: &'static str,
    running: bool,
    pid: i64,
}

#[derive(Serialize)]
#[serde(rename = "container.Config", rename_all = "PascalCase")]
struct Config {
    env: Vec<&'static str>,
    labels: BTreeMap<&'static str, &'static str>,
    #[serde(serialize_with = "nil_slice")]
    entrypoint: Option<Vec<String>>,
    #[serde(serialize_with = "nil_map")]
    volumes: Option<BTreeMap<String, String>>,
    healthcheck: Option<State>,
}

#[derive(Serialize)]
#[serde(rename = "container.HostConfig", rename_all = "PascalCase")]
struct HostConfig {
    #[serde(serialize_with = "nil_slice")]
    binds: Option<Vec<String>>,
    nano_cpus: i64,
    memory: i64,
}

#[derive(Serialize)]
#[serde(rename = "container.MountPoint", rename_all = "PascalCase")]
struct Mount {
    r#type: &'static str,
    source: &'static str,
    destination: &'static str,
}

#[derive(Serialize)]
#[serde(rename = "container.NetworkSettings", rename_all = "PascalCase")]
struct NetworkSettings {
    ports: BTreeMap<&'static str, Vec<BTreeMap<&'static str, &'static str>>>,
    networks: BTreeMap<&'static str, BTreeMap<&'static str, &'static str>>,
}

fn container() -> Value {
    let port = BTreeMap::from([("HostIp", "0.0.0.0"), ("HostPort", "8080")]);
    let network = BTreeMap::from([("IPAddress", "172.17.0.2")]);
    let container = Container {
        id: "a".repeat(64),
        name: "/web",
        args: vec!["-c", "echo <hi> & bye"],
        state: State {
            status: "running",
            running: true,
            pid: 4711,
        },
        config: Config {
            env: vec!["A=1", "B=2"],
            labels: BTreeMap::from([("x.y", "z"), ("b", "c")]),
            entrypoint: None,
            volumes: None,
            healthcheck: None,
        },
        host_config: HostConfig {
            binds: None,
            nano_cpus: 5,
            memory: 134_217_728,
        },
        mounts: vec![Mount {
            r#type: "bind",
            source: "/a",
            destination: "/b",
        }],
        network_settings: NetworkSettings {
            ports: BTreeMap::from([("80/tcp", vec![port])]),
            networks: BTreeMap::from([("bridge", network)]),
        },
    };
    Value::of(&container).unwrap()
}

#[test]
fn inspection_falls_back_to_the_names_in_the_json() {
    let group = recorded().inspect;
    assert!(group.cases.len() > 30);
    let container = [container()];
    compare(&group.cases, |case| {
        let mut out = Vec::new();
        let format = inspect::Format::parse(case.format.as_deref().unwrap_or_default());
        let result = format.and_then(|format| format.write(&container, &mut out));
        outcome(result, &out)
    });
}

#[test]
fn inspection_without_a_template_is_a_json_array() {
    let elements = [Value::record(
        "x",
        vec![
            ("Id".into(), Value::from("a<b")),
            ("Args".into(), Value::list(vec![Value::from(1), Value::Nil])),
            ("None".into(), Value::list(Vec::new())),
        ],
    )];
    let written = |source: &str, elements: &[Value]| {
        let mut out = Vec::new();
        let format = inspect::Format::parse(source).unwrap();
        format.write(elements, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    };
    let line = "[{\"Id\":\"a<b\",\"Args\":[1,null],\"None\":[]}]\n";
    assert_eq!(written("json", &elements), line);
    let lines = "[\n    {\n        \"Id\": \"a<b\",\n        \"Args\": [\n            1,\n            null\n        ],\n        \"None\": []\n    }\n]\n";
    assert_eq!(written("", &elements), lines);
    assert_eq!(written("", &[]), "[]\n");
    assert_eq!(written("{{.Id}}", &[]), "\n");
}
