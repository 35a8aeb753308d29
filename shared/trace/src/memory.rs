//! A stopped tracee's memory.

use std::io::{IoSliceMut, Read, Seek, SeekFrom};

use nix::sys::uio::{RemoteIoVec, process_vm_readv};
use nix::unistd::Pid;

/// Reads from one tracee. What cannot be read is `None`: an address that is not mapped, or a process that has made
/// itself undumpable and is out of an unprivileged tracer's reach.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Memory(pub(crate) Pid);

/// No path is longer, and nothing else is shown whole.
const LONGEST: usize = 4096;

impl Memory {
    /// `length` bytes from `address` on, all or nothing.
    pub(crate) fn bytes(self, address: u64, length: usize) -> Option<Vec<u8>> {
        let mut buffer = vec![0; length.min(1 << 20)];
        let mut done = 0;
        while done < buffer.len() {
            let read = self.some(address + done as u64, &mut buffer[done..])?;
            done += read;
        }
        Some(buffer)
    }

    /// The bytes up to the NUL, without it.
    pub(crate) fn c_string(self, address: u64) -> Option<Vec<u8>> {
        let mut text = Vec::new();
        while text.len() < LONGEST {
            let at = address + text.len() as u64;
            // Up to the end of the page: the next one may not be mapped.
            let mut buffer = [0; 256];
            let room = (4096 - at as usize % 4096).min(buffer.len());
            let read = self.some(at, &mut buffer[..room])?;
            let chunk = &buffer[..read];
            match chunk.iter().position(|byte| *byte == 0) {
                Some(end) => {
                    text.extend_from_slice(&chunk[..end]);
                    return Some(text);
                }
                None => text.extend_from_slice(chunk),
            }
        }
        Some(text)
    }

    /// A native 64-bit number.
    pub(crate) fn u64(self, address: u64) -> Option<u64> {
        let bytes = self.bytes(address, 8)?;
        Some(u64::from_ne_bytes(bytes.try_into().ok()?))
    }

    /// `count` native 32-bit numbers.
    pub(crate) fn u32s(self, address: u64, count: usize) -> Option<Vec<u32>> {
        let bytes = self.bytes(address, count * 4)?;
        Some(
            bytes
                .chunks_exact(4)
                .map(|chunk| u32::from_ne_bytes([chunk[0], chunk[1], chunk[2], chunk[3]]))
                .collect(),
        )
    }

    /// At least one byte.
    fn some(self, address: u64, buffer: &mut [u8]) -> Option<usize> {
        if address == 0 {
            return None;
        }
        let remote = [RemoteIoVec {
            base: address as usize,
            len: buffer.len(),
        }];
        match process_vm_readv(self.0, &mut [IoSliceMut::new(buffer)], &remote) {
            Ok(read @ 1..) => Some(read),
            _ => self.through_proc(address, buffer),
        }
    }

    /// process_vm_readv(2) may be filtered, as Docker's older seccomp profiles do; /proc/PID/mem is the same memory.
    fn through_proc(self, address: u64, buffer: &mut [u8]) -> Option<usize> {
        let mut file = std::fs::File::open(format!("/proc/{}/mem", self.0)).ok()?;
        file.seek(SeekFrom::Start(address)).ok()?;
        file.read(buffer).ok().filter(|read| *read > 0)
    }
}
