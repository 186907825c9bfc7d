//! What two agents do differently in one scenario.

use crate::capture::Capture;
use crate::diff::{Options, compare};
use crate::report::{CellFinding, Standards, comparison_report};

use super::canonical::canonical;
use super::told::told;

/// Differences that count, of a candidate from the baseline.
pub(super) fn differences(
    baseline: &Capture,
    candidate: &Capture,
    options: &Options,
    standards: &Standards,
    locations: &[String],
) -> Vec<CellFinding> {
    let (baseline, candidate) = (canonical(baseline), canonical(candidate));
    // Responses are the script's.
    let options = options.clone().or_requests();
    let comparison = compare(&baseline, &candidate, &options);
    let mut report = comparison_report(&baseline, &candidate, &comparison);
    standards.apply(&mut report, &comparison.ignore_used);
    told(&report, locations)
}
