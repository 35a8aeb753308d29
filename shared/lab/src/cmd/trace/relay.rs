//! Signals to `lab` while it traces. To end at once would kill the command, and with it what was to clean up after it:
//! so SIGTERM and SIGHUP are passed on, and what a terminal's keys send, the command has got itself.

use std::sync::Arc;
use std::sync::atomic::{AtomicI32, Ordering};

use anyhow::{Context, Result};
use nix::sys::signal::{SigSet, Signal, kill};
use nix::unistd::Pid;
use trace::Process;

/// Passes signals on, from the start of the command to the end of `lab`.
#[derive(Debug)]
pub(crate) struct Relay(Arc<AtomicI32>);

impl Relay {
    /// Blocks the signals in this thread and all that it will start; the command starts with an empty mask.
    pub(crate) fn start() -> Result<Self> {
        let mut signals = SigSet::empty();
        for signal in [
            Signal::SIGINT,
            Signal::SIGQUIT,
            Signal::SIGTERM,
            Signal::SIGHUP,
        ] {
            signals.add(signal);
        }
        signals.thread_block().context("cannot block signals")?;
        let target = Arc::new(AtomicI32::new(0));
        let aim = Arc::clone(&target);
        // It ends with the process.
        std::thread::spawn(move || {
            while let Ok(signal) = signals.wait() {
                let pid = aim.load(Ordering::Acquire);
                if pid != 0 && matches!(signal, Signal::SIGTERM | Signal::SIGHUP) {
                    // ESRCH: it has ended, and so shall we.
                    let _ = kill(Pid::from_raw(pid), signal);
                }
            }
        });
        Ok(Self(target))
    }

    /// The first process is the one to pass them on to.
    pub(crate) fn aim(&self, processes: &[Process]) {
        if let Some(first) = processes.first() {
            self.0.store(first.pid, Ordering::Release);
        }
    }
}
