//! What stands in a `console` fence: commands behind a prompt, and what each of them prints.

use std::fmt;

use anyhow::{Result, bail};

/// Who types a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Prompt {
    /// `#`: root. All commands of a chapter share one shell.
    Root,
    /// `$`: an ordinary user. Each command is a shell of its own, in the directory of root's.
    User,
}

/// One command and its output.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Exchange {
    pub prompt: Prompt,
    /// As it is typed; a command of several lines has them here without the `> ` in front.
    pub command: String,
    /// What it prints, in whole lines.
    pub output: String,
}

impl Prompt {
    fn sign(self) -> &'static str {
        match self {
            Self::Root => "# ",
            Self::User => "$ ",
        }
    }

    fn strip(line: &str) -> Option<(Self, &str)> {
        [Self::Root, Self::User]
            .into_iter()
            .find_map(|prompt| Some((prompt, line.strip_prefix(prompt.sign())?)))
    }
}

/// What a shell shows before the second and further lines of one command.
const CONTINUED: &str = "> ";

/// Cuts a fence into exchanges.
pub(crate) fn parse(text: &str) -> Result<Vec<Exchange>> {
    let mut exchanges: Vec<Exchange> = Vec::new();
    for line in text.lines() {
        if let Some((prompt, command)) = Prompt::strip(line) {
            exchanges.push(Exchange {
                prompt,
                command: command.to_owned(),
                output: String::new(),
            });
            continue;
        }
        let Some(last) = exchanges.last_mut() else {
            bail!("the fence begins with output: a command begins with `# ` or `$ `");
        };
        match line.strip_prefix(CONTINUED) {
            Some(more) if last.output.is_empty() => {
                last.command.push('\n');
                last.command.push_str(more);
            }
            _ => {
                last.output.push_str(line);
                last.output.push('\n');
            }
        }
    }
    if exchanges.is_empty() {
        bail!("the fence holds no command: a command begins with `# ` or `$ `");
    }
    Ok(exchanges)
}

/// Why this output cannot be written into a fence, if it cannot: it would be read as something else.
pub(crate) fn unwritable(output: &str) -> Option<&'static str> {
    if output.lines().any(|line| Prompt::strip(line).is_some()) {
        return Some("begins a line with `# ` or `$ `, which would be read as a command");
    }
    if output.starts_with(CONTINUED) {
        return Some("begins with `> `, which would be read as more of the command");
    }
    if output.contains("```") {
        return Some("holds ```, which would end the fence");
    }
    None
}

/// The fence's text again.
pub(crate) fn render(exchanges: &[Exchange]) -> String {
    exchanges.iter().map(Exchange::to_string).collect()
}

impl fmt::Display for Exchange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut sign = self.prompt.sign();
        for line in self.command.lines() {
            writeln!(f, "{sign}{line}")?;
            sign = CONTINUED;
        }
        f.write_str(&self.output)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FENCE: &str =
        "# cat <<END\n> one\n> END\none\n$ id -u\n1000\n> a line of output\n# true\n";

    #[test]
    fn commands_of_several_lines_and_their_output_are_told_apart() {
        let exchanges = parse(FENCE).unwrap();
        let seen: Vec<_> = exchanges
            .iter()
            .map(|e| (e.prompt, e.command.as_str(), e.output.as_str()))
            .collect();
        assert_eq!(
            seen,
            [
                (Prompt::Root, "cat <<END\none\nEND", "one\n"),
                (Prompt::User, "id -u", "1000\n> a line of output\n"),
                (Prompt::Root, "true", ""),
            ]
        );
        assert_eq!(render(&exchanges), FENCE);
    }

    #[test]
    fn a_fence_without_a_command_is_refused() {
        assert!(parse("").is_err());
        assert!(parse("output\n# true\n").is_err());
        assert!(parse("#true\n").is_err(), "a prompt has a space behind it");
    }

    #[test]
    fn output_that_would_be_misread_is_not_written() {
        assert!(unwritable("fine\n> fine, since not first\n").is_none());
        for output in ["a\n# b\n", "$ b\n", "> b\n", "```\n"] {
            assert!(unwritable(output).is_some(), "{output:?}");
        }
    }
}
