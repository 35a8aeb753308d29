//! Waiting for what will be, but not for ever.

use std::path::Path;
use std::time::{Duration, Instant};

use kit::patience::patient;

/// The time limit of what has no other, 30 s.
pub(crate) fn limit() -> Duration {
    patient(Duration::from_secs(30))
}

/// Asks `question` again and again until it has an answer.
///
/// # Panics
/// If it has none within the time limit of a [`Run`](crate::Run).
#[track_caller]
pub fn eventually<T>(mut question: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + limit();
    loop {
        if let Some(answer) = question() {
            return answer;
        }
        assert!(Instant::now() < deadline, "it does not happen");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// What is in the file, as soon as something is.
///
/// # Panics
/// If nothing is within the time limit.
#[track_caller]
pub fn contents(path: impl AsRef<Path>) -> String {
    eventually(|| {
        let text = std::fs::read_to_string(path.as_ref()).ok()?;
        (!text.is_empty()).then_some(text)
    })
}
