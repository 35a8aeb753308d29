//! The child's side of the spawn: from clone3 to execve, one straight line.

use std::convert::Infallible;
use std::ops::RangeBounds;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};

use kit::sys::descriptor::close_range;
use kit::sys::process::{die_with_parent, exit, pidfd_open, reset_signals, set_undumpable};
use kit::{Failure, error, marker};
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::resource::setrlimit;
use nix::sys::stat::{Mode, umask};
use nix::unistd::{ForkResult, chdir, fork, getpid, setsid};

use crate::exec;
use crate::gate::{Gate, LAST_STEP};
use crate::init;
use crate::inside::Inside;
use crate::mechanisms::Mechanisms;
use crate::plan::Plan;
use crate::process::{Prepared, Process};
use crate::program::{CHDIR, FORK};
use crate::second;
use crate::stage::Stage;
use crate::streams::{self, FIRST};

/// What the child is born with: all that it needs was made before it existed.
pub(crate) struct Birth<'a> {
    pub(crate) process: &'a Process,
    pub(crate) ready: &'a Prepared,
    pub(crate) streams: &'a streams::Prepared,
    pub(crate) mechanisms: &'a Mechanisms,
    pub(crate) plan: &'a Plan,
    /// The parent's end of the socket pair, which the child must close to hear of the parent's death.
    pub(crate) ours: BorrowedFd<'a>,
    pub(crate) gate: Gate,
    /// The second gate, if the command is not to be executed before somebody says so.
    pub(crate) second: Option<BorrowedFd<'a>>,
    /// The parent itself, if there is a second gate and the container lives with the parent.
    pub(crate) parent: Option<BorrowedFd<'a>>,
}

/// What a process has unless it is said: new files are for others to read, and not to write.
const UMASK: u32 = 0o022;

/// What failed, in which mechanism.
type Failed<'a> = (u8, Failure<'a>);

/// The child's life. It ends with `_exit`, never with a return or an unwinding that would run the parent's
/// destructors a second time.
pub(crate) fn run(birth: Birth<'_>) -> ! {
    let (index, failure) = match live(&birth) {
        Ok(never) => match never {},
        Err(failed) => failed,
    };
    birth.gate.fail(index, &failure);
    exit(error::FAILED)
}

fn live<'a>(birth: &'a Birth<'a>) -> Result<Infallible, Failed<'a>> {
    let ours = birth.ours.as_raw_fd();
    // SAFETY: the parent's end belongs to the parent; this process never uses it, and `_exit` drops nothing.
    unsafe { close_range(ours, ours as u32) }
        .map_err(Failure::of("close the parent's socket", b""))
        .map_err(last)?;
    tie_to_parent(birth).map_err(last)?;
    marker("spawn", "gate");
    if !birth.gate.wait() {
        exit(error::FAILED);
    }
    enter(birth)?;
    marker("spawn", "close");
    let open = close(birth).map_err(last)?;
    let mut way = Way {
        birth,
        open,
        init: None,
    };
    let went = match birth.process.init {
        true => fork_command(&mut way),
        false => way.to_the_command(),
    };
    let Err((index, failure)) = went;
    // Not where it was: see `close`.
    way.gate().fail(index, &failure);
    exit(error::FAILED)
}

fn last(failure: Failure<'_>) -> Failed<'_> {
    (LAST_STEP, failure)
}

/// A container that lives with its parent must not outlive it, even if it is killed.
fn tie_to_parent(birth: &Birth<'_>) -> Result<(), Failure<'static>> {
    if birth.plan.lifetime.is_detached() {
        return Ok(());
    }
    die_with_parent().map_err(Failure::of("ask to die with the parent", b""))?;
    // The parent may have died before the request was made; then its end of the socket is closed.
    if birth.gate.is_abandoned() {
        exit(error::FAILED);
    }
    Ok(())
}

// ANCHOR: enter
/// Each mechanism at each of its stages, up to those of *seal*.
fn enter<'a>(birth: &'a Birth<'a>) -> Result<(), Failed<'a>> {
    let mut inside = Inside::new(&birth.gate, birth.plan);
    for (stage, index) in birth.mechanisms.entering() {
        let mechanism = birth.mechanisms.get(index);
        marker(mechanism.name(), "enter");
        inside.mechanism = index;
        mechanism
            .enter(stage, &mut inside)
            .map_err(|failure| (index, failure))?;
    }
    // What is open in there is closed with all the rest; a destructor would do it one by one.
    std::mem::forget(inside);
    Ok(())
}
// ANCHOR_END: enter

// ANCHOR: close
/// What must be so before anything of the container's own runs beside this process.
fn close(birth: &Birth<'_>) -> Result<Open, Failure<'static>> {
    // The container's processes could trace this one, or read its memory and descriptors through /proc: CVE-2016-9962.
    set_undumpable().map_err(Failure::of("become undumpable", b""))?;
    // A change of credentials on the way here has made the kernel forget it.
    tie_to_parent(birth)?;
    birth.streams.apply()?;
    let failed = Failure::of("close inherited descriptors", b"");
    let gate = birth.gate.as_fd();
    // Whatever the caller or a mechanism had open ends here: CVE-2024-21626 was a forgotten descriptor of a host
    // directory, through which a container could leave.
    if birth.second.is_none() && !birth.streams.keeps_any() {
        close_all_but(FIRST, gate.as_raw_fd()).map_err(failed)?;
        return Ok(Open::default());
    }
    let close_rest = || {
        let ours = [Some(gate), birth.second, birth.parent];
        let moved = birth.streams.keep(ours)?;
        close_moved(birth.streams.end(), moved.each_ref().map(Option::as_ref))?;
        let [gate, second, parent] = moved;
        Ok(Open {
            gate: gate.map(Gate::from),
            second,
            parent,
        })
    };
    close_rest().map_err(failed)
}
// ANCHOR_END: close

fn close_all_but(first: RawFd, kept: RawFd) -> nix::Result<()> {
    if kept > first {
        // SAFETY: nothing below uses a descriptor but the standard three and the gate; `_exit` or execve drops nothing.
        unsafe { close_range(first, kept as u32 - 1) }?;
    }
    // SAFETY: as above.
    unsafe { close_range(kept + 1, u32::MAX) }
}

/// The same for several. They have been given the lowest free numbers from `first` on, so what lies between and behind them
/// is whatever was open before.
fn close_moved(first: RawFd, kept: [Option<&OwnedFd>; 3]) -> nix::Result<()> {
    let mut kept: Vec<RawFd> = kept.into_iter().flatten().map(AsRawFd::as_raw_fd).collect();
    kept.sort_unstable();
    let mut from = first;
    for kept in kept {
        if kept > from {
            // SAFETY: nothing below uses a descriptor but those that are kept; `_exit` or execve drops nothing.
            unsafe { close_range(from, kept as u32 - 1) }?;
        }
        from = kept + 1;
    }
    // SAFETY: as above.
    unsafe { close_range(from, u32::MAX) }
}

/// The descriptors of ours that are still open, where they have been moved.
#[derive(Debug, Default)]
struct Open {
    gate: Option<Gate>,
    second: Option<OwnedFd>,
    parent: Option<OwnedFd>,
}

/// The rest of the way to the command.
struct Way<'a> {
    birth: &'a Birth<'a>,
    open: Open,
    /// Our init, if the command is to wait at the second gate as its child.
    init: Option<OwnedFd>,
}

/// This process becomes the container's init, and its child the command.
fn fork_command<'a>(way: &mut Way<'a>) -> Result<Infallible, Failed<'a>> {
    if way.open.second.is_some() {
        let init = pidfd_open(getpid()).map_err(Failure::of("find itself", b""));
        way.init = Some(init.map_err(last)?);
    }
    // SAFETY: a child of clone3 has one thread.
    match unsafe { fork() }
        .map_err(Failure::of(FORK, b""))
        .map_err(last)?
    {
        ForkResult::Child => {
            let tied = die_with_parent().map_err(Failure::of("ask to die with the parent", b""));
            let Err((index, failure)) = tied.map_err(last).and_then(|()| way.to_the_command());
            way.gate().fail(index, &failure);
            exit(error::FAILED)
        }
        ForkResult::Parent { child } => {
            // It can do no more than the command, which it has the signals of.
            way.become_user(true)?;
            way.seal(Stage::Seccomp..)?;
            // The end of file that tells the parent of the execve comes when the last copy is closed.
            // SAFETY: the gate is not used in this process again.
            let _ = unsafe { close_range(FIRST, u32::MAX) };
            show_as_init(way.birth.ready);
            init::run(child)
        }
    }
}

/// `ps` inside shows `init`, and `/proc/1/environ` nothing: the command line and the environment that we were started
/// with are the host's, and an environment is full of secrets.
fn show_as_init(ready: &Prepared) {
    let _ = nix::sys::prctl::set_name(c"init");
    if let Some(area) = ready.start_area {
        // SAFETY: our own area, found before the fork; nothing refers into it.
        unsafe { area.overwrite(c"init") };
    }
}

impl<'a> Way<'a> {
    fn gate(&self) -> &Gate {
        self.open.gate.as_ref().unwrap_or(&self.birth.gate)
    }

    // ANCHOR: last
    /// The last steps: this process becomes the command.
    fn to_the_command(&self) -> Result<Infallible, Failed<'a>> {
        let has_arrived = self.session().map_err(last)?;
        reset_signals(&[])
            .map_err(Failure::of("reset the signals", b""))
            .map_err(last)?;
        let Some(second) = &self.open.second else {
            marker("spawn", "ready");
            self.gate()
                .ready()
                .map_err(Failure::of("report to the parent", b""))
                .map_err(last)?;
            return self.through(has_arrived);
        };
        marker("spawn", "second gate");
        if !self.gate().created() {
            exit(error::FAILED);
        }
        // The parent waits for the end of this, and nobody else has a use for it.
        let first = self.gate().as_fd().as_raw_fd();
        // SAFETY: whatever is said from here on is said on the new gate.
        let _ = unsafe { close_range(first, first as u32) };
        let Ok(gate) = second::wait(second, self.init.as_ref()) else {
            // There is nobody to tell.
            exit(error::FAILED);
        };
        marker("spawn", "ready");
        let Err((index, failure)) = self.through(has_arrived);
        gate.fail(index, &failure);
        exit(error::FAILED)
    }

    fn through(&self, has_arrived: bool) -> Result<Infallible, Failed<'a>> {
        // Not before the second gate: a limit on descriptors would keep a starter out.
        self.limit().map_err(last)?;
        self.become_user(!self.birth.process.init)?;
        if !has_arrived {
            self.change_directory().map_err(last)?;
        }
        let mut candidates = &self.birth.ready.candidates[..];
        if self.has_filter() {
            // What is not found has to be told before the filter, which may forbid to.
            candidates = std::slice::from_ref(exec::find(self.birth.ready).map_err(last)?);
            self.seal(Stage::Seccomp..)?;
        }
        marker("spawn", "exec");
        exec::try_all(self.birth.ready, candidates).map_err(last)
    }
    // ANCHOR_END: last

    /// A session of its own: no terminal of ours can be reached by it (TIOCSTI), and with -t it can have one. The first
    /// process of a PID namespace that was started by a session leader is not one itself, so this cannot fail. Then the
    /// umask, which is no business of the caller's, and the working directory; false if only the user that the command is going to be may be allowed to go there.
    fn session(&self) -> Result<bool, Failure<'a>> {
        setsid().map_err(Failure::of("start a new session", b""))?;
        if self.birth.process.terminal {
            kit::sys::terminal::make_controlling(std::io::stdin())
                .map_err(Failure::of("take the terminal", b"/dev/tty"))?;
        }
        umask(Mode::from_bits_truncate(
            self.birth.process.umask.unwrap_or(UMASK),
        ));
        match self.change_directory() {
            Err(failure) if failure.errno == Errno::EACCES => Ok(false),
            other => other.map(|()| true),
        }
    }

    fn change_directory(&self) -> Result<(), Failure<'a>> {
        match &self.birth.ready.directory {
            Some(directory) => {
                chdir(directory.as_c_str()).map_err(Failure::of(CHDIR, directory.to_bytes()))
            }
            None => Ok(()),
        }
    }

    fn limit(&self) -> Result<(), Failure<'a>> {
        for limit in &self.birth.process.rlimits {
            setrlimit(limit.resource, limit.soft, limit.hard)
                .map_err(Failure::of("set a resource limit", b""))?;
        }
        Ok(())
    }

    // ANCHOR: seal
    /// Each mechanism of `range` at each of its stages of *seal*. True if there was one.
    fn seal(&self, range: impl RangeBounds<Stage>) -> Result<bool, Failed<'a>> {
        let mut is_sealed = false;
        for (stage, index) in self.birth.mechanisms.sealing() {
            if range.contains(&stage) {
                let mechanism = self.birth.mechanisms.get(index);
                marker(mechanism.name(), "seal");
                mechanism.seal(stage).map_err(|failure| (index, failure))?;
                is_sealed = true;
            }
        }
        Ok(is_sealed)
    }

    /// All of *seal* but the filter of system calls, which has to come behind whatever else there is to do.
    fn become_user(&self, is_first: bool) -> Result<(), Failed<'a>> {
        if self.seal(..Stage::Seccomp)? {
            self.tie_again(is_first).map_err(last)?;
        }
        Ok(())
    }
    // ANCHOR_END: seal

    fn has_filter(&self) -> bool {
        let mut sealing = self.birth.mechanisms.sealing();
        sealing.any(|(stage, _)| stage == Stage::Seccomp)
    }

    /// A change of credentials has made the kernel forget with whom this process is to die: the container's first
    /// process with the parent, if it lives with it; a command with our init.
    fn tie_again(&self, is_first: bool) -> Result<(), Failure<'a>> {
        if is_first && self.birth.plan.lifetime.is_detached() {
            return Ok(());
        }
        die_with_parent().map_err(Failure::of("ask to die with the parent", b""))?;
        // It may have died in between.
        if self.is_orphan(is_first) {
            exit(error::FAILED);
        }
        Ok(())
    }

    fn is_orphan(&self, is_first: bool) -> bool {
        let parent = match is_first {
            true => self.open.parent.as_ref(),
            false => self.init.as_ref(),
        };
        match parent {
            Some(parent) => {
                let mut set = [PollFd::new(parent.as_fd(), PollFlags::POLLIN)];
                poll(&mut set, PollTimeout::ZERO) == Ok(1)
            }
            None => self.gate().is_abandoned(),
        }
    }
}
