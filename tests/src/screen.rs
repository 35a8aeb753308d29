//! What a program has written so far, growing while somebody waits for a word in it.

use std::fs::File;
use std::io::Read;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// The bytes that came out of one descriptor.
#[derive(Clone, Debug, Default)]
pub(crate) struct Screen(Arc<(Mutex<State>, Condvar)>);

#[derive(Debug, Default)]
struct State {
    bytes: Vec<u8>,
    /// Up to where [`Screen::expect`] has read.
    seen: usize,
    ended: bool,
}

impl Screen {
    /// Reads `source` in a thread of its own to its end.
    pub(crate) fn of(mut source: File) -> (Self, JoinHandle<()>) {
        let screen = Self::default();
        let writer = screen.clone();
        let thread = std::thread::spawn(move || {
            let mut buffer = [0; 16384];
            while let Ok(length @ 1..) = source.read(&mut buffer) {
                writer.push(&buffer[..length]);
            }
            writer.end();
        });
        (screen, thread)
    }

    pub(crate) fn push(&self, bytes: &[u8]) {
        self.lock().bytes.extend_from_slice(bytes);
        self.0.1.notify_all();
    }

    pub(crate) fn end(&self) {
        self.lock().ended = true;
        self.0.1.notify_all();
    }

    /// All that has come so far.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        self.lock().bytes.clone()
    }

    /// Waits for `text` in what has come since the last call, and returns everything up to its end. `Err` holds what
    /// came instead.
    pub(crate) fn expect(&self, text: &str, deadline: Instant) -> Result<String, String> {
        let mut state = self.lock();
        loop {
            let fresh = &state.bytes[state.seen..];
            if let Some(at) = fresh
                .windows(text.len())
                .position(|window| window == text.as_bytes())
            {
                let end = at + text.len();
                let found = String::from_utf8_lossy(&fresh[..end]).into_owned();
                state.seen += end;
                return Ok(found);
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if state.ended || left.is_zero() {
                return Err(String::from_utf8_lossy(fresh).into_owned());
            }
            state = self.wait(state, left);
        }
    }

    /// Waits for end of file. False if it did not come in time.
    pub(crate) fn wait_for_end(&self, deadline: Instant) -> bool {
        let mut state = self.lock();
        while !state.ended {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return false;
            }
            state = self.wait(state, left);
        }
        true
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait<'a>(&self, state: MutexGuard<'a, State>, limit: Duration) -> MutexGuard<'a, State> {
        let (state, _) = self
            .0
            .1
            .wait_timeout(state, limit)
            .unwrap_or_else(PoisonError::into_inner);
        state
    }
}
