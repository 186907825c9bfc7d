//! What goes wrong: faults as data, and as pure changes of what is sent.
//!
//! An answer is made in three stages, and each fault belongs to one: the events, the text that they make, and what travels,
//! over HTTP or over a WebSocket. Within a stage faults apply in the order of the script, so that each counts what the ones
//! before it left.

mod error;
mod events;
mod frames;
mod model;
mod pieces;
mod random;
mod select;
mod status;

#[cfg(test)]
mod frame_tests;
#[cfg(test)]
mod tests;

pub use error::FaultError;
pub use model::{BadChunk, ContentLength, Count, ErrorInfo, Fault, FaultKind, Place, RetryAfter};

pub(super) use events::{Ends, apply_to_events};
pub(super) use frames::apply_to_frames;
pub(super) use pieces::apply_to_pieces;
pub(super) use random::Random;
pub(super) use select::{active, is_random, text_style};
pub(super) use status::{error_answer, error_body, error_frame};
