//! Captures that are directories, and capture files among other files.

use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};

use crate::http::open_compressed;

use super::import::{
    Member, detect_trace_bundle, read_pycodex, read_responses_api_proxy, read_trace_bundle,
};
use super::open::{OpenError, decompress, read_capture};
use super::shape::{HEAD_BYTES, Shape, shape_of_head};
use super::{Capture, CaptureProblem};

/// Reads the one capture in a directory, or that the directory is.
pub(super) fn read_directory(path: &str) -> Result<Capture, OpenError> {
    let listing = list(path)?;
    let mut candidates = listing.candidates();
    if detect_trace_bundle(Path::new(path)) {
        candidates.push(Candidate::TraceBundle);
    }
    match candidates.as_slice() {
        [Candidate::File(only)] => read_capture(&only.path.to_string_lossy()),
        [Candidate::Pycodex] => {
            let (members, damage) = listing.members(|m| m.shape == Some(Shape::PycodexExchange));
            let mut capture = read_pycodex(path, members);
            capture.problems.extend(damage);
            Ok(capture)
        }
        [Candidate::ProxyDump] => {
            let (members, damage) = listing.members(|m| m.shape == Some(Shape::ProxyDump));
            let mut capture = read_responses_api_proxy(path, members);
            capture.problems.extend(damage);
            Ok(capture)
        }
        [Candidate::TraceBundle] => {
            read_trace_bundle(Path::new(path)).map_err(|source| OpenError::Read {
                path: path.to_owned(),
                source,
            })
        }
        [] => Err(no_capture(path, &listing)),
        several => Err(OpenError::SeveralCaptures {
            path: path.to_owned(),
            candidates: several.iter().map(Candidate::name).collect(),
        }),
    }
}

/// What could be meant when a directory is named.
enum Candidate<'a> {
    File(&'a Entry),
    Pycodex,
    ProxyDump,
    TraceBundle,
}

impl Candidate<'_> {
    fn name(&self) -> String {
        match self {
            Candidate::File(member) => member.name(),
            Candidate::Pycodex => "the pycodex capture files".to_owned(),
            Candidate::ProxyDump => "the responses-api-proxy dump files".to_owned(),
            Candidate::TraceBundle => "the rollout-trace bundle".to_owned(),
        }
    }
}

/// A file of a directory with what its beginning says it is.
struct Entry {
    path: PathBuf,
    shape: Option<Shape>,
}

impl Entry {
    fn name(&self) -> String {
        let name = self.path.file_name().unwrap_or_default();
        name.to_string_lossy().into_owned()
    }

    /// `NNN_METHOD_path.json` or `<n>-<ms>-request.json`, perhaps compressed.
    fn has_numbered_name(&self) -> bool {
        let name = self.name();
        let digits = name.bytes().take_while(u8::is_ascii_digit).count();
        digits > 0 && name[digits..].starts_with(['_', '-']) && name[digits..].contains(".json")
    }

    fn is_capture(&self) -> bool {
        matches!(
            self.shape,
            Some(
                Shape::Capture
                    | Shape::RawExchange
                    | Shape::NewerVersion { .. }
                    | Shape::Har
                    | Shape::Mitmproxy
            )
        )
    }
}

struct Listing {
    files: Vec<Entry>,
    directories: Vec<PathBuf>,
}

impl Listing {
    fn candidates(&self) -> Vec<Candidate<'_>> {
        let mut candidates: Vec<Candidate<'_>> = self
            .files
            .iter()
            .filter(|file| file.is_capture())
            .map(Candidate::File)
            .collect();
        let has = |shape: &Shape| {
            self.files
                .iter()
                .any(|file| file.shape.as_ref() == Some(shape))
        };
        if has(&Shape::PycodexExchange) {
            candidates.push(Candidate::Pycodex);
        }
        if has(&Shape::ProxyDump) {
            candidates.push(Candidate::ProxyDump);
        }
        if candidates.is_empty() {
            // Saved request bodies often lie beside captures; they count where there is nothing else.
            let bodies = self
                .files
                .iter()
                .filter(|file| file.shape == Some(Shape::RequestBody));
            candidates.extend(bodies.map(Candidate::File));
        }
        candidates
    }

    /// The files that belong to a capture of one file per exchange: those that look like it, and those that are too
    /// broken to look like anything but have a numbered name.
    fn members(&self, belongs: impl Fn(&Entry) -> bool) -> (Vec<Member>, Vec<CaptureProblem>) {
        let mut members = Vec::new();
        let mut problems = Vec::new();
        for file in &self.files {
            let is_broken = file.shape.is_none() && file.has_numbered_name();
            if !is_broken && !belongs(file) {
                continue;
            }
            let path = file.path.to_string_lossy().into_owned();
            let content = fs::read(&file.path)
                .map_err(|source| OpenError::Read {
                    path: path.clone(),
                    source,
                })
                .and_then(|bytes| decompress(&path, bytes));
            match content {
                Ok((bytes, damage)) => {
                    problems.extend(damage);
                    members.push(Member { path, bytes });
                }
                // One file that can't be read does not cost the others.
                Err(error) => problems.push(unreadable(path, &error)),
            }
        }
        (members, problems)
    }
}

fn unreadable(path: String, error: &OpenError) -> CaptureProblem {
    let reason =
        std::error::Error::source(error).map_or_else(|| error.to_string(), ToString::to_string);
    CaptureProblem {
        path,
        span: 0..0,
        kind: "unreadable".to_owned(),
        message: format!(
            "the file can't be read from byte 0 ({reason}); its exchange is not known"
        ),
    }
}

fn list(path: &str) -> Result<Listing, OpenError> {
    let read_error = |source| OpenError::Read {
        path: path.to_owned(),
        source,
    };
    let mut listing = Listing {
        files: Vec::new(),
        directories: Vec::new(),
    };
    for entry in fs::read_dir(path).map_err(read_error)? {
        let path = entry.map_err(read_error)?.path();
        if path.is_dir() {
            listing.directories.push(path);
        } else {
            let shape = shape_of_file(&path);
            listing.files.push(Entry { path, shape });
        }
    }
    listing.files.sort_by(|a, b| a.path.cmp(&b.path));
    listing.directories.sort();
    Ok(listing)
}

/// What the beginning of a file says; a file that can't be read is nothing.
fn shape_of_file(path: &Path) -> Option<Shape> {
    let mut head = Vec::with_capacity(HEAD_BYTES);
    let reader = open_compressed(File::open(path).ok()?).ok()?;
    // Damage behind the first bytes does not matter here.
    let _ = reader.take(HEAD_BYTES as u64).read_to_end(&mut head);
    shape_of_head(&head).map(|(shape, _)| shape)
}

fn no_capture(path: &str, listing: &Listing) -> OpenError {
    const SHOWN: usize = 5;
    let has_rollout = listing
        .files
        .iter()
        .any(|m| m.shape == Some(Shape::Rollout));
    let names: Vec<String> = listing.files.iter().map(Entry::name).collect();
    let directories = match listing.directories.len() {
        1 => "1 directory".to_owned(),
        count => format!("{count} directories"),
    };
    let found = match names.len() {
        _ if has_rollout => "there are rollouts in it".to_owned(),
        0 if listing.directories.is_empty() => "it is empty".to_owned(),
        0 => format!("it holds {directories} and no file"),
        count => {
            let shown = names
                .iter()
                .take(SHOWN)
                .cloned()
                .collect::<Vec<_>>()
                .join(", ");
            let more = if count > SHOWN { ", …" } else { "" };
            format!("it holds other files ({shown}{more})")
        }
    };
    let below = listing
        .directories
        .iter()
        .filter(|directory| holds_capture(directory))
        .take(SHOWN)
        .map(|directory| directory.to_string_lossy().into_owned())
        .collect();
    OpenError::NoCapture {
        path: path.to_owned(),
        found,
        below,
    }
}

fn holds_capture(directory: &Path) -> bool {
    list(&directory.to_string_lossy()).is_ok_and(|listing| !listing.candidates().is_empty())
}
