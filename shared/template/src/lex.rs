//! From text to tokens. Spaces are tokens too: `.A .B` is two operands, `.A.B` is one.

mod token;

use std::borrow::Cow;

use crate::print::quote;
pub(crate) use token::{Token, What};

/// Splits the text. An error is the last token, for the parser may meet its own before it.
pub(crate) fn lex(text: &str) -> Vec<Token<'_>> {
    let mut lexer = Lexer {
        text,
        start: 0,
        at: 0,
        line: 1,
        parens: 0,
        tokens: Vec::new(),
    };
    if let Err(problem) = lexer.run() {
        lexer.tokens.push(Token {
            what: What::Error,
            at: lexer.start,
            line: lexer.line,
            text: Cow::Owned(problem),
        });
    }
    lexer.tokens
}

struct Lexer<'t> {
    text: &'t str,
    start: usize,
    at: usize,
    /// The line of `start`.
    line: usize,
    parens: usize,
    tokens: Vec<Token<'t>>,
}

const SPACES: [char; 4] = [' ', '\t', '\r', '\n'];

fn is_space(c: char) -> bool {
    SPACES.contains(&c)
}

fn is_alphanumeric(c: char) -> bool {
    c == '_' || c.is_alphanumeric()
}

impl<'t> Lexer<'t> {
    fn run(&mut self) -> Result<(), String> {
        while let Some(found) = self.rest().find("{{") {
            let text = &self.rest()[..found];
            self.at += found;
            let trim = left_trim(&self.rest()[2..]);
            let end = self.at;
            if trim {
                self.at = self.start + text.trim_end_matches(SPACES).len();
            }
            if self.at > self.start {
                self.emit(What::Text);
            }
            self.at = end;
            self.ignore();
            self.action(trim)?;
        }
        self.at = self.text.len();
        if self.at > self.start {
            self.emit(What::Text);
        }
        self.emit(What::Eof);
        Ok(())
    }

    /// One action, from its left delimiter to behind its right one.
    fn action(&mut self, trim: bool) -> Result<(), String> {
        let marker = if trim { 2 } else { 0 };
        if self.rest()[2 + marker..].starts_with("/*") {
            return self.comment(2 + marker);
        }
        self.at += 2;
        self.emit(What::LeftDelim);
        self.at += marker;
        self.ignore();
        self.parens = 0;
        while !self.right_delim()? {
            self.inside()?;
        }
        Ok(())
    }

    fn comment(&mut self, start: usize) -> Result<(), String> {
        self.at += start;
        self.ignore();
        let Some(end) = self.rest()[2..].find("*/") else {
            return Err("unclosed comment".to_owned());
        };
        self.at += 2 + end + 2;
        let trim = right_trim(self.rest());
        if !trim && !self.rest().starts_with("}}") {
            return Err("comment ends before closing delimiter".to_owned());
        }
        self.at += if trim { 4 } else { 2 };
        if trim {
            self.skip_spaces();
        }
        self.ignore();
        Ok(())
    }

    fn right_delim(&mut self) -> Result<bool, String> {
        let trim = right_trim(self.rest());
        if !trim && !self.rest().starts_with("}}") {
            return Ok(false);
        }
        if self.parens > 0 {
            return Err("unclosed left paren".to_owned());
        }
        if trim {
            self.at += 2;
            self.ignore();
        }
        self.at += 2;
        self.emit(What::RightDelim);
        if trim {
            self.skip_spaces();
            self.ignore();
        }
        Ok(true)
    }

    fn inside(&mut self) -> Result<(), String> {
        let Some(c) = self.next() else {
            return Err("unclosed action".to_owned());
        };
        let what = match c {
            c if is_space(c) => return self.space(),
            '=' => What::Assign,
            ':' if self.next() != Some('=') => return Err("expected :=".to_owned()),
            ':' => What::Declare,
            '|' => What::Pipe,
            '"' => return self.quoted('"', What::String, "unterminated quoted string"),
            '\'' => {
                let problem = "unterminated character constant";
                return self.quoted('\'', What::CharConstant, problem);
            }
            '`' => return self.raw_quoted(),
            '$' => return self.name(What::Variable, What::Variable),
            '.' if !self.peek().is_some_and(|c| c.is_ascii_digit()) && self.peek().is_some() => {
                return self.name(What::Field, What::Dot);
            }
            '.' | '+' | '-' | '0'..='9' => {
                self.at -= 1;
                return self.number();
            }
            c if is_alphanumeric(c) => return self.word(),
            '(' => {
                self.parens += 1;
                What::LeftParen
            }
            ')' if self.parens == 0 => return Err("unexpected right paren".to_owned()),
            ')' => {
                self.parens -= 1;
                What::RightParen
            }
            c if c.is_ascii() && !c.is_ascii_control() => What::Char,
            c => {
                return Err(format!(
                    "unrecognized character in action: {}",
                    name_of(Some(c))
                ));
            }
        };
        self.emit(what);
        Ok(())
    }

    /// A run of spaces; its last one belongs to ` -}}` if that follows.
    fn space(&mut self) -> Result<(), String> {
        self.skip_spaces();
        if right_trim(&self.text[self.at - 1..]) {
            self.at -= 1;
        }
        if self.at > self.start {
            self.emit(What::Space);
        }
        Ok(())
    }

    fn word(&mut self) -> Result<(), String> {
        self.run_of(is_alphanumeric);
        self.terminated()?;
        self.emit(What::of_word(&self.text[self.start..self.at]));
        Ok(())
    }

    /// `.field` or `$variable`, whose first character is read; or that character `alone`.
    fn name(&mut self, what: What, alone: What) -> Result<(), String> {
        if self.at_terminator() {
            self.emit(alone);
            return Ok(());
        }
        self.run_of(is_alphanumeric);
        self.terminated()?;
        self.emit(what);
        Ok(())
    }

    fn quoted(&mut self, end: char, what: What, problem: &str) -> Result<(), String> {
        loop {
            match self.next() {
                Some('\\') if !matches!(self.next(), None | Some('\n')) => {}
                None | Some('\n' | '\\') => return Err(problem.to_owned()),
                Some(c) if c == end => break,
                Some(_) => {}
            }
        }
        self.emit(what);
        Ok(())
    }

    fn raw_quoted(&mut self) -> Result<(), String> {
        match self.rest().find('`') {
            Some(length) => self.at += length + 1,
            None => return Err("unterminated raw quoted string".to_owned()),
        }
        self.emit(What::RawString);
        Ok(())
    }

    /// Not a perfect scan, as in Go: what is wrong here and passes is found when it is converted.
    fn number(&mut self) -> Result<(), String> {
        let mut what = What::Number;
        let mut good = self.scan_number();
        if good && self.peek().is_some_and(|c| "+-".contains(c)) {
            what = What::Complex;
            good = self.scan_number() && self.text[..self.at].ends_with('i');
        }
        if !good {
            let text = quote(&self.text[self.start..self.at]);
            return Err(format!("bad number syntax: {text}"));
        }
        self.emit(what);
        Ok(())
    }

    fn scan_number(&mut self) -> bool {
        self.accept("+-");
        let mut digits = "0123456789_";
        if self.accept("0") {
            if self.accept("xX") {
                digits = "0123456789abcdefABCDEF_";
            } else if self.accept("oO") {
                digits = "01234567_";
            } else if self.accept("bB") {
                digits = "01_";
            }
        }
        self.run_of(|c| digits.contains(c));
        if self.accept(".") {
            self.run_of(|c| digits.contains(c));
        }
        let exponent = match digits.len() {
            11 => "eE",
            23 => "pP",
            _ => "",
        };
        if self.accept(exponent) {
            self.accept("+-");
            self.run_of(|c| "0123456789_".contains(c));
        }
        self.accept("i");
        if self.peek().is_some_and(is_alphanumeric) {
            self.next();
            return false;
        }
        true
    }

    fn rest(&self) -> &'t str {
        &self.text[self.at..]
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn next(&mut self) -> Option<char> {
        let c = self.peek()?;
        self.at += c.len_utf8();
        Some(c)
    }

    fn accept(&mut self, valid: &str) -> bool {
        let accepted = self.peek().is_some_and(|c| valid.contains(c));
        if accepted {
            self.at += 1;
        }
        accepted
    }

    fn run_of(&mut self, wanted: impl Fn(char) -> bool) {
        while self.peek().is_some_and(&wanted) {
            self.next();
        }
    }

    fn skip_spaces(&mut self) {
        self.run_of(is_space);
    }

    fn terminated(&self) -> Result<(), String> {
        if self.at_terminator() {
            return Ok(());
        }
        Err(format!("bad character {}", name_of(self.peek())))
    }

    fn at_terminator(&self) -> bool {
        match self.peek() {
            None | Some('.' | ',' | '|' | ':' | ')' | '(') => true,
            Some(c) => is_space(c) || self.rest().starts_with("}}"),
        }
    }

    fn emit(&mut self, what: What) {
        self.tokens.push(Token {
            what,
            at: self.start,
            line: self.line,
            text: Cow::Borrowed(&self.text[self.start..self.at]),
        });
        self.ignore();
    }

    fn ignore(&mut self) {
        self.line += self.text[self.start..self.at].matches('\n').count();
        self.start = self.at;
    }
}

fn left_trim(text: &str) -> bool {
    text.strip_prefix('-')
        .is_some_and(|rest| rest.starts_with(SPACES))
}

/// Whether a right delimiter with its trim marker is here: `{{- -}}` needs a space before the marker.
fn right_trim(text: &str) -> bool {
    text.starts_with(SPACES) && text[1..].starts_with("-}}")
}

/// Go's `%#U`; the end of the text is -1 there.
fn name_of(c: Option<char>) -> String {
    match c {
        Some(c) if crate::print::is_printable(c) => format!("U+{:04X} '{c}'", c as u32),
        Some(c) => format!("U+{:04X}", c as u32),
        None => "U+FFFFFFFFFFFFFFFF".to_owned(),
    }
}
