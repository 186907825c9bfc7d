//! What did not go as the script says, for people.

use std::fmt;

use thiserror::Error;

use crate::script::Violation;

use super::watch::indented;

/// Why a run is not what the script says.
#[derive(Clone, PartialEq, Eq, Error)]
pub struct Failure {
    /// What did not go as the script says; at least one.
    pub violations: Vec<Violation>,
    /// All requests, a line for each, and who waits at which gate.
    pub story: String,
}

impl fmt::Debug for Failure {
    /// Writes what [`Display`](fmt::Display) writes, for `server.verify().unwrap()` is to be read by people.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for Failure {
    /// Writes the violations, each with the step, the request and the nearest difference, and below them all requests; no
    /// newline at the end.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = match self.violations.len() {
            1 => "1 violation".to_owned(),
            count => format!("{count} violations"),
        };
        writeln!(f, "the agent did not do what the script says: {count}")?;
        for violation in &self.violations {
            f.write_str(&indented(&violation.to_string()))?;
        }
        f.write_str(self.story.trim_end())
    }
}
