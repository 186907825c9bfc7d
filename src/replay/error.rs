//! Why a recording can't be replayed.

use std::io;

use thiserror::Error;

use crate::capture::OpenError;
use crate::script::ScriptError;

/// Why a recording can't be replayed.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ReplayError {
    /// It can't be read.
    #[error("failed to read {path}")]
    Read {
        /// The path as the user gave it.
        path: String,
        /// What the system says.
        source: io::Error,
    },
    /// It is nothing that was recorded.
    #[error(transparent)]
    Unknown(#[from] OpenError),
    /// What its commands printed can't be put where shells find it.
    #[error("failed to write to {path}")]
    Write {
        /// The agent's home.
        path: String,
        /// What the system says.
        source: io::Error,
    },
    /// No request to the model was answered in it.
    #[error("{path} holds no response that could be played")]
    NothingToPlay {
        /// The path as the user gave it.
        path: String,
    },
    /// Its responses make no script.
    #[error("the responses of {path} can't be played")]
    Script {
        /// The path as the user gave it.
        path: String,
        /// Why.
        source: ScriptError,
    },
}
