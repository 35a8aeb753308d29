//! `images inspect`.

use clap::Args;
use kit::{Error, Result};
use template::Value;
use template::inspect::Format;

use super::Streams;
use crate::find::find;
use crate::inspect::{Inspection, inspect};
use crate::store::Store;
use crate::streams::written;

/// Options of `inspect`.
#[derive(Args, Clone, Debug)]
pub struct Options {
    /// Names, digests, ids or beginnings of ids
    #[arg(value_name = "IMAGE", required = true)]
    images: Vec<String>,

    /// Format output: json, or a Go template such as '{{.Id}}'
    #[arg(
        short,
        long,
        value_name = "TEMPLATE",
        default_value = "",
        hide_default_value = true
    )]
    format: String,
}

/// Shows those that are there, and tells of the others.
pub(super) fn run(options: &Options, store: &Store, streams: &mut Streams<'_>) -> Result<()> {
    let format = Format::parse(&options.format)?;
    let catalog = store.catalog()?;
    let mut found: Vec<Inspection> = Vec::new();
    let mut failure: Option<Error> = None;
    for word in &options.images {
        match find(&catalog, word).and_then(|found| inspect(store, &catalog, found.id())) {
            Ok(inspection) => found.push(inspection),
            Err(error) => {
                if let Some(earlier) = failure.replace(error) {
                    streams.warn(earlier);
                }
            }
        }
    }
    // An image that is there is a struct to a template, whose fields are Docker's.
    let elements: Vec<Value> = found.iter().map(typed).collect::<Result<_>>()?;
    let mut bytes = Vec::new();
    let shown = format.write(&elements, &mut bytes);
    // As in Docker: what a template could make of some is shown, also if it failed for others.
    written(streams.out.write_all(&bytes))?;
    shown?;
    failure.map_or(Ok(()), Err)
}

/// An image as a template sees it: fields that the JSON leaves out where they are empty are there, and empty.
fn typed(inspection: &Inspection) -> Result<Value> {
    let text = || Value::from("");
    let value = Value::of(inspection)?
        .with_omitted("Created", text())
        .with_omitted("Variant", text())
        .with_omitted("OsVersion", text())
        .with_omitted("Container", text())
        .with_omitted("VirtualSize", Value::Uint(inspection.size));
    Ok(value.map_field("Config", |config| {
        config
            .with_omitted("ExposedPorts", Value::nil_map())
            .with_omitted("Healthcheck", Value::NilPointer)
            .with_omitted("ArgsEscaped", Value::Bool(false))
            .with_omitted("StopSignal", text())
            .with_omitted("StopTimeout", Value::NilPointer)
            .with_omitted("Shell", Value::nil_list())
            .map_field("Healthcheck", health)
    }))
}

fn health(check: Value) -> Value {
    let fields = [
        "Interval",
        "Timeout",
        "StartPeriod",
        "StartInterval",
        "Retries",
    ];
    let test = check.with_omitted("Test", Value::nil_list());
    fields.into_iter().fold(test, |check, field| {
        check.with_omitted(field, Value::Int(0))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::simple;

    /// What Docker's client shows of an image that has none of it; its JSON has none of it either.
    #[test]
    fn a_field_that_is_not_set_is_there_and_empty() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::new(dir.path());
        let installed = simple(&store, "app", "x", "");
        let catalog = store.catalog().unwrap();
        let mut inspection = inspect(&store, &catalog, installed.id).unwrap();
        inspection.created = None;
        let shown = |inspection: &Inspection, template: &str| {
            let mut out = Vec::new();
            let format = Format::parse(template).unwrap();
            let written = format.write(&[typed(inspection).unwrap()], &mut out);
            written.map(|()| String::from_utf8(out).unwrap().trim_end().to_owned())
        };
        for (template, expected) in [
            ("{{.Config.Healthcheck}}", "<nil>"),
            ("{{.Config.ExposedPorts}}", "map[]"),
            ("{{json .Config.ExposedPorts}}", "null"),
            ("{{.Config.Shell}}", "[]"),
            ("{{.Config.StopTimeout}}", "<nil>"),
            ("{{.Config.ArgsEscaped}}", "false"),
            (
                "{{.Config.StopSignal}}{{.Variant}}{{.OsVersion}}{{.Container}}.",
                ".",
            ),
            ("{{if .Config.Healthcheck}}a{{else}}b{{end}}", "b"),
            ("{{with .Config.Healthcheck}}{{.Test}}{{end}}.", "."),
            ("{{range .Config.ExposedPorts}}a{{end}}.", "."),
            ("{{len .Config.Volumes}} {{len .Config.OnBuild}}", "0 0"),
            ("{{.Created}}.", "."),
            ("{{.VirtualSize}}", "1"),
        ] {
            assert_eq!(
                shown(&inspection, template).unwrap(),
                expected,
                "{template}"
            );
        }
        for wrong in ["{{.NoSuch}}", "{{.Config.NoSuch}}"] {
            assert!(shown(&inspection, wrong).is_err(), "{wrong}");
        }
        let json = shown(&inspection, "json").unwrap();
        for absent in [
            "Healthcheck",
            "ExposedPorts",
            "Variant",
            "VirtualSize",
            "Created",
        ] {
            assert!(!json.contains(absent), "{json}");
        }
        let process = inspection.config.get_or_insert_default();
        process.healthcheck = Some(Default::default());
        let check = "{{.Config.Healthcheck.Test}} {{.Config.Healthcheck.Interval}}";
        assert_eq!(shown(&inspection, check).unwrap(), "[] 0");
    }
}
