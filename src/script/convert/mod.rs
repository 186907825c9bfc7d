//! Scripts out of what others recorded: each gives the text of a script in its JSON form, so that what is played can also
//! be read, kept and changed.

mod capture;
mod raw_exchange_script;
mod rollout;
mod shared;
mod unanswered;

#[cfg(test)]
mod tests;

pub use capture::{Playback, playback_of_capture, script_from_capture};
pub use raw_exchange_script::{ConvertError, convert_raw_exchange_script};
pub use rollout::{playback_of_rollout, script_from_rollout};
