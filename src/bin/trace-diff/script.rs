//! What a server plays: a script, or one that is made from what was recorded.

use std::io::Read;
use std::path::Path;

use anyhow::Context;
use trace_diff::script::{LoadError, Script, read_script, script_from_bytes};

use crate::exit::Failure;
use crate::input;

/// Reads the script, capture or rollout that the user names; which one it is, its content says. `-` is standard input.
pub(crate) fn read(path: &Path) -> Result<Script, Failure> {
    if path.as_os_str() != "-" && path.is_dir() {
        return read_script(path).map_err(failure);
    }
    let mut bytes = Vec::new();
    input::open(path)?
        .read_to_end(&mut bytes)
        .with_context(|| format!("failed to read {}", path.display()))?;
    script_from_bytes(path, bytes).map_err(failure)
}

fn failure(error: LoadError) -> Failure {
    let is_ambiguous = matches!(error, LoadError::SeveralRollouts { .. });
    match is_ambiguous {
        true => Failure::new(error).with_hint("name one of them"),
        false => Failure::new(error),
    }
}
