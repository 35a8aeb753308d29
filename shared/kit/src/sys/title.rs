//! What `/proc` shows of a process: its arguments and its environment, which lie in its own memory.

use std::ffi::CStr;

use nix::unistd::Pid;

/// Where the kernel looks when somebody reads this process's `/proc/PID/cmdline` and `/proc/PID/environ`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StartArea {
    arguments: Span,
    environment: Span,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Span {
    start: usize,
    length: usize,
}

impl StartArea {
    /// From the fields 48 to 51 of `/proc/self/stat` (proc_pid_stat(5)). `None` without a `/proc`, or where it hides
    /// them.
    pub fn of_self() -> Option<Self> {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", Pid::this())).ok()?;
        Self::parse(&stat)
    }

    fn parse(stat: &str) -> Option<Self> {
        // The second field is a name in parentheses, and may itself hold spaces and parentheses.
        let (_, fields) = stat.rsplit_once(") ")?;
        let mut fields = fields.split(' ').skip(48 - 3).map(|f| f.parse().ok());
        let mut span = || {
            let (start, end): (usize, usize) = (fields.next()??, fields.next()??);
            (start != 0).then_some(Span {
                start,
                length: end.checked_sub(start)?,
            })
        };
        Some(Self {
            arguments: span()?,
            environment: span()?,
        })
    }

    /// Puts `title` in the place of all arguments, cut to their length, and nothing in the place of the environment.
    /// Nothing is allocated.
    ///
    /// # Safety
    /// The area must be this process's own, or its copy after a fork, and nobody may hold a reference into it, or ask
    /// `std::env` or libc for a variable at the same time. What `std::env` has returned before is a copy, and not meant.
    pub unsafe fn overwrite(self, title: &CStr) {
        // SAFETY: the caller's promise.
        unsafe {
            self.arguments.fill(title.to_bytes());
            self.environment.fill(b"");
        }
    }
}

impl Span {
    /// # Safety
    /// As [`StartArea::overwrite`].
    unsafe fn fill(self, text: &[u8]) {
        let length = text.len().min(self.length.saturating_sub(1));
        let start = std::ptr::with_exposed_provenance_mut::<u8>(self.start);
        // SAFETY: the kernel mapped these bytes writable at exec, and they are never unmapped. Every pointer that
        // still leads here finds the zero that ends a string.
        unsafe {
            std::ptr::write_bytes(start, 0, self.length);
            std::ptr::copy_nonoverlapping(text.as_ptr(), start, length);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fields_are_counted_from_behind_the_name() {
        let rest: Vec<String> = (3..=52).map(|field| field.to_string()).collect();
        let stat = format!("7 (a) b) {}", rest.join(" "));
        let span = |start| Span { start, length: 1 };
        let (arguments, environment) = (span(48), span(50));
        assert_eq!(
            StartArea::parse(&stat),
            Some(StartArea {
                arguments,
                environment
            })
        );
    }

    #[test]
    fn hidden_or_broken_fields_are_no_area() {
        for stat in ["", "7 (a) S", "no parenthesis"] {
            assert!(StartArea::parse(stat).is_none(), "{stat}");
        }
        let zeroes = format!("7 (a) {}", ["0"; 50].join(" "));
        assert!(StartArea::parse(&zeroes).is_none());
    }

    #[test]
    fn our_own_area_is_found() {
        let area = StartArea::of_self().unwrap();
        let cmdline = std::fs::read("/proc/self/cmdline").unwrap();
        assert_eq!(area.arguments.length, cmdline.len());
    }
}
