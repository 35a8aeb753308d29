//! Step 01: namespaces, and the spawn that every later step uses.
//!
//! A container is an ordered list of mechanisms ([`Mechanism`]). [`spawn()`] starts a child in new namespaces, lets each
//! mechanism of the list do its part, and executes the command:
//!
//! ```no_run
//! use namespaces::cli::{RunOptions, push_terminal};
//! use namespaces::{Mechanisms, spawn};
//!
//! # fn run(options: RunOptions) -> kit::Result<u8> {
//! let namespaces = options.namespaces()?;
//! let command = options.command(&namespaces.hostname)?;
//! let mut mechanisms: Mechanisms = vec![Box::new(namespaces)];
//! push_terminal(&mut mechanisms, &options.process);
//! let exit = spawn(&command, mechanisms)?.wait()?;
//! # Ok(exit.code)
//! # }
//! ```
//!
//! | file | what it holds |
//! |---|---|
//! | `mechanism.rs` | the trait: prepare, attach, enter, finish |
//! | `spawn.rs`, `child.rs`, `gate.rs` | clone3 and the handshake, parent's side, child's side, the socket between |
//! | `namespaces.rs`, `userns.rs` | the mechanism of this step |
//! | `join.rs` | the same for a container that runs already |
//! | `init.rs` | PID 1 |
//! | `terminal.rs`, `pump.rs` | `-t` |
//! | `container.rs`, `signals.rs` | the parent waits |

mod child;
pub mod cli;
mod command;
mod container;
mod gate;
mod init;
mod join;
mod kind;
mod mechanism;
mod namespaces;
mod pump;
mod signals;
mod spawn;
mod terminal;
mod userns;

pub use command::{Command, DEFAULT_PATH};
pub use container::Container;
pub use gate::Gate;
pub use join::Join;
pub use kind::Kind;
pub use mechanism::{Child, Exit, Mechanism, Plan};
pub use namespaces::{Clocks, Namespaces};
pub use spawn::{Mechanisms, spawn};
pub use terminal::Terminal;
pub use userns::{Mapping, UserNamespace};
