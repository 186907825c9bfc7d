//! Opening what the user names: files, standard input, compressed or not.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use anyhow::Context;
use trace_diff::http::{DamagedCompression, open_compressed};

use trace_diff::capture::{Capture, OpenError, read_capture, read_capture_from};
use trace_diff::rollout::find_rollouts;

use crate::exit::Failure;

/// Reads the capture that the user names; `-` is standard input.
pub(crate) fn capture(path: &str) -> Result<Capture, Failure> {
    let outcome = match path {
        "-" => read_capture_from(path, io::stdin().lock()),
        _ => read_capture(path),
    };
    outcome.map_err(not_opened)
}

/// Says why something is no capture, and what to do about it.
pub(crate) fn not_opened(error: OpenError) -> Failure {
    let hint = error.hint();
    let failure = Failure::new(error);
    match hint {
        Some(hint) => failure.with_hint(hint),
        None => failure,
    }
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
        return begun(open_compressed(io::stdin()), "standard input");
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
    begun(open_compressed(file), &path.display().to_string())
}

/// An input of which the first byte could be read, or is not there.
fn begun(input: io::Result<Box<dyn Read + Send>>, name: &str) -> Result<Box<dyn Read>, Failure> {
    let first = |mut input: Box<dyn Read + Send>| {
        let mut first = Vec::new();
        input.by_ref().take(1).read_to_end(&mut first)?;
        Ok(io::Cursor::new(first).chain(input))
    };
    match input.and_then(first) {
        Ok(input) => Ok(Box::new(input)),
        Err(error) => {
            let is_damaged = error
                .get_ref()
                .is_some_and(|error| error.is::<DamagedCompression>());
            let error = anyhow::Error::new(error).context(format!("failed to read {name}"));
            let failure = Failure::new(error);
            Err(match is_damaged {
                true => failure.with_hint(
                    "compressed text comes out in blocks, of zstd up to 128 KiB, and the first one is damaged; no agent resumes such a file",
                ),
                false => failure,
            })
        }
    }
}
