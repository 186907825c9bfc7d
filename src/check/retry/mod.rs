//! Retries: whether failures are answered as the agent's profile says, and the same is asked again.

mod body;
mod chain;
mod check;
mod delay;
mod ends;
mod failure;
mod pace;
mod transport;

pub use check::check_retries;

/// The rules about attempts that are not there.
pub(super) const ENDS: &[&str] = &["retry-missing", "retry-gave-up-early"];
