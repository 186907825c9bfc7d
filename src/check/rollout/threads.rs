//! Which rollouts belong to which thread of a capture.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::capture::{OpenError, read_capture};
use crate::rollout::{RolloutName, find_rollouts, read_meta};

use super::super::request::{Request, Trace};
use super::check::RolloutCheckError;

/// A rollout that was named, or found in a directory that was.
#[derive(Debug, Clone)]
pub(super) struct Found {
    pub(super) path: PathBuf,
    /// The thread, by its `session_meta`; by its name where it has none.
    pub(super) thread: Option<String>,
    /// The thread by the file's name.
    pub(super) named: Option<String>,
    /// Whether the file itself was named, not a directory above it.
    pub(super) is_chosen: bool,
}

/// A thread of a capture with its rollouts.
pub(super) struct Thread<'t> {
    /// Its id; `None` where requests do not say it.
    pub(super) id: Option<String>,
    pub(super) requests: Vec<&'t Request>,
    /// Oldest first.
    pub(super) files: Vec<PathBuf>,
}

/// Finds the rollouts that paths name: files, and all rollouts below directories.
///
/// # Errors
///
/// When a path is not there, or a named file can't be read or is no rollout.
pub(super) fn find_files(paths: &[PathBuf]) -> Result<Vec<Found>, RolloutCheckError> {
    let mut found: Vec<Found> = Vec::new();
    for path in paths {
        let fail = |source| RolloutCheckError::Unreadable {
            path: path.clone(),
            source,
        };
        if std::fs::metadata(path).map_err(fail)?.is_dir() {
            let files = find_rollouts(path).files;
            // A rollout that goes away meanwhile, or can't be read, has no thread.
            let inside = files.into_iter().map(|file| {
                let meta = read_meta(&file.path).ok().flatten();
                describe(&file.path, meta.map(|meta| meta.id), false)
            });
            found.extend(inside);
        } else {
            let meta = read_meta(path).map_err(fail)?;
            if meta.is_none() {
                demand_rollout(path)?;
            }
            found.push(describe(path, meta.map(|meta| meta.id), true));
        }
    }
    let mut seen = std::collections::HashSet::new();
    found.retain(|file| seen.insert(file.path.clone()));
    Ok(found)
}

/// Demands a record of a rollout in a file without a `session_meta`.
fn demand_rollout(path: &Path) -> Result<(), RolloutCheckError> {
    let (offset, found) = match read_capture(&path.to_string_lossy()) {
        Err(OpenError::Rollout { .. }) => return Ok(()),
        Err(OpenError::NotACapture { offset, found, .. }) => (offset, found),
        Err(OpenError::Empty { .. }) => (0, "the file is empty".to_owned()),
        Err(OpenError::Read { source, .. }) => {
            let path = path.to_owned();
            return Err(RolloutCheckError::Unreadable { path, source });
        }
        Ok(_) | Err(_) => (0, "this is a capture".to_owned()),
    };
    Err(RolloutCheckError::NotARollout {
        path: path.to_owned(),
        offset,
        found,
    })
}

fn describe(path: &Path, id: Option<String>, is_chosen: bool) -> Found {
    let name = path.file_name().and_then(|name| name.to_str());
    let named = name
        .and_then(RolloutName::parse)
        .and_then(|name| name.thread_id);
    Found {
        path: path.to_owned(),
        thread: id.or_else(|| named.clone()),
        named,
        is_chosen,
    }
}

/// Puts requests and rollouts together by thread, and gives the rollouts that no request belongs to.
pub(super) fn match_threads<'t>(
    trace: &'t Trace,
    found: &[Found],
) -> (Vec<Thread<'t>>, Vec<Found>) {
    let mut by_thread: BTreeMap<Option<String>, Vec<&Request>> = BTreeMap::new();
    for request in trace
        .requests
        .iter()
        .filter(|request| request.is_for_model())
    {
        by_thread
            .entry(request.facts.thread.clone())
            .or_default()
            .push(request);
    }
    let mut unused = found.to_vec();
    let mut threads: Vec<Thread<'t>> = Vec::new();
    for (id, requests) in by_thread {
        let mut take = |is_own: &dyn Fn(&Found) -> bool| -> Vec<PathBuf> {
            let own = unused.iter().filter(|file| is_own(file));
            let files = own.map(|file| file.path.clone()).collect();
            unused.retain(|file| !is_own(file));
            files
        };
        let mut files = take(&|file| id.is_some() && file.thread == id);
        if files.is_empty() {
            files = take(&|file| id.is_some() && file.named == id);
        }
        threads.push(Thread {
            id,
            requests,
            files,
        });
    }
    // A format without headers says no thread; one rollout can only be that of the one thread there is.
    if let ([thread], [file]) = (threads.as_mut_slice(), unused.as_slice())
        && thread.id.is_none()
    {
        thread.files = vec![file.path.clone()];
        unused.clear();
    }
    threads.sort_by_key(|thread| thread.requests.first().map(|request| request.exchange));
    (threads, unused)
}
