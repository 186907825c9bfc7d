//! Who wants to see each request before it is answered.

use std::fmt;

use crate::capture::Transport;
use crate::script::{RequestView, StepId};

/// Sees the requests of a server, each before its answer is sent, such as to compare it with a recorded one.
///
/// Called on the threads that serve connections, for several connections at once; a request waits until it returns.
pub trait Observer: fmt::Debug + Send + Sync {
    /// Looks at a request.
    ///
    /// # Errors
    ///
    /// Why the request is refused: over HTTP it gets status 400 with this text as its error, on a WebSocket the connection
    /// ends. The step that was to answer it counts as used.
    fn request(&self, seen: &Observed<'_>) -> Result<(), String>;
}

/// A request that is about to be answered.
#[derive(Debug, Clone, Copy)]
pub struct Observed<'a> {
    /// The request; of a WebSocket message the handshake with the message, as it was sent, for its body.
    pub request: RequestView<'a>,
    /// How it travelled.
    pub transport: Transport,
    /// Which part of the script answers it.
    pub step: StepId,
}
