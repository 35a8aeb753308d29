//! `attack PROBE [WORD…]`: tries one thing from where it is, and says in one line what came of it.
//!
//! Exit code: 0 escaped, 1 stopped, 2 not run, 125 for a wrong command line. With `--stay`, it says `ready`, begins when
//! the file `/srv/start/go` is there, and stays after its answer, so that the host can look at what it holds.

use std::io::Write;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use attacks::{Answer, GO};

fn main() -> ExitCode {
    let mut words: Vec<String> = std::env::args().skip(1).collect();
    let stay = words.first().is_some_and(|word| word == "--stay");
    words.drain(..usize::from(stay));
    let Some(probe) = words.first().and_then(|word| attacks::find(word)) else {
        let slugs: Vec<_> = attacks::all().map(|probe| probe.slug).collect();
        let _ = writeln!(
            std::io::stderr(),
            "attack: name a probe: {}",
            slugs.join(", ")
        );
        return ExitCode::from(kit::error::FAILED);
    };
    if stay {
        say("ready");
        while !Path::new(GO).exists() {
            std::thread::sleep(Duration::from_millis(2));
        }
    }
    let answer = Answer::from((probe.attempt)(&words[1..]));
    say(answer.to_string());
    if stay {
        loop {
            std::thread::sleep(Duration::from_secs(3600));
        }
    }
    ExitCode::from(answer.outcome.exit_code())
}

/// A reader who has gone away has judged already.
fn say(line: impl std::fmt::Display) {
    let mut out = std::io::stdout().lock();
    let _ = writeln!(out, "{line}").and_then(|()| out.flush());
}
