//! Errors of a rules file, shown with the line they are in.

use std::fmt;

use thiserror::Error;

pub use crate::json::SourceProblem as RulesProblem;

/// A rules file that can't be used; every problem in it, first in the file first.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub struct RulesError {
    /// Path of the file as the user gave it.
    pub path: String,
    /// What is wrong; at least one.
    pub problems: Vec<RulesProblem>,
}

impl fmt::Display for RulesError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.problems.iter().enumerate() {
            if index > 0 {
                f.write_str("\n\n")?;
            }
            write!(f, "{}:", self.path)?;
            problem.fmt(f)?;
        }
        Ok(())
    }
}
