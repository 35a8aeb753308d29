//! Arguments that are structures in the tracee's memory.

use super::calls::Kind;
use super::names;
use super::value::{Site, buffer, descriptor, open_flags, pointer, quoted, signal, text};
use crate::memory::Memory;

/// The structure's fields, as the man page names them; `None` if the memory cannot be read.
pub(super) fn argument(kind: Kind, index: usize, site: &Site<'_>) -> Option<String> {
    let memory = Memory(site.pid);
    let address = site.raw[index];
    if address == 0 {
        return Some("NULL".to_owned());
    }
    match kind {
        Kind::CloneArgs => clone_args(site, address),
        Kind::OpenHow => open_how(memory, address),
        Kind::MountAttributes => mount_attributes(site, address),
        Kind::Ids => {
            let ids = memory.u32s(address, site.raw[index - 1].min(32) as usize)?;
            Some(list(ids.iter().map(u32::to_string)))
        }
        Kind::FdPair => fd_pair(site, address),
        Kind::Message(received) => message(site, address, received),
        Kind::Address => socket_address(memory, address, site.raw[index + 1]),
        Kind::Strings => strings(memory, address),
        Kind::Environment => Some(format!("[{} variables]", pointers(memory, address)?.len())),
        Kind::Capabilities => capabilities(memory, address),
        Kind::Limit => limit(memory, address),
        Kind::BpfAttributes => bpf(site, address),
        _ => None,
    }
}

/// `clone(2)`, `struct clone_args`: of its 64-bit fields, those that are not 0.
fn clone_args(site: &Site<'_>, address: u64) -> Option<String> {
    const FIELDS: [&str; 11] = [
        "flags",
        "pidfd",
        "child_tid",
        "parent_tid",
        "exit_signal",
        "stack",
        "stack_size",
        "tls",
        "set_tid",
        "set_tid_size",
        "cgroup",
    ];
    let memory = Memory(site.pid);
    let known = (site.raw[1] as usize / 8).min(FIELDS.len());
    let mut fields = Vec::new();
    for (index, name) in FIELDS[..known].iter().enumerate() {
        let value = memory.u64(address + index as u64 * 8)?;
        let shown = match *name {
            "flags" => names::flags(names::CLONE, value),
            _ if value == 0 => continue,
            "exit_signal" => signal(value as i32),
            "cgroup" => descriptor(site.pid, value as i32),
            _ => pointer(value),
        };
        fields.push(format!("{name}={shown}"));
    }
    Some(format!("{{{}}}", fields.join(", ")))
}

fn limit(memory: Memory, address: u64) -> Option<String> {
    let shown = |value: u64| match value {
        u64::MAX => "RLIM_INFINITY".to_owned(),
        value => value.to_string(),
    };
    let (soft, hard) = (memory.u64(address)?, memory.u64(address + 8)?);
    Some(format!(
        "{{rlim_cur={}, rlim_max={}}}",
        shown(soft),
        shown(hard)
    ))
}

fn open_how(memory: Memory, address: u64) -> Option<String> {
    let (flags, mode, resolve) = (
        memory.u64(address)?,
        memory.u64(address + 8)?,
        memory.u64(address + 16)?,
    );
    let mode = match mode {
        0 => String::new(),
        mode => format!(", mode={mode:#o}"),
    };
    Some(format!(
        "{{flags={}{mode}, resolve={}}}",
        open_flags(flags),
        names::flags(names::RESOLVE, resolve)
    ))
}

fn mount_attributes(site: &Site<'_>, address: u64) -> Option<String> {
    let memory = Memory(site.pid);
    let mut fields = Vec::new();
    for (index, name) in ["attr_set", "attr_clr", "propagation", "userns_fd"]
        .iter()
        .enumerate()
    {
        let value = memory.u64(address + index as u64 * 8)?;
        if value == 0 {
            continue;
        }
        let shown = match *name {
            "propagation" => names::flags(names::MOUNT, value),
            "userns_fd" => descriptor(site.pid, value as i32),
            _ => names::flags(names::ATTRIBUTES, value),
        };
        fields.push(format!("{name}={shown}"));
    }
    Some(format!("{{{}}}", fields.join(", ")))
}

fn fd_pair(site: &Site<'_>, address: u64) -> Option<String> {
    // Before the call has returned, there is nothing there but what was there by chance.
    site.returned?;
    let pair = Memory(site.pid).u32s(address, 2)?;
    Some(list(pair.iter().map(|fd| descriptor(site.pid, *fd as i32))))
}

/// `struct msghdr` of recvmsg(2): the bytes, and the descriptors that went along (SCM_RIGHTS in unix(7)).
fn message(site: &Site<'_>, address: u64, received: bool) -> Option<String> {
    let memory = Memory(site.pid);
    let mut left = match (received, site.returned) {
        (false, _) => u64::MAX,
        (true, Some(length @ 0..)) => length as u64,
        (true, _) => return None,
    };
    let (parts, count) = (memory.u64(address + 16)?, memory.u64(address + 24)?);
    let mut bytes = Vec::new();
    for index in 0..count.min(16) {
        let at = parts + index * 16;
        let length = memory.u64(at + 8)?.min(left);
        left -= length;
        bytes.push(buffer(memory, memory.u64(at)?, length));
    }
    let mut fields = vec![format!("iov={}", list(bytes.into_iter()))];
    let (control, length) = (memory.u64(address + 32)?, memory.u64(address + 40)?);
    if let Some(rights) = rights(site, memory, control, length) {
        fields.push(rights);
    }
    Some(format!("{{{}}}", fields.join(", ")))
}

fn rights(site: &Site<'_>, memory: Memory, control: u64, length: u64) -> Option<String> {
    if length < 20 {
        return None;
    }
    let size = memory.u64(control)?.min(length);
    let kind = memory.u32s(control + 8, 2)?;
    if kind != [libc::SOL_SOCKET as u32, libc::SCM_RIGHTS as u32] {
        return None;
    }
    let descriptors = memory.u32s(control + 16, size.saturating_sub(16) as usize / 4)?;
    let shown = descriptors
        .iter()
        .map(|fd| descriptor(site.pid, *fd as i32));
    Some(format!("SCM_RIGHTS={}", list(shown)))
}

fn socket_address(memory: Memory, address: u64, length: u64) -> Option<String> {
    let bytes = memory.bytes(address, length.min(128) as usize)?;
    let family = u16::from_ne_bytes([*bytes.first()?, *bytes.get(1)?]);
    let name = names::choice(names::FAMILY, family.into());
    let rest = &bytes[2..];
    Some(match (i32::from(family), rest) {
        (libc::AF_UNIX, [0, name @ ..]) => format!("{{AF_UNIX, @{}}}", quoted(name)),
        (libc::AF_UNIX, path) => {
            let end = path
                .iter()
                .position(|byte| *byte == 0)
                .unwrap_or(path.len());
            format!("{{AF_UNIX, {}}}", quoted(&path[..end]))
        }
        (libc::AF_INET, [p, q, a, b, c, d, ..]) => {
            format!(
                "{{AF_INET, {a}.{b}.{c}.{d}:{}}}",
                u16::from_be_bytes([*p, *q])
            )
        }
        _ => format!("{{{name}}}"),
    })
}

fn pointers(memory: Memory, address: u64) -> Option<Vec<u64>> {
    let mut pointers = Vec::new();
    while pointers.len() < 4096 {
        match memory.u64(address + pointers.len() as u64 * 8)? {
            0 => break,
            pointer => pointers.push(pointer),
        }
    }
    Some(pointers)
}

/// How many strings of an array, and how many bytes of them together, are shown.
const MANY: usize = 16;

fn strings(memory: Memory, address: u64) -> Option<String> {
    let pointers = pointers(memory, address)?;
    let mut shown: Vec<_> = pointers
        .iter()
        .take(MANY)
        .map(|p| text(memory, *p))
        .collect();
    for long in shown.iter_mut().filter(|text| text.len() > 200) {
        let end = long
            .char_indices()
            .nth(200)
            .map_or(long.len(), |(at, _)| at);
        long.truncate(end);
        long.push('…');
    }
    if pointers.len() > MANY {
        shown.push(format!("… {} more", pointers.len() - MANY));
    }
    Some(list(shown.into_iter()))
}

/// The effective set of `capset(2)`, version 3: two structures of three 32-bit words.
fn capabilities(memory: Memory, address: u64) -> Option<String> {
    let words = memory.u32s(address, 6)?;
    let set = |at: usize| {
        let bits = u64::from(words[at]) | u64::from(words[at + 3]) << 32;
        let known = (1u64 << names::CAPABILITIES.len()) - 1;
        match bits & known {
            0 => "0".to_owned(),
            all if all == known => "all".to_owned(),
            bits => {
                let has = |(bit, name): (usize, &&str)| {
                    (bits >> bit & 1 == 1).then(|| format!("CAP_{name}"))
                };
                let set: Vec<_> = names::CAPABILITIES
                    .iter()
                    .enumerate()
                    .filter_map(has)
                    .collect();
                set.join("|")
            }
        }
    };
    Some(format!(
        "{{effective={}, permitted={}, inheritable={}}}",
        set(0),
        set(1),
        set(2)
    ))
}

/// `union bpf_attr` for what device control takes (bpf(2)).
fn bpf(site: &Site<'_>, address: u64) -> Option<String> {
    let words = Memory(site.pid).u32s(address, 4)?;
    Some(match site.raw[0] {
        5 => format!(
            "{{prog_type={}, insn_cnt={}}}",
            names::choice(names::BPF_TYPES, words[0].into()),
            words[1]
        ),
        8 | 9 => format!(
            "{{target_fd={}, attach_bpf_fd={}, attach_type={}}}",
            descriptor(site.pid, words[0] as i32),
            descriptor(site.pid, words[1] as i32),
            names::choice(names::BPF_ATTACH, words[2].into())
        ),
        _ => return None,
    })
}

fn list(items: impl Iterator<Item = String>) -> String {
    format!("[{}]", items.collect::<Vec<_>>().join(", "))
}
