//! What a container start asks of the kernel, call by call.
//!
//! [`Tracer`] runs a command under ptrace(2), follows its children, and decodes the system calls that containers are
//! made of, with the steps' own markers between them. The result, a [`Trace`], can be asked questions:
//!
//! ```no_run
//! use std::process::Command;
//! use trace::Tracer;
//!
//! let mut command = Command::new("rootfs");
//! command.args(["run", "--rootfs", "/srv/box", "true"]);
//! let trace = Tracer::new(command).run().unwrap();
//! trace.assert_before("mount_setattr(…, MS_PRIVATE…)", "pivot_root");
//! ```
//!
//! | file | what it holds |
//! |---|---|
//! | `model.rs` | the trace, as it is written as JSON |
//! | `question.rs` | questions to it, and their patterns |
//! | `normal.rs` | the same trace without what differs from run to run |
//! | `tracer.rs`, `tracee.rs` | the tracer's loop, and what it knows of each tracee |
//! | `probe.rs` | markers: static probes in ELF files, and breakpoints on them |
//! | `decode/` | from six numbers to what the man page writes |
//! | `text.rs` | for terminals |

mod decode;
mod explain;
mod memory;
mod model;
mod normal;
mod probe;
mod question;
mod recorder;
mod text;
mod tracee;
mod tracer;

pub use model::{Argument, Call, End, Event, Outcome, Process, Trace};
pub use normal::Normaliser;
pub use question::Pattern;
pub use text::{Style, event as event_text};
pub use tracer::{Selection, Tracer, Watcher};
