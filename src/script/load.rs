//! Scripts out of files: what was written as one, or recorded as something else.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use std::str::Utf8Error;
use std::sync::Arc;

use serde_json::{Map, Value};
use thiserror::Error;

use super::{
    ConvertError, Script, ScriptError, convert_raw_exchange_script, script_from_capture,
    script_from_rollout,
};
use crate::capture::{OpenError, SessionKind, read_capture, read_capture_bytes, session_kind};
use crate::http::open_compressed;
use crate::json::SourceProblem;
use crate::rollout::{RolloutSource, find_rollouts};

/// Why a file can't be played.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum LoadError {
    /// It can't be read.
    #[error("failed to read {path}")]
    Read {
        /// The path as the user gave it.
        path: String,
        /// What the system says.
        source: io::Error,
    },
    /// It is a script with mistakes.
    #[error(transparent)]
    Script(#[from] ScriptError),
    /// It is a raw-exchange script that has no counterpart.
    #[error("failed to convert {path}")]
    Convert {
        /// The path as the user gave it.
        path: String,
        /// Why.
        source: ConvertError,
    },
    /// It is nothing that is known.
    #[error(transparent)]
    Unknown(#[from] OpenError),
    /// It is a directory with more than one rollout.
    #[error("{path} holds {count} rollouts")]
    SeveralRollouts {
        /// The path as the user gave it.
        path: String,
        /// How many.
        count: usize,
    },
}

/// Reads what is to be played: a script, a raw-exchange script, a capture or a rollout, compressed or not, or a directory
/// that is a capture or holds one rollout. Which one it is, its content says.
///
/// # Errors
///
/// As [`LoadError`] lists.
pub fn read_script(path: &Path) -> Result<Script, LoadError> {
    if path.is_dir() {
        return script_from_directory(path);
    }
    let mut bytes = Vec::new();
    let read = File::open(path)
        .and_then(open_compressed)
        .and_then(|mut input| input.read_to_end(&mut bytes));
    read.map_err(|source| failed(path, source))?;
    script_from_bytes(path, bytes)
}

/// Makes a script of the content of a file, as [`read_script`] does; the path is for messages.
///
/// # Errors
///
/// As [`LoadError`] lists.
pub fn script_from_bytes(path: &Path, bytes: Vec<u8>) -> Result<Script, LoadError> {
    let name = path.to_string_lossy();
    let of_rollout = |bytes| of_rollout(&RolloutSource::memory(path, Arc::<[u8]>::from(bytes)));
    if session_kind(&bytes) == Some(SessionKind::Rollout) {
        return of_rollout(bytes);
    }
    let text = match std::str::from_utf8(&bytes) {
        Ok(text) => text,
        Err(error) if is_toml(path) => return Err(not_utf8(&name, &bytes, error).into()),
        Err(_) => "",
    };
    if is_script(path, text) {
        return Ok(Script::parse(&name, text)?);
    }
    if is_raw_exchange_script(text) {
        let converted = convert_raw_exchange_script(text);
        let converted = converted.map_err(|source| LoadError::Convert {
            path: name.clone().into_owned(),
            source,
        })?;
        return Ok(Script::parse(&name, &converted)?);
    }
    match read_capture_bytes(&name, bytes.clone()) {
        Ok(capture) => Ok(Script::parse(&name, &script_from_capture(&capture))?),
        Err(OpenError::Rollout { .. }) => of_rollout(bytes),
        // Nothing that was recorded, so a script with a mistake, if it is text at all.
        Err(error) => match (std::str::from_utf8(&bytes), Script::parse(&name, text)) {
            (Ok(_), Err(mistakes)) if !text.is_empty() => Err(mistakes.into()),
            (Err(at), _) if is_one_object(&bytes) => Err(not_utf8(&name, &bytes, at).into()),
            _ => Err(error.into()),
        },
    }
}

fn is_toml(path: &Path) -> bool {
    path.extension().is_some_and(|end| end == "toml")
}

/// Whether these bytes are one JSON object but for its characters: records are several.
fn is_one_object(bytes: &[u8]) -> bool {
    object(&String::from_utf8_lossy(bytes)).is_some()
}

/// What is wrong with a script that is no text.
fn not_utf8(path: &str, bytes: &[u8], error: Utf8Error) -> ScriptError {
    let at = error.valid_up_to();
    let hint = Some("save the script as UTF-8".to_owned());
    let text = String::from_utf8_lossy(bytes);
    ScriptError {
        path: path.to_owned(),
        problems: vec![SourceProblem::new(
            &text,
            at..at + 1,
            "this is not UTF-8",
            hint,
        )],
    }
}

/// Whether a text is meant as a script: TOML, or an object with the version of the format.
fn is_script(path: &Path, text: &str) -> bool {
    match object(text) {
        Some(object) => object.contains_key("version") && !object.contains_key("format"),
        None => is_toml(path) || Script::parse("", text).is_ok(),
    }
}

/// Whether a text is what the recorders of `raw-exchange/1` played.
fn is_raw_exchange_script(text: &str) -> bool {
    object(text)
        .is_some_and(|object| object.contains_key("steps") && !object.contains_key("format"))
}

/// The one JSON object that a text is.
fn object(text: &str) -> Option<Map<String, Value>> {
    let is_object = text.trim_start().starts_with('{');
    is_object.then(|| serde_json::from_str(text).ok()).flatten()
}

fn script_from_directory(path: &Path) -> Result<Script, LoadError> {
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
            let source = RolloutSource::file(&only.path);
            of_rollout(&source.map_err(|source| failed(&only.path, source))?)
        }
        several => Err(LoadError::SeveralRollouts {
            path: name.into_owned(),
            count: several.len(),
        }),
    }
}

fn of_rollout(source: &RolloutSource) -> Result<Script, LoadError> {
    let text = script_from_rollout(source).map_err(|error| failed(&source.path, error))?;
    let name = source.path.to_string_lossy();
    Ok(Script::parse(&name, &text)?)
}

fn failed(path: &Path, source: io::Error) -> LoadError {
    LoadError::Read {
        path: path.to_string_lossy().into_owned(),
        source,
    }
}
