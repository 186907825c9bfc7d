//! Retries: whether failures are answered as the agent's profile says, and the same is asked again.

mod body;
mod check;
mod delay;
mod ends;
mod pace;
mod transport;

pub(super) use check::check;

/// The rules about attempts that are not there.
pub(super) const ENDS: &[&str] = &["retry-missing", "retry-gave-up-early"];
