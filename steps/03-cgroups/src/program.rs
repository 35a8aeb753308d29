//! The device policy as an eBPF program, which is how cgroup v2 has it (kernel: BPF_PROG_TYPE_CGROUP_DEVICE).
//!
//! The kernel calls the program at each open and mknod of a device node, with a pointer in register 1 to
//!
//! ```c
//! struct bpf_cgroup_dev_ctx { __u32 access_type /* access << 16 | kind */, major, minor; };
//! ```
//!
//! and what the program leaves in register 0 is the answer: 1 yes, 0 EPERM.

use kit::sys::bpf::Instruction;

use crate::devices::{Access, Kind, Policy, Rule};

/// The registers: the argument, the answer, and what is taken out of the argument.
const CONTEXT: u8 = 1;
const ANSWER: u8 = 0;
const KIND: u8 = 2;
const ACCESS: u8 = 3;
const MAJOR: u8 = 4;
const MINOR: u8 = 5;
const SCRATCH: u8 = 6;

/// The program for `policy`: each exception is tried in turn, and the first that matches is the answer.
pub fn program(policy: &Policy) -> Vec<Instruction> {
    let mut program = vec![
        load(KIND, CONTEXT, 0),
        move_register(ACCESS, KIND),
        constant(AND, KIND, 0xffff),
        constant(SHIFT_RIGHT, ACCESS, 16),
        load(MAJOR, CONTEXT, 4),
        load(MINOR, CONTEXT, 8),
    ];
    for rule in &policy.exceptions {
        exception(rule, policy.allows_by_default, &mut program);
    }
    program.extend(answer(policy.allows_by_default));
    program
}

/// The tests of one rule, each of which jumps over the rest if it fails, and the answer at their end.
fn exception(rule: &Rule, allows_by_default: bool, program: &mut Vec<Instruction>) {
    let mut tests: Vec<Vec<Instruction>> = Vec::new();
    match rule.kind {
        Kind::All => {}
        Kind::Block => tests.push(vec![skip_unless(EQUAL, KIND, 1)]),
        Kind::Character => tests.push(vec![skip_unless(EQUAL, KIND, 2)]),
    }
    if rule.access != Access::ALL {
        tests.push(access(rule.access, allows_by_default));
    }
    for (register, number) in [(MAJOR, rule.major), (MINOR, rule.minor)] {
        if let Some(number) = number {
            tests.push(vec![skip_unless(EQUAL, register, number as i32)]);
        }
    }
    let mut block: Vec<Instruction> = tests.into_iter().flatten().collect();
    block.extend(answer(!allows_by_default));
    let length = block.len();
    for (index, instruction) in block.iter_mut().enumerate() {
        if instruction.code & CLASS == JUMP32 {
            instruction.offset = (length - index - 1) as i16;
        }
    }
    program.extend(block);
}

/// What is allowed must be allowed in all that is asked for; what is forbidden is so in any part of it. Writing to a
/// device that may only be read is not "partly allowed".
fn access(rule: Access, allows_by_default: bool) -> Vec<Instruction> {
    let (mask, jump) = match allows_by_default {
        false => (!rule.0 & Access::ALL.0, EQUAL),
        true => (rule.0, NOT_EQUAL),
    };
    vec![
        move_register(SCRATCH, ACCESS),
        constant(AND, SCRATCH, mask.into()),
        skip_unless(jump, SCRATCH, 0),
    ]
}

fn answer(allow: bool) -> [Instruction; 2] {
    [constant(MOVE, ANSWER, allow.into()), EXIT]
}

// The instruction set, as far as it is used (kernel: Documentation/bpf/standardization/instruction-set.rst). All
// arithmetic and all comparisons are of 32 bits: the numbers are unsigned and must not be sign-extended.

const CLASS: u8 = 0x07;
/// BPF_JMP32 | BPF_K; the two comparisons are inverted, because a jump is taken to skip.
const JUMP32: u8 = 0x06;
/// "Goes on if equal": BPF_JNE.
const EQUAL: u8 = JUMP32 | 0x50;
/// "Goes on if not equal": BPF_JEQ.
const NOT_EQUAL: u8 = JUMP32 | 0x10;
/// BPF_ALU | BPF_K with BPF_AND, BPF_RSH and BPF_MOV.
const AND: u8 = 0x54;
const SHIFT_RIGHT: u8 = 0x74;
const MOVE: u8 = 0xb4;
/// BPF_ALU | BPF_X | BPF_MOV.
const MOVE_REGISTER: u8 = 0xbc;
/// BPF_LDX | BPF_MEM | BPF_W.
const LOAD_WORD: u8 = 0x61;
/// BPF_JMP | BPF_EXIT.
const EXIT: Instruction = instruction(0x95, 0, 0, 0);

const fn instruction(code: u8, registers: u8, offset: i16, immediate: i32) -> Instruction {
    Instruction {
        code,
        registers,
        offset,
        immediate,
    }
}

fn load(to: u8, from: u8, offset: i16) -> Instruction {
    instruction(LOAD_WORD, from << 4 | to, offset, 0)
}

fn move_register(to: u8, from: u8) -> Instruction {
    instruction(MOVE_REGISTER, from << 4 | to, 0, 0)
}

fn constant(operation: u8, register: u8, value: i32) -> Instruction {
    instruction(operation, register, 0, value)
}

/// The offset is filled in once the length of the rule is known.
fn skip_unless(comparison: u8, register: u8, value: i32) -> Instruction {
    instruction(comparison, register, 0, value)
}

#[cfg(test)]
mod tests;
