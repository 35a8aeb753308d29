//! From tokens to nodes, by recursive descent.

mod control;
mod expression;

use std::cell::Cell;

use crate::error::{Error, Result};
use crate::lex::{Token, What, lex};
use crate::limits;
use crate::node::{Node, Trees};

/// Parses the text and the templates that it defines.
pub(crate) fn parse(text: &str) -> Result<Trees> {
    if text.len() > limits::TEXT {
        return Err(Error::Parse(format!(
            "template: :1: the text is longer than {} bytes",
            limits::TEXT
        )));
    }
    let mut parser = Parser {
        tokens: lex(text),
        next: 0,
        furthest: Cell::new(0),
        variables: vec!["$".to_owned()],
        ranges: 0,
        depth: 0,
        action_line: 0,
        trees: Trees::new(),
    };
    let root = parser.root()?;
    parser.define(String::new(), root)?;
    Ok(parser.trees)
}

struct Parser<'t> {
    tokens: Vec<Token<'t>>,
    next: usize,
    /// The furthest token looked at: Go's errors give its line.
    furthest: Cell<usize>,
    /// The names in scope, innermost last.
    variables: Vec<String>,
    /// How many `range` are around.
    ranges: usize,
    /// How many of anything are around.
    depth: usize,
    /// The line on which the present action began, 0 outside of one.
    action_line: usize,
    trees: Trees,
}

/// What ends a list of nodes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Stop {
    End,
    Else,
}

impl Stop {
    fn text(self) -> &'static str {
        match self {
            Self::End => "{{end}}",
            Self::Else => "{{else}}",
        }
    }
}

/// A node, or the end of the list that holds it.
enum Piece {
    Node(Node),
    Stop(Stop),
}

impl<'t> Parser<'t> {
    fn root(&mut self) -> Result<Vec<Node>> {
        let mut nodes = Vec::new();
        while self.peek().what != What::Eof {
            if self.peek().what == What::LeftDelim {
                let start = self.next;
                self.advance();
                if self.next_non_space().what == What::Define {
                    self.definition()?;
                    continue;
                }
                self.next = start;
            }
            match self.text_or_action()? {
                Piece::Node(node) => nodes.push(node),
                Piece::Stop(stop) => return self.fail(format!("unexpected {}", stop.text())),
            }
        }
        Ok(nodes)
    }

    /// Nodes up to `{{end}}` or `{{else}}`.
    fn list(&mut self) -> Result<(Vec<Node>, Stop)> {
        let mut nodes = Vec::new();
        while self.peek_non_space().what != What::Eof {
            match self.text_or_action()? {
                Piece::Node(node) => nodes.push(node),
                Piece::Stop(stop) => return Ok((nodes, stop)),
            }
        }
        self.fail("unexpected EOF".to_owned())
    }

    fn text_or_action(&mut self) -> Result<Piece> {
        let token = self.next_non_space();
        match token.what {
            What::Text => Ok(Piece::Node(Node::Text(token.text.into_owned()))),
            What::LeftDelim => {
                self.action_line = token.line;
                let piece = self.action()?;
                self.action_line = 0;
                Ok(piece)
            }
            _ => self.unexpected(&token, "input"),
        }
    }

    /// Two definitions of one name are an error only if both say something.
    fn define(&mut self, name: String, nodes: Vec<Node>) -> Result<()> {
        match self.trees.get(&name) {
            Some(before) if !is_blank(before) => {
                if !is_blank(&nodes) {
                    let name = crate::print::quote(&name);
                    return self.fail(format!("template: multiple definition of template {name}"));
                }
            }
            _ => {
                self.trees.insert(name, nodes);
            }
        }
        Ok(())
    }

    /// Runs `parse` one level deeper.
    fn deeper<T>(&mut self, parse: impl FnOnce(&mut Self) -> Result<T>) -> Result<T> {
        if self.depth == limits::NESTING {
            return self.fail(format!("nested deeper than {} levels", limits::NESTING));
        }
        self.depth += 1;
        let result = parse(self);
        self.depth -= 1;
        result
    }

    /// The token that is next. The last one, an end or an error, stays.
    fn peek(&self) -> &Token<'t> {
        let next = self.next.min(self.tokens.len() - 1);
        self.furthest.set(self.furthest.get().max(next));
        &self.tokens[next]
    }

    fn advance(&mut self) -> Token<'t> {
        let token = self.peek().clone();
        self.next = (self.next + 1).min(self.tokens.len());
        token
    }

    fn next_non_space(&mut self) -> Token<'t> {
        while self.peek().what == What::Space {
            self.next += 1;
        }
        self.advance()
    }

    fn peek_non_space(&mut self) -> &Token<'t> {
        while self.peek().what == What::Space {
            self.next += 1;
        }
        self.peek()
    }

    fn expect(&mut self, wanted: What, context: &str) -> Result<Token<'t>> {
        let token = self.next_non_space();
        if token.what != wanted {
            return self.unexpected(&token, context);
        }
        Ok(token)
    }

    fn unexpected<T>(&self, token: &Token<'_>, context: &str) -> Result<T> {
        if token.what != What::Error {
            return self.fail(format!("unexpected {token} in {context}"));
        }
        let mut message = token.to_string();
        if self.action_line != 0 && self.action_line != token.line {
            // Not "action in action".
            let also = if message.ends_with(" action") {
                ""
            } else {
                " in action"
            };
            message.push_str(&format!("{also} started at :{}", self.action_line));
        }
        self.fail(message)
    }

    fn fail<T>(&self, message: String) -> Result<T> {
        let line = self.tokens[self.furthest.get()].line;
        Err(Error::Parse(format!("template: :{line}: {message}")))
    }
}

fn is_blank(nodes: &[Node]) -> bool {
    nodes
        .iter()
        .all(|node| matches!(node, Node::Text(text) if text.trim().is_empty()))
}
