//! Whether one trace is right by itself: one file or directory for each contract.
//!
//! A contract looks at a capture, and at what belongs to it, and yields a [`Violation`] for each promise that is not
//! kept. A clean run of a correct agent has none: what agents are known to do otherwise is named at its place.

mod attempts;
mod continuation;
mod contracts;
mod history;
mod item;
mod label;
mod profile;
mod request;
mod rollout;
mod same;
mod sink;
mod tool_round_trip;
mod violation;

pub use contracts::{Contracts, NotChecked, check_capture};
pub use profile::Profile;
pub use rollout::{CheckedRollout, RolloutCheck, RolloutCheckError, check_rollouts};
pub use violation::{RolloutPlace, Violation};
