//! Expressions.

use super::State;
use crate::error::Result;
use crate::item::Item;
use crate::literal::Number;
use crate::node::{Command, Operand, Pipe, Place, Term};
use crate::print::quote;
use crate::value::{Struct, Value};

/// What comes after the name of a function or field: its operands, and what the pipe brings.
pub(super) struct Given<'t> {
    pub(super) operands: &'t [Operand],
    pub(super) piped: Option<Item>,
}

impl Given<'_> {
    pub(super) const NOTHING: Given<'static> = Given {
        operands: &[],
        piped: None,
    };

    pub(super) fn count(&self) -> usize {
        self.operands.len() + usize::from(self.piped.is_some())
    }
}

impl<'t> State<'t, '_> {
    /// The value of the last command, which is given to the pipeline's variables.
    pub(super) fn pipeline(&mut self, dot: &Item, pipe: &'t Pipe) -> Result<Item> {
        self.place = Some(Place::Pipe(pipe));
        self.depth += 1;
        let mut piped = None;
        for command in &pipe.commands {
            piped = Some(self.command(dot, command, piped)?.open());
        }
        self.depth -= 1;
        let item = piped.unwrap_or(Item::Missing);
        for name in &pipe.variables {
            if pipe.assign {
                self.assign(name, item.clone())?;
            } else {
                self.variables.push((name, item.clone()));
            }
        }
        Ok(item)
    }

    pub(super) fn assign(&mut self, name: &str, item: Item) -> Result<()> {
        let mut known = self.variables.iter_mut().rev();
        match known.find(|(known, _)| *known == name) {
            Some((_, value)) => *value = item,
            None => return self.fail(format!("undefined variable: {name}")),
        }
        Ok(())
    }

    fn command(&mut self, dot: &Item, command: &'t Command, piped: Option<Item>) -> Result<Item> {
        self.step()?;
        let first = &command.operands[0];
        let given = Given {
            operands: &command.operands[1..],
            piped,
        };
        match &first.term {
            Term::Field(fields) => {
                self.place = Some(Place::Operand(first));
                self.fields(dot, dot.clone(), first, fields, given)
            }
            Term::Chain(inner, fields) => self.chain(dot, first, inner, fields, given),
            Term::Function(name) => {
                self.place = Some(Place::Operand(first));
                self.function(dot, Place::Command(command), name, given)
            }
            Term::Pipe(pipe) => {
                self.no_function(first, &given)?;
                self.pipeline(dot, pipe)
            }
            Term::Variable(names) => self.variable(dot, first, names, given),
            _ => {
                self.place = Some(Place::Operand(first));
                self.no_function(first, &given)?;
                self.literal(dot, first)
            }
        }
    }

    fn no_function(&self, operand: &Operand, given: &Given<'t>) -> Result<()> {
        if given.count() > 0 {
            return self.fail(format!("can't give argument to non-function {operand}"));
        }
        Ok(())
    }

    fn literal(&mut self, dot: &Item, operand: &'t Operand) -> Result<Item> {
        match &operand.term {
            Term::Bool(value) => Ok(Item::Plain(Value::Bool(*value))),
            Term::Dot => Ok(dot.clone()),
            Term::Nil => self.fail("nil is not a command".to_owned()),
            Term::Number(number) => self.constant(operand, number),
            Term::String { text, .. } => Ok(Item::Plain(Value::from(text.as_str()))),
            _ => self.fail(format!(
                "can't evaluate command {}",
                quote(&operand.to_string())
            )),
        }
    }

    /// A number whose type nothing but its own text tells.
    pub(super) fn constant(&mut self, operand: &'t Operand, number: &Number) -> Result<Item> {
        self.place = Some(Place::Operand(operand));
        match (number.float, number.int) {
            (Some(float), _) if number.is_float() => Ok(Item::Plain(Value::Float(float))),
            (_, Some(int)) => Ok(Item::Plain(Value::Int(int))),
            _ => self.fail(format!("{} overflows int", number.text)),
        }
    }

    pub(super) fn variable(
        &mut self,
        dot: &Item,
        operand: &'t Operand,
        names: &'t [String],
        given: Given<'t>,
    ) -> Result<Item> {
        self.place = Some(Place::Operand(operand));
        let (name, fields) = (&names[0], &names[1..]);
        let mut known = self.variables.iter().rev();
        let Some((_, item)) = known.find(|(known, _)| known == name) else {
            return self.fail(format!("undefined variable: {name}"));
        };
        let item = item.clone();
        if fields.is_empty() {
            self.no_function(operand, &given)?;
            return Ok(item);
        }
        self.fields(dot, item, operand, fields, given)
    }

    pub(super) fn chain(
        &mut self,
        dot: &Item,
        operand: &'t Operand,
        inner: &'t Operand,
        fields: &'t [String],
        given: Given<'t>,
    ) -> Result<Item> {
        self.place = Some(Place::Operand(operand));
        let receiver = self.operand(dot, inner)?;
        self.fields(dot, receiver, operand, fields, given)
    }

    /// `.A.B.C`: only the last one can take arguments.
    pub(super) fn fields(
        &mut self,
        dot: &Item,
        receiver: Item,
        operand: &'t Operand,
        fields: &'t [String],
        given: Given<'t>,
    ) -> Result<Item> {
        let Some((last, path)) = fields.split_last() else {
            return Ok(receiver);
        };
        let mut receiver = receiver;
        for name in path {
            receiver = self.field(dot, receiver, operand, name, Given::NOTHING)?;
        }
        self.field(dot, receiver, operand, last, given)
    }

    fn field(
        &mut self,
        dot: &Item,
        receiver: Item,
        operand: &'t Operand,
        name: &str,
        given: Given<'t>,
    ) -> Result<Item> {
        let kind = receiver.kind();
        let value = match &receiver {
            Item::Missing if self.options.missing_key_fails => {
                return self.fail(format!("nil data; no entry for key {}", quote(name)));
            }
            Item::Missing => return Ok(Item::Missing),
            Item::Boxed(Value::Nil) | Item::Plain(Value::NilPointer | Value::Nil) => {
                return self.fail(format!("nil pointer evaluating {kind}.{name}"));
            }
            Item::Plain(value) | Item::Boxed(value) => value,
        };
        match value {
            Value::Struct(record) => match self.record_field(record, name) {
                Some(Value::Method(method)) => self.method(dot, operand, method, name, given),
                Some(field) => {
                    self.no_arguments(record, name, &given)?;
                    Ok(Item::field(field))
                }
                None => self.fail(format!("can't evaluate field {name} in type {kind}")),
            },
            Value::Map(map) => match map.entries.get(name) {
                Some(Value::Method(method)) => self.method(dot, operand, method, name, given),
                _ if given.count() > 0 => {
                    self.fail(format!("{name} is not a method but has arguments"))
                }
                Some(item) => Ok(Item::element(item, &map.element)),
                None if self.options.missing_key_fails => {
                    self.fail(format!("map has no entry for key {}", quote(name)))
                }
                None => Ok(Item::Missing),
            },
            _ => self.fail(format!("can't evaluate field {name} in type {kind}")),
        }
    }

    fn record_field<'r>(&self, record: &'r Struct, name: &str) -> Option<&'r Value> {
        let other = || self.options.names.iter().find(|(go, _)| *go == name);
        record.field(name).or_else(|| record.field(other()?.1))
    }

    fn no_arguments(&self, record: &Struct, name: &str, given: &Given<'t>) -> Result<()> {
        let count = given.count();
        if count == 0 {
            return Ok(());
        }
        self.fail(if record.methods {
            format!("wrong number of args for {name}: want 0 got {count}")
        } else {
            format!("{name} has arguments but cannot be invoked as function")
        })
    }
}
