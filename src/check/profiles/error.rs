//! A profile that can't be used.

use std::fmt;

use thiserror::Error;

use crate::json::SourceProblem;

/// A profile that can't be used, and where in its file.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ProfileError {
    /// There is no built-in profile with this name.
    UnknownName {
        /// The name.
        name: String,
        /// The name that was probably meant.
        nearest: Option<&'static str>,
    },
    /// The text of a file is wrong.
    File {
        /// Path of the file as the user gave it.
        path: String,
        /// What is wrong.
        problem: SourceProblem,
    },
}

impl fmt::Display for ProfileError {
    /// Writes a problem of a file as `path:line:column: message` with the line it is in.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ProfileError::UnknownName { name, .. } => write!(f, "unknown profile `{name}`"),
            ProfileError::File { path, problem } if path.is_empty() => problem.fmt(f),
            ProfileError::File { path, problem } => write!(f, "{path}:{problem}"),
        }
    }
}
