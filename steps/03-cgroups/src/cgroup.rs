//! The mechanism: a cgroup of the container's own, limited before its first process is in it, gone when it has ended.

use std::fs::File;
use std::os::fd::{AsFd, OwnedFd};
use std::path::PathBuf;

use kit::sys::bpf::{attach_cgroup_device, load_cgroup_device};
use kit::sys::fork::{Duties, Janitor};
use kit::{Error, Failure, Result};
use namespaces::{Exit, Leftover, Mechanism, Plan, Stage};
use nix::errno::Errno;
use nix::fcntl::{OFlag, open};
use nix::sched::{CloneFlags, unshare};
use nix::sys::stat::Mode;
use nix::unistd::write;

use crate::apply::apply;
use crate::devices::Policy;
use crate::group::{Group, Node};
use crate::inside::Inside;
use crate::layout::{Controller, Layout, Version};
use crate::limits::Limits;
use crate::made::{Made, NAME};
use crate::record::{self, Record};
use crate::{cpuset, explain, program, v1, v2};

/// A cgroup of the container's own (cgroups(7)).
#[derive(Debug)]
pub struct Cgroup {
    /// The container's name, by which `stats`, `freeze` and the others find it.
    pub name: String,
    /// A cgroup that exists, relative to the base of each hierarchy ([`Hierarchy::base`](crate::Hierarchy::base)).
    pub parent: Option<PathBuf>,
    /// What the container may use.
    pub limits: Limits,
    /// Which devices it may open; `None` leaves that to the cgroup above.
    pub devices: Option<Policy>,
    state: Option<State>,
}

/// What exists because of us.
#[derive(Debug)]
struct State {
    made: Made,
    /// Locked by us and by the janitor, as long as the container is ours.
    record: Option<Record>,
    /// Outlives us if we are killed.
    janitor: Option<Janitor>,
    /// `tasks` of each v1 hierarchy, open for writing.
    tasks: Vec<OwnedFd>,
    /// Whether the container has a cgroup namespace of its own.
    has_namespace: bool,
    inside: Option<Inside>,
}

impl Cgroup {
    /// A cgroup without limits, for the container `name`.
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            parent: None,
            limits: Limits::default(),
            devices: None,
            state: None,
        }
    }
}

impl Mechanism for Cgroup {
    fn name(&self) -> &'static str {
        NAME
    }

    fn stages(&self) -> &'static [Stage] {
        &[Stage::Cgroups]
    }

    // ANCHOR: prepare
    fn prepare(&mut self, plan: &mut Plan) -> Result<()> {
        self.limits.check()?;
        let layout = Layout::read()?;
        cpuset::check(&self.limits, &layout)?;
        let asked = self.controllers();
        let group = Group::choose(&layout, &self.name, self.parent.as_deref(), &asked)?;
        let made = Made::new(&self.name, group, &self.limits);
        // From here on something exists, and `undo` is called only if we succeed: so a failure undoes it here.
        let record = Record::claim(&made)?;
        self.state = Some(State {
            made,
            record: Some(record),
            janitor: None,
            tasks: Vec::new(),
            has_namespace: plan.own_cgroups,
            inside: None,
        });
        let prepared = self.furnish(&layout, &asked, plan);
        prepared.inspect_err(|_| drop(self.remove()))
    }
    // ANCHOR_END: prepare

    // ANCHOR: enter
    /// On v2 there is nothing left to do: the child was born in its cgroup. On v1 it goes there itself: `0` is "the
    /// thread that writes". A pid, written by the parent, would do the same, but the kernel then stops every fork and
    /// exit of the machine for as long as it takes all processors to pass a quiet point, which is milliseconds.
    fn enter(&self, _: Stage, _: &mut namespaces::Inside<'_>) -> Result<(), Failure<'_>> {
        let Some(state) = &self.state else {
            return Ok(());
        };
        for tasks in &state.tasks {
            write(tasks, b"0").map_err(Failure::of("join the cgroup by its file", b"tasks"))?;
        }
        // The namespace that was made before shows the parent's cgroup as its root; one that is made now, ours.
        if state.has_namespace && !state.tasks.is_empty() {
            unshare(CloneFlags::CLONE_NEWCGROUP)
                .map_err(Failure::of("make a cgroup namespace", b""))?;
        }
        match &state.inside {
            Some(inside) => inside.mount(),
            None => Ok(()),
        }
    }
    // ANCHOR_END: enter

    // ANCHOR: undo
    fn leftover(&self) -> Option<Leftover> {
        // It has been written down once already, as the record.
        self.state.as_ref()?.made.leftover().ok()
    }

    /// First the record, then the janitor: in between, one of the two would still clean up after us.
    fn detach(&mut self) -> Result<()> {
        let Some(state) = &mut self.state else {
            return Ok(());
        };
        state.made.is_detached = true;
        if let Some(record) = state.record.take() {
            record.detach(&state.made)?;
        }
        state.janitor = None;
        state.tasks.clear();
        state.inside = None;
        Ok(())
    }

    fn undo(&mut self, exit: &mut Exit) -> Result<()> {
        if let Some(state) = &self.state {
            state.made.explain(exit);
        }
        self.remove()
    }
    // ANCHOR_END: undo

    fn hint(&self, failure: &Failure<'_>) -> Option<String> {
        let hint = match failure.errno {
            Errno::ENOSPC => {
                "its cpuset has no processor or no memory node: the parent cgroup has none either"
            }
            Errno::ENODEV => "the cgroup was removed meanwhile",
            Errno::EACCES | Errno::EPERM => {
                "joining needs the right to write to the cgroups on the way: run it with sudo"
            }
            _ => return None,
        };
        Some(hint.to_owned())
    }
}

impl Cgroup {
    /// The controllers that we cannot do without.
    fn controllers(&self) -> Vec<(Controller, &'static str)> {
        let mut asked = self.limits.controllers();
        let devices = (Controller::Devices, "the list of allowed devices");
        asked.extend(self.devices.is_some().then_some(devices));
        asked
    }

    // ANCHOR: furnish
    fn furnish(
        &mut self,
        layout: &Layout,
        asked: &[(Controller, &'static str)],
        plan: &mut Plan,
    ) -> Result<()> {
        let Some(state) = &mut self.state else {
            return Ok(());
        };
        // Before anything is made, there is somebody who removes it.
        if let Some(record) = &state.record {
            state.janitor = Some(hire_janitor(record, &state.made)?);
        }
        state.made.group.create(layout, asked)?;
        limit(&state.made.group, &self.limits, self.devices.as_ref())?;
        state.open(plan)
    }
    // ANCHOR_END: furnish

    /// Removes what exists; the janitor is dismissed last.
    fn remove(&mut self) -> Result<()> {
        let Some(state) = self.state.take() else {
            return Ok(());
        };
        drop((state.inside, state.tasks));
        let removed = record::undo(&state.made);
        drop(state.janitor);
        removed
    }
}

impl State {
    /// Opens what the child needs to get in.
    fn open(&mut self, plan: &mut Plan) -> Result<()> {
        for node in &self.made.group.nodes {
            match node.version {
                Version::V2 => plan.cgroup = Some(open_cgroup(node)?),
                Version::V1 => self.tasks.push(open_tasks(node)?),
            }
        }
        if plan.new_root {
            self.inside = Some(Inside::prepare(&self.made.group)?);
        }
        Ok(())
    }
}

/// Writes the limits, while nobody is there yet who could use more.
fn limit(group: &Group, limits: &Limits, devices: Option<&Policy>) -> Result<()> {
    let (old, new): (Vec<&Node>, Vec<&Node>) = group
        .nodes
        .iter()
        .partition(|node| node.version == Version::V1);
    let carried = |nodes: &[&Node]| -> Vec<Controller> {
        nodes
            .iter()
            .flat_map(|node| node.controllers.clone())
            .collect()
    };
    let (on_v1, on_v2) = (carried(&old), carried(&new));
    let mut writes = v1::writes(limits, &on_v1);
    writes.retain(|write| on_v1.contains(&write.controller));
    let unified = v2::writes(limits);
    writes.extend(
        unified
            .into_iter()
            .filter(|write| on_v2.contains(&write.controller)),
    );
    if let Some(policy) = devices {
        if on_v1.contains(&Controller::Devices) {
            writes.extend(v1::device_writes(policy));
        } else if let Some(node) = group.unified() {
            attach(policy, node)?;
        }
    }
    apply(&writes, group)
}

fn hire_janitor(record: &Record, made: &Made) -> Result<Janitor> {
    let duties = Duties {
        name: c"drydock-janitor",
        keeps: &[record.file().as_fd()],
        now: record::sweep,
        then: || drop(record::kill(made)),
    };
    Janitor::fork(duties).map_err(|errno| Error::sys("fork the janitor", "", errno))
}

fn attach(policy: &Policy, node: &Node) -> Result<()> {
    let failed = |errno| explain::program(node, errno);
    let program =
        load_cgroup_device(&program::program(policy), c"drydock_devices").map_err(failed)?;
    attach_cgroup_device(open_cgroup(node)?, program).map_err(failed)
}

/// clone3 wants a descriptor that is open for reading, and so does bpf(2).
pub(crate) fn open_cgroup(node: &Node) -> Result<OwnedFd> {
    let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
    open(&node.directory, flags, Mode::empty())
        .map_err(|errno| Error::sys("open the cgroup", &node.directory, errno))
}

/// `tasks` takes threads, which a process of one thread is; see `enter` for why not `cgroup.procs`.
pub(crate) fn open_tasks(node: &Node) -> Result<OwnedFd> {
    let path = node.directory.join("tasks");
    File::options()
        .write(true)
        .open(&path)
        .map(OwnedFd::from)
        .map_err(|e| Error::io("open", &path, &e))
}
