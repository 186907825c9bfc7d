//! The comparison under test, reduced to what verdicts need.

use trace_diff::capture::{Capture, read_capture_bytes};

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Level {
    Error,
    Warning,
    Note,
}

/// One reported change.
#[derive(Clone, Debug)]
pub(crate) struct Finding {
    pub(crate) rule: String,
    pub(crate) level: Level,
    pub(crate) pointer: String,
    pub(crate) baseline: Option<usize>,
    pub(crate) candidate: Option<usize>,
    /// In how many further exchanges the same change occurs.
    pub(crate) recurs: usize,
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

/// Compares two captures; one entry per reported change.
pub(crate) fn compare(baseline: &Capture, candidate: &Capture) -> Option<Vec<Finding>> {
    let comparison = trace_diff::diff::compare(baseline, candidate, &Default::default());
    let finding = |change: trace_diff::diff::Change| Finding {
        rule: change.rule.to_owned(),
        level: match change.level {
            trace_diff::diff::Level::Error => Level::Error,
            trace_diff::diff::Level::Warning => Level::Warning,
            trace_diff::diff::Level::Note => Level::Note,
        },
        pointer: change.pointer.to_string(),
        baseline: change.exchange.baseline,
        candidate: change.exchange.candidate,
        recurs: change.recurs.len(),
    };
    Some(comparison.changes.into_iter().map(finding).collect())
}
