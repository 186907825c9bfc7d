//! Tool round trip: each call that a response delivers is sent back as it was delivered, with one output that fits it.

mod delivery;
mod executions;
mod known;
mod pairing;
mod rules;
mod unanswered;

pub(super) use delivery::check_deliveries;
pub(super) use pairing::check_inputs;
pub(super) use rules::ACROSS_REQUESTS;
pub(super) use unanswered::check_end;
