//! What a source says of others: which modules it declares, what it imports, what it names by a path. Read token by
//! token, since what is inside of a macro call counts as well; what only a test build has does not.

use std::collections::BTreeSet;

use anyhow::{Result, anyhow};
use proc_macro2::{Delimiter, Spacing, TokenStream, TokenTree};

/// A module, as far as others matter to it.
#[derive(Debug, Default)]
pub(super) struct Module {
    /// The modules below it that have a file of their own.
    pub files: Vec<String>,
    /// Those whose text is inside of its own.
    pub inline: Vec<(String, Module)>,
    pub imports: Vec<Import>,
    /// What is named by more than one word, like `super::put`.
    pub paths: Vec<Vec<String>>,
    /// What is named by one word.
    pub words: BTreeSet<String>,
}

/// One name that a `use` brings.
#[derive(Debug)]
pub(super) struct Import {
    pub name: String,
    pub path: Vec<String>,
    /// Whether it is for others.
    pub public: bool,
}

/// What stands for all names of a module.
const ALL: &str = "*";

impl Module {
    pub(super) fn parse(source: &str) -> Result<Self> {
        let tokens = source
            .parse()
            .map_err(|error| anyhow!("it is no Rust: {error}"))?;
        let mut module = Self::default();
        module.read(tokens);
        Ok(module)
    }

    fn read(&mut self, tokens: TokenStream) {
        let tokens: Vec<_> = tokens.into_iter().collect();
        let mut rest = tokens.as_slice();
        let mut public = false;
        while let [first, after @ ..] = rest {
            rest = match word(first).as_deref() {
                Some("pub") => {
                    public = true;
                    rest = without_scope(after);
                    continue;
                }
                Some("use") => self.import(after, public),
                Some("mod") => self.declaration(after),
                Some(_) => self.path(rest),
                None => match first {
                    TokenTree::Punct(punct) if punct.as_char() == '#' => attribute(after),
                    // What follows is a field or a method.
                    TokenTree::Punct(punct) if punct.as_char() == '.' => without_word(after),
                    TokenTree::Group(group) => {
                        self.read(group.stream());
                        after
                    }
                    _ => after,
                },
            };
            public = false;
        }
    }

    /// What is between a `use` and its semicolon.
    fn import<'a>(&mut self, tokens: &'a [TokenTree], public: bool) -> &'a [TokenTree] {
        // `impl Trait + use<'a>` imports nothing.
        if tokens.first().is_some_and(|token| is_punct(token, '<')) {
            return tokens;
        }
        let end = position(tokens, ';');
        let mut found = Vec::new();
        tree(&tokens[..end], &[], &mut found);
        self.imports.extend(
            found
                .into_iter()
                .map(|(name, path)| Import { name, path, public }),
        );
        &tokens[end..]
    }

    fn declaration<'a>(&mut self, tokens: &'a [TokenTree]) -> &'a [TokenTree] {
        let [name, body, rest @ ..] = tokens else {
            return tokens;
        };
        let Some(name) = word(name) else {
            return tokens;
        };
        match body {
            TokenTree::Group(group) => {
                let mut module = Self::default();
                module.read(group.stream());
                self.inline.push((name, module));
            }
            _ => self.files.push(name),
        }
        rest
    }

    fn path<'a>(&mut self, mut tokens: &'a [TokenTree]) -> &'a [TokenTree] {
        let mut path = Vec::new();
        while let [first, rest @ ..] = tokens
            && let Some(segment) = word(first)
        {
            path.push(segment);
            tokens = rest;
            match tokens {
                [one, two, rest @ ..] if is_separator(one, two) => tokens = rest,
                _ => break,
            }
        }
        match path.as_slice() {
            [only] => {
                self.words.insert(only.clone());
            }
            _ => self.paths.push(path),
        }
        tokens
    }
}

/// The names that a part of a `use` brings, with their paths.
fn tree(tokens: &[TokenTree], prefix: &[String], found: &mut Vec<(String, Vec<String>)>) {
    for branch in tokens.split(|token| is_punct(token, ',')) {
        let mut path = prefix.to_vec();
        let mut name = None;
        let mut is_leaf = false;
        for token in branch {
            match token {
                TokenTree::Group(group) => {
                    let inner: Vec<_> = group.stream().into_iter().collect();
                    tree(&inner, &path, found);
                    is_leaf = false;
                }
                TokenTree::Ident(ident) if ident == "as" => name = Some(String::new()),
                TokenTree::Ident(ident) if name.is_some() => name = Some(ident.to_string()),
                // In braces it is the module whose braces they are.
                TokenTree::Ident(ident) if ident == "self" && !path.is_empty() => is_leaf = true,
                TokenTree::Ident(ident) => {
                    path.push(ident.to_string());
                    is_leaf = true;
                }
                token if is_punct(token, '*') => {
                    path.push(ALL.to_owned());
                    is_leaf = true;
                }
                _ => {}
            }
        }
        if is_leaf && let Some(last) = path.last() {
            found.push((name.unwrap_or_else(|| last.clone()), path));
        }
    }
}

/// What follows an attribute, and, if only a test build has it, what follows the item that it is on.
fn attribute(tokens: &[TokenTree]) -> &[TokenTree] {
    let [TokenTree::Group(group), rest @ ..] = tokens else {
        return tokens;
    };
    let text: String = group.stream().to_string().split_whitespace().collect();
    match text.as_str() {
        "cfg(test)" => after_item(rest),
        _ => rest,
    }
}

/// An item ends with a semicolon or, unless it imports, with its body.
fn after_item(tokens: &[TokenTree]) -> &[TokenTree] {
    let imports = tokens
        .iter()
        .take_while(|token| !is_punct(token, ';'))
        .any(|token| word(token).as_deref() == Some("use"));
    let ends = |token: &TokenTree| is_punct(token, ';') || (!imports && is_body(token));
    let end = tokens.iter().position(ends);
    end.map_or(&[], |end| &tokens[end + 1..])
}

/// What follows the `(crate)` of a `pub(crate)`.
fn without_scope(tokens: &[TokenTree]) -> &[TokenTree] {
    match tokens {
        [TokenTree::Group(group), rest @ ..] if group.delimiter() == Delimiter::Parenthesis => rest,
        _ => tokens,
    }
}

fn without_word(tokens: &[TokenTree]) -> &[TokenTree] {
    match tokens {
        [TokenTree::Ident(_), rest @ ..] => rest,
        _ => tokens,
    }
}

fn word(token: &TokenTree) -> Option<String> {
    match token {
        TokenTree::Ident(ident) => Some(ident.to_string()),
        _ => None,
    }
}

fn is_body(token: &TokenTree) -> bool {
    matches!(token, TokenTree::Group(group) if group.delimiter() == Delimiter::Brace)
}

fn is_punct(token: &TokenTree, character: char) -> bool {
    matches!(token, TokenTree::Punct(punct) if punct.as_char() == character)
}

fn is_separator(one: &TokenTree, two: &TokenTree) -> bool {
    let joint = matches!(one, TokenTree::Punct(punct) if punct.spacing() == Spacing::Joint);
    joint && is_punct(one, ':') && is_punct(two, ':')
}

/// Where `character` is first, or the end.
fn position(tokens: &[TokenTree], character: char) -> usize {
    tokens
        .iter()
        .position(|token| is_punct(token, character))
        .unwrap_or(tokens.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn imports(module: &Module) -> Vec<(String, String)> {
        module
            .imports
            .iter()
            .map(|import| (import.name.clone(), import.path.join("::")))
            .collect()
    }

    #[test]
    fn an_import_is_a_name_and_a_path() {
        let module = Module::parse(
            "use crate::a::{self, B, c::{D as E, *}}; pub(in crate::x) use self::f::G;",
        )
        .unwrap();
        let expected = [
            ("a", "crate::a"),
            ("B", "crate::a::B"),
            ("E", "crate::a::c::D"),
            ("*", "crate::a::c::*"),
            ("G", "self::f::G"),
        ]
        .map(|(name, path)| (name.to_owned(), path.to_owned()));
        assert_eq!(imports(&module), expected);
        assert!(module.imports[4].public && !module.imports[0].public);
        assert!(module.paths.is_empty());
    }

    #[test]
    fn paths_are_seen_in_macros_and_not_in_comments_or_strings() {
        let module = Module::parse(
            "/// [`x`](crate::doc::X)\n\
             fn f() { // crate::comment::X\n println!(\"{} crate::string::X\", crate::seen::X); y.field; }",
        )
        .unwrap();
        assert_eq!(module.paths, [["crate", "seen", "X"]]);
        assert!(!module.words.contains("field"));
    }

    #[test]
    fn what_only_tests_have_is_left_out() {
        let module = Module::parse(
            "mod a; #[cfg(test)] mod b; #[cfg(test)] use crate::c::{D}; #[cfg(test)] mod tests { use super::*; }\n\
             #[cfg(test)] fn f() { crate::g::h() } #[cfg(unix)] mod i { use super::J; }",
        )
        .unwrap();
        assert_eq!(module.files, ["a"]);
        assert!(module.imports.is_empty() && module.paths.is_empty());
        assert_eq!(module.inline.len(), 1);
        assert_eq!(
            imports(&module.inline[0].1),
            [("J".to_owned(), "super::J".to_owned())]
        );
    }
}
