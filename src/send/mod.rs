//! Plays recorded requests at an endpoint, and holds its answers against the recorded ones. Feature `server`. For those who
//! serve models.
//!
//! * A [`Plan`] says which requests of a capture are sent, and as what: the recorded bodies and header fields without
//!   secrets.
//! * [`send`] sends them in order, over HTTP or a WebSocket as they were recorded, and gives a [`Session`]: which answer
//!   belongs to which request. What a server gives names to (responses, calls, the state of a turn) is called in later
//!   requests what this server called it.
//! * [`judge`] compares the answers: their form ([`Likeness::Form`]), for a model that may say something else, or all of
//!   them ([`Likeness::Exact`]), for an endpoint that plays what was recorded.

mod chain;
mod deviation;
mod edit;
mod exact;
mod expected;
mod form;
mod judge;
mod known;
mod outcome;
mod plan;
mod received;
mod session;
mod shape;
mod sink;
mod stream;

pub use judge::{Judged, Likeness, judge};
pub use plan::{LeftOut, Plan, PlanOptions, Step, Why};
pub use session::{Sent, Session, Stopped, Way, send};
