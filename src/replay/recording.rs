//! What is replayed.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use std::sync::Arc;

use crate::capture::{
    Capture, CaptureProblem, OpenError, SessionKind, read_capture, read_capture_bytes, session_kind,
};
use crate::http::open_compressed;
use crate::rollout::{RolloutPart, RolloutReader, RolloutSource, find_rollouts};

use super::error::ReplayError;

/// A recorded session.
#[derive(Debug)]
pub struct Recording {
    /// Path as the user gave it.
    pub path: String,
    /// What it is.
    pub kind: RecordingKind,
}

/// What a recording is.
#[derive(Debug)]
pub enum RecordingKind {
    /// Traffic: requests and responses.
    Capture(Box<Capture>),
    /// Session files: what the model said, and what it was shown. Several are threads of one session.
    Rollouts(Vec<RolloutSource>),
}

impl Recording {
    /// Reads a capture of any format, a trace bundle, a rollout, compressed or not, or a directory that is one or holds
    /// rollouts. Which one it is, its content says.
    ///
    /// # Errors
    ///
    /// When it can't be read or is nothing that was recorded.
    pub fn read(path: &Path) -> Result<Self, ReplayError> {
        let name = path.to_string_lossy().into_owned();
        let kind = match path.is_dir() {
            true => of_directory(path, &name)?,
            false => of_file(path, &name)?,
        };
        Ok(Self { path: name, kind })
    }

    /// As [`Recording::read`], of the bytes of a file after compression was undone.
    ///
    /// # Errors
    ///
    /// When they are nothing that was recorded.
    pub fn from_bytes(name: &str, bytes: Vec<u8>) -> Result<Self, ReplayError> {
        Ok(Self {
            path: name.to_owned(),
            kind: of_bytes(name, bytes)?,
        })
    }

    /// What of it could not be read; the rest is played.
    ///
    /// # Errors
    ///
    /// When a rollout can't be read any more.
    pub fn problems(&self) -> Result<Vec<CaptureProblem>, ReplayError> {
        match &self.kind {
            RecordingKind::Capture(capture) => Ok(capture.problems.clone()),
            RecordingKind::Rollouts(sources) => {
                let mut problems = Vec::new();
                for source in sources {
                    let path = source.path.to_string_lossy().into_owned();
                    problems_of(source, &path, &mut problems)
                        .map_err(|error| failed(&path, error))?;
                }
                Ok(problems)
            }
        }
    }

    /// What a request says that was not recorded and is therefore not compared, in words.
    pub fn not_recorded(&self) -> Vec<&'static str> {
        match &self.kind {
            RecordingKind::Capture(capture) => {
                use crate::capture::{CaptureKind, Recorded};
                let lacks_headers = capture
                    .exchanges
                    .iter()
                    .all(|exchange| !matches!(exchange.request.headers, Recorded::Yes(_)));
                let mut lacking = Vec::new();
                if lacks_headers {
                    lacking.push("headers");
                }
                if capture.kind == CaptureKind::TraceBundle {
                    lacking.push("calls to other endpoints");
                    lacking.push("responses that were broken off");
                }
                lacking
            }
            RecordingKind::Rollouts(_) => vec![
                "headers",
                "tools",
                "instructions and contexts made for each request",
                "the words that ask for a compaction",
                "calls to other endpoints",
                "responses that were broken off or refused",
            ],
        }
    }
}

fn of_file(path: &Path, name: &str) -> Result<RecordingKind, ReplayError> {
    let mut bytes = Vec::new();
    File::open(path)
        .and_then(open_compressed)
        .and_then(|mut input| input.read_to_end(&mut bytes))
        .map_err(|source| failed(name, source))?;
    of_bytes(name, bytes)
}

fn of_bytes(name: &str, bytes: Vec<u8>) -> Result<RecordingKind, ReplayError> {
    let rollout = |bytes: Vec<u8>| {
        let source = RolloutSource::memory(name, Arc::<[u8]>::from(bytes));
        RecordingKind::Rollouts(vec![source])
    };
    if session_kind(&bytes) == Some(SessionKind::Rollout) {
        return Ok(rollout(bytes));
    }
    match read_capture_bytes(name, bytes.clone()) {
        Ok(capture) => Ok(RecordingKind::Capture(Box::new(capture))),
        Err(OpenError::Rollout { .. }) => Ok(rollout(bytes)),
        Err(error) => Err(error.into()),
    }
}

fn of_directory(path: &Path, name: &str) -> Result<RecordingKind, ReplayError> {
    let error = match read_capture(name) {
        Ok(capture) => return Ok(RecordingKind::Capture(Box::new(capture))),
        Err(error) => error,
    };
    let files = match error {
        OpenError::NoCapture { .. } => find_rollouts(path).files,
        _ => Vec::new(),
    };
    if files.is_empty() {
        return Err(error.into());
    }
    let sources = files
        .iter()
        .map(|file| RolloutSource::file(&file.path).map_err(|source| failed(name, source)));
    Ok(RecordingKind::Rollouts(sources.collect::<Result<_, _>>()?))
}

fn problems_of(
    source: &RolloutSource,
    path: &str,
    problems: &mut Vec<CaptureProblem>,
) -> io::Result<()> {
    let mut reader = RolloutReader::new(source.open()?);
    while let Some(part) = reader.next_part()? {
        if let RolloutPart::Problem(problem) = part {
            problems.push(CaptureProblem {
                path: path.to_owned(),
                span: problem.span.clone(),
                kind: problem.kind.name().to_owned(),
                message: problem.to_string(),
            });
        }
    }
    Ok(())
}

fn failed(path: &str, source: io::Error) -> ReplayError {
    ReplayError::Read {
        path: path.to_owned(),
        source,
    }
}
