//! Go's text/template, as Docker's `--format` uses it.
//!
//! ```
//! use serde_json::json;
//! use template::{Template, Value};
//!
//! let image = Value::from(json!({"ID": "ab12", "Tags": ["latest", "1.36"]}));
//! let template = Template::parse("{{.ID}}: {{join .Tags \", \"}}").unwrap();
//! assert_eq!(template.render(&image).unwrap(), "ab12: latest, 1.36");
//! ```
//!
//! Three layers, of which a command uses the highest that fits:
//!
//! - [`list`] writes Docker's lists: tables with headers, `--format json`, one line by a template for each row;
//! - [`inspect`] writes what `docker inspect` writes;
//! - [`Template`] is the language itself, over [`Value`]s.
//!
//! # What of Go is there
//!
//! The whole language of Go 1.24: actions, pipelines, variables, `if`, `range` (over slices, maps and integers), `with`,
//! `else if`, `else with`, `break`, `continue`, `define`, `template`, `block`, comments, trim markers; all of Go's
//! functions and Docker's `json`, `join`, `split`, `upper`, `lower`, `title`, `pad` and `truncate`. Values print as
//! Go's `fmt` prints them, and errors read as Go's.
//!
//! # What differs
//!
//! - Refused with an error: imaginary and hexadecimal floating-point literals, string literals that are not UTF-8.
//!   `call` finds no function to call.
//! - Strings are UTF-8 throughout: `slice` and `truncate` leave out a character that they would cut, where Go prints a
//!   part of its bytes.
//! - All signed integers are `int` and all unsigned ones `uint64`, also in messages that name the type. There are no
//!   pointers but nil ones, whose type's name is lost: a struct behind one prints as the struct, never as an address.
//! - `printf` has no `%x` and `%b` for floats and no `%p`: it says `%!x(float64=1.5)`, as for any verb that does not fit.
//! - [`inspect`]'s second try keeps numbers numbers, where Docker's client has texts of the type `json.Number`.
//! - `join` takes any slice and any map, as Docker's client does since version 29.
//! - `slice` ends at a slice's length; Go's capacity, which reaches further, is an accident of its decoder.
//! - [Limits](self#limits) hold where Go would run on.
//!
//! # Limits
//!
//! A megabyte of text, 100 levels of nesting, 200 through `template` calls, five million steps, 64 megabytes of output: each is
//! an error, so that no template can exhaust the stack or the memory.
//!
//! | file | what it holds |
//! |---|---|
//! | `lex.rs`, `parse.rs`, `parse/`, `literal.rs`, `node.rs` | from text to nodes |
//! | `exec.rs`, `exec/`, `item.rs` | executing the nodes |
//! | `functions.rs`, `functions/` | what templates can call |
//! | `print.rs`, `print/` | Go's `fmt` |
//! | `value.rs`, `kind.rs`, `typed.rs`, `json.rs` | values, their types, from serde, to JSON |
//! | `list.rs`, `inspect.rs` | Docker's two uses of it |

mod error;
mod exec;
mod functions;
pub mod inspect;
mod item;
mod json;
mod kind;
mod lex;
mod limits;
pub mod list;
mod literal;
mod node;
mod parse;
mod print;
mod typed;
mod value;

pub use error::{Error, Result};
pub use kind::Kind;
pub use typed::{nil_map, nil_slice};
pub use value::{List, Map, Method, Struct, Value};

use exec::Options;
use node::Trees;

/// A parsed template.
#[derive(Clone, Debug)]
pub struct Template {
    text: String,
    trees: Trees,
}

impl Template {
    /// Parses a template; what its text defines by `define` and `block` belongs to it.
    pub fn parse(text: &str) -> Result<Self> {
        Ok(Self {
            trees: parse::parse(text)?,
            text: text.to_owned(),
        })
    }

    /// The template's output for a value.
    pub fn render(&self, data: &Value) -> Result<String> {
        self.render_with(data, Options::default())
    }

    fn render_with(&self, data: &Value, options: Options) -> Result<String> {
        let mut out = String::new();
        self.render_into(data, options, &mut out)?;
        Ok(out)
    }

    /// What was written before an error stays in `out`.
    fn render_into(&self, data: &Value, options: Options, out: &mut String) -> Result<()> {
        exec::execute(&self.text, &self.trees, options, data, out)
    }
}
