//! Tokens, and how errors show them.

use std::borrow::Cow;
use std::fmt;

use crate::print::quote;

/// A token, with the byte at which it starts and its line, from 1.
#[derive(Clone, Debug)]
pub(crate) struct Token<'t> {
    pub(crate) what: What,
    pub(crate) at: usize,
    pub(crate) line: usize,
    pub(crate) text: Cow<'t, str>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum What {
    Error,
    Bool,
    Char,
    CharConstant,
    Complex,
    Assign,
    Declare,
    Eof,
    Field,
    Identifier,
    LeftDelim,
    LeftParen,
    Number,
    Pipe,
    RawString,
    RightDelim,
    RightParen,
    Space,
    String,
    Text,
    Variable,
    Dot,
    Block,
    Break,
    Continue,
    Define,
    Else,
    End,
    If,
    Nil,
    Range,
    Template,
    With,
}

impl What {
    pub(super) fn of_word(word: &str) -> Self {
        match word {
            "." => Self::Dot,
            "block" => Self::Block,
            "break" => Self::Break,
            "continue" => Self::Continue,
            "define" => Self::Define,
            "else" => Self::Else,
            "end" => Self::End,
            "if" => Self::If,
            "nil" => Self::Nil,
            "range" => Self::Range,
            "template" => Self::Template,
            "true" | "false" => Self::Bool,
            "with" => Self::With,
            _ => Self::Identifier,
        }
    }

    fn is_keyword(self) -> bool {
        use What::*;
        matches!(
            self,
            Dot | Block
                | Break
                | Continue
                | Define
                | Else
                | End
                | If
                | Nil
                | Range
                | Template
                | With
        )
    }
}

/// As Go's errors show a token.
impl fmt::Display for Token<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.what {
            What::Eof => f.write_str("EOF"),
            What::Error => f.write_str(&self.text),
            what if what.is_keyword() => write!(f, "<{}>", self.text),
            _ if self.text.len() > 10 => {
                let start: String = self.text.chars().take(10).collect();
                write!(f, "{}...", quote(&start))
            }
            _ => f.write_str(&quote(&self.text)),
        }
    }
}
