//! Opens a capture of any known format, which is found out by content.

use std::fs::File;
use std::io::{self, Cursor, Read};
use std::path::Path;

use crate::http::{Compression, open_compressed};

use super::import::{
    Member, read_har, read_mitmproxy, read_pycodex, read_raw_exchange, read_request_body,
    read_responses_api_proxy,
};
use super::shape::{self, CAPTURE_VERSION, Shape};
use super::{Capture, CaptureProblem, read_capture_records};

/// A capture could not be opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The file or directory can't be read.
    #[error("failed to read {path}")]
    Read {
        /// The path as it was given.
        path: String,
        /// What the system says.
        source: io::Error,
    },
    /// The file holds nothing, or white space only.
    #[error("{path}: byte 0: the file is empty, there is no capture in it")]
    Empty {
        /// The file.
        path: String,
    },
    /// The file is a rollout.
    #[error("{path}: byte {offset}: this is a rollout (an agent's session file), not a capture")]
    Rollout {
        /// The file.
        path: String,
        /// Where the record stands that says so.
        offset: u64,
    },
    /// The capture was written in a version of its format that is not known here.
    #[error(
        "{path}: byte {offset}: {format} version {version} is not known here; the highest known is {highest}"
    )]
    NewerVersion {
        /// The file.
        path: String,
        /// Where the record stands that says so.
        offset: u64,
        /// The format's name.
        format: String,
        /// The version it names.
        version: String,
        /// The highest version that can be read.
        highest: u64,
    },
    /// The file is nothing that is known.
    #[error("{path}: byte {offset}: not a capture: {found}")]
    NotACapture {
        /// The file.
        path: String,
        /// Where it stops looking like one.
        offset: u64,
        /// What is there.
        found: String,
        /// What to do instead, where that is known.
        advice: Option<&'static str>,
    },
    /// The directory holds several captures.
    #[error("{path} holds {} captures: {}", .candidates.len(), .candidates.join(", "))]
    SeveralCaptures {
        /// The directory.
        path: String,
        /// The captures in it.
        candidates: Vec<String>,
    },
    /// The directory holds no capture.
    #[error("{path} holds no capture: {found}")]
    NoCapture {
        /// The directory.
        path: String,
        /// What it holds.
        found: String,
        /// Captures below it, if some are near.
        below: Vec<String>,
    },
}

const FORMATS: &str = "a capture is capture.jsonl, raw-exchange/1, HAR, mitmproxy flows, a saved request body, or a \
     directory of pycodex, responses-api-proxy or rollout-trace files";

/// What to do with a file that tells of a session but holds no requests.
const SHOW: &str = "trace-diff show tells what happened in it";

/// What a file tells of a session from, by its content.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SessionKind {
    /// A rollout of Codex or pycodex.
    Rollout,
    /// The events that `codex exec --json` prints.
    ExecEvents,
    /// The result that `pycodex --json` prints.
    PycodexResult,
}

/// Finds out by the beginning of a file whether it tells of a session without being a capture; 64 KiB are enough.
///
/// `None` for a capture, for anything else, and for a file whose beginning is damaged too much to tell.
pub fn session_kind(head: &[u8]) -> Option<SessionKind> {
    match shape::shape_of(head)?.0 {
        Shape::Rollout => Some(SessionKind::Rollout),
        Shape::ExecEvents => Some(SessionKind::ExecEvents),
        Shape::PycodexResult => Some(SessionKind::PycodexResult),
        _ => None,
    }
}

impl OpenError {
    /// What the user can do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            OpenError::Read { source, .. } => (source.kind() == io::ErrorKind::NotFound)
                .then(|| "check the path, or use - for standard input".to_owned()),
            OpenError::Empty { .. } => {
                Some("was the recorder stopped before the first request?".to_owned())
            }
            OpenError::Rollout { path, .. } => Some(format!(
                "to see what happened in it: trace-diff show {path}"
            )),
            OpenError::NewerVersion { .. } => {
                Some("a newer trace-diff wrote it; use that one to read it".to_owned())
            }
            OpenError::NotACapture { advice, .. } => Some(advice.unwrap_or(FORMATS).to_owned()),
            OpenError::SeveralCaptures { .. } => Some("name one of them".to_owned()),
            OpenError::NoCapture { below, .. } => Some(if below.is_empty() {
                FORMATS.to_owned()
            } else {
                format!("there are captures in {}", below.join(", "))
            }),
        }
    }
}

/// Reads the capture in a file or directory; `.zst` and `.gz` are undone.
///
/// Of a directory that holds one capture file among other files, that file is read; [`Capture::path`] names it.
///
/// # Errors
///
/// As [`OpenError`] lists. Damage inside of a capture is no error but a problem in [`Capture::problems`].
pub fn read_capture(path: &str) -> Result<Capture, OpenError> {
    let read_error = |source| OpenError::Read {
        path: path.to_owned(),
        source,
    };
    if Path::new(path).is_dir() {
        return super::directory::read_directory(path);
    }
    let file = File::open(path).map_err(read_error)?;
    read_capture_from(path, file)
}

/// Reads a capture to the end of a stream, for instance of standard input; `name` is what messages call it.
///
/// # Errors
///
/// As [`read_capture`].
pub fn read_capture_from(name: &str, mut reader: impl Read) -> Result<Capture, OpenError> {
    let mut bytes = Vec::new();
    reader
        .read_to_end(&mut bytes)
        .map_err(|source| OpenError::Read {
            path: name.to_owned(),
            source,
        })?;
    read_capture_bytes(name, bytes)
}

/// Reads the capture that the bytes of a file are, compressed or not; `name` is what messages call it.
///
/// # Errors
///
/// As [`read_capture`].
pub fn read_capture_bytes(name: &str, bytes: Vec<u8>) -> Result<Capture, OpenError> {
    let (bytes, damage) = decompress(name, bytes)?;
    if bytes.iter().all(u8::is_ascii_whitespace) {
        return Err(OpenError::Empty {
            path: name.to_owned(),
        });
    }
    let Some((shape, offset)) = shape::shape_of(&bytes) else {
        return Err(not_a_capture(name, &bytes));
    };
    let mut capture = read_shape(name, bytes, shape, offset)?;
    capture.problems.extend(damage);
    Ok(capture)
}

fn read_shape(name: &str, bytes: Vec<u8>, shape: Shape, offset: u64) -> Result<Capture, OpenError> {
    let not_a_capture = |found: &str, advice| {
        Err(OpenError::NotACapture {
            path: name.to_owned(),
            offset,
            found: found.to_owned(),
            advice,
        })
    };
    match shape {
        Shape::RawExchange => Ok(read_raw_exchange(name, &bytes)),
        Shape::RequestBody => Ok(read_request_body(name, bytes)),
        Shape::PycodexExchange => Ok(read_pycodex(name, vec![member(name, bytes)])),
        Shape::ProxyDump => Ok(read_responses_api_proxy(name, vec![member(name, bytes)])),
        Shape::NewerVersion { format, version } => Err(OpenError::NewerVersion {
            path: name.to_owned(),
            offset,
            format,
            version,
            highest: CAPTURE_VERSION,
        }),
        Shape::Rollout => Err(OpenError::Rollout {
            path: name.to_owned(),
            offset,
        }),
        Shape::TracePart => not_a_capture(
            "this is one file of a rollout-trace bundle",
            Some("name the directory that holds manifest.json, trace.jsonl and payloads"),
        ),
        Shape::ExecEvents => not_a_capture(
            "this is the output of codex exec --json, which holds no requests",
            Some(SHOW),
        ),
        Shape::PycodexResult => not_a_capture(
            "this is the output of pycodex --json, which holds no requests",
            Some(SHOW),
        ),
        Shape::Har => Ok(read_har(name, bytes)),
        Shape::Mitmproxy => Ok(read_mitmproxy(name, &bytes)),
        Shape::Capture => Ok(read_capture_records(name, &bytes)),
    }
}

fn member(path: &str, bytes: Vec<u8>) -> Member {
    Member {
        path: path.to_owned(),
        bytes,
    }
}

/// The content of a file, decompressed if it is compressed; damage behind the first decompressed byte is a problem.
pub(super) fn decompress(
    name: &str,
    bytes: Vec<u8>,
) -> Result<(Vec<u8>, Option<CaptureProblem>), OpenError> {
    if Compression::of(&bytes).is_none() {
        return Ok((bytes, None));
    }
    let mut content = Vec::new();
    let outcome =
        open_compressed(Cursor::new(bytes)).and_then(|mut reader| reader.read_to_end(&mut content));
    match outcome {
        Ok(_) => Ok((content, None)),
        Err(_) if content.is_empty() => Err(OpenError::NotACapture {
            path: name.to_owned(),
            offset: 0,
            found: "compressed data that is damaged or breaks off before any text comes out of it"
                .to_owned(),
            advice: Some("is the file complete? gzip -t or zstd -t tells"),
        }),
        Err(error) => {
            let at = content.len() as u64;
            let problem = CaptureProblem {
                path: name.to_owned(),
                span: at..at,
                kind: "damaged-compression".to_owned(),
                message: error.to_string(),
            };
            Ok((content, Some(problem)))
        }
    }
}

fn not_a_capture(name: &str, bytes: &[u8]) -> OpenError {
    let (offset, found) = describe(bytes);
    OpenError::NotACapture {
        path: name.to_owned(),
        offset,
        found,
        advice: None,
    }
}

/// Where content stops looking like a capture, and what is there.
fn describe(bytes: &[u8]) -> (u64, String) {
    use super::records::{Part, parts, valid_prefix};
    let head = &bytes[..bytes.len().min(shape::HEAD_BYTES)];
    let is_binary = |b: &u8| *b < 0x20 && !b.is_ascii_whitespace() && *b != 0x1b;
    let text = valid_prefix(head);
    let odd = head.iter().position(is_binary).unwrap_or(text.len());
    // The head may end inside a character.
    if odd < text.len() || odd + 4 <= head.len() {
        let byte = head[odd];
        return (odd as u64, format!("binary data (byte 0x{byte:02x})"));
    }
    match parts(bytes).next() {
        Some(Part::Record(span, record)) => {
            let node = record.node();
            let keys: Vec<_> = node
                .members()
                .take(8)
                .filter_map(|(key, _)| key.string())
                .collect();
            let what = if keys.is_empty() {
                format!(
                    "JSON, but not an object with members ({})",
                    node.kind().name()
                )
            } else {
                format!("a JSON object with the members {}", keys.join(", "))
            };
            (span.start, what)
        }
        Some(Part::Damage(damage)) if damage.is_too_deep() => (
            damage.span.start,
            "JSON that is nested deeper than any capture".to_owned(),
        ),
        Some(Part::Damage(damage)) if damage.text.trim_start().starts_with(['{', '[']) => {
            let at = damage.span.start;
            (
                at,
                "JSON that is broken before anything can be recognised".to_owned(),
            )
        }
        _ => (0, "text that is not JSON".to_owned()),
    }
}
