//! What stands inside an action: pipelines, commands, operands.

use super::Parser;
use crate::error::Result;
use crate::functions;
use crate::lex::{Token, What};
use crate::literal::{self, Number};
use crate::node::{Command, Operand, Pipe, Term};
use crate::print::quote;

impl Parser<'_> {
    /// Declarations, then commands with `|` between them, up to `end`, which is taken.
    pub(super) fn pipeline(&mut self, context: &str, end: What) -> Result<Pipe> {
        let mut pipe = Pipe {
            at: self.peek_non_space().at,
            variables: Vec::new(),
            assign: false,
            commands: Vec::new(),
        };
        self.declarations(&mut pipe, context)?;
        loop {
            let start = self.next;
            let token = self.next_non_space();
            match token.what {
                what if what == end => break,
                What::Bool
                | What::CharConstant
                | What::Complex
                | What::Dot
                | What::Field
                | What::Identifier
                | What::Number
                | What::Nil
                | What::RawString
                | What::String
                | What::Variable
                | What::LeftParen => {
                    self.next = start;
                    let command = self.command()?;
                    pipe.commands.push(command);
                }
                _ => return self.unexpected(&token, context),
            }
        }
        self.check(&pipe, context)?;
        Ok(pipe)
    }

    /// `$x :=`, `$x =`, and in a range `$i, $x :=`. A variable that is none of these is an operand.
    fn declarations(&mut self, pipe: &mut Pipe, context: &str) -> Result<()> {
        while self.peek_non_space().what == What::Variable {
            let start = self.next;
            let name = self.advance().text.into_owned();
            let next = self.peek_non_space().clone();
            match next.what {
                What::Assign | What::Declare => {
                    pipe.assign = next.what == What::Assign;
                    self.advance();
                    self.declare(pipe, name);
                    return Ok(());
                }
                What::Char if next.text == "," => {
                    self.advance();
                    self.declare(pipe, name);
                    if context != "range" || pipe.variables.len() > 1 {
                        return self.fail(format!("too many declarations in {context}"));
                    }
                    let after = self.peek_non_space().what;
                    if !matches!(after, What::Variable | What::RightDelim | What::RightParen) {
                        return self.fail("range can only initialize variables".to_owned());
                    }
                }
                _ => {
                    self.next = start;
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    fn declare(&mut self, pipe: &mut Pipe, name: String) {
        let name = name.split('.').next().unwrap_or_default().to_owned();
        self.variables.push(name.clone());
        pipe.variables.push(name);
    }

    fn check(&self, pipe: &Pipe, context: &str) -> Result<()> {
        if pipe.commands.is_empty() {
            return self.fail(format!("missing value for {context}"));
        }
        for (index, command) in pipe.commands.iter().enumerate().skip(1) {
            use Term::*;
            if let Bool(_) | Dot | Nil | Number(_) | String { .. } = command.operands[0].term {
                let stage = index + 1;
                return self.fail(format!("non executable command in pipeline stage {stage}"));
            }
        }
        Ok(())
    }

    /// Operands with spaces between them, up to a `|`, which is taken, or the end, which is not.
    fn command(&mut self) -> Result<Command> {
        let mut command = Command {
            at: self.peek_non_space().at,
            operands: Vec::new(),
        };
        loop {
            self.peek_non_space();
            if let Some(operand) = self.operand()? {
                command.operands.push(operand);
            }
            let token = self.advance();
            match token.what {
                What::Space => {}
                What::RightDelim | What::RightParen => {
                    self.next -= 1;
                    break;
                }
                What::Pipe => break,
                _ => return self.unexpected(&token, "operand"),
            }
        }
        if command.operands.is_empty() {
            return self.fail("empty command".to_owned());
        }
        Ok(command)
    }

    /// A term and the fields behind it.
    fn operand(&mut self) -> Result<Option<Operand>> {
        let Some(operand) = self.term()? else {
            return Ok(None);
        };
        if self.peek().what != What::Field {
            return Ok(Some(operand));
        }
        // Go puts the operand where its second field begins.
        let at = self.peek().at;
        let mut fields = Vec::new();
        while self.peek().what == What::Field {
            fields.push(self.advance().text[1..].to_owned());
        }
        let joined = |first: &[String]| [first, &fields].concat();
        let term = match &operand.term {
            Term::Field(first) => Term::Field(joined(first)),
            Term::Variable(first) => Term::Variable(joined(first)),
            Term::Bool(_) | Term::String { .. } | Term::Number(_) | Term::Nil | Term::Dot => {
                let term = quote(&operand.to_string());
                return self.fail(format!("unexpected . after term {term}"));
            }
            _ => Term::Chain(Box::new(operand), fields),
        };
        Ok(Some(Operand { at, term }))
    }

    fn term(&mut self) -> Result<Option<Operand>> {
        let start = self.next;
        let token = self.next_non_space();
        let term = match token.what {
            What::Identifier => self.function(&token)?,
            What::Dot => Term::Dot,
            What::Nil => Term::Nil,
            What::Variable => self.variable(&token)?,
            What::Field => Term::Field(vec![token.text[1..].to_owned()]),
            What::Bool => Term::Bool(token.text == "true"),
            What::CharConstant | What::Complex | What::Number => {
                Term::Number(Number::parse(&token.text).or_else(|problem| self.fail(problem))?)
            }
            What::LeftParen => Term::Pipe(
                self.deeper(|parser| parser.pipeline("parenthesized pipeline", What::RightParen))?,
            ),
            What::String | What::RawString => Term::String {
                text: literal::unquote(&token.text).or_else(|problem| self.fail(problem))?,
                literal: token.text.to_string(),
            },
            _ => {
                self.next = start;
                return Ok(None);
            }
        };
        // A pipeline in parentheses is where its first token is.
        let at = match &term {
            Term::Pipe(pipe) => pipe.at,
            _ => token.at,
        };
        Ok(Some(Operand { at, term }))
    }

    fn function(&self, token: &Token<'_>) -> Result<Term> {
        if functions::find(&token.text).is_none() {
            let name = quote(&token.text);
            return self.fail(format!("function {name} not defined"));
        }
        Ok(Term::Function(token.text.to_string()))
    }

    fn variable(&self, token: &Token<'_>) -> Result<Term> {
        let name = &*token.text;
        if !self.variables.iter().any(|known| known == name) {
            return self.fail(format!("undefined variable {}", quote(name)));
        }
        Ok(Term::Variable(vec![name.to_owned()]))
    }
}
