//! Whether the processors and memory nodes that were asked for are there. v2 would take any list and use what it has
//! of it; a container that was promised two processors and has one is not what was asked for.

use std::fs;

use kit::{Error, Result};

use crate::layout::{Controller, Hierarchy, Layout, Version};
use crate::limits::Limits;
use crate::values::list;

/// Docker's refusal.
pub(crate) fn check(limits: &Limits, layout: &Layout) -> Result<()> {
    for (wanted, file, noun, option) in [
        (&limits.cpuset_cpus, "cpuset.cpus", "CPUs", "--cpuset-cpus"),
        (
            &limits.cpuset_mems,
            "cpuset.mems",
            "memory nodes",
            "--cpuset-mems",
        ),
    ] {
        if let Some(wanted) = wanted {
            let invalid = |why| Error::new(format!("Invalid value {wanted} for {option}: {why}"));
            let numbers = list(wanted).map_err(invalid)?;
            // Without the controller, or the file, the refusal comes later, and is about that.
            if let Some(there) = layout
                .find(Controller::Cpuset)
                .and_then(|h| available(h, file))
                && let Some(error) = refusal(wanted, &numbers, &there, noun)
            {
                return Err(error);
            }
        }
    }
    Ok(())
}

fn available(hierarchy: &Hierarchy, file: &str) -> Option<String> {
    let file = match hierarchy.version {
        Version::V1 => file.to_owned(),
        Version::V2 => format!("{file}.effective"),
    };
    let text = fs::read_to_string(hierarchy.base()?.join(file)).ok()?;
    Some(text.trim().to_owned())
}

fn refusal(wanted: &str, numbers: &[u32], there: &str, noun: &str) -> Option<Error> {
    let available = list(there).ok()?;
    let is_there = numbers.iter().all(|number| available.contains(number));
    (!is_there).then(|| {
        Error::new(format!(
            "Requested {noun} are not available - requested {wanted}, available: {there}"
        ))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_there_is_refused_as_docker_refuses_it() {
        let refused = |wanted: &str| {
            refusal(wanted, &list(wanted).unwrap(), "0-1", "CPUs").map(|error| error.to_string())
        };
        assert_eq!(refused("0"), None);
        assert_eq!(refused("0-1"), None);
        assert_eq!(
            refused("1-2").as_deref(),
            Some("Requested CPUs are not available - requested 1-2, available: 0-1")
        );
    }
}
