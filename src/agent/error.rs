//! Why an agent could not be started.

use std::io;
use std::path::PathBuf;

use thiserror::Error;

/// Why an agent could not be started.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum AgentError {
    /// The command has no program.
    #[error("the command is empty")]
    NoProgram,
    /// The program can't be run.
    #[error("failed to start {program}")]
    Start {
        /// The program as it was named.
        program: String,
        /// What the system says.
        source: io::Error,
    },
    /// A terminal can't be had.
    #[error("failed to open a terminal")]
    Terminal(#[source] io::Error),
    /// A file of its home or work directory can't be written.
    #[error("failed to write {path}")]
    Write {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
}
