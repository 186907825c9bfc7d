//! The contract as a whole: thread by thread.

use std::io;
use std::path::PathBuf;

use thiserror::Error;

use crate::capture::{Capture, CaptureKind, flatten};
use crate::json::Problem;

use super::super::request::Trace;
use super::super::violation::Violation;
use super::notes::{no_requests, no_rollout, warm_ups};
use super::thread::{Context, check_thread};
use super::threads::{find_files, match_threads};

/// What wire against disk yields.
#[derive(Debug, Clone, Default)]
pub struct RolloutCheck {
    /// What differs.
    pub violations: Vec<Violation>,
    /// The rollouts that were compared.
    pub rollouts: Vec<CheckedRollout>,
}

/// One rollout that was compared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckedRollout {
    /// Its path as it was found.
    pub path: String,
    /// Number of its complete records.
    pub records: usize,
    /// What of it could not be read.
    pub problems: Vec<Problem>,
}

/// Why rollouts could not be compared.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum RolloutCheckError {
    /// A file or directory can't be read.
    #[error("can't read {path}")]
    Unreadable {
        /// The path as it was given or found.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// A file that was named holds no record of a rollout.
    #[error("{path}: byte {offset}: not a rollout: {found}")]
    NotARollout {
        /// The path as it was given.
        path: PathBuf,
        /// Where it stops looking like one.
        offset: u64,
        /// What is there.
        found: String,
    },
    /// There is no rollout in what was named.
    #[error("there is no rollout in {path}")]
    NoRollout {
        /// The first of the paths.
        path: PathBuf,
    },
}

impl RolloutCheckError {
    /// What to do about it.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Unreadable { .. } => {
                "name a rollout-….jsonl[.zst] file or a directory of sessions"
            }
            Self::NotARollout { .. } | Self::NoRollout { .. } => {
                "rollouts are files rollout-….jsonl[.zst], in the sessions directory of the agent's home"
            }
        }
    }
}

/// Compares what a capture's requests sent and responses delivered with rollouts on disk.
///
/// `paths` are rollouts of any version of Codex or pycodex, compressed or not, or directories with rollouts in them.
/// They are matched with the capture's threads by thread id. What a request sends is compared with what the history as of
/// some point of the rollout makes, points in the order of requests.
///
/// # Errors
///
/// When a path can't be read, a named file holds no record of a rollout, or there is no rollout at all. Damage in rollouts is told in [`CheckedRollout::problems`].
pub fn check_rollouts(
    capture: &Capture,
    paths: &[PathBuf],
) -> Result<RolloutCheck, RolloutCheckError> {
    let found = find_files(paths)?;
    if found.is_empty() {
        let path = paths.first().cloned().unwrap_or_default();
        return Err(RolloutCheckError::NoRollout { path });
    }
    let trace = Trace::new(&flatten(capture));
    let (threads, unused) = match_threads(&trace, &found);
    let context = Context {
        found: &found,
        is_partial: !capture.problems.is_empty(),
        lacks_compactions: capture.kind == CaptureKind::TraceBundle,
    };
    let mut check = RolloutCheck::default();
    for thread in &threads {
        if thread.files.is_empty() {
            check.violations.push(no_rollout(thread));
            continue;
        }
        check_thread(thread, &context, &mut check)
            .map_err(|(path, source)| RolloutCheckError::Unreadable { path, source })?;
    }
    check.violations.extend(no_requests(&unused));
    check.violations.extend(warm_ups(&trace));
    Ok(check)
}
