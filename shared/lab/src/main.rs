//! `cargo lab`: what to do next, and the means to do it.

// Every module below drives Linux. The one thing to do on another system is said at the end of this file.
#[cfg(target_os = "linux")]
mod cmd;
#[cfg(target_os = "linux")]
mod exercise;
#[cfg(target_os = "linux")]
mod platform;
#[cfg(target_os = "linux")]
mod privilege;
#[cfg(target_os = "linux")]
mod process;
#[cfg(target_os = "linux")]
mod repo;
#[cfg(target_os = "linux")]
mod report;
#[cfg(target_os = "linux")]
mod suite;
#[cfg(target_os = "linux")]
mod ui;
#[cfg(target_os = "linux")]
mod vm;

use std::process::ExitCode;

#[cfg(target_os = "linux")]
fn main() -> ExitCode {
    cmd::run().unwrap_or_else(|error| {
        ui::error(&error);
        ExitCode::FAILURE
    })
}

/// Containers are made of the Linux kernel, so on macOS and Windows the lab is a VM.
#[cfg(not(target_os = "linux"))]
fn main() -> ExitCode {
    use std::io::Write;
    let _ = writeln!(
        std::io::stderr(),
        "lab: containers are made of the Linux kernel, and this is {}: use the VM, as book/src/vm.md shows \
         (`vagrant up`, then `vagrant ssh`)",
        std::env::consts::OS
    );
    ExitCode::FAILURE
}
