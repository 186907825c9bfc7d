//! Opening what the user names: files, standard input, compressed or not.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use anyhow::Context;
use trace_diff::http::open_compressed;

use trace_diff::capture::{Capture, read_capture, read_capture_from};
use trace_diff::rollout::find_rollouts;

use crate::exit::Failure;

/// Reads the capture that the user names; `-` is standard input.
pub(crate) fn capture(path: &str) -> Result<Capture, Failure> {
    let outcome = match path {
        "-" => read_capture_from(path, io::stdin().lock()),
        _ => read_capture(path),
    };
    outcome.map_err(|error| {
        let hint = error.hint();
        let failure = Failure::new(error);
        match hint {
            Some(hint) => failure.with_hint(hint),
            None => failure,
        }
    })
}

/// The rollout that a path names: the file itself, or the only one in a directory of sessions.
pub(crate) fn rollout(path: &Path) -> Result<PathBuf, Failure> {
    if path.as_os_str() == "-" || !path.is_dir() {
        return Ok(path.to_owned());
    }
    let mut files = find_rollouts(path).files;
    let count = files.len();
    match files.pop() {
        Some(only) if count == 1 => Ok(only.path),
        found => {
            let path = path.display();
            let (error, hint) = match found {
                Some(_) => (
                    anyhow::anyhow!("{path} is a directory with {count} rollouts in it"),
                    format!("name one of them: trace-diff sessions {path} lists them"),
                ),
                None => (
                    anyhow::anyhow!("{path} is a directory without a rollout in it"),
                    "name a rollout, or a directory with one in it".to_owned(),
                ),
            };
            Err(Failure::new(error).with_hint(hint))
        }
    }
}

/// Opens a file for one pass; `-` is standard input. gzip and zstd are recognised by content and read transparently.
pub(crate) fn open(path: &Path) -> Result<Box<dyn Read>, Failure> {
    if path.as_os_str() == "-" {
        let input = open_compressed(io::stdin()).context("failed to read standard input");
        return Ok(input.map_err(Failure::new)?);
    }
    let what = || format!("failed to read {}", path.display());
    let file = File::open(path).with_context(what).map_err(|error| {
        Failure::new(error).with_hint("check the path, or use - for standard input")
    })?;
    if file.metadata().is_ok_and(|metadata| metadata.is_dir()) {
        return Err(
            Failure::new(anyhow::anyhow!("{} is a directory", path.display()))
                .with_hint("name the files in it"),
        );
    }
    let input = open_compressed(file).with_context(what);
    Ok(input.map_err(Failure::new)?)
}
