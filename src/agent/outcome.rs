//! What an agent left.

use std::path::PathBuf;
use std::time::Duration;

use super::ending::Ending;
use super::output::Output;

/// How an agent ended and what is left of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// How it ended.
    pub ending: Ending,
    /// How long it ran.
    pub took: Duration,
    /// Whether it went on after SIGTERM and had to be killed.
    pub ignored_term: bool,
    /// Whether a request of it came.
    pub has_connected: bool,
    /// What it printed.
    pub stdout: Output,
    /// What it printed to standard error.
    pub stderr: Output,
    /// Processes of it that were left when it had ended; they are gone by now.
    pub leftovers: Vec<Leftover>,
    /// Processes that could not be ended.
    pub survivors: Vec<Leftover>,
    /// The rollouts in its home, in order of their names.
    pub rollouts: Vec<PathBuf>,
    /// Files outside of its directories that were made or changed while it ran, where they were looked for. Other programs may
    /// have made those that do not lie in the agent's own root.
    pub outside: Vec<PathBuf>,
}

/// A process that outlived its agent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leftover {
    /// Its number.
    pub pid: u32,
    /// What it calls itself.
    pub name: String,
}
