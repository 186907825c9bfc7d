//! What two agents do differently in one scenario.

use crate::capture::Capture;
use crate::diff::compare;
use crate::report::comparison_report;

use super::canonical::canonical;
use super::judge::{Judge, Told};

/// Differences of a candidate from the baseline.
pub(super) fn differences(baseline: &Capture, candidate: &Capture, judge: &Judge<'_>) -> Told {
    let (baseline, candidate) = (canonical(baseline), canonical(candidate));
    // Responses are the script's.
    let options = judge.options.clone().or_requests();
    let comparison = compare(&baseline, &candidate, &options);
    let report = comparison_report(&baseline, &candidate, &comparison);
    judge.judged(report, &comparison.ignore_used)
}
