//! Finds the step for each request, and makes its answer: a state machine without sockets and without a clock.

mod builtin;
mod choose;
mod complain;
mod conversation;
mod form;
mod machine;
mod progress;
mod respond;
mod values;
mod violation;

#[cfg(test)]
mod request_tests;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod websocket_tests;

pub use conversation::Conversation;
pub use machine::{Decision, Player, PlayerOptions, Remaining, Upgrade, WsDecision};
pub use violation::{Violation, ViolationKind};
