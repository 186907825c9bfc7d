//! What is replayed, and what can be said where that does not work.

use std::io::Read as _;
use std::path::Path;

use anyhow::Context;
use trace_diff::replay::{Recording, ReplayError};

use crate::exit::Failure;
use crate::input;

/// Reads what is to be replayed; `-` is standard input.
pub(crate) fn read(path: &Path) -> Result<Recording, Failure> {
    if path.as_os_str() != "-" {
        return Recording::read(path).map_err(failure);
    }
    let mut bytes = Vec::new();
    input::open(path)?
        .read_to_end(&mut bytes)
        .context("failed to read standard input")?;
    Recording::from_bytes("-", bytes).map_err(failure)
}

pub(crate) fn failure(error: ReplayError) -> Failure {
    let hint = match &error {
        ReplayError::Unknown(error) => error.hint().map(|hint| {
            format!("{hint}; rollouts, and directories of them, can be replayed, too")
        }),
        ReplayError::NothingToPlay { .. } => Some(
            "requests to the model and what they were answered are played: was the recorder ended before the first answer?"
                .to_owned(),
        ),
        ReplayError::Read { .. } => Some("check the path, or use - for standard input".to_owned()),
        _ => None,
    };
    let failure = Failure::new(error);
    match hint {
        Some(hint) => failure.with_hint(hint),
        None => failure,
    }
}

/// Nothing can be said of an agent that asked for nothing.
pub(crate) fn never_connected(base_url: &str) -> Failure {
    let error = anyhow::anyhow!("the agent made no request, so there is nothing to compare");
    Failure::new(error).with_hint(format!(
        "its server was {base_url}: agents find it in OPENAI_BASE_URL, codex and pycodex in a config.toml that is made for \
         them, and in COMMAND it stands for {{base_url}}"
    ))
}
