//! The contracts of an agent in a run.

use crate::capture::Capture;
use crate::check::{Profile, check_capture};
use crate::report::{add_contracts, outline_report};

use super::judge::{Judge, Told};

/// What the agent did not keep. What the server sent is the script's affair: its faults are wanted.
pub(super) fn broken_contracts(capture: &Capture, judge: &Judge<'_>) -> Told {
    let mut contracts = check_capture(capture, &Profile::of(capture));
    contracts
        .violations
        .retain(|one| !one.rule.starts_with("stream-"));
    let mut report = outline_report(capture);
    add_contracts(&mut report, capture, &contracts, judge.options);
    judge.judged(report, &[])
}
