//! Markers, seen from outside: the static probes of an ELF file, and breakpoints on them.
//!
//! A probe is a `nop` in the code and a note in the section `.note.stapsdt`, which says where the `nop` is and where
//! the arguments are at that moment (<https://sourceware.org/systemtap/wiki/UserSpaceProbeImplementation>). A
//! breakpoint takes the place of a `nop`, so that nothing has to be put back or stepped over.

use std::collections::BTreeMap;
use std::fs::File;
use std::sync::Arc;

use kit::sys::ptrace::{peek, poke};
use nix::sys::ptrace::getregs;
use nix::unistd::Pid;
use object::elf::FileHeader64;
use object::read::elf::{FileHeader, SectionHeader};
use object::{Endianness, ReadCache};

use crate::memory::Memory;

/// The provider and the name that [`kit::marker()`] has.
const PROVIDER: &[u8] = b"drydock";
const NAME: &[u8] = b"moment";

/// The probes of one program: address in the file, and where the four arguments are.
type Sites = Vec<(u64, [String; 4])>;

/// Breakpoints in one address space, by address.
#[derive(Clone, Debug, Default)]
pub(crate) struct Breakpoints(Arc<BTreeMap<u64, [String; 4]>>);

impl Breakpoints {
    /// Sets one on every marker of the program that `pid` has just executed. A program without markers, or one that is
    /// no 64-bit ELF file, gets none.
    pub(crate) fn set(pid: Pid) -> Self {
        let Some((entry, sites)) = sites(pid).filter(|(_, sites)| !sites.is_empty()) else {
            return Self::default();
        };
        // A position-independent program is loaded anywhere: its entry point says where.
        let Some(bias) = loaded_entry(pid).map(|loaded| loaded.wrapping_sub(entry)) else {
            return Self::default();
        };
        let set = sites.into_iter().filter_map(|(address, operands)| {
            let address = address.wrapping_add(bias);
            put(pid, address).map(|()| (address, operands))
        });
        Self(Arc::new(set.collect()))
    }

    /// The marker that `pid`, stopped by SIGTRAP, has come to: mechanism and moment. It is then ready to run on.
    pub(crate) fn reached(&self, pid: Pid) -> Option<(String, String)> {
        if self.0.is_empty() {
            return None;
        }
        let registers = Registers::of(pid)?;
        let operands = self.0.get(&registers.breakpoint())?;
        registers.step_past(pid)?;
        let text = |at: usize| {
            let (address, length) = (
                registers.value(&operands[at])?,
                registers.value(&operands[at + 1])?,
            );
            String::from_utf8(Memory(pid).bytes(address, length.min(256) as usize)?).ok()
        };
        Some((text(0)?, text(2)?))
    }
}

/// The entry point in the file and the markers of `pid`'s program.
fn sites(pid: Pid) -> Option<(u64, Sites)> {
    let file = ReadCache::new(File::open(format!("/proc/{pid}/exe")).ok()?);
    let header = FileHeader64::<Endianness>::parse(&file).ok()?;
    let endian = header.endian().ok()?;
    let sections = header.sections(endian, &file).ok()?;
    let (mut found, mut code) = (Vec::new(), Vec::new());
    for section in sections.iter() {
        if section
            .sh_flags(endian)
            .contains(object::elf::SHF_EXECINSTR)
        {
            let start = section.sh_addr(endian);
            code.push(start..start + section.sh_size(endian));
        }
        let Ok(Some(mut notes)) = section.notes(endian, &file) else {
            continue;
        };
        while let Ok(Some(note)) = notes.next() {
            if note.name() == b"stapsdt" && note.n_type(endian) == object::elf::NoteType(3) {
                found.extend(site(note.desc()));
            }
        }
    }
    // The linker leaves out functions that nobody calls, and not the notes about them.
    found.retain(|(address, _)| code.iter().any(|range| range.contains(address)));
    Some((header.e_entry(endian), found))
}

/// Location, base, semaphore, then provider, name and arguments as strings.
fn site(note: &[u8]) -> Option<(u64, [String; 4])> {
    let (numbers, strings) = note.split_at_checked(24)?;
    let mut strings = strings.split(|byte| *byte == 0);
    if strings.next()? != PROVIDER || strings.next()? != NAME {
        return None;
    }
    // `-8@%rdi`: size, and a register as the assembler writes it.
    let arguments = std::str::from_utf8(strings.next()?).ok()?;
    let registers: Vec<_> = arguments
        .split(' ')
        .filter_map(|argument| {
            Some(
                argument
                    .split_once('@')?
                    .1
                    .trim_start_matches('%')
                    .to_owned(),
            )
        })
        .collect();
    let location = u64::from_ne_bytes(numbers[..8].try_into().ok()?);
    Some((location, registers.try_into().ok()?))
}

/// AT_ENTRY of the auxiliary vector (getauxval(3)).
fn loaded_entry(pid: Pid) -> Option<u64> {
    let vector = std::fs::read(format!("/proc/{pid}/auxv")).ok()?;
    let number = |bytes: &[u8]| bytes.try_into().map(u64::from_ne_bytes).ok();
    vector
        .chunks_exact(16)
        .find(|pair| number(&pair[..8]) == Some(libc::AT_ENTRY))
        .and_then(|pair| number(&pair[8..]))
}

#[cfg(target_arch = "x86_64")]
const TRAP: &[u8] = &[0xcc];
#[cfg(target_arch = "aarch64")]
const TRAP: &[u8] = &0xd420_0000_u32.to_le_bytes();

/// Memory is written by machine words.
fn put(pid: Pid, address: u64) -> Option<()> {
    let (word, offset) = (address & !7, address as usize & 7);
    let mut bytes = peek(pid, word).ok()?.to_ne_bytes();
    bytes
        .get_mut(offset..offset + TRAP.len())?
        .copy_from_slice(TRAP);
    poke(pid, word, u64::from_ne_bytes(bytes)).ok()
}

struct Registers(libc::user_regs_struct);

impl Registers {
    fn of(pid: Pid) -> Option<Self> {
        getregs(pid).ok().map(Self)
    }

    /// The address of the breakpoint that stopped it.
    fn breakpoint(&self) -> u64 {
        // On x86 the trap is reported behind the instruction, on ARM at it.
        #[cfg(target_arch = "x86_64")]
        return self.0.rip.wrapping_sub(1);
        #[cfg(target_arch = "aarch64")]
        return self.0.pc;
    }

    #[cfg(target_arch = "x86_64")]
    #[expect(
        clippy::unused_self,
        clippy::unnecessary_wraps,
        reason = "on ARM there is something to do"
    )]
    fn step_past(&self, _: Pid) -> Option<()> {
        Some(())
    }

    #[cfg(target_arch = "aarch64")]
    fn step_past(&self, pid: Pid) -> Option<()> {
        let mut registers = self.0;
        registers.pc += TRAP.len() as u64;
        nix::sys::ptrace::setregs(pid, registers).ok()
    }

    #[cfg(target_arch = "x86_64")]
    fn value(&self, register: &str) -> Option<u64> {
        let r = &self.0;
        Some(match register {
            "rax" => r.rax,
            "rbx" => r.rbx,
            "rcx" => r.rcx,
            "rdx" => r.rdx,
            "rsi" => r.rsi,
            "rdi" => r.rdi,
            "rbp" => r.rbp,
            "r8" => r.r8,
            "r9" => r.r9,
            "r10" => r.r10,
            "r11" => r.r11,
            "r12" => r.r12,
            "r13" => r.r13,
            "r14" => r.r14,
            "r15" => r.r15,
            _ => return None,
        })
    }

    #[cfg(target_arch = "aarch64")]
    fn value(&self, register: &str) -> Option<u64> {
        let number: usize = register.strip_prefix('x')?.parse().ok()?;
        self.0.regs.get(number).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_note_says_where_the_marker_and_its_arguments_are() {
        let mut note = vec![0; 24];
        note[..8].copy_from_slice(&0x1234_u64.to_ne_bytes());
        note.extend(b"drydock\0moment\0-8@%rdi -8@%r10 -8@%rax -8@%rbx\0");
        let (location, registers) = site(&note).unwrap();
        assert_eq!(location, 0x1234);
        assert_eq!(registers, ["rdi", "r10", "rax", "rbx"]);
    }

    #[test]
    fn other_programs_probes_are_not_markers() {
        let mut note = vec![0; 24];
        note.extend(b"libc\0setjmp\08@%rdi\0");
        assert!(site(&note).is_none());
        assert!(site(b"short").is_none());
    }
}
