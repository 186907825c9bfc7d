//! Plays a recorded session to an agent and compares each of its requests with the recorded one as it arrives. Feature
//! `server`.
//!
//! * A **recording** is what is played: a capture of any format, a trace bundle, a rollout. [`Recording`] reads it and says
//!   what was not recorded, [`Circumstances`] under which circumstances it was made.
//! * A [`Replay`] has the script for a server, and is the [`Observer`](crate::server::Observer) that compares. A request is
//!   compared with the one whose response it gets, together with the first request of the session and the one before in
//!   its thread, so that identifiers are held against each other; the whole session is compared once more at the end, by
//!   [`Replay::verdict`], which has the last word.
//! * **Commands** of the model run again, or are answered with what was recorded: [`Replay::answer_commands`].
//! * A **divergence** is the first request, or a later one, that says something new which the recording does not say.

mod circumstances;
mod compare;
mod divergence;
mod error;
mod expected;
mod played;
mod recording;
mod rollouts;
mod session;
mod state;
mod tools;

pub use circumstances::{Circumstances, SandboxMode};
pub use compare::OnDivergence;
pub use divergence::Divergence;
pub use error::ReplayError;
pub use recording::{Recording, RecordingKind};
pub use session::{AnsweredCommands, Judge, Judgement, Replay, ReplayOptions, Verdict};
