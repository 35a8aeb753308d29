//! From stops to events.

use std::fs;
use std::os::unix::fs::MetadataExt;

use kit::sys::ptrace::{Position, position};
use nix::errno::Errno;
use nix::unistd::{Pid, geteuid};

use crate::decode::{self, IOCTL, Returns, Signature, Site};
use crate::model::{Argument, Call, End, Event, Outcome};
use crate::tracee::{Family, Pending, Tracee};
use crate::tracer::{Selection, Watcher};

/// Where a tracee stands after a stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Progress {
    /// In a call.
    Entered,
    /// Behind it.
    Over,
    /// It could not execute the command, and is about to say so and to end.
    GivenUp,
}

/// What is known, and who is told.
pub(crate) struct Recorder<'a, 'w> {
    pub(crate) family: Family,
    pub(crate) clock: u64,
    pub(crate) notes: Vec<String>,
    selection: Selection,
    /// From the first execve on: what comes before it in a new process is our own.
    has_begun: bool,
    /// Some program runs.
    has_executed: bool,
    watcher: &'a mut Watcher<'w>,
}

impl<'a, 'w> Recorder<'a, 'w> {
    pub(crate) fn new(selection: Selection, watcher: &'a mut Watcher<'w>) -> Self {
        Self {
            family: Family::default(),
            clock: 0,
            notes: Vec::new(),
            selection,
            has_begun: false,
            has_executed: false,
            watcher,
        }
    }

    fn tell(&mut self, event: Event) {
        (self.watcher)(&self.family.processes, event);
    }

    /// An entry or an exit.
    pub(crate) fn syscall(&mut self, pid: Pid, tracee: &mut Tracee) -> Progress {
        match position(pid) {
            // Before its first program, a process writes only to report that there will be none.
            Ok((_, Position::Entry { number, .. }))
                if self.has_begun
                    && !self.has_executed
                    && matches!(decode::name(number), Some("write" | "exit_group")) =>
            {
                Progress::GivenUp
            }
            Ok((arch, Position::Entry { number, arguments })) => {
                self.enter(pid, tracee, arch, number, arguments);
                Progress::Entered
            }
            Ok((_, Position::Exit(result))) => {
                self.leave(pid, tracee, result);
                Progress::Over
            }
            // Killed meanwhile.
            Ok((_, Position::None)) | Err(_) => Progress::Entered,
        }
    }

    fn enter(&mut self, pid: Pid, tracee: &mut Tracee, arch: u32, number: u64, raw: [u64; 6]) {
        let name = match decode::name(number).filter(|_| arch == NATIVE) {
            Some(name) => name.to_owned(),
            // A 32-bit program: other numbers, other structures.
            None => format!("syscall_{number}_of_{arch:#x}"),
        };
        self.has_begun |= name == "execve";
        if !self.has_begun {
            return;
        }
        let signature = Signature::find(&name);
        let site = Site {
            pid,
            raw: &raw,
            returned: None,
        };
        let wanted = self.selection != Selection::Container || may_be_wanted(&name, signature);
        let arguments =
            wanted.then(|| self.name_pids(tracee.process, decode::arguments(signature, &site)));
        tracee.pending = Some(Pending {
            name,
            signature,
            raw,
            arguments,
            entered: self.clock,
            child: None,
        });
        let pending = tracee
            .pending
            .take_if(|pending| matches!(pending.name.as_str(), "exit_group" | "exit"));
        if let Some(pending) = pending {
            self.report(pid, tracee.process, pending, Outcome::Never);
        }
    }

    fn leave(&mut self, pid: Pid, tracee: &mut Tracee, result: Result<i64, Errno>) {
        let Some(mut pending) = tracee.pending.take() else {
            return;
        };
        // Interrupted, and about to be entered again (ERESTARTSYS and its kin, which no program ever sees).
        if result == Err(Errno::UnknownErrno) {
            return;
        }
        let site = Site {
            pid,
            raw: &pending.raw,
            returned: result.ok(),
        };
        if let (Some(signature), Some(arguments)) = (pending.signature, &mut pending.arguments) {
            decode::outputs(signature, &site, arguments);
        }
        let outcome = match result {
            Ok(value) => self.returned(pid, tracee.process, &pending, value),
            Err(errno) => Outcome::Failed {
                errno: format!("{errno:?}"),
                description: errno.desc().to_owned(),
            },
        };
        self.report(pid, tracee.process, pending, outcome);
    }

    fn returned(&self, pid: Pid, process: usize, pending: &Pending, value: i64) -> Outcome {
        let returns = pending
            .signature
            .map_or(Returns::Number, |signature| signature.returns);
        // Of the many things that bpf(2) does, only some make a descriptor.
        let makes = pending.name != "bpf" || matches!(pending.raw[0], 0 | 5 | 7 | 18 | 28);
        let meaning =
            (returns == Returns::Fd && makes).then(|| decode::descriptor(pid, value as i32));
        let pid = match returns {
            Returns::Child => pending.child.map(Pid::as_raw),
            Returns::Pid => self.family.translate(process, value as i32),
            _ => None,
        };
        // "5</proc>" without the number, which stands there anyway.
        let meaning = meaning.and_then(|text| {
            let (_, path) = text.split_once('<')?;
            path.strip_suffix('>').map(str::to_owned)
        });
        Outcome::Returned {
            value,
            meaning,
            pid,
        }
    }

    fn report(&mut self, pid: Pid, process: usize, pending: Pending, outcome: Outcome) {
        let Some(arguments) = pending.arguments else {
            return;
        };
        let call = Call {
            process,
            thread: pid.as_raw(),
            name: pending.name,
            arguments,
            outcome,
            entered: pending.entered,
            left: self.clock,
        };
        self.learn(&call);
        let is_wanted = match self.selection {
            Selection::All => true,
            Selection::Failures if call.errno().is_some() => true,
            _ => is_wanted(&call, &self.family),
        };
        if is_wanted {
            self.tell(Event::Call(call));
        }
    }

    /// What a call tells about processes and sockets.
    fn learn(&mut self, call: &Call) {
        match (call.name.as_str(), call.succeeded()) {
            ("prctl", true) if call.argument("option") == Some("PR_SET_NAME") => {
                if let Some(name) = call.argument("arg2") {
                    self.family.rename(call.process, name);
                }
            }
            ("socketpair", true)
                if call
                    .argument("type")
                    .is_some_and(|t| t.contains("SOCK_SEQPACKET")) =>
            {
                let pair = call.argument("sv").unwrap_or_default();
                let sockets = pair
                    .split(['<', '>'])
                    .filter(|part| part.starts_with("socket:"));
                self.family.handshakes.extend(sockets.map(str::to_owned));
            }
            _ => {}
        }
    }

    fn name_pids(&self, process: usize, mut arguments: Vec<Argument>) -> Vec<Argument> {
        for argument in &mut arguments {
            argument.pid = argument
                .pid
                .and_then(|pid| self.family.translate(process, pid));
        }
        arguments
    }

    /// Whether a SIGTRAP was a marker, which is then reported.
    pub(crate) fn marker(&mut self, pid: Pid, process: usize) -> bool {
        let Some((mechanism, moment)) = self.family.inner[process].breakpoints.reached(pid) else {
            return false;
        };
        self.tell(Event::Marker {
            process,
            mechanism,
            moment,
        });
        true
    }

    pub(crate) fn ended(&mut self, pid: Pid, tracee: &mut Tracee, end: End) {
        if let Some(pending) = tracee.pending.take() {
            self.report(pid, tracee.process, pending, Outcome::Unfinished);
        }
        if self.has_begun && self.family.processes[tracee.process].pid == pid.as_raw() {
            self.tell(Event::Ended {
                process: tracee.process,
                end,
            });
        }
    }

    /// A new program.
    pub(crate) fn executed(&mut self, pid: Pid) {
        self.has_executed = true;
        self.note_lost_privileges(pid);
    }

    /// The kernel ignores the set-user-ID bit of a program under a tracer that could not trace it with its new
    /// privileges (execve(2)): without this note a reader wonders why `sudo` fails.
    fn note_lost_privileges(&mut self, pid: Pid) {
        let Ok(file) = fs::metadata(format!("/proc/{pid}/exe")) else {
            return;
        };
        let gives = file.mode() & 0o6000 != 0 && file.uid() != geteuid().as_raw();
        if gives && !may_trace_all() {
            let program = fs::read_link(format!("/proc/{pid}/exe")).unwrap_or_default();
            self.notes.push(format!(
                "{} is set-user-ID, and runs without its privileges: the kernel grants them to a traced process only if \
                 its tracer is root",
                program.display()
            ));
        }
    }
}

/// CAP_SYS_PTRACE.
fn may_trace_all() -> bool {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let effective = status.lines().find_map(|line| line.strip_prefix("CapEff:"));
    effective
        .and_then(|set| u64::from_str_radix(set.trim(), 16).ok())
        .is_some_and(|set| set >> 19 & 1 == 1)
}

/// `AUDIT_ARCH_*` of the calls that we know the numbers of.
const NATIVE: u32 = if cfg!(target_arch = "aarch64") {
    0xc000_00b7
} else {
    0xc000_003e
};

/// Whether a call can be wanted, before its arguments are known.
fn may_be_wanted(name: &str, signature: Option<&Signature>) -> bool {
    signature.is_some_and(|signature| signature.container)
        || matches!(
            name,
            "write"
                | "pwrite64"
                | "openat"
                | "open"
                | "ioctl"
                | "sendmsg"
                | "recvmsg"
                | "unlinkat"
                | "prlimit64"
        )
}

/// Whether a call belongs to a container's start.
fn is_wanted(call: &Call, family: &Family) -> bool {
    let argument = |name| call.argument(name).unwrap_or_default();
    match call.name.as_str() {
        "write" | "pwrite64" => is_control_file(argument("fd")),
        "openat" | "open" => {
            let path = argument("pathname");
            let whole = match &call.outcome {
                Outcome::Returned {
                    meaning: Some(meaning),
                    ..
                } => meaning,
                _ => path,
            };
            is_control_file(whole) || path.contains("/ns/") || argument("flags").contains("O_PATH")
        }
        "ioctl" => is_named_request(argument("request")),
        "sendmsg" | "recvmsg" => {
            let socket = argument("sockfd")
                .split(['<', '>'])
                .nth(1)
                .unwrap_or_default();
            family.handshakes.contains(socket)
        }
        "unlinkat" => argument("flags").contains("AT_REMOVEDIR"),
        "prlimit64" => argument("new_limit") != "NULL",
        // Memory that glibc names, and a thread, which no container is made of.
        "prctl" => {
            let option = argument("option");
            let asks = option.starts_with("PR_GET") || option == "PR_CAPBSET_READ";
            // PR_CAP_AMBIENT_IS_SET
            let asks = asks || (option == "PR_CAP_AMBIENT" && argument("arg2") == "1");
            option != "PR_SET_VMA" && !asks
        }
        "clone" | "clone3" => !call
            .arguments
            .iter()
            .any(|a| a.text.contains("CLONE_THREAD")),
        name => Signature::find(name).is_some_and(|signature| signature.container),
    }
}

fn is_control_file(path: &str) -> bool {
    const FILES: [&str; 5] = [
        "/uid_map",
        "/gid_map",
        "/setgroups",
        "/timens_offsets",
        "/oom_score_adj",
    ];
    path.contains("/sys/fs/cgroup")
        || (path.contains("/proc/") && FILES.iter().any(|file| path.contains(file)))
}

/// Namespaces, terminals and interfaces, but no questions about windows and terminals that every program asks.
fn is_named_request(request: &str) -> bool {
    let is_known = IOCTL.iter().any(|(_, name)| *name == request);
    let is_setting =
        request.starts_with("NS_") || request.starts_with("SIOCS") || request.starts_with("TIOCS");
    is_known
        && (is_setting && !matches!(request, "TIOCSWINSZ" | "TIOCSPGRP")
            || request == "TIOCGPTPEER")
}
