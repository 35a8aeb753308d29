//! The engine against Go's own: the same templates on the same values, verified outputs and errors.
//!
//! `data/cases.json` was made by a program in Go 1.19 that parses each template with the functions of Docker's client,
//! executes it, and writes down the output or the error. Its values are `data/documents.json`, decoded into
//! `interface {}` with whole numbers as `int`, and for `typed` a struct with the fields of [`Container`] below. What
//! newer versions of Go do otherwise is left out here and is in `docker.rs`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use template::{Template, Value, nil_map, nil_slice};

#[derive(Deserialize)]
struct Case {
    data: String,
    template: String,
    output: Option<String>,
    error: Option<String>,
}

#[derive(Clone, Serialize)]
#[serde(rename = "main.State")]
struct State {
    #[serde(rename = "Status")]
    status: &'static str,
    #[serde(rename = "Running")]
    running: bool,
    #[serde(rename = "Pid")]
    pid: i64,
    #[serde(rename = "Load")]
    load: f64,
}

#[derive(Clone, Serialize)]
#[serde(rename = "main.Mount")]
struct Mount {
    #[serde(rename = "Type")]
    kind: &'static str,
    #[serde(rename = "Source")]
    source: &'static str,
    #[serde(rename = "RW")]
    rw: bool,
}

#[derive(Serialize)]
#[serde(rename = "main.Container", rename_all = "PascalCase")]
struct Container {
    #[serde(rename = "ID")]
    id: &'static str,
    name: &'static str,
    args: Vec<&'static str>,
    state: State,
    labels: BTreeMap<&'static str, &'static str>,
    mounts: Vec<Mount>,
    health: Option<State>,
    ports: BTreeMap<&'static str, Vec<Mount>>,
    #[serde(serialize_with = "nil_slice")]
    binds: Option<Vec<&'static str>>,
    #[serde(serialize_with = "nil_map")]
    opts: Option<BTreeMap<&'static str, &'static str>>,
    size: u64,
}

fn typed() -> Value {
    let mount = |kind, source, rw| Mount { kind, source, rw };
    let container = Container {
        id: "abc",
        name: "/web",
        args: vec!["-c", "echo <hi> & bye"],
        state: State {
            status: "running",
            running: true,
            pid: 4711,
            load: 1.5,
        },
        labels: BTreeMap::from([("x.y", "z"), ("b", "c")]),
        mounts: vec![mount("bind", "/a", true), mount("volume", "/b", false)],
        health: None,
        ports: BTreeMap::from([("80/tcp", vec![mount("p", "q", false)])]),
        binds: None,
        opts: None,
        size: 7,
    };
    Value::of(&container).unwrap()
}

fn run(template: &str, data: &Value) -> Result<String, String> {
    let parsed = Template::parse(template).map_err(|error| error.to_string())?;
    parsed.render(data).map_err(|error| error.to_string())
}

#[test]
fn outputs_and_errors_are_those_of_go() {
    let documents: BTreeMap<String, serde_json::Value> =
        serde_json::from_str(include_str!("data/documents.json")).unwrap();
    let cases: Vec<Case> = serde_json::from_str(include_str!("data/cases.json")).unwrap();
    let mut wrong = Vec::new();
    for case in &cases {
        let data = match documents.get(&case.data) {
            Some(document) => Value::from(document.clone()),
            None => typed(),
        };
        let expected = match (&case.output, &case.error) {
            (Some(output), None) => Ok(output.clone()),
            (None, Some(error)) => Err(error.clone()),
            _ => panic!("{} has not one outcome", case.template),
        };
        let found = run(&case.template, &data);
        if found != expected {
            wrong.push(format!(
                "{} on {}\n  Go:   {expected:?}\n  here: {found:?}",
                case.template, case.data
            ));
        }
    }
    assert!(cases.len() > 900, "only {} cases", cases.len());
    assert!(
        wrong.is_empty(),
        "{} of {} differ:\n{}",
        wrong.len(),
        cases.len(),
        wrong.join("\n")
    );
}
