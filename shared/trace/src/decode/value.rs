//! One argument at a time.

use std::path::PathBuf;

use nix::unistd::Pid;

use super::calls::{Kind, Signature};
use super::{names, structs};
use crate::memory::Memory;
use crate::model::Argument;

/// A stopped tracee in a system call.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Site<'a> {
    pub(crate) pid: Pid,
    pub(crate) raw: &'a [u64; 6],
    /// What the call returned, once it has.
    pub(crate) returned: Option<i64>,
}

/// All arguments of a call that has just been entered. Those that the call will fill in are addresses as yet.
pub(crate) fn arguments(signature: Option<&Signature>, site: &Site<'_>) -> Vec<Argument> {
    let Some(signature) = signature else {
        return (1..=6)
            .map(|number| unknown(number, site.raw[number - 1]))
            .collect();
    };
    let decode = |(index, (name, kind)): (usize, &(&str, Kind))| Argument {
        name: (*name).to_owned(),
        text: argument(*kind, index, site),
        pid: pid(*kind, site.raw[index]),
    };
    let mut decoded: Vec<_> = signature.arguments.iter().enumerate().map(decode).collect();
    // open(2) has a mode only where it may make a file.
    let creates = |open: &str| open.contains("O_CREAT") || open.contains("O_TMPFILE");
    if let Some(at) = signature
        .arguments
        .iter()
        .position(|(_, kind)| *kind == Kind::Open)
    {
        let has_mode = matches!(signature.arguments.last(), Some((_, Kind::Mode)));
        if has_mode && !creates(&decoded[at].text) {
            decoded.pop();
        }
    }
    decoded
}

/// Decodes again what the call has filled in.
pub(crate) fn outputs(signature: &Signature, site: &Site<'_>, decoded: &mut [Argument]) {
    for (index, ((_, kind), decoded)) in signature.arguments.iter().zip(decoded).enumerate() {
        if matches!(kind, Kind::Output | Kind::FdPair | Kind::Message(true)) {
            decoded.text = argument(*kind, index, site);
        }
    }
}

fn unknown(number: usize, raw: u64) -> Argument {
    Argument {
        name: format!("arg{number}"),
        text: format!("{raw:#x}"),
        pid: None,
    }
}

fn pid(kind: Kind, raw: u64) -> Option<i32> {
    let pid = raw as i32;
    (kind == Kind::Pid && pid > 0).then_some(pid)
}

fn argument(kind: Kind, index: usize, site: &Site<'_>) -> String {
    let raw = site.raw[index];
    let memory = Memory(site.pid);
    match kind {
        Kind::Fd | Kind::DirFd => descriptor(site.pid, raw as i32),
        Kind::Text => text(memory, raw),
        Kind::Int | Kind::Pid => (raw as i32).to_string(),
        // close_range's "all".
        Kind::Size if raw == u64::from(u32::MAX) => "~0U".to_owned(),
        Kind::Size => raw.to_string(),
        Kind::Hex => pointer(raw),
        Kind::Bits => pointer(raw & 0xffff_ffff).replace("NULL", "0"),
        Kind::Mode => format!("{:#o}", raw & 0o7777),
        Kind::TypeMode => type_mode(raw),
        Kind::Device => format!("makedev({}, {})", libc::major(raw), libc::minor(raw)),
        Kind::Signal => signal(raw as i32),
        Kind::Id => match raw as u32 {
            u32::MAX => "-1".to_owned(),
            id => id.to_string(),
        },
        Kind::Flags(names) => names::flags(names, raw & 0xffff_ffff),
        Kind::Choice(names) => names::choice(names, raw & 0xffff_ffff),
        Kind::Open => open_flags(raw),
        Kind::CloneFlags => clone_flags(raw),
        Kind::SocketType => {
            let kind = names::choice(names::SOCKET_TYPE, raw & 0xf);
            match raw & !0xf {
                0 => kind,
                flags => format!("{kind}|{}", names::flags(names::SOCKET_FLAGS, flags)),
            }
        }
        Kind::Input(length) => buffer(memory, raw, site.raw[length]),
        Kind::Output => match site.returned {
            Some(length @ 0..) => buffer(memory, raw, length as u64),
            _ => pointer(raw),
        },
        Kind::PrctlArgument => prctl_argument(memory, site.raw[0], raw),
        _ => structs::argument(kind, index, site).unwrap_or_else(|| pointer(raw)),
    }
}

/// `3</etc/passwd>`: what the descriptor is, looked up while the tracee stands still.
pub(crate) fn descriptor(pid: Pid, fd: i32) -> String {
    if fd == libc::AT_FDCWD {
        return "AT_FDCWD".to_owned();
    }
    match target(pid, fd) {
        Some(target) => format!("{fd}<{}>", target.display()),
        None => fd.to_string(),
    }
}

fn target(pid: Pid, fd: i32) -> Option<PathBuf> {
    std::fs::read_link(format!("/proc/{pid}/fd/{fd}")).ok()
}

pub(super) fn pointer(raw: u64) -> String {
    match raw {
        0 => "NULL".to_owned(),
        // A number that an address cannot be.
        1..4096 => raw.to_string(),
        _ => format!("{raw:#x}"),
    }
}

pub(super) fn text(memory: Memory, address: u64) -> String {
    if address == 0 {
        return "NULL".to_owned();
    }
    memory
        .c_string(address)
        .map_or_else(|| pointer(address), |bytes| quoted(&bytes))
}

/// How many bytes of a buffer are shown.
const SHOWN: usize = 80;

pub(super) fn buffer(memory: Memory, address: u64, length: u64) -> String {
    let shown = (length as usize).min(SHOWN);
    match memory.bytes(address, shown) {
        Some(bytes) if length as usize > shown => format!("{}…", quoted(&bytes)),
        Some(bytes) => quoted(&bytes),
        None => pointer(address),
    }
}

/// As a C string literal.
pub(super) fn quoted(bytes: &[u8]) -> String {
    format!("\"{}\"", bytes.escape_ascii()).replace("\\'", "'")
}

pub(super) fn open_flags(raw: u64) -> String {
    let mode = ["O_RDONLY", "O_WRONLY", "O_RDWR", "O_ACCMODE"][raw as usize & 3];
    let path = libc::O_PATH as u64;
    match raw & !3 {
        0 => mode.to_owned(),
        // With O_PATH there is no access mode.
        rest if rest & path != 0 => names::flags(names::OPEN, rest),
        rest => format!("{mode}|{}", names::flags(names::OPEN, rest)),
    }
}

fn clone_flags(raw: u64) -> String {
    let exit_signal = (raw & 0xff) as i32;
    match (raw & !0xff, exit_signal) {
        (flags, 0) => names::flags(names::CLONE, flags),
        (0, number) => signal(number),
        (flags, number) => format!("{}|{}", names::flags(names::CLONE, flags), signal(number)),
    }
}

fn type_mode(raw: u64) -> String {
    let kind = raw & u64::from(libc::S_IFMT);
    match kind {
        0 => format!("{:#o}", raw & 0o7777),
        _ => format!(
            "{}|{:#o}",
            names::choice(names::FILE_TYPE, kind),
            raw & 0o7777
        ),
    }
}

fn prctl_argument(memory: Memory, option: u64, raw: u64) -> String {
    match option as i32 {
        libc::PR_SET_NAME => text(memory, raw),
        libc::PR_SET_PDEATHSIG => signal(raw as i32),
        libc::PR_CAPBSET_DROP | libc::PR_CAPBSET_READ => names::CAPABILITIES
            .get(raw as usize)
            .map_or_else(|| raw.to_string(), |name| format!("CAP_{name}")),
        _ => pointer(raw).replace("NULL", "0"),
    }
}

/// The signal's name, or its number beyond SIGRTMIN.
pub(crate) fn signal(number: i32) -> String {
    match nix::sys::signal::Signal::try_from(number) {
        Ok(signal) => signal.as_str().to_owned(),
        Err(_) if number >= 32 => format!("SIGRTMIN+{}", number - 32),
        Err(_) => number.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_shown_as_c_would_write_them() {
        assert_eq!(quoted(b"it's \"x\"\n\xff"), r#""it's \"x\"\n\xff""#);
    }

    #[test]
    fn the_access_mode_of_open_has_a_name_though_it_may_be_zero() {
        let flags = |flags: i32| open_flags(flags as u64);
        assert_eq!(flags(0), "O_RDONLY");
        assert_eq!(flags(libc::O_RDWR | libc::O_CLOEXEC), "O_RDWR|O_CLOEXEC");
        assert_eq!(flags(libc::O_PATH | libc::O_CLOEXEC), "O_CLOEXEC|O_PATH");
    }

    #[test]
    fn signals_have_names_up_to_the_real_time_ones() {
        assert_eq!(signal(9), "SIGKILL");
        assert_eq!(signal(34), "SIGRTMIN+2");
        assert_eq!(signal(0), "0");
    }
}
