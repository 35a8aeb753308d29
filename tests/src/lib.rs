//! What the tests stand on.
//!
//! A test of the kernel's behaviour needs more than libtest gives: it must say what it needs and be *ignored with the
//! reason* where that is missing ([`Need`]), run a program and everything that comes of it under a time limit
//! ([`Run`]), give it a terminal ([`Terminal`]), kill it at each system call ([`faults`]), and see what it left
//! behind ([`Census`]).
//!
//! ```no_run
//! use std::process::ExitCode;
//!
//! use harness::{Need, Run, bin, test};
//!
//! fn main() -> ExitCode {
//!     harness::run("namespaces", vec![test("true_is_zero", &[Need::Root], true_is_zero)])
//! }
//!
//! fn true_is_zero() {
//!     Run::new(bin("namespaces")).args(["run", "true"]).output().assert_code(0);
//! }
//! ```
//!
//! The test's target says `harness = false` in its Cargo.toml. These variables of the environment steer a run:
//!
//! | variable | meaning |
//! |---|---|
//! | `DRYDOCK_PROMISES` | what this machine has, as [`Need::key`]s or `all`; `all,-swap` takes one away. A promised need that is missing is a failure, not a skip |
//! | `DRYDOCK_ONLY` | run only the tests that need one of these keys, and with `vm` those that are [`Test::also_in_vm`] |
//! | `DRYDOCK_EVERYTHING` | try every case where else a [`sample()`] of them is tried |
//! | `DRYDOCK_SEED` | which sample it is: a failed test names its own |
//! | `DRYDOCK_PATIENCE` | a factor on all time limits, for slow machines |
//! | `DRYDOCK_REPORT` | a file to which each outcome is appended, one JSON object a line |
//! | `DRYDOCK_BUILT` | the programs under test are built already ([`run_with_all_programs`]) |
//! | `DRYDOCK_BIN_DIR` | where [`bin`] finds programs, if not beside the test (its folder `examples` is for [`example`]) |

mod binary;
mod busybox;
mod census;
pub mod faults;
mod kernel;
mod need;
mod output;
mod report;
mod run;
mod sample;
mod scene;
mod screen;
mod suite;
mod terminal;
mod wait;

pub use binary::{bin, example};
pub use busybox::busybox_root;
pub use census::{Census, descriptors};
pub use kernel::linux_is_at_least;
pub use need::Need;
pub use output::Output;
pub use run::{Run, Running};
pub use sample::{everything, sample};
pub use scene::{directory, unique};
pub use suite::{Test, run, run_with_all_programs, test};
pub use terminal::Terminal;
pub use wait::{contents, eventually};
