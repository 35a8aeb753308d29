//! Docker's lists: `images`, `ps`, `volume ls` and the like.
//!
//! ```
//! use template::list::{Format, Kind, Row};
//!
//! const IMAGES: Kind = Kind {
//!     name: "*formatter.imageContext",
//!     headers: &[("ID", "IMAGE ID"), ("Tag", "TAG")],
//!     labels: false,
//!     table: "table {{.ID}}\t{{.Tag}}",
//!     raw: None,
//!     quiet: "{{.ID}}",
//!     raw_quiet: None,
//! };
//!
//! let format = Format::choose(&IMAGES, None, false);
//! let rows = [Row::new(&IMAGES).with("ID", "ab12").with("Tag", "latest")];
//! let mut out = Vec::new();
//! format.write(&IMAGES, &rows, &mut out).unwrap();
//! assert_eq!(out, b"IMAGE ID   TAG\nab12       latest\n");
//! ```

use std::collections::BTreeMap;
use std::io::Write;
use std::sync::Arc;

use tabwriter::TabWriter;

use crate::exec::Options;
use crate::value::{Map, Method, Struct, Value};
use crate::{Error, Result, Template};

/// What a list is of: its columns, and the formats that have names.
#[derive(Clone, Copy, Debug)]
pub struct Kind {
    /// Docker's name of the type of a row, which is in the error for an unknown field.
    pub name: &'static str,
    /// The header above each field, in a table.
    pub headers: &'static [(&'static str, &'static str)],
    /// Whether rows have the method `.Label "key"`; its header is the last part of the key.
    pub labels: bool,
    /// The format of the default table, with `table ` before it.
    pub table: &'static str,
    /// The format behind `--format raw`, where Docker has it. Elsewhere `raw` is a template like any other.
    pub raw: Option<&'static str>,
    /// The format of `--quiet`.
    pub quiet: &'static str,
    /// The format of `--quiet --format raw`.
    pub raw_quiet: Option<&'static str>,
}

/// A format, chosen and not yet parsed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Format(String);

impl Format {
    /// The format that `--format` and `--quiet` ask for: a named one, or the template itself, which overrules `--quiet`.
    /// An empty `--format` is none.
    pub fn choose(kind: &Kind, source: Option<&str>, quiet: bool) -> Self {
        let text = match source.unwrap_or_default() {
            "" | "table" if quiet => kind.quiet,
            "" | "table" => kind.table,
            "raw" if quiet => kind.raw_quiet.or(kind.raw).unwrap_or("raw"),
            "raw" => kind.raw.unwrap_or("raw"),
            custom => custom,
        };
        Self(text.to_owned())
    }

    /// Whether it is a table, with a header.
    pub fn is_table(&self) -> bool {
        self.0.starts_with("table")
    }

    /// Whether the text is in the format, such as `.Size`, which costs much to find out.
    pub fn contains(&self, text: &str) -> bool {
        self.0.contains(text)
    }

    /// The format with more behind it: `images --digests` adds a column to a table that lacks it.
    #[must_use]
    pub fn and(self, more: &str) -> Self {
        Self(self.0 + more)
    }

    /// The template: a shell passes on `\t` and `\n` as they were typed.
    fn template(&self) -> Result<Template> {
        let text = match &*self.0 {
            "json" => "{{json .}}",
            format => format.strip_prefix("table").unwrap_or(format),
        };
        let text = text.trim_matches(' ');
        Template::parse(&text.replace("\\t", "\t").replace("\\n", "\n"))
    }

    /// Writes the rows, each on its line; nothing at all if one of them fails.
    pub fn write(&self, kind: &Kind, rows: &[Row], out: &mut impl Write) -> Result<()> {
        let template = self.template()?;
        let mut lines = String::new();
        for row in rows {
            let row = Value::Struct(Arc::clone(&row.0));
            template.render_into(&row, Options::default(), &mut lines)?;
            lines.push('\n');
        }
        if !self.is_table() {
            return Ok(out.write_all(lines.as_bytes())?);
        }
        let mut table = String::new();
        let options = Options {
            header: true,
            ..Options::default()
        };
        // Docker shows as much of a header as there is: `{{printf "%d" .Size}}` suits a row and not a word.
        match template.render_into(&kind.header(), options, &mut table) {
            Ok(()) | Err(Error::Execute(_)) => table.push('\n'),
            Err(error) => return Err(error),
        }
        table.push_str(&lines);
        align(&table, out)
    }
}

/// Aligns columns as Docker does: 10 characters at least, of which 3 or more are spaces.
fn align(table: &str, out: &mut impl Write) -> Result<()> {
    let mut aligned = TabWriter::new(out).minwidth(7).padding(3);
    aligned.write_all(table.as_bytes())?;
    aligned.flush()?;
    Ok(())
}

impl Kind {
    fn header(&self) -> Value {
        let headers = self.headers.iter();
        let mut entries: BTreeMap<String, Value> = headers
            .map(|(field, header)| ((*field).to_owned(), Value::from(*header)))
            .collect();
        if self.labels {
            entries.insert("Label".to_owned(), Value::Method(Method::new(label_header)));
        }
        Value::Map(Arc::new(Map {
            element: crate::Kind::String,
            entries,
            nil: false,
        }))
    }
}

/// `com.docker.some-thing` stands above its column as `some thing`.
fn label_header(key: &str) -> String {
    key.rsplit('.')
        .next()
        .unwrap_or(key)
        .replace(['-', '_'], " ")
}

/// One row: its fields by name.
#[derive(Clone, Debug)]
pub struct Row(Arc<Struct>);

impl Row {
    /// A row without fields.
    pub fn new(kind: &Kind) -> Self {
        Self(Arc::new(Struct {
            name: kind.name.into(),
            methods: true,
            omitted: Vec::new(),
            fields: Vec::with_capacity(kind.headers.len()),
        }))
    }

    /// The row with one more field. Docker's rows have texts in nearly all of them.
    #[must_use]
    pub fn with(mut self, field: &str, value: impl Into<Value>) -> Self {
        let fields = &mut Arc::make_mut(&mut self.0).fields;
        fields.push((field.into(), value.into()));
        self
    }

    /// The row with the method `.Label`, which knows these labels.
    #[must_use]
    pub fn with_labels(self, labels: BTreeMap<String, String>) -> Self {
        let find = move |key: &str| labels.get(key).cloned().unwrap_or_default();
        self.with("Label", Value::Method(Method::new(find)))
    }
}

impl From<Method> for Value {
    fn from(method: Method) -> Self {
        Self::Method(method)
    }
}
