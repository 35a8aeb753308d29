//! Executing: walking the nodes, writing the output.

mod call;
mod evaluate;

use std::sync::Arc;

use crate::error::{Error, Result};
use crate::item::Item;
use crate::limits;
use crate::node::{Branch, Call, Node, Place, Trees};
use crate::print::{plain, quote};
use crate::value::Value;

/// What happens where Go has an option.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Options {
    /// A key that a map lacks is an error, not `<no value>`.
    pub(crate) missing_key_fails: bool,
    /// The text functions leave their text as it is: for the header of a table.
    pub(crate) header: bool,
    /// Other names of fields: what a struct lacks under the first it may have under the second.
    pub(crate) names: &'static [(&'static str, &'static str)],
}

/// Executes the template without a name. What was written before an error is there.
pub(crate) fn execute(
    text: &str,
    trees: &Trees,
    options: Options,
    data: &Value,
    out: &mut String,
) -> Result<()> {
    let root = trees.get("").map_or(&[][..], Vec::as_slice);
    let dot = Item::Plain(data.clone()).nil_is_missing();
    let mut state = State {
        text,
        trees,
        options,
        name: "",
        variables: vec![("$", dot.clone())],
        place: None,
        depth: 0,
        steps: 0,
        start: out.len(),
        out,
    };
    state.walk(&dot, root).map(|_| ())
}

impl Item {
    fn nil_is_missing(self) -> Self {
        match self {
            Self::Plain(Value::Nil) => Self::Missing,
            other => other,
        }
    }
}

struct State<'t, 'o> {
    text: &'t str,
    trees: &'t Trees,
    options: Options,
    /// The template that is being executed.
    name: &'t str,
    variables: Vec<(&'t str, Item)>,
    /// The node that was looked at last, for errors.
    place: Option<Place<'t>>,
    /// How many lists of nodes and pipelines are around, in all templates that have called each other.
    depth: usize,
    steps: usize,
    start: usize,
    out: &'o mut String,
}

/// How a list of nodes was left.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Flow {
    Through,
    Break,
    Continue,
}

impl<'t> State<'t, '_> {
    fn walk(&mut self, dot: &Item, nodes: &'t [Node]) -> Result<Flow> {
        self.depth += 1;
        let flow = self.nodes(dot, nodes);
        self.depth -= 1;
        flow
    }

    fn nodes(&mut self, dot: &Item, nodes: &'t [Node]) -> Result<Flow> {
        for node in nodes {
            self.step()?;
            let flow = match node {
                Node::Text(text) => self.write(text)?,
                Node::Action(pipe) => {
                    let item = self.pipeline(dot, pipe)?;
                    if pipe.variables.is_empty() {
                        self.print(&item)?;
                    }
                    Flow::Through
                }
                Node::If(branch) => self.branch(dot, branch, false)?,
                Node::With(branch) => self.branch(dot, branch, true)?,
                Node::Range(branch) => self.range(dot, branch)?,
                Node::Template(call) => self.template(dot, call)?,
                Node::Break => Flow::Break,
                Node::Continue => Flow::Continue,
            };
            if flow != Flow::Through {
                return Ok(flow);
            }
        }
        Ok(Flow::Through)
    }

    fn branch(&mut self, dot: &Item, branch: &'t Branch, with: bool) -> Result<Flow> {
        let scope = self.variables.len();
        let item = self.pipeline(dot, &branch.pipe)?;
        let flow = if item.is_true() {
            let dot = if with { &item } else { dot };
            self.walk(dot, &branch.body)
        } else {
            self.walk(dot, branch.otherwise.as_deref().unwrap_or_default())
        };
        self.variables.truncate(scope);
        flow
    }

    fn range(&mut self, dot: &Item, range: &'t Branch) -> Result<Flow> {
        let scope = self.variables.len();
        let over = self.pipeline(dot, &range.pipe)?;
        let ran = match over.value() {
            None => false,
            Some(Value::List(list)) => self.turns(
                range,
                list.items.iter().enumerate().map(|(index, item)| {
                    (
                        Item::Plain(Value::Int(index as i64)),
                        Item::element(item, &list.element),
                    )
                }),
            )?,
            Some(Value::Map(map)) => {
                let entries = map.entries.iter();
                let entries = entries.filter(|(_, item)| !matches!(item, Value::Method(_)));
                self.turns(
                    range,
                    entries.map(|(key, item)| {
                        (
                            Item::Plain(Value::from(key.as_str())),
                            Item::element(item, &map.element),
                        )
                    }),
                )?
            }
            Some(number @ (Value::Int(_) | Value::Uint(_))) => self.count(range, number)?,
            Some(other) => {
                return self.fail(format!("range can't iterate over {}", plain(other)));
            }
        };
        let flow = match ran {
            true => Flow::Through,
            false => self.walk(dot, range.otherwise.as_deref().unwrap_or_default())?,
        };
        self.variables.truncate(scope);
        Ok(flow)
    }

    /// A range over a number counts from nought. There is no index beside it.
    fn count(&mut self, range: &'t Branch, number: &Value) -> Result<bool> {
        if range.pipe.variables.len() > 1 {
            return self.fail(format!(
                "can't use {} to iterate over more than one variable",
                plain(number)
            ));
        }
        match *number {
            Value::Int(end) => self.turns(
                range,
                (0..end).map(|n| (Item::Missing, Item::Plain(Value::Int(n)))),
            ),
            Value::Uint(end) => self.turns(
                range,
                (0..end).map(|n| (Item::Missing, Item::Plain(Value::Uint(n)))),
            ),
            _ => Ok(false),
        }
    }

    /// The body once for each; false if there was none.
    fn turns(
        &mut self,
        range: &'t Branch,
        items: impl Iterator<Item = (Item, Item)>,
    ) -> Result<bool> {
        let scope = self.variables.len();
        let mut ran = false;
        for (index, item) in items {
            ran = true;
            self.step()?;
            match (range.pipe.variables.as_slice(), range.pipe.assign) {
                ([], _) => {}
                ([only], true) => self.assign(only, item.clone())?,
                ([first, second, ..], true) => {
                    self.assign(first, index)?;
                    self.assign(second, item.clone())?;
                }
                // They were declared by the pipeline, the item's last.
                ([_], false) => self.variables[scope - 1].1 = item.clone(),
                ([_, _, ..], false) => {
                    self.variables[scope - 1].1 = item.clone();
                    self.variables[scope - 2].1 = index;
                }
            }
            let flow = self.walk(&item, &range.body)?;
            self.variables.truncate(scope);
            if flow == Flow::Break {
                break;
            }
        }
        Ok(ran)
    }

    fn template(&mut self, dot: &Item, call: &'t Call) -> Result<Flow> {
        self.place = Some(Place::Call(call));
        let Some((name, nodes)) = self.trees.get_key_value(&call.name) else {
            return self.fail(format!("template {} not defined", quote(&call.name)));
        };
        if self.depth >= limits::CALLS {
            let most = limits::CALLS;
            return self.fail(format!("exceeded maximum template depth ({most})"));
        }
        let dot = match &call.pipe {
            Some(pipe) => self.pipeline(dot, pipe)?,
            None => Item::Missing,
        };
        // A template sees none of its caller's variables.
        let variables = std::mem::replace(&mut self.variables, vec![("$", dot.clone())]);
        let caller = std::mem::replace(&mut self.name, name);
        self.walk(&dot, nodes)?;
        self.name = caller;
        self.variables = variables;
        Ok(Flow::Through)
    }

    fn print(&mut self, item: &Item) -> Result<Flow> {
        match item {
            Item::Missing => self.write("<no value>"),
            Item::Plain(Value::Method(_)) => self.fail("can't print a method".to_owned()),
            Item::Plain(Value::String(text)) => {
                let text = Arc::clone(text);
                self.write(&text)
            }
            Item::Plain(value) | Item::Boxed(value) => self.write(&plain(value)),
        }
    }

    fn write(&mut self, text: &str) -> Result<Flow> {
        self.out.push_str(text);
        if self.out.len() - self.start > limits::OUTPUT {
            return self.fail(format!(
                "the output is longer than {} bytes",
                limits::OUTPUT
            ));
        }
        Ok(Flow::Through)
    }

    fn step(&mut self) -> Result<()> {
        self.steps += 1;
        if self.steps > limits::STEPS {
            return self.fail(format!("it takes more than {} steps", limits::STEPS));
        }
        Ok(())
    }

    /// An error at the node that was looked at last.
    fn fail<T>(&self, message: String) -> Result<T> {
        let Some(place) = self.place else {
            return Err(Error::Execute(format!("template: : {message}")));
        };
        let before = &self.text[..place.at()];
        let line = 1 + before.matches('\n').count();
        let column = before.len() - before.rfind('\n').map_or(0, |newline| newline + 1);
        let name = quote(self.name);
        Err(Error::Execute(format!(
            "template: :{line}:{column}: executing {name} at <{place}>: {message}"
        )))
    }
}
