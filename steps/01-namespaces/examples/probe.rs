//! For the tests: all that the library can do and no command line of this step asks for.

use std::ffi::OsString;
use std::fs::{File, OpenOptions};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, ValueEnum};
use kit::{Error, Failure, Result};
use namespaces::{
    Account, Child, Console, Defaults, Exit, Inside, Kind, Lifetime, Mapping, Mechanism,
    Mechanisms, Namespaces, Plan, Process, Question, Rlimit, Stage, Stream, Streams, Terminal,
    User, UserNamespace, Wanted, create, spawn,
};
use nix::errno::Errno;
use nix::sys::resource::Resource;

#[derive(Parser)]
struct Probe {
    /// Create it here instead of running it
    #[arg(long)]
    create: Option<PathBuf>,
    /// … and wait for its end
    #[arg(long)]
    with_parent: bool,
    #[arg(long)]
    init: bool,
    #[arg(long)]
    terminal: bool,
    /// Send the terminal to this socket
    #[arg(long)]
    console: Option<PathBuf>,
    /// Standard input, output, error: null, inherit, or a file
    #[arg(long)]
    stream: Vec<String>,
    /// Inherited as 3, 4 …
    #[arg(long)]
    keep: Vec<PathBuf>,
    /// Kinds that are new
    #[arg(long, value_delimiter = ',')]
    new: Vec<Kind>,
    /// KIND=PATH
    #[arg(long)]
    join: Vec<String>,
    #[arg(long)]
    uid_map: Vec<Mapping>,
    /// UID:GID:GROUP,GROUP…
    #[arg(long)]
    user: Option<String>,
    #[arg(long)]
    directory: Option<PathBuf>,
    /// Limit of open files, SOFT:HARD
    #[arg(long)]
    files: Option<String>,
    /// Ask the parent in the middle: yes, no, slow, long
    #[arg(long)]
    ask: Option<String>,
    /// Each stage writes its name here
    #[arg(long)]
    stages: Option<PathBuf>,
    /// Allow execve and exit only
    #[arg(long)]
    filter: bool,
    #[arg(trailing_var_arg = true)]
    command: Vec<OsString>,
}

fn main() -> ExitCode {
    let result = match kit::program::parse::<Probe>() {
        Ok(probe) => probe.run(),
        Err(code) => Ok(code),
    };
    kit::program::finish("probe", result)
}

impl Probe {
    fn run(&self) -> Result<ExitCode> {
        let process = self.process()?;
        let streams = self.streams()?;
        let mechanisms = self.mechanisms(&process, &streams)?;
        let exit = match &self.create {
            None => spawn(&process, streams, mechanisms)?.wait()?,
            Some(directory) => {
                let lifetime = match self.with_parent {
                    true => Lifetime::WithParent,
                    false => Lifetime::Detached,
                };
                let created = create(&process, streams, mechanisms, lifetime, directory)?;
                kit::program::show(format!("{}\n", created.pid()).as_bytes())?;
                match self.with_parent {
                    true => created.wait()?,
                    false => Exit::default(),
                }
            }
        };
        Ok(ExitCode::from(exit.code))
    }

    fn process(&self) -> Result<Process> {
        let user = self.user.as_deref().map(account).transpose()?;
        let wanted = Wanted {
            words: self.command.clone(),
            user,
            directory: self.directory.clone(),
            terminal: self.terminal,
            init: self.init,
            ..Wanted::default()
        };
        let mut process = Process::new(&wanted, &Defaults::default());
        if let Some(files) = &self.files {
            let numbers = numbers(files)?;
            process.rlimits.push(Rlimit {
                resource: Resource::RLIMIT_NOFILE,
                soft: numbers[0].into(),
                hard: numbers[1].into(),
            });
        }
        Ok(process)
    }

    fn streams(&self) -> Result<Streams> {
        let mut streams = Streams::default();
        for (stream, text) in streams.standard.iter_mut().zip(&self.stream) {
            *stream = match text.as_str() {
                "inherit" => Stream::Inherit,
                "null" => Stream::Null,
                path => Stream::Given(open(path)?),
            };
        }
        for path in &self.keep {
            streams.kept.push(open(path)?);
        }
        if let Some(path) = &self.console {
            let socket = UnixStream::connect(path).map_err(|e| Error::io("connect", path, &e))?;
            streams.console = Console::Socket(socket.into());
        }
        Ok(streams)
    }

    fn mechanisms(&self, process: &Process, streams: &Streams) -> Result<Mechanisms> {
        let mut namespaces = Namespaces::new(&self.new, "probe");
        for text in &self.join {
            let (kind, path) = text.split_once('=').unwrap_or((text, ""));
            let kind = Kind::from_str(kind, true).map_err(Error::new)?;
            namespaces.joined.push((kind, open(path)?));
        }
        if !self.uid_map.is_empty() {
            namespaces.kinds.push(Kind::User);
            namespaces.user = Some(UserNamespace {
                uids: self.uid_map.clone(),
                gids: self.uid_map.clone(),
            });
        }
        let stages = self.stages.as_ref().map(open).transpose()?;
        // In the wrong order, all of them.
        Ok(Mechanisms::new()
            .and_if(self.filter.then_some(Filter))
            .and_if(stages.map(Stages))
            .and_if(User::of(process))
            .and_if(self.ask.clone().map(|answer| Asks { answer }))
            .and_if(Terminal::of(process, streams))
            .and(namespaces))
    }
}

fn open(path: impl AsRef<std::path::Path>) -> Result<OwnedFd> {
    let path = path.as_ref();
    let mut options = OpenOptions::new();
    let file = match options.read(true).append(true).open(path) {
        // A namespace is read only.
        Err(_) => File::open(path),
        other => other,
    };
    file.map(OwnedFd::from)
        .map_err(|e| Error::io("open", path, &e))
}

fn numbers(text: &str) -> Result<Vec<u32>> {
    text.split([':', ','])
        .filter(|number| !number.is_empty())
        .map(|number| number.parse())
        .collect::<Result<_, _>>()
        .map_err(|e| Error::new(format!("{text}: {e}")))
}

fn account(text: &str) -> Result<Account> {
    let numbers = numbers(text)?;
    Ok(Account {
        uid: numbers[0],
        gid: numbers[1],
        groups: numbers[2..].to_vec(),
        home: "/".to_owned(),
    })
}

/// Asks the parent, between two parts of *enter*, what to write into a descriptor that both have.
struct Asks {
    answer: String,
}

impl Mechanism for Asks {
    fn name(&self) -> &'static str {
        "asks"
    }

    fn stages(&self) -> &'static [Stage] {
        &[Stage::Mounted, Stage::Entered]
    }

    fn prepare(&mut self, _: &mut Plan) -> Result<()> {
        Ok(())
    }

    fn enter(&self, stage: Stage, inside: &mut Inside<'_>) -> Result<(), Failure<'_>> {
        if stage == Stage::Entered {
            return write(std::io::stdout(), b"child goes on\n");
        }
        let mut answer = [0; 8];
        let stdout = std::io::stdout();
        let length = inside
            .ask(b"may I?", Some(stdout.as_fd()), &mut answer)
            .map_err(Failure::of("ask", b""))?;
        write(&stdout, &answer[..length])
    }

    fn answer(&mut self, question: &Question<'_>, _: &Child<'_>) -> Result<Vec<u8>> {
        let asked = String::from_utf8_lossy(question.words).into_owned();
        if let Some(descriptor) = &question.descriptor {
            let _ = write(descriptor, format!("parent is asked: {asked}\n").as_bytes());
        }
        match self.answer.as_str() {
            "no" => Err(Error::new("the parent refuses").code(42)),
            "slow" => {
                std::thread::sleep(std::time::Duration::from_millis(300));
                Ok(Vec::new())
            }
            "long" => Ok(vec![b'x'; 5000]),
            "longer than there is room" => Ok(vec![b'x'; 9]),
            answer => Ok(format!("{answer}\n").into_bytes()),
        }
    }
}

fn write(to: impl AsFd, bytes: &[u8]) -> Result<(), Failure<'static>> {
    nix::unistd::write(to, bytes)
        .map(drop)
        .map_err(Failure::of("write", b""))
}

/// Writes down where it is.
struct Stages(OwnedFd);

impl Mechanism for Stages {
    fn name(&self) -> &'static str {
        "stages"
    }

    fn stages(&self) -> &'static [Stage] {
        &[
            Stage::JoinCgroups,
            Stage::Mounts,
            Stage::Pivot,
            Stage::Entered,
        ]
    }

    fn prepare(&mut self, _: &mut Plan) -> Result<()> {
        Ok(())
    }

    fn enter(&self, stage: Stage, _: &mut Inside<'_>) -> Result<(), Failure<'_>> {
        let name: &[u8] = match stage {
            Stage::JoinCgroups => b"first\n",
            Stage::Mounts => b"mounts\n",
            Stage::Pivot => b"pivot\n",
            _ => b"entered\n",
        };
        write(&self.0, name)
    }
}

/// A seccomp(2) filter: execve and exit are allowed, and whatever else is called kills.
struct Filter;

impl Mechanism for Filter {
    fn name(&self) -> &'static str {
        "filter"
    }

    fn stages(&self) -> &'static [Stage] {
        &[Stage::Seccomp]
    }

    fn prepare(&mut self, _: &mut Plan) -> Result<()> {
        Ok(())
    }

    fn seal(&self, _: Stage) -> Result<(), Failure<'_>> {
        let line = |code: u32, jt, jf, k| libc::sock_filter {
            code: code as u16,
            jt,
            jf,
            k,
        };
        let equal = libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K;
        // The number of the call is the first word of `seccomp_data`.
        let mut lines = [
            line(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, 0, 0, 0),
            line(equal, 2, 0, libc::SYS_execve as u32),
            line(equal, 1, 0, libc::SYS_exit as u32),
            line(libc::BPF_RET, 0, 0, libc::SECCOMP_RET_KILL_PROCESS),
            line(libc::BPF_RET, 0, 0, libc::SECCOMP_RET_ALLOW),
        ];
        let program = libc::sock_fprog {
            len: lines.len() as u16,
            filter: lines.as_mut_ptr(),
        };
        // A process that is no longer root may have a filter only if no program it executes can give it more.
        nix::sys::prctl::set_no_new_privs().map_err(Failure::of("give up privileges", b""))?;
        // SAFETY: `program` and the lines it points to are valid during the call.
        Errno::result(unsafe {
            libc::prctl(
                libc::PR_SET_SECCOMP,
                libc::SECCOMP_MODE_FILTER,
                &raw const program,
            )
        })
        .map(drop)
        .map_err(Failure::of("install the filter", b""))
    }
}
