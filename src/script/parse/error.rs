//! A script that can't be used.

use std::fmt;

use thiserror::Error;

use crate::json::SourceProblem;

/// A script that can't be used; every problem in it, first in the file first.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub struct ScriptError {
    /// Path of the file as the user gave it.
    pub path: String,
    /// What is wrong; at least one.
    pub problems: Vec<SourceProblem>,
}

impl fmt::Display for ScriptError {
    /// Writes each problem as `path:line:column: message` with the line it is in, an empty line between two.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.problems.iter().enumerate() {
            if index > 0 {
                f.write_str("\n\n")?;
            }
            if !self.path.is_empty() {
                write!(f, "{}:", self.path)?;
            }
            problem.fmt(f)?;
        }
        Ok(())
    }
}
