//! Directories for what agents do.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use anyhow::Context;

use crate::exit::Failure;

/// A directory of this run's own, removed in the end unless the user named it.
pub(crate) struct Scratch {
    pub(crate) root: PathBuf,
    /// Whether it stays.
    pub(crate) is_kept: bool,
}

impl Scratch {
    /// The directory `keep`, or a new one.
    pub(crate) fn new(keep: Option<&Path>) -> Result<Self, Failure> {
        let root = match keep {
            Some(root) => root.to_owned(),
            None => fresh_directory()?,
        };
        fs::create_dir_all(&root).with_context(|| format!("failed to make {}", root.display()))?;
        Ok(Self {
            root,
            is_kept: keep.is_some(),
        })
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if !self.is_kept {
            // What can't be removed stays in the directory for temporary files.
            let _ = fs::remove_dir_all(&self.root);
        }
    }
}

/// How the directories begin that are made here.
const PREFIX: &str = "trace-diff-";

/// Whether a path is a directory of a run, this one or another, in the directory for temporary files.
pub(crate) fn is_scratch(path: &Path) -> bool {
    let name = path.file_name().and_then(|name| name.to_str());
    path.parent() == Some(&std::env::temp_dir())
        && name.is_some_and(|name| name.starts_with(PREFIX))
}

fn fresh_directory() -> Result<PathBuf, Failure> {
    let base = std::env::temp_dir();
    for number in 0..1000 {
        // Of one length, so that texts which quote it are cut at the same place.
        let path = base.join(format!("{PREFIX}{:010}-{number}", std::process::id()));
        match fs::create_dir(&path) {
            Ok(()) => return Ok(path),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => {
                let failure =
                    anyhow::Error::new(error).context(format!("failed to make {}", path.display()));
                return Err(Failure::new(failure));
            }
        }
    }
    Err(Failure::new(anyhow::anyhow!(
        "{} is full of trace-diff directories",
        base.display()
    )))
}
