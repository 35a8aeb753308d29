//! The program in question, as a check starts it.

use std::fs;
use std::io::Read;
use std::os::fd::OwnedFd;
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use checks::child::wait_until;
use checks::{Finding, Outcome, proc};
use nix::mount::{MsFlags, mount};

/// Where the program is.
pub(super) const PROGRAM: &str = "DRYDOCK_SUBJECT";
/// A root file system of busybox.
pub(super) const ROOT: &str = "DRYDOCK_SUBJECT_ROOT";

/// What a run came to.
#[derive(Debug)]
pub(super) struct Ran {
    /// The exit code; 128 + n if a signal ended the program itself.
    pub code: i32,
    /// Standard output, without white space at its ends.
    pub out: String,
    /// Standard error.
    pub err: String,
}

/// `PROGRAM run ARGUMENTS…`.
pub(super) fn run(arguments: &[&str]) -> Outcome<Ran> {
    wait(start(arguments, &[])?)
}

/// `PROGRAM ARGUMENTS…`, which is not `run`.
pub(super) fn tool(arguments: &[&str]) -> Outcome<Ran> {
    wait(begin(arguments)?)
}

/// tar(1), the host's.
pub(super) fn tar(arguments: &[&str]) -> Outcome {
    let output = Command::new("tar").args(arguments).output()?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(Finding::new("check-broken", format!("tar failed: {said}")))
}

/// `PROGRAM run`, with words that stand for the root file system: `--rootfs ROOT`.
pub(super) fn run_in_root(options: &[&str], command: &[&str]) -> Outcome<Ran> {
    let root = root();
    let mut arguments = vec!["--rootfs", root.to_str().unwrap_or_default()];
    arguments.extend(options);
    arguments.extend(command);
    run(&arguments)
}

/// The root file system.
pub(super) fn root() -> PathBuf {
    std::env::var_os(ROOT)
        .map(PathBuf::from)
        .unwrap_or_default()
}

/// Starts it; what it inherits besides 0, 1 and 2 is in `inherited`.
pub(super) fn start(arguments: &[&str], inherited: &[OwnedFd]) -> Outcome<Child> {
    // They are not close-on-exec: that is the point.
    let _ = inherited;
    begin(&[&["run"], arguments].concat())
}

fn begin(arguments: &[&str]) -> Outcome<Child> {
    let program = std::env::var_os(PROGRAM).unwrap_or_default();
    Command::new(&program)
        .args(arguments)
        // What the host keeps behind glass cannot be written to.
        .env("DRYDOCK_ROOT", "/dev/shm/drydock")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| {
            let program = program.display();
            Finding::new(
                "cannot-start",
                format!("{program} cannot be started: {error}"),
            )
        })
}

/// Waits for its end; a cell's time limit ends what never ends.
pub(super) fn wait(child: Child) -> Outcome<Ran> {
    let output = child.wait_with_output()?;
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).trim().to_owned();
    Ok(Ran {
        code: code(output.status),
        out: text(output.stdout),
        err: text(output.stderr),
    })
}

/// A container that runs `sleep` for a time by which it is recognised, and the pid of that sleep.
pub(super) fn sleeping(options: &[&str]) -> Outcome<(Child, i32)> {
    let mut arguments = options.to_vec();
    arguments.extend(["sleep", NAP]);
    // One that was killed a moment ago may still be dying.
    let before = sleepers();
    let mut child = start(&arguments, &[])?;
    // The program itself has these words in its own command line too.
    let ours = child.id() as i32;
    let found = wait_until(|| {
        sleepers()
            .into_iter()
            .find(|pid| *pid != ours && !before.contains(pid))
    });
    match found {
        Some(pid) => Ok((child, pid)),
        // What it said can be read if it has ended; what still runs may keep its output open for ever.
        None => {
            let said = match child.try_wait()? {
                Some(_) => wait(child)?.err,
                None => "it still runs".to_owned(),
            };
            Err(Finding::new(
                "never-ran",
                format!(
                    "`run {}` did not come so far as to run sleep: {said}",
                    arguments.join(" ")
                ),
            ))
        }
    }
}

/// How long the command sleeps: a number that nothing else on the machine has.
const NAP: &str = "61.25";

fn sleepers() -> Vec<i32> {
    let naps =
        |pid: i32| proc::text(format!("/proc/{pid}/cmdline")).ends_with(&format!("sleep\0{NAP}\0"));
    let mut pids = proc::pids();
    pids.retain(|pid| runs_sleep(*pid) && naps(*pid));
    pids
}

fn runs_sleep(pid: i32) -> bool {
    let mut name = String::new();
    let file = fs::File::open(format!("/proc/{pid}/comm"));
    file.is_ok_and(|mut file| file.read_to_string(&mut name).is_ok()) && name.trim() == "sleep"
}

/// Sends a signal to the program, and returns its exit code if it has ended soon after.
pub(super) fn ends_after(child: &mut Child, signal: i32) -> Outcome<Option<i32>> {
    kit::sys::process::kill(nix::unistd::Pid::from_raw(child.id() as i32), signal)?;
    Ok(wait_until(|| child.try_wait().ok().flatten()).map(code))
}

fn code(status: ExitStatus) -> i32 {
    status.code().unwrap_or(128 + status.signal().unwrap_or(0))
}

/// Whether the process is gone soon.
pub(super) fn is_gone(pid: i32) -> bool {
    let gone = wait_until(|| (!proc::lives(pid)).then_some(()));
    // It may be a zombie for as long as its parent takes.
    std::thread::sleep(Duration::from_millis(5));
    gone.is_some()
}

/// The host as systemd makes it: all mounts are shared.
pub(super) fn share_mounts() -> Outcome {
    let none = None::<&str>;
    mount(none, "/", none, MsFlags::MS_REC | MsFlags::MS_SHARED, none)?;
    Ok(())
}
