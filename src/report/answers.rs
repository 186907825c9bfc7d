//! Makes a report of what an endpoint answered to recorded requests.

use crate::capture::Capture;
use crate::check::Contracts;
use crate::diff::{Comparison, Options};

use super::{Report, add_contracts, comparison_report};

/// The kind of input that answers requests as they are sent.
pub(super) const ENDPOINT: &str = "endpoint";

/// The report of the answers of an endpoint beside the recorded ones.
///
/// `answers` is the capture of what was sent and answered, `endpoint` the URL, under which it is shown. `options` leave out
/// places of `contracts`; the comparison was made with them.
pub fn answers_report(
    recorded: &Capture,
    answers: &Capture,
    endpoint: &str,
    (comparison, contracts): (&Comparison, &Contracts),
    options: &Options,
) -> Report {
    let mut report = comparison_report(recorded, answers, comparison);
    if let Some(input) = report.inputs.last_mut() {
        input.path = endpoint.to_owned();
        input.kind = ENDPOINT.to_owned();
    }
    add_contracts(&mut report, answers, contracts, options);
    report
}
