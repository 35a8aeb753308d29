//! Docker's `inspect`: JSON of all elements, or a template for each.

use std::io::Write;

use crate::exec::Options;
use crate::{Error, Result, Template, Value};

/// Go's names of the fields that Docker's JSON calls otherwise. Templates may use either.
const GO_NAMES: &[(&str, &str)] = &[
    ("AuxAddress", "AuxiliaryAddresses"),
    ("CPUCount", "CpuCount"),
    ("CPUPercent", "CpuPercent"),
    ("CPUPeriod", "CpuPeriod"),
    ("CPUQuota", "CpuQuota"),
    ("CPURealtimePeriod", "CpuRealtimePeriod"),
    ("CPURealtimeRuntime", "CpuRealtimeRuntime"),
    ("CPUShares", "CpuShares"),
    ("DNS", "Dns"),
    ("DNSOptions", "DnsOptions"),
    ("DNSSearch", "DnsSearch"),
    ("HostIP", "HostIp"),
    ("ID", "Id"),
    ("NanoCPUs", "NanoCpus"),
];

/// How `inspect` writes its elements.
#[derive(Clone, Debug)]
pub enum Format {
    /// No `--format`: an array, indented.
    Indented,
    /// `--format json`: an array on one line.
    Json,
    /// A template, whose output for each element ends with a newline.
    Template(Template),
}

impl Format {
    /// Reads `--format`; none and an empty one are the same.
    pub fn parse(source: &str) -> Result<Self> {
        Ok(match source {
            "" => Self::Indented,
            "json" => Self::Json,
            text => Self::Template(Template::parse(text)?),
        })
    }

    /// Writes the elements. A template's first error is returned once all others are written, as Docker has it; if it
    /// failed for all of them there is an empty line.
    pub fn write(&self, elements: &[Value], out: &mut impl Write) -> Result<()> {
        let template = match self {
            Self::Indented => return write_array(elements, Value::to_json_indented, out),
            Self::Json => return write_array(elements, Value::to_json, out),
            Self::Template(template) => template,
        };
        let mut text = String::new();
        let mut failed = None;
        for element in elements {
            match render(template, element) {
                Ok(line) => text.extend([&line, "\n"]),
                Err(error) => failed = failed.or(Some(error)),
            }
        }
        if text.is_empty() {
            text.push('\n');
        }
        out.write_all(text.as_bytes())?;
        failed.map_or(Ok(()), Err)
    }
}

fn write_array(elements: &[Value], json: fn(&Value) -> String, out: &mut impl Write) -> Result<()> {
    let array = json(&Value::list(elements.to_vec()));
    writeln!(out, "{array}").map_err(Error::from)
}

/// A template that asks for what the struct lacks gets a second try on the plain JSON, whose keys Docker's users know
/// from the output without `--format`. A key that is not there either is an error.
fn render(template: &Template, element: &Value) -> Result<String> {
    let typed = Options {
        names: GO_NAMES,
        ..Options::default()
    };
    match template.render_with(element, typed) {
        Err(Error::Execute(_)) => template.render_with(
            &element.untyped(),
            Options {
                missing_key_fails: true,
                ..Options::default()
            },
        ),
        result => result,
    }
}
