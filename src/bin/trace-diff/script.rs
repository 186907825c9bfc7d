//! What a server plays: a script, or one that is made from what was recorded.

use std::io::Read;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, anyhow};
use trace_diff::capture::{OpenError, SessionKind, read_capture, read_capture_bytes, session_kind};
use trace_diff::rollout::{RolloutSource, find_rollouts};
use trace_diff::script::{
    Script, convert_raw_exchange_script, script_from_capture, script_from_rollout,
};

use crate::exit::Failure;
use crate::input;

/// Reads the script, capture or rollout that the user names; which one it is, its content says. `-` is standard input.
pub(crate) fn read(path: &Path) -> Result<Script, Failure> {
    let name = path.to_string_lossy();
    if name != "-" && path.is_dir() {
        return of_directory(path);
    }
    let mut bytes = Vec::new();
    input::open(path)?
        .read_to_end(&mut bytes)
        .with_context(|| format!("failed to read {name}"))?;
    if session_kind(&bytes) == Some(SessionKind::Rollout) {
        return of_rollout(&RolloutSource::memory(path, Arc::<[u8]>::from(bytes)));
    }
    let text = std::str::from_utf8(&bytes).unwrap_or_default();
    if is_script(path, text) {
        return Ok(Script::parse(&name, text)?);
    }
    if is_raw_exchange_script(text) {
        let converted = convert_raw_exchange_script(text)
            .with_context(|| format!("failed to convert {name}"))?;
        return Ok(Script::parse(&name, &converted)?);
    }
    match read_capture_bytes(&name, bytes.clone()) {
        Ok(capture) => Ok(Script::parse(&name, &script_from_capture(&capture))?),
        Err(OpenError::Rollout { .. }) => {
            of_rollout(&RolloutSource::memory(path, Arc::<[u8]>::from(bytes)))
        }
        // Nothing that was recorded, so a script with a mistake, if it is text at all.
        Err(error) => match Script::parse(&name, text) {
            Err(mistakes) if !text.is_empty() => Err(mistakes.into()),
            _ => Err(error.into()),
        },
    }
}

/// Whether a text is meant as a script: TOML, or an object with the version of the format.
fn is_script(path: &Path, text: &str) -> bool {
    let is_toml = path.extension().is_some_and(|end| end == "toml");
    match object(text) {
        Some(object) => object.contains_key("version") && !object.contains_key("format"),
        None => is_toml || Script::parse("", text).is_ok(),
    }
}

/// Whether a text is what the recorders of `raw-exchange/1` played.
fn is_raw_exchange_script(text: &str) -> bool {
    object(text)
        .is_some_and(|object| object.contains_key("steps") && !object.contains_key("format"))
}

/// The one JSON object that a text is.
fn object(text: &str) -> Option<serde_json::Map<String, serde_json::Value>> {
    let is_object = text.trim_start().starts_with('{');
    is_object.then(|| serde_json::from_str(text).ok()).flatten()
}

/// A directory is a capture, or holds one rollout.
fn of_directory(path: &Path) -> Result<Script, Failure> {
    let name = path.to_string_lossy();
    let error = match read_capture(&name) {
        Ok(capture) => return Ok(Script::parse(&name, &script_from_capture(&capture))?),
        Err(error) => error,
    };
    let files = match error {
        OpenError::NoCapture { .. } => find_rollouts(path).files,
        _ => Vec::new(),
    };
    match files.as_slice() {
        [] => Err(error.into()),
        [only] => {
            let source = RolloutSource::file(&only.path)
                .with_context(|| format!("failed to read {}", only.path.display()))?;
            of_rollout(&source)
        }
        several => {
            let count = several.len();
            Err(Failure::new(anyhow!("{name} holds {count} rollouts"))
                .with_hint("name one of them"))
        }
    }
}

fn of_rollout(source: &RolloutSource) -> Result<Script, Failure> {
    let name = source.path.display().to_string();
    let text = script_from_rollout(source).with_context(|| format!("failed to read {name}"))?;
    Ok(Script::parse(&name, &text)?)
}
