//! Calls: a function's arguments, checked against what it takes.

use super::State;
use super::evaluate::Given;
use crate::error::Result;
use crate::functions::{self, Function, Parameter};
use crate::item::Item;
use crate::kind::Kind;
use crate::limits;
use crate::node::{Operand, Place, Term};
use crate::value::{Method, Value};

impl<'t> State<'t, '_> {
    /// Calls the function; `place` is what an error of its own is about.
    pub(super) fn function(
        &mut self,
        dot: &Item,
        place: Place<'t>,
        name: &str,
        given: Given<'t>,
    ) -> Result<Item> {
        let Some(function) = functions::find_in(name, self.options.header) else {
            return self.fail(format!("\"{name}\" is not a defined function"));
        };
        self.check_count(&function, &given)?;
        if matches!(name, "and" | "or") {
            return self.shortcut(dot, name == "or", given);
        }
        let mut arguments = Vec::with_capacity(given.count());
        for (index, operand) in given.operands.iter().enumerate() {
            arguments.push(self.argument(dot, operand, function.parameter(index))?);
        }
        if let Some(piped) = given.piped {
            let parameter = function.parameter(arguments.len());
            arguments.push(self.fit(piped, parameter)?);
        }
        let result = match name {
            "call" => Err(no_function(&arguments[0], given.operands)),
            _ => (function.run)(&arguments),
        };
        match result {
            Ok(item) => self.bounded(name, item),
            Err(problem) => {
                self.place = Some(place);
                self.fail(format!("error calling {name}: {problem}"))
            }
        }
    }

    fn bounded(&self, name: &str, item: Item) -> Result<Item> {
        if let Item::Plain(Value::String(text)) = &item
            && text.len() > limits::OUTPUT
        {
            let most = limits::OUTPUT;
            return self.fail(format!("{name} makes a string longer than {most} bytes"));
        }
        Ok(item)
    }

    fn check_count(&self, function: &Function, given: &Given<'t>) -> Result<()> {
        let (name, wanted, count) = (function.name, function.fixed.len(), given.count());
        if function.rest.is_some() && count < wanted {
            let got = given.operands.len();
            return self.fail(format!(
                "wrong number of args for {name}: want at least {wanted} got {got}"
            ));
        }
        if function.rest.is_none() && count != wanted {
            return self.fail(format!(
                "wrong number of args for {name}: want {wanted} got {count}"
            ));
        }
        Ok(())
    }

    /// `and` and `or` look at no more of their arguments than they must.
    fn shortcut(&mut self, dot: &Item, or: bool, given: Given<'t>) -> Result<Item> {
        let mut last = Item::Missing;
        for operand in given.operands {
            last = self.argument(dot, operand, Parameter::Item)?;
            if last.is_true() == or {
                return Ok(last);
            }
        }
        Ok(given.piped.unwrap_or(last))
    }

    /// A method takes one string.
    pub(super) fn method(
        &mut self,
        dot: &Item,
        operand: &'t Operand,
        method: &Method,
        name: &str,
        given: Given<'t>,
    ) -> Result<Item> {
        let count = given.count();
        if count != 1 {
            return self.fail(format!(
                "wrong number of args for {name}: want 1 got {count}"
            ));
        }
        let argument = match (given.operands.first(), given.piped) {
            (Some(argument), _) => self.argument(dot, argument, Parameter::String)?,
            (None, piped) => self.fit(piped.unwrap_or(Item::Missing), Parameter::String)?,
        };
        self.place = Some(Place::Operand(operand));
        match argument.value() {
            Some(Value::String(text)) => Ok(Item::Plain(method.call(text))),
            _ => self.fail("invalid value; expected string".to_owned()),
        }
    }

    /// What an operand gives where any type will do: the inside of a chain.
    pub(super) fn operand(&mut self, dot: &Item, operand: &'t Operand) -> Result<Item> {
        self.argument(dot, operand, Parameter::Item)
    }

    fn argument(&mut self, dot: &Item, operand: &'t Operand, parameter: Parameter) -> Result<Item> {
        self.step()?;
        self.place = Some(Place::Operand(operand));
        let item = match &operand.term {
            Term::Dot => dot.clone(),
            Term::Nil => return self.nil(parameter),
            Term::Field(fields) => {
                self.fields(dot, dot.clone(), operand, fields, Given::NOTHING)?
            }
            Term::Variable(names) => self.variable(dot, operand, names, Given::NOTHING)?,
            Term::Pipe(pipe) => self.pipeline(dot, pipe)?,
            Term::Function(name) => {
                self.function(dot, Place::Operand(operand), name, Given::NOTHING)?
            }
            Term::Chain(inner, fields) => {
                self.chain(dot, operand, inner, fields, Given::NOTHING)?
            }
            Term::Bool(_) | Term::Number(_) | Term::String { .. } => {
                return self.literal_argument(operand, parameter);
            }
        };
        self.fit(item, parameter)
    }

    fn nil(&self, parameter: Parameter) -> Result<Item> {
        match parameter {
            Parameter::Item => Ok(Item::Missing),
            Parameter::Any => Ok(Item::Boxed(Value::Nil)),
            Parameter::String => self.fail("cannot assign nil to string".to_owned()),
            Parameter::Int => self.fail("cannot assign nil to int".to_owned()),
        }
    }

    fn literal_argument(&mut self, operand: &'t Operand, parameter: Parameter) -> Result<Item> {
        match (&operand.term, parameter) {
            (Term::Number(number), Parameter::Int) if number.int.is_some() => {
                Ok(Item::Plain(Value::Int(number.int.unwrap_or_default())))
            }
            (_, Parameter::Int) => self.fail(format!("expected integer; found {operand}")),
            (Term::String { text, .. }, _) => Ok(Item::Plain(Value::from(text.as_str()))),
            (_, Parameter::String) => self.fail(format!("expected string; found {operand}")),
            (Term::Number(number), _) => self.constant(operand, number),
            (term, _) => Ok(Item::Plain(Value::Bool(matches!(term, Term::Bool(true))))),
        }
    }

    /// Checks a value against the type of the parameter.
    fn fit(&self, item: Item, parameter: Parameter) -> Result<Item> {
        let (wanted, name) = match parameter {
            Parameter::Item => return Ok(item),
            Parameter::Any => return Ok(Item::Plain(item.any())),
            Parameter::String => (Kind::String, "string"),
            Parameter::Int => (Kind::Int, "int"),
        };
        if matches!(item, Item::Missing) {
            return self.fail(format!("invalid value; expected {name}"));
        }
        let kind = item.value().map_or(Kind::Any, Kind::of);
        if kind != wanted {
            return self.fail(format!("wrong type for value; expected {name}; got {kind}"));
        }
        Ok(item.open())
    }
}

/// What `call` says: no value here is a function of any number of arguments.
fn no_function(item: &Item, operands: &[Operand]) -> String {
    let Some(value) = item.value() else {
        return "call of nil".to_owned();
    };
    let kind = Kind::of(value);
    match (operands.first(), value) {
        (Some(operand), _) => format!("non-function {operand} of type {kind}"),
        (None, Value::String(text)) => format!("non-function {text} of type {kind}"),
        (None, _) => format!("non-function <{kind} Value> of type {kind}"),
    }
}
