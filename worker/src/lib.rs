//! Runs one attempt of a task: from its templates to the outcome in words.
//!
//! It decides nothing about retries or what runs next, keeps nothing between attempts, and knows neither the database
//! nor the scheduler: what a task asks about others goes through [`Values`].
//!
//! [`run_attempt`], step by step:
//! 1. render the operator's templates, fetching what they ask for ([`Values`]);
//! 2. make the scratch folder and the environment;
//! 3. spawn the process as leader of its own group, without code between fork and exec (that path is 30 times slower
//!    from a large parent);
//! 4. copy its output line by line to the log, answer what a Python task asks, watch the timeout and the stop;
//! 5. end what is left of the group, read the XComs, say how it went.

mod attempt;
mod clock;
mod config;
mod direct;
mod environment;
mod exit;
mod launch;
mod lines;
mod log;
mod masking;
mod outlets;
mod output;
mod python;
mod questions;
mod render;
mod scratch;
mod supervise;
mod values;
mod xcom_file;

pub use attempt::{STOPPED, run_attempt};
pub use clock::{Clock, SystemClock};
pub use config::{WorkerConfig, executor_id};
pub use environment::{EXECUTOR_MARK, RUN_DIR};
pub use log::{Stream, log_path};
pub use scratch::{clear_run_folder, run_dir, run_folder};
pub use values::{Values, ValuesError};
