//! The instruction list as a listing, and what it answers, by a machine that knows just these instructions. That the
//! kernel's verifier takes it is a test of its own, in `tests/`.

use super::*;
use crate::devices::defaults;

fn rules(texts: &[&str]) -> Policy {
    let rules: Vec<Rule> = texts
        .iter()
        .map(|text| {
            let (allow, rule) = text.split_at(1);
            Rule {
                allow: allow == "+",
                ..rule.parse().unwrap()
            }
        })
        .collect();
    Policy::new(&rules)
}

fn listing(program: &[Instruction]) -> String {
    let line = |(at, i): (usize, &Instruction)| {
        let (to, from, value) = (i.registers & 15, i.registers >> 4, i.immediate);
        let target = at as i16 + 1 + i.offset;
        let text = match i.code {
            LOAD_WORD => format!("w{to} = *(r{from} + {})", i.offset),
            MOVE_REGISTER => format!("w{to} = w{from}"),
            MOVE => format!("w{to} = {value}"),
            AND => format!("w{to} &= {value:#x}"),
            SHIFT_RIGHT => format!("w{to} >>= {value}"),
            EQUAL => format!("if w{to} != {value} goto {target}"),
            NOT_EQUAL => format!("if w{to} == {value} goto {target}"),
            0x95 => "exit".to_owned(),
            other => panic!("no such instruction: {other:#x}"),
        };
        format!("{at:2}: {text}\n")
    };
    program.iter().enumerate().map(line).collect()
}

/// Runs the program as the kernel would.
fn run(program: &[Instruction], kind: u32, major: u32, minor: u32, access: Access) -> bool {
    let context = [u32::from(access.0) << 16 | kind, major, minor];
    let mut registers = [0_u32; 11];
    let mut at = 0;
    loop {
        let i = program[at];
        let (to, from) = (usize::from(i.registers & 15), usize::from(i.registers >> 4));
        let value = i.immediate as u32;
        at += 1;
        let mut jump = |taken: bool| {
            if taken {
                at += i.offset as usize;
            }
        };
        match i.code {
            LOAD_WORD => registers[to] = context[i.offset as usize / 4],
            MOVE_REGISTER => registers[to] = registers[from],
            MOVE => registers[to] = value,
            AND => registers[to] &= value,
            SHIFT_RIGHT => registers[to] >>= value,
            EQUAL => jump(registers[to] != value),
            NOT_EQUAL => jump(registers[to] == value),
            0x95 => return registers[0] == 1,
            other => panic!("no such instruction: {other:#x}"),
        }
    }
}

#[test]
fn a_policy_without_exceptions_is_its_default() {
    insta::assert_snapshot!(listing(&program(&rules(&[]))), @r"
    0: w2 = *(r1 + 0)
    1: w3 = w2
    2: w2 &= 0xffff
    3: w3 >>= 16
    4: w4 = *(r1 + 4)
    5: w5 = *(r1 + 8)
    6: w0 = 0
    7: exit
    ");
}

#[test]
fn an_allowed_device() {
    insta::assert_snapshot!(listing(&program(&rules(&["+c 1:3 rw", "+b *:* m"]))), @r"
     0: w2 = *(r1 + 0)
     1: w3 = w2
     2: w2 &= 0xffff
     3: w3 >>= 16
     4: w4 = *(r1 + 4)
     5: w5 = *(r1 + 8)
     6: if w2 != 2 goto 14
     7: w6 = w3
     8: w6 &= 0x1
     9: if w6 != 0 goto 14
    10: if w4 != 1 goto 14
    11: if w5 != 3 goto 14
    12: w0 = 1
    13: exit
    14: if w2 != 1 goto 20
    15: w6 = w3
    16: w6 &= 0x6
    17: if w6 != 0 goto 20
    18: w0 = 1
    19: exit
    20: w0 = 0
    21: exit
    ");
}

#[test]
fn a_forbidden_device() {
    insta::assert_snapshot!(listing(&program(&rules(&["+a *:* rwm", "-c 1:3 w"]))), @r"
     0: w2 = *(r1 + 0)
     1: w3 = w2
     2: w2 &= 0xffff
     3: w3 >>= 16
     4: w4 = *(r1 + 4)
     5: w5 = *(r1 + 8)
     6: if w2 != 2 goto 14
     7: w6 = w3
     8: w6 &= 0x4
     9: if w6 == 0 goto 14
    10: if w4 != 1 goto 14
    11: if w5 != 3 goto 14
    12: w0 = 0
    13: exit
    14: w0 = 1
    15: exit
    ");
}

const BLOCK: u32 = 1;
const CHARACTER: u32 = 2;
const READ_WRITE: Access = Access(6);

#[test]
fn the_default_devices_and_no_others_can_be_opened() {
    let program = program(&Policy::new(&defaults()));
    for (kind, major, minor, access, expected) in [
        (CHARACTER, 1, 3, READ_WRITE, true),
        (CHARACTER, 1, 3, Access::ALL, true),
        (CHARACTER, 136, 7, READ_WRITE, true),
        (CHARACTER, 1, 1, Access::READ, false), // mem
        (CHARACTER, 1, 1, Access::MAKE, true),
        (BLOCK, 8, 0, Access::MAKE, true),
        (BLOCK, 8, 0, Access::READ, false),
        (BLOCK, 1, 3, Access::READ, false),
        (BLOCK, 8, 0, Access(3), false),
    ] {
        let answer = run(&program, kind, major, minor, access);
        assert_eq!(answer, expected, "{kind} {major}:{minor} {access:?}");
    }
}

#[test]
fn a_part_of_what_is_asked_is_not_enough_to_allow_and_enough_to_forbid() {
    let readable = program(&rules(&["+c 10:1 r"]));
    assert!(run(&readable, CHARACTER, 10, 1, Access::READ));
    assert!(!run(&readable, CHARACTER, 10, 1, READ_WRITE));
    assert!(!run(&readable, CHARACTER, 10, 2, Access::READ));
    let no_writing = program(&rules(&["+a *:* rwm", "-c 10:1 w"]));
    assert!(run(&no_writing, CHARACTER, 10, 1, Access::READ));
    assert!(!run(&no_writing, CHARACTER, 10, 1, READ_WRITE));
    assert!(run(&no_writing, CHARACTER, 10, 2, READ_WRITE));
}

#[test]
fn the_greatest_number_is_not_minus_one_of_another_width() {
    let program = program(&rules(&["+c 4294967295:4294967295 r"]));
    assert!(run(&program, CHARACTER, u32::MAX, u32::MAX, Access::READ));
    assert!(!run(&program, CHARACTER, 0, u32::MAX, Access::READ));
}
