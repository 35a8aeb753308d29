//! One cell: a container of the steps' own making, in which one check of one submission runs.
//!
//! Whatever the submission does to its processes, mounts, names, memory and cgroups, it does to those of the cell, and
//! all of it goes when the check has ended or its time is over. It has no network, and never more than its share.

use std::path::{Path, PathBuf};

use cgroups::devices::{self, Access, Policy, Rule, defaults};
use cgroups::{Cgroup, Limits, Swap};
use kit::Result;
use namespaces::{Account, Kind, Mechanisms, Namespaces, Process, Streams, User, spawn};
use rootfs::{Bind, Mount, Options, Propagation, Rootfs, Tmpfs};
use serde::{Deserialize, Serialize};

use super::confine::{Confine, rlimits};
use super::glass::Glass;

/// What runs in a cell, and what it sees.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Inmate {
    /// The program, on the host.
    pub program: PathBuf,
    /// Its arguments.
    pub arguments: Vec<String>,
    /// Its environment, besides `PATH` and `HOME`.
    pub environment: Vec<(String, String)>,
    /// What it sees of the host.
    pub world: World,
}

/// What an inmate sees of the host.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) enum World {
    /// Nothing: a read-only root file system of one program, itself, and a little memory to write to. The program must
    /// be static.
    Busybox,
    /// Everything, read-only.
    Glass {
        /// The working directory.
        directory: PathBuf,
        /// But for these, which it may change.
        writable: Vec<PathBuf>,
        /// And these, which show as empty.
        hidden: Vec<PathBuf>,
        /// User and group, if it is not to be root.
        user: Option<(u32, u32)>,
    },
    /// A host to be attacked: as `Busybox`, but nothing of it is masked, disks can be read, and settings of the kernel
    /// be written. Only a program that leaves them as they are may run there.
    StandIn {
        /// Static programs, which it finds in `/srv/bin`.
        programs: Vec<PathBuf>,
    },
}

/// How it ended.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct End {
    /// The exit code, as Docker's.
    pub code: u8,
    /// Why, where a mechanism knows.
    pub notes: Vec<String>,
}

/// What a check may write, in bytes of memory.
const SPACE: u64 = 64 << 20;
/// The largest file that a compiler may write.
const LARGEST_FILE: u64 = 512 << 20;
/// Where the small world has the program: below a mount of its own, so that nothing is made in the root file system.
const PROGRAM: &str = "/srv/check";
/// What a host that is attacked keeps, by number: else nobody could show that a container does not stop it.
const TO_BE_ATTACKED: [u32; 4] = [
    17, // CAP_SYS_RAWIO
    23, // CAP_SYS_NICE, without which init, which has it, cannot be moved between cpusets
    25, // CAP_SYS_TIME
    34, // CAP_SYSLOG
];

/// Runs it and waits for its end. Its standard output and error are this process's own.
///
/// # Errors
/// The cell could not be made.
pub(crate) fn run(inmate: &Inmate) -> Result<End> {
    let id = kit::id::Id::random()?;
    let process = process(inmate);
    let mut cgroup = Cgroup::new(format!("cell-{}", id.short()));
    cgroup.limits = limits(&inmate.world);
    cgroup.devices = Some(Policy::new(&devices(&inmate.world)));
    let mechanisms = Mechanisms::new()
        .and(Namespaces::new(&Kind::DEFAULT, "cell"))
        .and(cgroup)
        .and(confine(&inmate.world))
        .and_if(User::of(&process));
    let mechanisms = match &inmate.world {
        World::Busybox => mechanisms.and(Rootfs::new(busybox_root(&inmate.program)?)),
        World::StandIn { programs } => {
            mechanisms.and(Rootfs::new(stand_in_root(&inmate.program, programs)?))
        }
        World::Glass {
            writable, hidden, ..
        } => mechanisms.and(Glass::new(
            writable.clone(),
            hidden.clone(),
            scratch(inmate, writable),
        )),
    };
    let exit = spawn(&process, Streams::ours(false), mechanisms)?.wait()?;
    Ok(End {
        code: exit.code,
        notes: exit.notes,
    })
}

fn confine(world: &World) -> Confine {
    match world {
        World::StandIn { .. } => Confine {
            kept: &TO_BE_ATTACKED,
        },
        World::Busybox | World::Glass { .. } => Confine::default(),
    }
}

fn process(inmate: &Inmate) -> Process {
    let (program, directory) = match &inmate.world {
        World::Busybox | World::StandIn { .. } => (PROGRAM.into(), "/tmp".into()),
        World::Glass { directory, .. } => {
            (inmate.program.clone().into_os_string(), directory.clone())
        }
    };
    let mut arguments = vec![program];
    arguments.extend(inmate.arguments.iter().map(Into::into));
    let mut environment = vec![
        ("PATH".into(), namespaces::DEFAULT_PATH.into()),
        ("HOME".into(), "/root".into()),
    ];
    for (name, value) in &inmate.environment {
        environment.retain(|(other, _)| other != name.as_str());
        environment.push((name.into(), value.into()));
    }
    let (file_size, user) = match &inmate.world {
        World::Busybox | World::StandIn { .. } => (SPACE, None),
        World::Glass { user, .. } => (LARGEST_FILE, *user),
    };
    Process {
        arguments,
        environment,
        directory: Some(directory),
        user: user.map(|(uid, gid)| Account {
            uid,
            gid,
            ..Account::default()
        }),
        rlimits: rlimits(file_size),
        init: true,
        ..Process::default()
    }
}

/// Enough for every check, and little enough that a machine does not notice who takes it all.
fn limits(world: &World) -> Limits {
    let memory = match world {
        World::Busybox | World::StandIn { .. } => 256 << 20,
        World::Glass { .. } => 1 << 30,
    };
    Limits {
        memory: Some(memory),
        swap: Swap::Total(memory),
        pids: Some(256),
        // Others go first where processors are scarce; a quota would make checks that wait for a moment wait for long.
        cpu_shares: Some(256),
        ..Limits::default()
    }
}

/// The harmless ones; on a host that is attacked, disks can be read as well, and never be written.
fn devices(world: &World) -> Vec<Rule> {
    let mut rules = defaults();
    rules.extend(matches!(world, World::StandIn { .. }).then_some(Rule {
        allow: true,
        kind: devices::Kind::Block,
        major: None,
        minor: None,
        access: Access::READ,
    }));
    rules
}

fn busybox_root(program: &Path) -> Result<Options> {
    let memory = [
        memory("/srv", 1 << 20),
        memory("/tmp", SPACE),
        memory("/root", 1 << 20),
    ];
    small_root([bind(program, PROGRAM.into())], memory)
}

fn stand_in_root(program: &Path, programs: &[PathBuf]) -> Result<Options> {
    let found = |program: &PathBuf| {
        let name = program.file_name().unwrap_or_default();
        bind(program, Path::new("/srv/bin").join(name))
    };
    let binds = [bind(program, PROGRAM.into())].into_iter();
    let memory = [
        memory("/srv", SPACE),
        memory("/tmp", 1 << 20),
        memory("/run", 1 << 20),
    ];
    let mut root = small_root(binds.chain(programs.iter().map(found)), memory)?;
    root.masked.clear();
    root.read_only_paths.clear();
    Ok(root)
}

fn small_root(
    binds: impl IntoIterator<Item = Bind>,
    memory: impl IntoIterator<Item = Tmpfs>,
) -> Result<Options> {
    let mut root = Options {
        read_only: true,
        ..Options::new(busybox::default_root())
    };
    let memory = memory.into_iter().map(Mount::from);
    root.add(binds.into_iter().map(Mount::from).chain(memory))?;
    Ok(root)
}

fn bind(source: &Path, target: PathBuf) -> Bind {
    Bind {
        source: source.to_owned(),
        target,
        read_only: true,
        propagation: Propagation::RPRIVATE,
    }
}

/// An empty file system in which programs may be executed and devices made.
fn memory(target: &str, bytes: u64) -> Tmpfs {
    Tmpfs {
        target: target.into(),
        attributes: 0,
        options: vec![
            ("size".into(), bytes.to_string()),
            ("mode".into(), "1777".into()),
        ],
    }
}

/// Places for temporary files, as far as nothing lies there that the program needs.
fn scratch(inmate: &Inmate, writable: &[PathBuf]) -> Vec<PathBuf> {
    let environment = inmate.environment.iter().map(|(_, value)| Path::new(value));
    let needed: Vec<&Path> = [inmate.program.as_path()]
        .into_iter()
        .chain(writable.iter().map(PathBuf::as_path))
        .chain(environment)
        .collect();
    ["/tmp", "/var/tmp", "/run", "/dev/shm"]
        .into_iter()
        .filter(|place| !needed.iter().any(|path| path.starts_with(place)))
        .map(PathBuf::from)
        .collect()
}
