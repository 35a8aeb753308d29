//! One cell of the matrix, from inside: the stand-in host is furnished, the subject is started with the probe in it, and
//! the host judges.
//!
//! This runs in a container of its own (`World::StandIn`), as the only thing in it: when it ends, all that the attack has
//! made ends with it.

use std::fs::{self, File};
use std::io::Read;
use std::os::fd::AsFd;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use attacks::{
    Answer, Bait, GO, Ground, HOME, Image, Judge, Outcome, PASSWORD, PROGRAM, Probe, START, STORE,
};
use kit::patience::patient;
use kit::sys::mount::{Attributes, set_attributes};
use nix::fcntl::AT_FDCWD;
use nix::mount::{MsFlags, mount};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use super::subject::{self, Subject};
use crate::ui::say;

/// Where the programs are, on the stand-in host.
const PROGRAMS: &str = "/srv/bin";
/// The root file system of those subjects that take one.
const ROOT: &str = "/srv/rootfs";
const ERRORS: &str = "/srv/errors";
/// An archive on its way to whoever unpacks it.
const INPUT: &str = "/srv/archive";
/// Where the user keeps passwords.
const CREDENTIALS: &str = "/srv/credentials";
/// How long a probe may be silent.
const PATIENCE: Duration = Duration::from_secs(30);

pub(crate) fn run(subject: &str, probe: &str) -> Result<ExitCode> {
    let subject = subject::find(subject)?;
    let probe = attacks::find(probe).context("there is no such probe")?;
    furnish().context("cannot furnish the stand-in host")?;
    let token = kit::id::Id::random()?.to_string();
    let ground = Ground {
        token: &token,
        root: Path::new(ROOT),
    };
    let answer = match (probe.bait)(&ground) {
        Ok(bait) => attack(&subject, probe, &bait, &token)?,
        Err(error) => Answer::new(Outcome::NotRun, format!("the host is not ready: {error}")),
    };
    say!("{answer}");
    Ok(ExitCode::SUCCESS)
}

/// As a host has it: shared mounts, `/sys` and the cgroups writable, a root file system for containers.
fn furnish() -> Result<()> {
    let none = None::<&str>;
    mount(none, "/", none, MsFlags::MS_SHARED | MsFlags::MS_REC, none)?;
    let writable = Attributes {
        clear: libc::MOUNT_ATTR_RDONLY,
        ..Attributes::default()
    };
    set_attributes(AT_FDCWD, c"/sys", libc::AT_RECURSIVE, writable)?;
    for hierarchy in hierarchies()? {
        leave_top(&hierarchy)?;
    }
    for directory in ["/srv/host", HOME, ROOT, START, CREDENTIALS] {
        fs::create_dir_all(directory)?;
    }
    busybox::fill(Path::new(ROOT))?;
    for root in ["/", ROOT] {
        let program = inside(root, PROGRAM);
        fs::create_dir_all(inside(root, HOME))?;
        fs::create_dir_all(inside(root, START))?;
        fs::copy(Path::new(PROGRAMS).join("attack"), &program)?;
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755))?;
    }
    Ok(())
}

fn inside(root: &str, path: &str) -> PathBuf {
    Path::new(root).join(path.trim_start_matches('/'))
}

/// One directory with v2 alone, else one for each hierarchy.
fn hierarchies() -> Result<Vec<PathBuf>> {
    let top = PathBuf::from("/sys/fs/cgroup");
    if top.join("cgroup.procs").exists() {
        return Ok(vec![top]);
    }
    let is_own = |path: &PathBuf| path.is_dir() && !path.is_symlink();
    let entries = fs::read_dir(&top)?.collect::<Result<Vec<_>, _>>()?;
    Ok(entries
        .into_iter()
        .map(|entry| entry.path())
        .filter(is_own)
        .collect())
}

/// The top is what holds a bomb that nobody else has stopped: no process stands in it, which v2 asks for anyway before
/// it hands controllers down, and so no attack can take the top's limits for its own.
fn leave_top(top: &Path) -> Result<()> {
    let leaf = top.join("leaf");
    fs::create_dir(&leaf).with_context(|| format!("cannot make {}", leaf.display()))?;
    for pid in fs::read_to_string(top.join("cgroup.procs"))?.lines() {
        write(&leaf.join("cgroup.procs"), pid)?;
    }
    let controllers = fs::read_to_string(top.join("cgroup.controllers")).unwrap_or_default();
    for controller in controllers.split_whitespace() {
        write(
            &top.join("cgroup.subtree_control"),
            &format!("+{controller}"),
        )?;
    }
    Ok(())
}

fn write(file: &Path, word: &str) -> Result<()> {
    fs::write(file, word).with_context(|| format!("cannot write {word} to {}", file.display()))
}

fn attack(subject: &Subject, probe: &Probe, bait: &Bait, token: &str) -> Result<Answer> {
    if let Some(image) = &bait.image {
        return Ok(judge(&bait.judge, token, fetch(subject, image)?));
    }
    if let (Some(bind), false) = (&bait.bind, subject.binds()) {
        let target = inside(ROOT, &bind.target.to_string_lossy());
        let none = None::<&str>;
        mount(Some(&bind.source), &target, none, MsFlags::MS_BIND, none)?;
    }
    let mut child = start(subject, probe, bait)?;
    let mut lines = Lines::of(&mut child)?;
    match lines.next()?.as_deref() {
        Some("ready") => {}
        _ => return Ok(Answer::new(Outcome::NotRun, no_start(subject)?)),
    }
    settle(subject)?;
    for root in ["/", ROOT] {
        File::create(inside(root, GO))?;
    }
    let said = match lines.next()?.map(|line| line.parse()) {
        Some(Ok(answer)) => answer,
        Some(Err(())) => Answer::new(Outcome::NotRun, "the probe said what is no answer"),
        None => Answer::new(Outcome::NotRun, "the probe ended without an answer"),
    };
    Ok(judge(&bait.judge, token, said))
}

/// Has the user fetch what is an attack in itself. That it is refused is the user's luck, and no failure of ours.
fn fetch(subject: &Subject, image: &Image) -> Result<Answer> {
    let (archive, host) = match image {
        Image::Archive(archive) => (archive.as_slice(), ""),
        Image::Registry(name) => (&b""[..], name.split('/').next().unwrap_or_default()),
    };
    fs::write(INPUT, archive)?;
    let (user, password) = PASSWORD.split_once(':').unwrap_or_default();
    let auths = serde_json::json!({"auths": {host: {"username": user, "password": password}}});
    let credentials = Path::new(CREDENTIALS).join("config.json");
    fs::write(credentials, auths.to_string())?;
    let words = subject.fetch(ROOT, image);
    let output = program(&words)
        .stdin(File::open(INPUT)?)
        .output()
        .with_context(|| format!("cannot start {}", words[0]))?;
    let errors = String::from_utf8_lossy(&output.stderr);
    let said = match (output.status.success(), errors.lines().next()) {
        (true, _) => format!("{} took it, and nothing came of it", words[0]),
        (false, Some(why)) => why.to_owned(),
        (false, None) => format!("{} refused it", words[0]),
    };
    Ok(Answer::new(Outcome::Stopped, said))
}

/// A program of the user's, in the user's environment.
fn program(words: &[String]) -> Command {
    let mut command = Command::new(Path::new(PROGRAMS).join(&words[0]));
    command
        .args(&words[1..])
        .env_clear()
        .env("PATH", namespaces::DEFAULT_PATH)
        .env("HOME", "/root")
        .env("DRYDOCK_ROOT", STORE)
        .env("DOCKER_CONFIG", CREDENTIALS);
    command
}

/// The word of the one who can know.
fn judge(judge: &Judge, token: &str, said: Answer) -> Answer {
    let seen = match judge {
        Judge::Attempt => return said,
        Judge::Token => said
            .evidence
            .contains(token)
            .then(|| said.evidence.replace(token, "the secret")),
        Judge::Host(look) => look(),
    };
    match (seen, said.outcome) {
        (Some(seen), _) => Answer::new(Outcome::Escaped, seen),
        (None, Outcome::NotRun) => said,
        (None, _) => Answer::new(Outcome::Stopped, said.evidence),
    }
}

fn start(subject: &Subject, probe: &Probe, bait: &Bait) -> Result<Child> {
    if !subject.prepare.is_empty() {
        prepare(subject)?;
    }
    let mut command = vec![
        PROGRAM.to_owned(),
        "--stay".to_owned(),
        probe.slug.to_owned(),
    ];
    command.extend(bait.arguments.iter().cloned());
    let words = subject.start(ROOT, bait.bind.as_ref(), command);
    program(&words)
        .envs(bait.environment.iter().cloned())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(File::create(ERRORS)?)
        .spawn()
        .with_context(|| format!("cannot start {}", subject.name))
}

fn prepare(subject: &Subject) -> Result<()> {
    let output = Command::new("/bin/sh")
        .args(["-c", &subject.prepare.replace("{root}", ROOT)])
        .env("DRYDOCK_ROOT", STORE)
        .output()?;
    let errors = String::from_utf8_lossy(&output.stderr);
    ensure!(
        output.status.success(),
        "{} cannot be made ready: {errors}",
        subject.name
    );
    Ok(())
}

fn no_start(subject: &Subject) -> Result<String> {
    let errors = fs::read_to_string(ERRORS)?;
    let first = errors.lines().next().unwrap_or("no reason given");
    Ok(format!("{} did not start it: {first}", subject.name))
}

/// Some put the command into its cgroup when it runs already. That race is another matter: the attack begins after it.
fn settle(subject: &Subject) -> Result<()> {
    let Some(prefix) = subject.late_cgroup else {
        return Ok(());
    };
    let deadline = Instant::now() + patient(PATIENCE);
    let has_process = |path: &Path| {
        fs::read_to_string(path.join("cgroup.procs")).is_ok_and(|list| !list.is_empty())
    };
    while Instant::now() < deadline {
        for hierarchy in hierarchies()? {
            let entries = fs::read_dir(hierarchy)?.flatten();
            let mut late = entries.filter(|e| e.file_name().to_string_lossy().starts_with(prefix));
            if late.any(|entry| has_process(&entry.path())) {
                return Ok(());
            }
        }
        std::thread::sleep(Duration::from_millis(2));
    }
    bail!("{} puts the probe into no cgroup {prefix}…", subject.name)
}

/// What a probe says, line by line, but not for ever. No thread reads it: a bomb may leave none to be had.
struct Lines {
    pipe: ChildStdout,
    text: Vec<u8>,
}

impl Lines {
    fn of(child: &mut Child) -> Result<Self> {
        Ok(Self {
            pipe: child
                .stdout
                .take()
                .context("there is no pipe from the probe")?,
            text: Vec::new(),
        })
    }

    /// None at the end of file, and when its time is over.
    fn next(&mut self) -> Result<Option<String>> {
        let deadline = Instant::now() + patient(PATIENCE);
        loop {
            if let Some(end) = self.text.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = self.text.drain(..=end).collect();
                return Ok(Some(String::from_utf8_lossy(&line[..end]).into_owned()));
            }
            let left = deadline.saturating_duration_since(Instant::now());
            let timeout = PollTimeout::try_from(left).unwrap_or(PollTimeout::ZERO);
            let mut set = [PollFd::new(self.pipe.as_fd(), PollFlags::POLLIN)];
            if poll(&mut set, timeout)? == 0 {
                return Ok(None);
            }
            let mut buffer = [0; 4096];
            match self.pipe.read(&mut buffer)? {
                0 => return Ok(None),
                length => self.text.extend_from_slice(&buffer[..length]),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hosts_eyes_count_and_not_the_attackers_word() {
        let said = |outcome| Answer::new(outcome, "it says T");
        let outcome = |by: Judge, word| judge(&by, "T", said(word)).outcome;
        let host = |seen: bool| Judge::Host(Box::new(move || seen.then(|| "seen".to_owned())));
        assert_eq!(outcome(host(false), Outcome::Escaped), Outcome::Stopped);
        assert_eq!(outcome(host(true), Outcome::Stopped), Outcome::Escaped);
        assert_eq!(outcome(host(false), Outcome::NotRun), Outcome::NotRun);
        assert_eq!(outcome(Judge::Attempt, Outcome::Escaped), Outcome::Escaped);
        assert_eq!(outcome(Judge::Token, Outcome::Escaped), Outcome::Escaped);
        assert_eq!(
            judge(&Judge::Token, "U", said(Outcome::Escaped)).outcome,
            Outcome::Stopped
        );
        assert_eq!(
            judge(&Judge::Token, "T", said(Outcome::Escaped)).evidence,
            "it says the secret"
        );
    }
}
