//! One line for each outcome, so that a tool can see that every test ran somewhere.

use std::fs::OpenOptions;
use std::io::Write;
use std::time::Duration;

use serde_json::json;

/// How a test ended.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Outcome<'a> {
    Passed,
    Failed(&'a str),
    Ignored(&'a str),
}

/// Appends the outcome to the file that `DRYDOCK_REPORT` names, if it names one:
/// `{"suite":…,"test":…,"outcome":"passed"|"failed"|"ignored","reason":…|null,"millis":…}`.
pub(crate) fn write(
    suite: &str,
    test: &str,
    outcome: Outcome<'_>,
    duration: Duration,
) -> std::io::Result<()> {
    let Some(path) = std::env::var_os("DRYDOCK_REPORT") else {
        return Ok(());
    };
    let line = line(suite, test, outcome, duration);
    // One write of one line to a file opened for appending: several suites may share it.
    OpenOptions::new()
        .create(true)
        .append(true)
        .open(path)?
        .write_all(line.as_bytes())
}

fn line(suite: &str, test: &str, outcome: Outcome<'_>, duration: Duration) -> String {
    let (word, reason) = match outcome {
        Outcome::Passed => ("passed", None),
        Outcome::Failed(reason) => ("failed", Some(reason)),
        Outcome::Ignored(reason) => ("ignored", Some(reason)),
    };
    let millis = duration.as_millis() as u64;
    format!(
        "{}\n",
        json!({"suite": suite, "test": test, "outcome": word, "reason": reason, "millis": millis})
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_one_json_object() {
        let line = line(
            "cgroups",
            "oom",
            Outcome::Failed("a\nb"),
            Duration::from_millis(7),
        );
        assert_eq!(line.lines().count(), 1);
        let value: serde_json::Value = serde_json::from_str(&line).unwrap();
        assert_eq!(value["reason"], "a\nb");
        assert_eq!(value["millis"], 7);
    }
}
