//! The contracts of an agent in a run.

use crate::capture::Capture;
use crate::check::{Profile, check_capture};
use crate::report::{CellFinding, Level};

/// What the agent did not keep. What the server sent is the script's affair: its faults are wanted.
pub(super) fn broken_contracts(capture: &Capture, profile: Option<&Profile>) -> Vec<CellFinding> {
    let own;
    let profile = match profile {
        Some(profile) => profile,
        None => {
            own = Profile::of(capture);
            &own
        }
    };
    let contracts = check_capture(capture, profile);
    let violations = contracts.violations.into_iter();
    let of_agent = violations.filter(|one| !one.rule.starts_with("stream-"));
    of_agent
        .filter(|one| one.level != Level::Note)
        .map(|one| CellFinding {
            rule: one.rule.to_owned(),
            level: one.level,
            message: one.message,
        })
        .collect()
}
