//! Plays scenarios to real agents and says what became of each. Feature `server`.
//!
//! A scenario is a script with a table `run` (see [`Scenario`](crate::script::scenario::Scenario)). [`run_suite`] gives each agent
//! each scenario, in a home and a work directory of its own, checks what the scenario expects, which contracts the agent
//! keeps and what it writes to disk, and with two agents compares what they sent. The answer is a
//! [`Matrix`](crate::report::Matrix).

mod background;
mod canonical;
mod case;
mod contracts;
mod differences;
mod expect;
mod folders;
mod judge;
mod play;
mod rollouts;
mod scripts;
mod stable;
mod strays;
mod told;
mod version;

pub use case::{CaseId, Progress, SuiteError, SuiteOptions, SuiteRun, run_suite};
pub use play::PlayError;
pub use scripts::{SUITE, SuiteScript};
pub use version::find_version;
