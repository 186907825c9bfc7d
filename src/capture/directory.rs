//! Captures that are directories, and capture files among other files.

use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};

use crate::http::open_compressed;

use super::Capture;
use super::open::{OpenError, read_capture};
use super::shape::{HEAD_BYTES, Shape, shape_of_head};

/// Reads the one capture in a directory.
pub(super) fn read_directory(path: &str) -> Result<Capture, OpenError> {
    let listing = list(path)?;
    let mut captures: Vec<&Member> = listing.files.iter().filter(|m| m.is_capture()).collect();
    if captures.is_empty() {
        captures = listing
            .files
            .iter()
            .filter(|m| m.shape == Some(Shape::RequestBody))
            .collect();
    }
    match captures.as_slice() {
        [only] => read_capture(&only.path.to_string_lossy()),
        [] => Err(no_capture(path, &listing)),
        several => Err(OpenError::SeveralCaptures {
            path: path.to_owned(),
            candidates: several.iter().map(|m| m.name()).collect(),
        }),
    }
}

/// A file of a directory with what its beginning says it is.
struct Member {
    path: PathBuf,
    shape: Option<Shape>,
}

impl Member {
    fn name(&self) -> String {
        let name = self.path.file_name().unwrap_or_default();
        name.to_string_lossy().into_owned()
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
    files: Vec<Member>,
    directories: Vec<PathBuf>,
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
            listing.files.push(Member { path, shape });
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
    let names: Vec<String> = listing.files.iter().map(Member::name).collect();
    let found = match names.len() {
        _ if has_rollout => "there are rollouts in it".to_owned(),
        0 if listing.directories.is_empty() => "it is empty".to_owned(),
        0 => format!(
            "it holds {} directories and no file",
            listing.directories.len()
        ),
        count => {
            let shown = names
                .iter()
                .take(SHOWN)
                .cloned()
                .collect::<Vec<_>>()
                .join(", ");
            let dots = if count > SHOWN { ", …" } else { "" };
            format!("it holds {count} other files ({shown}{dots})")
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
    list(&directory.to_string_lossy())
        .is_ok_and(|listing| listing.files.iter().any(Member::is_capture))
}
