//! One chapter's sandbox, seen from inside.
//!
//! Two processes of ours stand between `lab book check` and the commands: one that makes the namespaces, and the first
//! one of the new PID namespace, whose end is the end of all that the commands have started.

use std::fs;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use anyhow::{Context, Result};
use kit::sys::process::die_with_parent;
use nix::errno::Errno;
use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, unshare};
use nix::sys::wait::{WaitStatus, wait};

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Where the steps' programs are
    #[arg(long)]
    programs: Option<PathBuf>,
    /// Keep the machine's network
    #[arg(long)]
    network: bool,
    /// Be the first process of the PID namespace, whose pids are to begin somewhere that depends on this number
    #[arg(long)]
    first: Option<u32>,
    /// A directory that holds the script and becomes the sandbox's memory
    scratch: PathBuf,
}

/// Where the commands start, and their HOME: it holds a root file system called `rootfs`.
const HOME: &str = "/tmp/lab";
/// Where the programs and the script are, inside.
const HIDDEN: &str = "/tmp/.book";
/// Where a shell of root's looks for programs.
const ROOTS_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
/// The ordinary user of a `$` line.
const USER: u32 = 1000;

pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode> {
    die_with_parent()?;
    match arguments.first {
        Some(start) => first(start),
        None => outer(arguments),
    }
}

/// Makes the namespaces and what is private in them.
fn outer(arguments: &Arguments) -> Result<ExitCode> {
    let mut flags = CloneFlags::CLONE_NEWNS | CloneFlags::CLONE_NEWUTS | CloneFlags::CLONE_NEWIPC;
    if !arguments.network {
        flags |= CloneFlags::CLONE_NEWNET;
    }
    unshare(flags).context("cannot make the sandbox's namespaces")?;
    nix::unistd::sethostname("lab")?;
    if !arguments.network {
        kit::sys::network::link_up(c"lo")?;
    }
    set_mount(
        None,
        Path::new("/"),
        None,
        MsFlags::MS_PRIVATE | MsFlags::MS_REC,
    )?;
    private_directories(arguments).context("cannot furnish the sandbox")?;
    // As systemd leaves it: what a container does not do against that, the chapter's commands must be able to show.
    set_mount(
        None,
        Path::new("/"),
        None,
        MsFlags::MS_SHARED | MsFlags::MS_REC,
    )?;
    let start = std::process::id().to_string();
    // Last, because the next child is the first process of the PID namespace, and to furnish it has taken some.
    unshare(CloneFlags::CLONE_NEWPID).context("cannot make the sandbox's PID namespace")?;
    // By its link in /proc, because the file itself may be below the /tmp that is now hidden.
    let status = Command::new("/proc/self/exe")
        .args(["book", "inside", "--first", &start, HIDDEN])
        .status()
        .context("cannot start the sandbox's first process")?;
    Ok(ExitCode::from(
        status
            .code()
            .and_then(|code| u8::try_from(code).ok())
            .unwrap_or(1),
    ))
}

/// A tmpfs of which parts become /tmp and the lab's data and run roots.
fn private_directories(arguments: &Arguments) -> Result<()> {
    let script = fs::read(arguments.scratch.join("script"))?;
    let scratch = &arguments.scratch;
    set_mount(Some("tmpfs"), scratch, Some("tmpfs"), MsFlags::empty())?;
    let tmp = directory(&scratch.join("tmp"), 0o1777)?;
    let hidden = directory(&tmp.join(".book"), 0o755)?;
    fs::write(hidden.join("script"), script)?;
    let programs = directory(&hidden.join("bin"), 0o755)?;
    if let Some(from) = &arguments.programs {
        copy_programs(from, &programs)?;
    }
    let home = directory(&tmp.join("lab"), 0o777)?;
    busybox::fill(&directory(&home.join("rootfs"), 0o755)?)?;
    let data = directory(&scratch.join("data"), 0o755)?;
    busybox::make(&data.join("rootfs/busybox"))?;
    let run = directory(&scratch.join("run"), 0o755)?;
    for (from, to) in [
        (&data, kit::roots::data()),
        (&run, kit::roots::run()),
        (&tmp, "/tmp".into()),
    ] {
        fs::create_dir_all(&to)?;
        let from = from.to_str().context("a path that is not text")?;
        set_mount(Some(from), &to, None, MsFlags::MS_BIND)?;
    }
    Ok(())
}

/// The programs and examples of a cargo profile, under their names.
fn copy_programs(profile: &Path, to: &Path) -> Result<()> {
    for program in crate::suite::programs_of(profile)? {
        let name = program.file_name().unwrap_or_default();
        fs::copy(&program, to.join(name))?;
    }
    Ok(())
}

fn directory(path: &Path, mode: u32) -> Result<PathBuf> {
    fs::create_dir_all(path)?;
    fs::set_permissions(path, fs::Permissions::from_mode(mode))?;
    Ok(path.to_owned())
}

fn set_mount(
    source: Option<&str>,
    target: &Path,
    kind: Option<&str>,
    flags: MsFlags,
) -> Result<()> {
    mount(source, target, kind, flags, None::<&str>)
        .with_context(|| format!("cannot mount {}", target.display()))
}

/// PID 1: starts the shell, reaps what is orphaned, and ends when the shell does.
fn first(start: u32) -> Result<ExitCode> {
    let flags = MsFlags::MS_NOSUID | MsFlags::MS_NODEV | MsFlags::MS_NOEXEC;
    set_mount(Some("proc"), Path::new("/proc"), Some("proc"), flags)?;
    // So that the pids outside of a container look like those of a machine that has run for a while, and differ from
    // one sandbox to the next: cgroups, which no sandbox has for itself, are named by them. Without
    // CONFIG_CHECKPOINT_RESTORE there is no such file.
    let last = 2000 + start % 7000;
    let _ = fs::write("/proc/sys/kernel/ns_last_pid", last.to_string());
    let user = directory(Path::new("/tmp/user"), 0o755)?;
    chown(&user, Some(USER), Some(USER))?;
    let shell = Command::new("bash")
        .args(["--noprofile", "--norc", "/tmp/.book/script"])
        .current_dir(HOME)
        .env_clear()
        .env("PATH", format!("{HIDDEN}/bin:{}", ROOTS_PATH))
        .envs([
            ("HOME", HOME),
            ("LANG", "C.UTF-8"),
            ("TERM", "dumb"),
            ("COLUMNS", "80"),
        ])
        .spawn()
        .context("cannot start bash")?;
    loop {
        match wait() {
            Ok(status)
                if status
                    .pid()
                    .is_some_and(|pid| pid.as_raw() as u32 == shell.id()) =>
            {
                return Ok(ended(status));
            }
            Ok(_) | Err(Errno::EINTR) => {}
            Err(errno) => return Err(errno).context("cannot wait for the shell"),
        }
    }
}

fn ended(status: WaitStatus) -> ExitCode {
    match status {
        WaitStatus::Exited(_, code) => ExitCode::from(code as u8),
        _ => ExitCode::FAILURE,
    }
}
