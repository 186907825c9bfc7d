//! Opening what the user names: files, standard input, compressed or not.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use anyhow::Context;
use trace_diff::http::open_compressed;

use trace_diff::capture::{Capture, read_capture, read_capture_from};

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
