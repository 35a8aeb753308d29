//! One chapter's sandbox, seen from inside: a container of the steps' own making, on the host's files, with a `/tmp` and
//! data roots of its own.

use std::ffi::{CString, OsStr};
use std::fs;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result};
use kit::Failure;
use kit::sys::descriptor::openat2;
use kit::sys::mount::{Attributes, FileSystem, clone_tree, move_mount, set_attributes};
use kit::sys::process::die_with_parent;
use namespaces::{
    Inside, Kind, Mechanism, Mechanisms, Namespaces, Plan, Process, Stage, Streams, spawn,
};
use nix::fcntl::AT_FDCWD;

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Where the steps' programs are
    #[arg(long)]
    programs: Option<PathBuf>,
    /// Keep the machine's network
    #[arg(long)]
    network: bool,
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
    let network = (!arguments.network).then_some(Kind::Network);
    let kinds: Vec<Kind> = [Kind::Mount, Kind::Pid, Kind::Uts, Kind::Ipc]
        .into_iter()
        .chain(network)
        .collect();
    let mechanisms = Mechanisms::new()
        .and(Namespaces::new(&kinds, "lab"))
        .and(Private::new(arguments).context("cannot furnish the sandbox")?);
    let container = spawn(&shell(), Streams::ours(false), mechanisms)?;
    Ok(ExitCode::from(container.wait()?.code))
}

fn shell() -> Process {
    let path = format!("{HIDDEN}/bin:{ROOTS_PATH}");
    let script = format!("{HIDDEN}/script");
    let environment = [
        ("PATH", path.as_str()),
        ("HOME", HOME),
        ("LANG", "C.UTF-8"),
        ("TERM", "dumb"),
        ("COLUMNS", "80"),
    ];
    Process {
        arguments: ["bash", "--noprofile", "--norc", &script]
            .map(Into::into)
            .to_vec(),
        environment: environment
            .map(|(name, value)| (name.into(), value.into()))
            .to_vec(),
        directory: Some(HOME.into()),
        init: true,
        ..Process::default()
    }
}

/// A file system in memory of which parts become `/tmp` and the lab's data and run roots.
#[derive(Debug)]
struct Private {
    memory: OwnedFd,
    /// Where it is attached, so that its parts can be cloned.
    scratch: CString,
    /// Its parts, and their places.
    parts: Vec<(CString, CString)>,
    /// Pids begin behind this number.
    last_pid: String,
}

impl Private {
    /// Makes it and fills it, where only this process can find it.
    fn new(arguments: &Arguments) -> Result<Self> {
        let script = fs::read(arguments.scratch.join("script"))?;
        let memory = FileSystem::open(c"tmpfs")?;
        memory.set(c"source", c"tmpfs")?;
        let memory = memory.mount(0)?;
        let here = PathBuf::from(format!("/proc/self/fd/{}", memory.as_raw_fd()));
        let tmp = directory(&here.join("tmp"), 0o1777)?;
        let hidden = directory(&tmp.join(".book"), 0o755)?;
        fs::write(hidden.join("script"), script)?;
        let programs = directory(&hidden.join("bin"), 0o755)?;
        if let Some(from) = &arguments.programs {
            copy_programs(from, &programs)?;
        }
        let home = directory(&tmp.join("lab"), 0o777)?;
        busybox::fill(&directory(&home.join("rootfs"), 0o755)?)?;
        let user = directory(&tmp.join("user"), 0o755)?;
        chown(&user, Some(USER), Some(USER))?;
        busybox::make(&directory(&here.join("data"), 0o755)?.join("rootfs/busybox"))?;
        directory(&here.join("run"), 0o755)?;
        let mut parts = Vec::new();
        // The scratch directory may lie in /tmp, which therefore comes last.
        for (part, place) in [
            ("data", kit::roots::data()),
            ("run", kit::roots::run()),
            ("tmp", "/tmp".into()),
        ] {
            fs::create_dir_all(&place)?;
            let path = arguments.scratch.join(part);
            parts.push((string(path.as_os_str())?, string(place.as_os_str())?));
        }
        Ok(Self {
            memory,
            scratch: string(arguments.scratch.as_os_str())?,
            parts,
            last_pid: (2000 + std::process::id() % 7000).to_string(),
        })
    }
}

impl Mechanism for Private {
    fn name(&self) -> &'static str {
        "private directories"
    }

    fn stages(&self) -> &'static [Stage] {
        &[Stage::Mounts]
    }

    fn prepare(&mut self, _: &mut Plan) -> kit::Result<()> {
        Ok(())
    }

    fn enter(&self, _: Stage, _: &mut Inside<'_>) -> Result<(), Failure<'_>> {
        let at = |path: &CString| openat2(AT_FDCWD, path, libc::O_PATH | libc::O_DIRECTORY, 0, 0);
        at(&self.scratch)
            .and_then(|place| move_mount(&self.memory, place))
            .map_err(Failure::of("mount on", self.scratch.to_bytes()))?;
        for (part, place) in &self.parts {
            clone_tree(AT_FDCWD, part, 0)
                .and_then(|mount| move_mount(mount, at(place)?))
                .map_err(Failure::of("mount on", place.to_bytes()))?;
        }
        // As systemd leaves it: what a container does not do against that, the chapter's commands must be able to show.
        let shared = Attributes {
            propagation: libc::MS_SHARED,
            ..Attributes::default()
        };
        set_attributes(AT_FDCWD, c"/", libc::AT_RECURSIVE, shared)
            .map_err(Failure::of("share the mounts of", b"/"))?;
        // So that the pids outside of a container look like those of a machine that has run for a while, and differ from
        // one sandbox to the next: cgroups, which no sandbox has for itself, are named by them. Without
        // CONFIG_CHECKPOINT_RESTORE there is no such file.
        let _ = fs::write("/proc/sys/kernel/ns_last_pid", &self.last_pid);
        Ok(())
    }
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

fn string(path: &OsStr) -> Result<CString> {
    CString::new(path.as_bytes()).context("a path with a NUL byte")
}
