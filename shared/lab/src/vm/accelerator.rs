//! KVM where the VM really boots on it, else QEMU's translator.

use std::fs::OpenOptions;
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use super::plan::{Accelerator, Hierarchy, Machine};
use super::{Store, boot};
use crate::ui;

/// On KVM the kernel needs one to two seconds. A host that is itself a VM may take forever, or fail at once.
const TRIAL: Duration = Duration::from_secs(15);

/// What was chosen, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Choice {
    pub accelerator: Accelerator,
    pub reason: String,
}

/// Tries once for each boot of the host: whether /dev/kvm works depends on the kernel that runs.
pub(crate) fn choose(store: &Store, machine: &Machine) -> Result<Choice> {
    let cache = store.path("accelerator");
    let boot_id = std::fs::read_to_string("/proc/sys/kernel/random/boot_id")
        .context("cannot ask the kernel which boot this is")?;
    let cached = std::fs::read_to_string(&cache).unwrap_or_default();
    if let Some(choice) = parse(&cached, boot_id.trim()) {
        return Ok(choice);
    }
    let choice = trial(store, machine)?;
    let line = format!(
        "{} {} {}\n",
        boot_id.trim(),
        choice.accelerator,
        choice.reason
    );
    kit::fs::write_atomically(&cache, line.as_bytes())?;
    Ok(choice)
}

/// The cache's one line: boot id, accelerator, reason.
fn parse(cached: &str, boot_id: &str) -> Option<Choice> {
    let mut words = cached.trim_end().splitn(3, ' ');
    if words.next()? != boot_id {
        return None;
    }
    let accelerator = match words.next()? {
        "kvm" => Accelerator::Kvm,
        "tcg" => Accelerator::Tcg,
        _ => return None,
    };
    Some(Choice {
        accelerator,
        reason: words.next()?.to_owned(),
    })
}

fn trial(store: &Store, machine: &Machine) -> Result<Choice> {
    let tcg = |reason: String| {
        Ok(Choice {
            accelerator: Accelerator::Tcg,
            reason,
        })
    };
    if let Err(error) = OpenOptions::new().read(true).write(true).open("/dev/kvm") {
        return tcg(format!("/dev/kvm cannot be opened ({error})"));
    }
    let machine = Machine {
        accelerator: Accelerator::Kvm,
        ..machine.clone()
    };
    let start = Instant::now();
    let mut reached = None;
    // QEMU's complaints are the answer, not news for the user.
    let end = boot::watch(
        store,
        &machine,
        Hierarchy::V2,
        &[],
        TRIAL,
        Stdio::null(),
        |line| {
            if line == boot::USERLAND {
                reached.get_or_insert(start.elapsed());
            }
        },
    )?;
    match (reached, end) {
        (Some(time), _) => Ok(Choice {
            accelerator: Accelerator::Kvm,
            reason: format!("a trial boot reached userland in {}", ui::duration(time)),
        }),
        (None, boot::End::TimedOut) => tcg(format!(
            "a trial boot on KVM did not reach userland in {} s",
            TRIAL.as_secs()
        )),
        (None, boot::End::Exited(status)) => tcg(format!(
            "a trial boot on KVM did not reach userland (QEMU: {status})"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_choice_holds_for_the_boot_it_was_made_in() {
        let line = "1234-ab tcg it did not boot\n";
        let choice = parse(line, "1234-ab").unwrap();
        assert_eq!(choice.accelerator, Accelerator::Tcg);
        assert_eq!(choice.reason, "it did not boot");
        assert_eq!(parse(line, "5678-cd"), None);
        assert_eq!(parse("", "1234-ab"), None);
        assert_eq!(parse("1234-ab xen no\n", "1234-ab"), None);
    }
}
