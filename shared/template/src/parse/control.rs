//! Actions: `if`, `range`, `with`, `template`, `define`, `block`, and pipelines alone.

use super::{Parser, Piece, Stop};
use crate::error::Result;
use crate::lex::{Token, What};
use crate::literal;
use crate::node::{Branch, Call, Node};

impl<'t> Parser<'t> {
    /// An action, behind its left delimiter.
    pub(super) fn action(&mut self) -> Result<Piece> {
        let start = self.next;
        let token = self.next_non_space();
        let node = match token.what {
            What::Block => self.block()?,
            What::Break => self.leave("{{break}}", Node::Break)?,
            What::Continue => self.leave("{{continue}}", Node::Continue)?,
            What::Else => return self.otherwise(),
            What::End => {
                self.expect(What::RightDelim, "end")?;
                return Ok(Piece::Stop(Stop::End));
            }
            What::If => Node::If(self.branch("if")?),
            What::Range => Node::Range(self.branch("range")?),
            What::Template => self.call()?,
            What::With => Node::With(self.branch("with")?),
            _ => {
                self.next = start;
                Node::Action(self.pipeline("command", What::RightDelim)?)
            }
        };
        Ok(Piece::Node(node))
    }

    fn leave(&mut self, context: &str, node: Node) -> Result<Node> {
        self.expect(What::RightDelim, context)?;
        if self.ranges == 0 {
            return self.fail(format!("{context} outside {{{{range}}}}"));
        }
        Ok(node)
    }

    /// Of `{{else if …}}` only the `else` is taken: the rest is read as an action of its own.
    fn otherwise(&mut self) -> Result<Piece> {
        if !matches!(self.peek_non_space().what, What::If | What::With) {
            self.expect(What::RightDelim, "else")?;
        }
        Ok(Piece::Stop(Stop::Else))
    }

    fn branch(&mut self, keyword: &'static str) -> Result<Branch> {
        let scope = self.variables.len();
        let branch = self.deeper(|parser| parser.branch_body(keyword))?;
        self.variables.truncate(scope);
        Ok(branch)
    }

    fn branch_body(&mut self, keyword: &'static str) -> Result<Branch> {
        let pipe = self.pipeline(keyword, What::RightDelim)?;
        let range = usize::from(keyword == "range");
        self.ranges += range;
        let (body, stop) = self.list()?;
        self.ranges -= range;
        let otherwise = match stop {
            Stop::End => None,
            Stop::Else => Some(self.else_body(keyword)?),
        };
        Ok(Branch {
            pipe,
            body,
            otherwise,
        })
    }

    fn else_body(&mut self, keyword: &'static str) -> Result<Vec<Node>> {
        match (keyword, self.peek().what) {
            ("if", What::If) => {
                self.advance();
                return Ok(vec![Node::If(self.branch("if")?)]);
            }
            ("with", What::With) => {
                self.advance();
                return Ok(vec![Node::With(self.branch("with")?)]);
            }
            _ => {}
        }
        let (nodes, stop) = self.list()?;
        if stop != Stop::End {
            return self.fail(format!("expected end; found {}", stop.text()));
        }
        Ok(nodes)
    }

    /// A definition, behind `define`.
    pub(super) fn definition(&mut self) -> Result<()> {
        let context = "define clause";
        let token = self.next_non_space();
        let name = self.template_name(&token, context)?;
        self.expect(What::RightDelim, context)?;
        self.defined(name, context)
    }

    /// The body of a template: it sees no variables from around it, and no `range`.
    fn defined(&mut self, name: String, context: &str) -> Result<()> {
        let variables = std::mem::replace(&mut self.variables, vec!["$".to_owned()]);
        let ranges = std::mem::take(&mut self.ranges);
        let (nodes, stop) = self.deeper(Self::list)?;
        if stop != Stop::End {
            return self.fail(format!("unexpected {} in {context}", stop.text()));
        }
        self.variables = variables;
        self.ranges = ranges;
        self.define(name, nodes)
    }

    fn block(&mut self) -> Result<Node> {
        let context = "block clause";
        let token = self.next_non_space();
        let name = self.template_name(&token, context)?;
        let pipe = self.pipeline(context, What::RightDelim)?;
        self.defined(name.clone(), context)?;
        Ok(Node::Template(Call {
            at: token.at,
            name,
            pipe: Some(pipe),
        }))
    }

    fn call(&mut self) -> Result<Node> {
        let context = "template clause";
        let token = self.next_non_space();
        let name = self.template_name(&token, context)?;
        let pipe = if self.peek_non_space().what == What::RightDelim {
            self.advance();
            None
        } else {
            Some(self.pipeline(context, What::RightDelim)?)
        };
        Ok(Node::Template(Call {
            at: token.at,
            name,
            pipe,
        }))
    }

    fn template_name(&self, token: &Token<'_>, context: &str) -> Result<String> {
        match token.what {
            What::String | What::RawString => {
                literal::unquote(&token.text).or_else(|problem| self.fail(problem))
            }
            _ => self.unexpected(token, context),
        }
    }
}
