//! Step 01: namespaces, and the spawn that every later step uses.
//!
//! A container is an ordered list of mechanisms ([`Mechanism`]). [`spawn()`] starts a child in new namespaces, lets each
//! mechanism of the list do its part, and executes the command:
//!
//! ```no_run
//! use namespaces::{Defaults, Kind, Mechanisms, Namespaces, Process, Streams, Wanted, spawn};
//!
//! # fn run() -> kit::Result<u8> {
//! let wanted = Wanted {
//!     words: vec!["sh".into()],
//!     ..Wanted::default()
//! };
//! let process = Process::new(&wanted, &Defaults::default());
//! let mechanisms = Mechanisms::new().and(Namespaces::new(&Kind::DEFAULT, "box"));
//! let exit = spawn(&process, Streams::ours(true), mechanisms)?.wait()?;
//! # Ok(exit.code)
//! # }
//! ```
//!
//! [`create`] and [`start()`] are the two halves of it: between them, any process can find the container in its directory,
//! start it, and at last [`undo()`] it.
//!
//! | file | what it holds |
//! |---|---|
//! | `mechanism.rs`, `stage.rs`, `mechanisms.rs` | the trait: prepare, attach, enter, seal, undo; where each stands; the list |
//! | `plan.rs`, `inside.rs`, `exit.rs` | what mechanisms tell the spawn and each other, before, in the child, at the end |
//! | `spawn.rs`, `child.rs`, `gate.rs`, `second.rs`, `exec.rs` | clone3 and the handshake: parent, child, the two gates, execve |
//! | `process.rs`, `streams.rs` | what is run, and what it reads and writes, as data |
//! | `program.rs` | why a program could not be run |
//! | `namespaces.rs`, `userns.rs`, `kind.rs` | the mechanism of this step |
//! | `account.rs`, `user.rs` | who the command is |
//! | `join.rs` | the namespaces of a container that runs already |
//! | `init.rs` | PID 1 |
//! | `terminal.rs`, `pump.rs`, `window.rs` | `-t` |
//! | `container.rs`, `signals.rs`, `lifetime.rs` | the parent waits |
//! | `leftover.rs` | how anybody undoes a container |

mod account;
mod child;
pub mod cli;
mod container;
mod exec;
mod exit;
mod gate;
mod init;
mod inside;
mod join;
mod kind;
mod leftover;
mod lifetime;
mod mechanism;
mod mechanisms;
mod namespaces;
mod plan;
mod process;
mod program;
mod pump;
mod second;
mod signals;
mod spawn;
mod stage;
mod streams;
mod terminal;
mod user;
mod userns;
mod window;

pub use account::Account;
pub use container::Container;
pub use exit::Exit;
pub use inside::Inside;
pub use join::Join;
pub use kind::Kind;
pub use leftover::{Leftover, Record, Undo, undo};
pub use lifetime::Lifetime;
pub use mechanism::{Child, Mechanism, Question};
pub use mechanisms::Mechanisms;
pub use namespaces::{Clocks, Namespaces};
pub use plan::Plan;
pub use process::{DEFAULT_PATH, Defaults, Process, Rlimit, Wanted, split_variable};
pub use program::Program;
pub use second::start;
pub use spawn::{Created, create, spawn};
pub use stage::Stage;
pub use streams::{Console, Stream, Streams};
pub use terminal::Terminal;
pub use user::User;
pub use userns::{Mapping, UserNamespace};
