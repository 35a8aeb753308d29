//! The servers that the measurement needs, and their end: by their pids, and with all that they have made, whatever
//! happens, Ctrl-C included.

use std::fs::{self, File};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use nix::sys::signal::{SigSet, Signal};

use super::super::{Bench, text};
use crate::privilege::{Privilege, quiet};

/// How long a server may take to be there, and to go.
const PATIENCE: Duration = Duration::from_secs(60);

/// What has to go in the end.
#[derive(Clone)]
pub(super) struct Left {
    privilege: Privilege,
    things: Arc<Mutex<Things>>,
}

#[derive(Default)]
struct Things {
    servers: Vec<Child>,
    /// The leader of the process group that is being measured.
    measured: Option<u32>,
    directory: PathBuf,
}

/// What a signal has to clear away; there is one thread that waits for signals, and never more.
static INTERRUPTED: OnceLock<Mutex<Option<Left>>> = OnceLock::new();

impl Left {
    /// From here on `directory`, which is made, goes in the end.
    pub(super) fn new(privilege: Privilege, directory: &Path) -> Result<Self> {
        fs::create_dir_all(directory)
            .with_context(|| format!("cannot make {}", directory.display()))?;
        let left = Self {
            privilege,
            things: Arc::new(Mutex::new(Things {
                servers: Vec::new(),
                measured: None,
                directory: directory.to_owned(),
            })),
        };
        let slot = INTERRUPTED.get_or_init(|| {
            // Before there are other threads, so that none of them takes the signal.
            let signals = SigSet::from_iter([Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP]);
            if signals.thread_block().is_ok() {
                std::thread::spawn(move || clear_when_interrupted(signals));
            }
            Mutex::default()
        });
        *slot.lock().unwrap_or_else(PoisonError::into_inner) = Some(left.clone());
        Ok(left)
    }

    /// Starts a server whose end is seen to.
    fn start(&self, mut command: Command, log: &Path) -> Result<u32> {
        let output = File::create(log).context("cannot make a server's log")?;
        let child = command
            .stdin(Stdio::null())
            .stdout(output.try_clone()?)
            .stderr(output)
            .spawn()
            .with_context(|| format!("cannot run {}", command.get_program().display()))?;
        let pid = child.id();
        self.lock().servers.push(child);
        Ok(pid)
    }

    /// Runs a command to its end, or to ours.
    pub(super) fn measured(&self, command: &mut Command) -> Result<Output> {
        let command = command.process_group(0);
        let child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .with_context(|| format!("cannot run {}", command.get_program().display()))?;
        self.lock().measured = Some(child.id());
        let output = child.wait_with_output();
        self.lock().measured = None;
        output.context("cannot wait for a command")
    }

    fn has_ended(&self, pid: u32) -> bool {
        let mut things = self.lock();
        let server = things.servers.iter_mut().find(|child| child.id() == pid);
        server.is_none_or(|child| !matches!(child.try_wait(), Ok(None)))
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Things> {
        self.things.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends one server.
    fn stop(&self, pid: u32) {
        let mut things = self.lock();
        if let Some(at) = things.servers.iter().position(|child| child.id() == pid) {
            let server = things.servers.remove(at);
            end(self.privilege, vec![server]);
        }
    }

    fn clear(&self) {
        let mut things = self.lock();
        if let Some(leader) = things.measured {
            // With all that it has started.
            let group = format!("-{leader}");
            quiet(self.privilege.command("kill").args(["-KILL", "--", &group]));
        }
        end(self.privilege, std::mem::take(&mut things.servers));
        quiet(
            self.privilege
                .command("umount")
                .arg("--lazy")
                .arg(disk(&things.directory)),
        );
        // Files of root's, in mount namespaces that are gone by now.
        quiet(
            self.privilege
                .command("rm")
                .args(["-rf", "--one-file-system"])
                .arg(&things.directory),
        );
    }
}

/// Asks all to end, and sees to it.
fn end(privilege: Privilege, mut servers: Vec<Child>) {
    for server in servers.iter().rev() {
        // Through sudo, it is sudo that passes it on.
        quiet(privilege.command("kill").arg(server.id().to_string()));
    }
    let deadline = Instant::now() + PATIENCE;
    while let Some(mut server) = servers.pop() {
        while Instant::now() < deadline && matches!(server.try_wait(), Ok(None)) {
            std::thread::sleep(Duration::from_millis(20));
        }
        // The last resort; with it goes what dockerd has started, which is bound to its life.
        let _ = server.kill();
        let _ = server.wait();
    }
}

/// Where the disk is mounted that is new for each measurement.
pub(super) fn disk(here: &Path) -> PathBuf {
    here.join("disk")
}

#[expect(
    clippy::disallowed_methods,
    reason = "the main thread waits for a process, and what has to go has gone"
)]
fn clear_when_interrupted(signals: SigSet) {
    if let Ok(signal) = signals.wait() {
        let left = INTERRUPTED.get().and_then(|slot| {
            let mut slot = slot.lock().unwrap_or_else(PoisonError::into_inner);
            slot.take()
        });
        if let Some(left) = left {
            left.clear();
        }
        std::process::exit(128 + signal as i32);
    }
}

/// Ends the servers and removes the directory when it goes.
pub(super) struct Cleared(pub(super) Left);

impl Drop for Cleared {
    fn drop(&mut self) {
        self.0.clear();
    }
}

/// Debian's registry on the loopback device.
pub(super) struct Registry {
    pub(super) address: SocketAddr,
    log: PathBuf,
}

impl Registry {
    /// Serves what is in `storage`.
    pub(super) fn start(bench: &Bench, left: &Left, here: &Path, storage: &Path) -> Result<Self> {
        let address = free_address()?;
        let (config, log) = (here.join("registry.yml"), here.join("registry.log"));
        let lines = format!(
            "version: 0.1\nlog: {{level: info, formatter: json, accesslog: {{disabled: true}}}}\n\
             storage:\n  filesystem: {{rootdirectory: {}}}\nhttp:\n  addr: {address}\n",
            storage.display()
        );
        fs::write(&config, lines).context("cannot write the registry's configuration")?;
        let mut command = bench.privilege.command("docker-registry");
        command.arg("serve").arg(&config);
        let pid = left.start(command, &log)?;
        wait_for(left, pid, &log, || TcpStream::connect(address).is_ok())?;
        Ok(Self { address, log })
    }

    /// How many blobs were sent since the last question, and their bytes together. `already` is how much of the log
    /// has been read.
    pub(super) fn sent(&self, already: &mut usize) -> Result<Vec<(String, u64)>> {
        let log = fs::read_to_string(&self.log).context("cannot read the registry's log")?;
        let new = log.get(*already..).unwrap_or_default();
        *already = log.len();
        Ok(new.lines().filter_map(blob_sent).collect())
    }
}

/// Digest and bytes, if a line of the log says that a blob was sent.
fn blob_sent(line: &str) -> Option<(String, u64)> {
    let line: serde_json::Value = serde_json::from_str(line).ok()?;
    if line.get("http.request.method")? != "GET" {
        return None;
    }
    let (_, digest) = line
        .get("http.request.uri")?
        .as_str()?
        .split_once("/blobs/")?;
    let bytes = line.get("http.response.written")?.as_u64()?;
    Some((digest.to_owned(), bytes))
}

/// A Docker daemon of our own, that touches neither the network's rules nor anybody's images.
pub(super) struct Daemon {
    pub(super) host: String,
    pid: u32,
    server: u32,
    left: Left,
}

impl Drop for Daemon {
    fn drop(&mut self) {
        self.left.stop(self.server);
    }
}

impl Daemon {
    pub(super) fn start(bench: &Bench, left: &Left, here: &Path) -> Result<Self> {
        let at = |name: &str| text(&here.join(name));
        let (socket, pidfile, log) = (at("sock")?, at("pid")?, here.join("dockerd.log"));
        let host = format!("unix://{socket}");
        // In a mount namespace of its own, so that no mount of it outlives it.
        let mut command = bench.privilege.command("unshare");
        command.args(["--mount", "--propagation", "private", "dockerd"]);
        let data = text(&disk(here).join("docker"))?;
        command.args(["--data-root", &data, "--exec-root", &at("exec")?]);
        command.args(["--host", &host, "--pidfile", &pidfile]);
        command.args(["--iptables=false", "--ip6tables=false", "--bridge=none"]);
        let server = left.start(command, &log)?;
        wait_for(left, server, &log, || {
            let mut version = bench.privilege.command("docker");
            quiet(version.args(["--host", &host, "version"]))
        })?;
        let pid = fs::read_to_string(&pidfile).context("dockerd has written no pid")?;
        let pid = pid.trim().parse().context("dockerd's pid is no number")?;
        Ok(Self {
            host,
            pid,
            server,
            left: left.clone(),
        })
    }

    /// Seconds of processor time that it and all it has started have used so far.
    pub(super) fn cpu(&self) -> Result<f64> {
        let mut all = vec![self.pid];
        let children = format!("/proc/{0}/task", self.pid);
        for thread in fs::read_dir(children).context("dockerd is gone")?.flatten() {
            let text = fs::read_to_string(thread.path().join("children")).unwrap_or_default();
            all.extend(
                text.split_whitespace()
                    .filter_map(|pid| pid.parse::<u32>().ok()),
            );
        }
        Ok(all.into_iter().filter_map(cpu_of).sum())
    }

    /// The most memory that it has held so far, in MiB.
    pub(super) fn resident(&self) -> Result<f64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.pid))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kib: f64 = line
            .context("the kernel tells no VmHWM")?
            .trim_end_matches("kB")
            .trim()
            .parse()?;
        Ok(kib / 1024.0)
    }
}

/// Of a process and those of its children that have ended (proc_pid_stat(5), fields 14 to 17).
fn cpu_of(pid: u32) -> Option<f64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name before may hold anything but a closing parenthesis after the last.
    let (_, fields) = stat.rsplit_once(')')?;
    let fields = fields.split_whitespace().skip(11).take(4);
    let ticks: f64 = fields.filter_map(|field| field.parse::<f64>().ok()).sum();
    let second = nix::unistd::sysconf(nix::unistd::SysconfVar::CLK_TCK).ok()??;
    Some(ticks / second as f64)
}

fn wait_for(left: &Left, pid: u32, log: &Path, is_there: impl Fn() -> bool) -> Result<()> {
    let deadline = Instant::now() + PATIENCE;
    while !is_there() {
        if Instant::now() > deadline || left.has_ended(pid) {
            let log = fs::read_to_string(log).unwrap_or_default();
            let end: Vec<_> = log.lines().rev().take(5).collect();
            let end: Vec<_> = end.into_iter().rev().collect();
            bail!("a server did not start; its last words: {}", end.join("\n"));
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    Ok(())
}

/// One that was free a moment ago, which is as much as can be said of a port for another program.
fn free_address() -> Result<SocketAddr> {
    let listener = TcpListener::bind("127.0.0.1:0").context("no port is free")?;
    Ok(listener.local_addr()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_the_log_tells_what_was_sent() {
        let line = r#"{"http.request.method":"GET","http.request.uri":"/v2/big/blobs/sha256:ab","http.response.written":7,"msg":"response completed"}"#;
        assert_eq!(blob_sent(line), Some(("sha256:ab".to_owned(), 7)));
        let manifest = line.replace("blobs", "manifests");
        for other in ["", "not JSON", &manifest, &line.replace("GET", "HEAD")] {
            assert_eq!(blob_sent(other), None, "{other}");
        }
    }

    #[test]
    fn a_process_has_used_some_time() {
        assert!(cpu_of(std::process::id()).is_some());
        assert_eq!(cpu_of(u32::MAX), None);
    }
}
