//! Words of a Dockerfile: quotes of both kinds, backslashes, and variables, as Docker's builder reads them.

/// Splits a text at its blanks, but for those in quotes and behind backslashes, which stay where they are.
pub(crate) fn split(text: &str) -> Result<Vec<String>, String> {
    let (mut words, mut word, mut quote) = (Vec::new(), String::new(), None);
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match (c, quote) {
            (c, Some(open)) if c == open => quote = None,
            ('\'' | '"', None) => quote = Some(c),
            ('\\', None | Some('"')) => {
                word.push(c);
                word.push(chars.next().ok_or("it ends in a backslash")?);
                continue;
            }
            (c, None) if c.is_whitespace() => {
                words.extend(Some(std::mem::take(&mut word)).filter(|word| !word.is_empty()));
                continue;
            }
            _ => {}
        }
        word.push(c);
    }
    match quote {
        Some(quote) => Err(format!("a {quote} is not closed")),
        None => {
            words.extend(Some(word).filter(|word| !word.is_empty()));
            Ok(words)
        }
    }
}

/// A word without its quotes, and with the values of its variables, which are those of `env`: `NAME=VALUE` each.
pub(crate) fn expand(word: &str, env: &[String]) -> Result<String, String> {
    let mut reader = Reader {
        left: word,
        env,
        depth: 0,
    };
    reader.until(None)
}

struct Reader<'a> {
    left: &'a str,
    env: &'a [String],
    depth: usize,
}

/// A word in a word in a word: more than this nobody writes.
const MOST_LEVELS: usize = 20;

impl Reader<'_> {
    fn next(&mut self) -> Option<char> {
        let mut chars = self.left.chars();
        let next = chars.next();
        self.left = chars.as_str();
        next
    }

    fn next_is(&mut self, wanted: char) -> bool {
        let rest = self.left.strip_prefix(wanted);
        rest.map(|rest| self.left = rest).is_some()
    }

    /// Up to the character `end`, or to the end of all.
    fn until(&mut self, end: Option<char>) -> Result<String, String> {
        let mut value = String::new();
        while let Some(c) = self.next() {
            match c {
                c if Some(c) == end => return Ok(value),
                '\'' => loop {
                    match self.next().ok_or("a ' is not closed")? {
                        '\'' => break,
                        c => value.push(c),
                    }
                },
                '"' => self.quoted(&mut value)?,
                // At the very end it is nothing.
                '\\' => value.extend(self.next()),
                '$' => value += &self.variable()?,
                c => value.push(c),
            }
        }
        match end {
            Some(end) => Err(format!("a {end} is missing")),
            None => Ok(value),
        }
    }

    /// In double quotes a backslash is one, but before what it could escape.
    fn quoted(&mut self, value: &mut String) -> Result<(), String> {
        loop {
            match self.next().ok_or("a \" is not closed")? {
                '"' => return Ok(()),
                '$' => *value += &self.variable()?,
                '\\' => match self.next().ok_or("a \" is not closed")? {
                    c @ ('"' | '$' | '\\') => value.push(c),
                    c => value.extend(['\\', c]),
                },
                c => value.push(c),
            }
        }
    }

    /// What stands for `$NAME`, `${NAME}` or `${NAME:-word}`.
    fn variable(&mut self) -> Result<String, String> {
        if !self.next_is('{') {
            let name = self.name();
            return Ok(match name.as_str() {
                // A dollar that begins no name is one.
                "" => "$".to_owned(),
                name => self.value(name).unwrap_or_default().to_owned(),
            });
        }
        let name = self.name();
        if name.is_empty() {
            return Err("a ${ is followed by no name".to_owned());
        }
        if self.next_is('}') {
            return Ok(self.value(&name).unwrap_or_default().to_owned());
        }
        let also_empty = self.next_is(':');
        let modifier = self.next();
        self.depth += 1;
        if self.depth > MOST_LEVELS {
            return Err("its variables stand too deep in one another".to_owned());
        }
        let word = self.until(Some('}'))?;
        self.depth -= 1;
        let value = self
            .value(&name)
            .filter(|value| !also_empty || !value.is_empty());
        match (modifier, value) {
            (Some('-' | '?'), Some(value)) => Ok(value.to_owned()),
            (Some('-'), None) | (Some('+'), Some(_)) => Ok(word),
            (Some('+'), None) => Ok(String::new()),
            (Some('?'), None) => Err(match word.as_str() {
                "" => format!("{name} is not set"),
                word => format!("{name}: {word}"),
            }),
            _ => Err(format!(
                "${{{name}…}} has a modifier that is not supported: -, + and ? are"
            )),
        }
    }

    fn name(&mut self) -> String {
        let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
        let end = match self.left.starts_with(|c: char| c.is_ascii_digit()) {
            // As in a shell, `$12` is `$1` and a 2.
            true => 1,
            false => self.left.find(|c| !is_name(c)).unwrap_or(self.left.len()),
        };
        let (name, left) = self.left.split_at(end);
        self.left = left;
        name.to_owned()
    }

    fn value(&self, name: &str) -> Option<&str> {
        let mut pairs = self.env.iter().filter_map(|pair| pair.split_once('='));
        pairs.find_map(|(found, value)| (found == name).then_some(value))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_what_docker_makes_of_them() {
        let env: Vec<String> = ["A=1", "PATH=/bin", "EMPTY=", "_x9=y"]
            .map(str::to_owned)
            .into();
        for (word, expected) in [
            ("plain", Some("plain")),
            ("$A", Some("1")),
            ("$A$A/x$A", Some("11/x1")),
            ("${PATH}:/sbin", Some("/bin:/sbin")),
            ("$PATH:/sbin", Some("/bin:/sbin")),
            ("$_x9z", Some("")),
            ("${_x9}z", Some("yz")),
            ("x$NOPE", Some("x")),
            ("\\$A", Some("$A")),
            ("'$A'", Some("$A")),
            ("\"$A 'b'\"", Some("1 'b'")),
            ("\"\\$A \\\" \\\\ \\n\"", Some("$A \" \\ \\n")),
            ("a\\ b", Some("a b")),
            ("${B:-def}", Some("def")),
            ("${EMPTY:-def}", Some("def")),
            ("${EMPTY-def}", Some("")),
            ("${A:-def}", Some("1")),
            ("${A:+set}", Some("set")),
            ("${B:+set}", Some("")),
            ("${EMPTY+set}", Some("set")),
            ("${B:-${A}}", Some("1")),
            ("${B:-'a}b'}", Some("a}b")),
            ("${A:?no}", Some("1")),
            ("${B:?no}", None),
            ("${B", None),
            ("${}", None),
            ("${A%x}", None),
            ("'open", None),
            ("\"open", None),
            ("$", Some("$")),
            ("a$ b", Some("a$ b")),
            ("$1x", Some("x")),
            ("é$A", Some("é1")),
            ("", Some("")),
            ("end\\", Some("end")),
        ] {
            let found = expand(word, &env);
            assert_eq!(found.as_deref().ok(), expected, "{word}: {found:?}");
        }
        let deep = format!("{}x{}", "${B:-".repeat(100), "}".repeat(100));
        assert!(expand(&deep, &env).is_err());
    }

    #[test]
    fn a_text_is_split_where_no_quote_stands() {
        let cases: [(&str, &[&str]); 6] = [
            ("a  b\tc", &["a", "b", "c"]),
            ("A='two words' B=a\\ b", &["A='two words'", "B=a\\ b"]),
            ("\"a.b\"=\"c \\\" d\" e", &["\"a.b\"=\"c \\\" d\"", "e"]),
            ("a=\"\" b", &["a=\"\"", "b"]),
            ("  ", &[]),
            ("'", &[]),
        ];
        for (text, words) in cases {
            assert_eq!(split(text).unwrap_or_default(), words, "{text}");
        }
        assert!(split("a 'b").is_err());
        assert!(split("a\\").is_err());
    }
}
