//! Runs a program, and everything that comes of it, under a time limit.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::Write;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use kit::sys::process::{pidfd_open, pidfd_send_signal};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::unistd::Pid;

use crate::output::Output;
use crate::scene::{self, Mark};
use crate::screen::Screen;
use crate::terminal::Terminal;
use crate::wait;

/// A program to run. Its environment is small and always the same (see [`Run::new`]), its standard input is
/// `/dev/null`, and after the time limit it and all its descendants are killed.
#[derive(Clone, Debug)]
pub struct Run {
    program: OsString,
    arguments: Vec<OsString>,
    environment: Vec<(OsString, OsString)>,
    directory: Option<PathBuf>,
    stdin: Input,
    prologue: Option<String>,
    user: Option<u32>,
    pub(crate) limit: Duration,
    pub(crate) may_time_out: bool,
}

#[derive(Clone, Debug)]
enum Input {
    Null,
    Bytes(Vec<u8>),
    Open,
}

impl Run {
    /// A run of `program`, a path or a name in `PATH`. Its environment is `PATH`, `HOME`, `LANG`, `TERM` and, below
    /// the test's own [`directory`](crate::directory), `DRYDOCK_ROOT`, `DRYDOCK_RUN` and `TMPDIR`.
    pub fn new(program: impl AsRef<OsStr>) -> Self {
        let own = scene::directory();
        let path =
            std::env::var_os("PATH").unwrap_or_else(|| "/usr/sbin:/usr/bin:/sbin:/bin".into());
        Self {
            program: program.as_ref().to_owned(),
            arguments: Vec::new(),
            environment: vec![
                ("PATH".into(), path),
                ("HOME".into(), "/root".into()),
                ("LANG".into(), "C.UTF-8".into()),
                ("TERM".into(), "xterm".into()),
                ("DRYDOCK_ROOT".into(), own.join("data").into()),
                ("DRYDOCK_RUN".into(), own.join("run").into()),
                ("TMPDIR".into(), own.join("tmp").into()),
            ],
            directory: None,
            stdin: Input::Null,
            prologue: None,
            user: None,
            limit: wait::limit(),
            may_time_out: false,
        }
    }

    /// Adds arguments, which need not be UTF-8.
    #[must_use]
    pub fn args<A: AsRef<OsStr>>(mut self, arguments: impl IntoIterator<Item = A>) -> Self {
        self.arguments
            .extend(arguments.into_iter().map(|a| a.as_ref().to_owned()));
        self
    }

    /// Adds one argument.
    #[must_use]
    pub fn arg(self, argument: impl AsRef<OsStr>) -> Self {
        self.args([argument])
    }

    /// Sets a variable of the environment.
    #[must_use]
    pub fn env(mut self, name: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> Self {
        self.environment
            .push((name.as_ref().to_owned(), value.as_ref().to_owned()));
        self
    }

    /// Sets the working directory.
    #[must_use]
    pub fn current_dir(mut self, directory: impl Into<PathBuf>) -> Self {
        self.directory = Some(directory.into());
        self
    }

    /// Writes these bytes to its standard input and closes it.
    #[must_use]
    pub fn stdin(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.stdin = Input::Bytes(bytes.into());
        self
    }

    /// Gives it a pipe as standard input that stays open; see [`Running::write`].
    #[must_use]
    pub fn open_stdin(mut self) -> Self {
        self.stdin = Input::Open;
        self
    }

    /// Shell commands that run first, in the process that then becomes the program: `exec 7</etc/passwd`,
    /// `exec <&- >&- 2>&-`, `ulimit -n 20`, `umask 077`.
    #[must_use]
    pub fn after(mut self, commands: &str) -> Self {
        let before = self
            .prologue
            .map_or_else(String::new, |prologue| prologue + "; ");
        self.prologue = Some(before + commands);
        self
    }

    /// Runs it as this user and group, without supplementary groups (as root only).
    #[must_use]
    pub fn user(mut self, id: u32) -> Self {
        self.user = Some(id);
        self
    }

    /// Changes the time limit, which is 30 s. Either is multiplied by `DRYDOCK_PATIENCE` if that is set.
    #[must_use]
    pub fn timeout(mut self, limit: Duration) -> Self {
        self.limit = kit::patience::patient(limit);
        self
    }

    /// Does not panic at the time limit: [`Output::timed_out`] tells.
    #[must_use]
    pub fn may_time_out(mut self) -> Self {
        self.may_time_out = true;
        self
    }

    /// Runs it to its end.
    ///
    /// # Panics
    /// If it, or a descendant that holds its output open, has to be killed at the time limit.
    #[track_caller]
    pub fn output(self) -> Output {
        self.spawn().wait()
    }

    /// Starts it.
    ///
    /// # Panics
    /// If the program cannot be started at all.
    pub fn spawn(self) -> Running {
        let start = Instant::now();
        let stdin = match self.stdin {
            Input::Null => Stdio::null(),
            Input::Bytes(_) | Input::Open => Stdio::piped(),
        };
        let mark = scene::next_mark();
        let mut command = self.command(&[]);
        command
            .stdin(stdin)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = scene::marked(mark, || command.spawn())
            .unwrap_or_else(|error| panic!("cannot start {}: {error}", self.program.display()));
        let (stdout, _) = Screen::of(File::from(OwnedFd::from(
            child.stdout.take().expect("it is piped"),
        )));
        let (stderr, _) = Screen::of(File::from(OwnedFd::from(
            child.stderr.take().expect("it is piped"),
        )));
        let stdin = feed(child.stdin.take(), self.stdin);
        let process = Process::new(child, mark, start, self.limit);
        Running {
            process,
            stdin,
            stdout,
            stderr,
            may_time_out: self.may_time_out,
        }
    }

    /// Starts it with a pseudoterminal of 24 rows and 80 columns as its controlling terminal and standard input, output
    /// and error.
    pub fn under_pty(self) -> Terminal {
        Terminal::start(self)
    }

    /// The file that `/proc/PID/exe` will show.
    pub(crate) fn program(&self) -> PathBuf {
        let path = PathBuf::from(&self.program);
        path.canonicalize().unwrap_or(path)
    }

    /// The command, with `wrapper` (a program and its arguments that end in an exec) before it.
    pub(crate) fn command(&self, wrapper: &[&str]) -> Command {
        let mut words: Vec<OsString> = wrapper.iter().map(OsString::from).collect();
        if let Some(prologue) = &self.prologue {
            let script = format!("{prologue}; exec \"$@\"");
            words.extend(["sh".into(), "-c".into(), script.into(), "sh".into()]);
        }
        words.push(self.program.clone());
        words.extend(self.arguments.iter().cloned());
        let mut command = Command::new(&words[0]);
        command
            .args(&words[1..])
            .env_clear()
            .envs(self.environment.iter().cloned());
        if let Some(directory) = &self.directory {
            command.current_dir(directory);
        }
        if let Some(id) = self.user {
            command.uid(id).gid(id);
        }
        command
    }
}

fn feed(pipe: Option<ChildStdin>, input: Input) -> Option<ChildStdin> {
    match (pipe, input) {
        (Some(mut pipe), Input::Bytes(bytes)) => {
            // In a thread, for it may be more than a pipe holds. A program that does not read it is no error.
            std::thread::spawn(move || drop(pipe.write_all(&bytes)));
            None
        }
        (pipe, _) => pipe,
    }
}

/// The process itself, its mark and its time limit.
#[derive(Debug)]
pub(crate) struct Process {
    child: Child,
    pidfd: OwnedFd,
    mark: Mark,
    start: Instant,
    pub(crate) deadline: Instant,
    done: bool,
}

impl Process {
    pub(crate) fn new(child: Child, mark: Mark, start: Instant, limit: Duration) -> Self {
        let pidfd =
            pidfd_open(Pid::from_raw(child.id() as i32)).expect("a child not waited for has a pid");
        Self {
            child,
            pidfd,
            mark,
            start,
            deadline: start + limit,
            done: false,
        }
    }

    pub(crate) fn pid(&self) -> Pid {
        Pid::from_raw(self.child.id() as i32)
    }

    pub(crate) fn signal(&self, signal: i32) {
        pidfd_send_signal(&self.pidfd, signal).expect("the process can be signalled");
    }

    /// Its end, how long it took, and whether the time limit was what ended it.
    pub(crate) fn wait(&mut self) -> (ExitStatus, Duration, bool) {
        let in_time = self.ends_before(self.deadline);
        if !in_time {
            scene::kill_all(self.mark);
        }
        let status = self.child.wait().expect("our child can be waited for");
        self.done = true;
        (status, self.start.elapsed(), !in_time)
    }

    pub(crate) fn ends_before(&self, deadline: Instant) -> bool {
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let timeout = PollTimeout::try_from(left).unwrap_or(PollTimeout::MAX);
            let mut poll_for = [PollFd::new(self.pidfd.as_fd(), PollFlags::POLLIN)];
            match poll(&mut poll_for, timeout) {
                Ok(1..) => return true,
                Ok(_) if left.is_zero() => return false,
                _ => {}
            }
        }
    }

    pub(crate) fn kill_all(&self) {
        scene::kill_all(self.mark);
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if !self.done {
            scene::kill_all(self.mark);
            let _ = self.child.wait();
        }
    }
}

/// A program that runs. Dropping it kills it and its descendants.
#[derive(Debug)]
pub struct Running {
    process: Process,
    stdin: Option<ChildStdin>,
    stdout: Screen,
    stderr: Screen,
    may_time_out: bool,
}

impl Running {
    /// Its process.
    pub fn pid(&self) -> Pid {
        self.process.pid()
    }

    /// Sends it a signal, by number, so that it may be a real-time one.
    pub fn signal(&self, signal: i32) {
        self.process.signal(signal);
    }

    /// Writes to its standard input, of a run with [`Run::open_stdin`].
    pub fn write(&mut self, bytes: &[u8]) {
        let stdin = self.stdin.as_mut().expect("the run has no open_stdin");
        stdin
            .write_all(bytes)
            .and_then(|()| stdin.flush())
            .expect("the program reads its standard input");
    }

    /// Ends its standard input.
    pub fn close_stdin(&mut self) {
        self.stdin = None;
    }

    /// Waits for `text` on its standard output, and returns all of it since the last call up to there.
    ///
    /// # Panics
    /// If it does not come before the time limit, or the program ends.
    pub fn expect(&self, text: &str) -> String {
        self.stdout
            .expect(text, self.process.deadline)
            .unwrap_or_else(|instead| {
                let stderr = String::from_utf8_lossy(&self.stderr.bytes()).into_owned();
                panic!("{text:?} did not come; stdout: {instead:?}; stderr: {stderr:?}")
            })
    }

    /// Whether it ends within `limit`.
    pub fn ends_within(&self, limit: Duration) -> bool {
        self.process.ends_before(Instant::now() + limit)
    }

    /// Waits for its end, and for the end of its output.
    ///
    /// # Panics
    /// As [`Run::output`].
    #[track_caller]
    pub fn wait(mut self) -> Output {
        self.stdin = None;
        let (status, duration, mut timed_out) = self.process.wait();
        for screen in [&self.stdout, &self.stderr] {
            if !screen.wait_for_end(self.process.deadline) {
                timed_out = true;
                self.process.kill_all();
                screen.wait_for_end(Instant::now() + Duration::from_secs(5));
            }
        }
        let output = Output::new(
            status,
            self.stdout.bytes(),
            self.stderr.bytes(),
            duration,
            timed_out,
        );
        output.in_time(self.may_time_out)
    }
}
