//! What `why` says.

use std::io::Write;

use anyhow::Result;
use serde::Serialize;

use super::rules::{self, Finding, Rule};
use super::scene::Scene;
use crate::ui::say;

/// A failed call and what could be established about it.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Explanation {
    /// The call with its arguments.
    pub call: String,
    /// The errno's name.
    pub errno: String,
    /// Which process of the command made it; empty if none was run.
    pub role: String,
    /// Its pid.
    pub pid: i32,
    /// The causes that were seen to hold.
    pub causes: Vec<Cause>,
    /// The causes that were looked for and not established.
    pub checked: Vec<Checked>,
}

/// An established cause.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Cause {
    /// The rule's name.
    pub rule: &'static str,
    /// Why it failed.
    pub cause: &'static str,
    /// What was seen on this system.
    pub seen: String,
    /// What to do.
    pub mend: &'static str,
    /// Where the manual says so.
    pub page: &'static str,
}

/// A cause that was not established.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Checked {
    /// The rule's name.
    pub rule: &'static str,
    /// The cause that it knows.
    pub cause: &'static str,
    /// What was seen instead, or why it cannot be told.
    pub seen: String,
    /// True if it is not so; false if it cannot be told.
    pub refuted: bool,
}

impl Explanation {
    /// Examines the scene by every rule that is about it.
    pub(super) fn of(scene: &Scene, role: String) -> Self {
        let mut explanation = Self {
            call: scene.invocation.clone(),
            errno: scene.errno.clone(),
            role,
            pid: scene.process.0,
            causes: Vec::new(),
            checked: Vec::new(),
        };
        for rule in rules::about(&scene.call, &scene.errno) {
            explanation.add(rule, (rule.examine)(scene));
        }
        explanation
    }

    fn add(&mut self, rule: &Rule, finding: Finding) {
        match finding {
            Finding::Established(seen) => self.causes.push(Cause {
                rule: rule.id,
                cause: rule.cause,
                seen,
                mend: rule.mend,
                page: rule.page,
            }),
            Finding::Refuted(seen) => self.check(rule, seen, true),
            Finding::Unknown(seen) => self.check(rule, seen, false),
        }
    }

    fn check(&mut self, rule: &Rule, seen: String, refuted: bool) {
        self.checked.push(Checked {
            rule: rule.id,
            cause: rule.cause,
            seen,
            refuted,
        });
    }

    /// Whether a cause is known.
    pub(super) fn is_established(&self) -> bool {
        !self.causes.is_empty()
    }
}

/// All explanations, in the order of the calls.
pub(super) fn show(explanations: &[Explanation], is_json: bool) -> Result<()> {
    if is_json {
        say!("{}", serde_json::to_string_pretty(explanations)?);
        return Ok(());
    }
    for explanation in explanations {
        text(explanation);
    }
    if explanations.is_empty() {
        say!("No system call failed that a rule is about.");
    }
    Ok(())
}

fn text(explanation: &Explanation) {
    let who = match explanation.role.as_str() {
        "" => String::new(),
        role => format!(" ({role}, pid {})", explanation.pid),
    };
    say!(
        "{} failed with {}{who}",
        explanation.call,
        explanation.errno
    );
    for cause in &explanation.causes {
        say!("  cause  {}", cause.cause);
        say!("  seen   {}", cause.seen);
        say!("  mend   {}", cause.mend);
        say!("  page   {}", cause.page);
    }
    if !explanation.is_established() {
        say!("  not established; what was checked:");
        for checked in &explanation.checked {
            let verdict = if checked.refuted {
                "no"
            } else {
                "cannot be told"
            };
            say!("  - {}: {verdict}: {}", checked.cause, checked.seen);
        }
    }
    say!("");
}

/// All rules, as text, JSON or Markdown.
pub(super) fn rules(is_markdown: bool, is_json: bool) -> Result<()> {
    let rules: Vec<_> = rules::all().collect();
    if is_json {
        say!("{}", serde_json::to_string_pretty(&rules)?);
        return Ok(());
    }
    let mut out = std::io::stdout().lock();
    // A reader who has gone away is no error.
    let _ = if is_markdown {
        markdown(&mut out, &rules)
    } else {
        plain(&mut out, &rules)
    };
    Ok(())
}

fn plain(out: &mut impl Write, rules: &[&Rule]) -> std::io::Result<()> {
    for rule in rules {
        writeln!(
            out,
            "{} of {} ({})",
            rule.errno,
            rule.calls.join(", "),
            rule.id
        )?;
        writeln!(out, "  cause  {}", rule.cause)?;
        writeln!(out, "  how    {}", rule.how)?;
        writeln!(out, "  mend   {}", rule.mend)?;
        writeln!(out, "  page   {}\n", rule.page)?;
    }
    Ok(())
}

fn markdown(out: &mut impl Write, rules: &[&Rule]) -> std::io::Result<()> {
    writeln!(
        out,
        "| call | errno | cause | how to see it | mend | page |\n|---|---|---|---|---|---|"
    )?;
    for rule in rules {
        let calls: Vec<_> = rule
            .calls
            .iter()
            .take(3)
            .map(|call| format!("`{call}`"))
            .collect();
        let more = if rule.calls.len() > 3 { " …" } else { "" };
        let row = [
            &format!("{}{more}", calls.join(", ")),
            &format!("`{}`", rule.errno),
            rule.cause,
            rule.how,
            rule.mend,
            rule.page,
        ];
        let cells = row.map(|cell| cell.replace('|', "\\|"));
        writeln!(out, "| {} |", cells.join(" | "))?;
    }
    Ok(())
}
