//! The comparison under test, reduced to what verdicts need.

use trace_diff::capture::{Capture, read_capture_bytes};
use trace_diff::diff::{self, Change, Options};

pub(crate) use trace_diff::diff::Level;

/// One reported change.
#[derive(Clone, Debug)]
pub(crate) struct Finding {
    pub(crate) rule: &'static str,
    pub(crate) level: Level,
    pub(crate) pointer: String,
    /// Other places that the change names.
    pub(crate) also: Vec<String>,
    pub(crate) baseline: Option<usize>,
    pub(crate) candidate: Option<usize>,
    /// In which further exchanges the same change occurs, by the candidate's number, or the baseline's where it has none.
    pub(crate) recurs: Vec<usize>,
    pub(crate) message: String,
}

impl From<Change> for Finding {
    fn from(change: Change) -> Self {
        Self {
            rule: change.rule,
            level: change.level,
            pointer: change.pointer.to_string(),
            also: change.also.iter().map(ToString::to_string).collect(),
            baseline: change.exchange.baseline,
            candidate: change.exchange.candidate,
            recurs: change
                .recurs
                .iter()
                .filter_map(|pair| pair.candidate.or(pair.baseline))
                .collect(),
            message: change.message,
        }
    }
}

/// Reads a capture that must be readable as a whole.
pub(crate) fn read(name: &str, bytes: Vec<u8>) -> Capture {
    let capture = read_capture_bytes(name, bytes).unwrap_or_else(|e| panic!("{name}: {e}"));
    assert!(
        capture.problems.is_empty(),
        "{name}: {:?}",
        capture.problems
    );
    capture
}

pub(crate) fn compare(baseline: &Capture, candidate: &Capture) -> Vec<Finding> {
    let comparison = diff::compare(baseline, candidate, &Options::default());
    comparison.changes.into_iter().map(Finding::from).collect()
}
