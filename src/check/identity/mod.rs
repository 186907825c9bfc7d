//! Identity: what a request calls its thread, session, turn, window and agent, in headers and body, agrees and is what the
//! profile says.

mod agree;
mod check;
mod headers;
mod item_ids;
mod memory;
mod metadata;
mod places;
mod rules;
mod said;
mod sent;
mod stable;
mod subagent;
mod turns;
mod votes;

pub(super) use check::check;
