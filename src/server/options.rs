//! What a server is told when it is started.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use crate::script::{PlayerOptions, Script};

use super::observe::Observer;
use super::record::CaptureTarget;

/// How a server listens, what it writes down, and what it puts up with.
#[derive(Debug, Clone)]
pub struct ServerOptions {
    /// Where to listen; port 0 takes any free port. Only this machine reaches the default, `127.0.0.1:0`.
    pub address: SocketAddr,
    /// What is played; without steps every request gets a plain "OK".
    pub script: Arc<Script>,
    /// How it is played.
    pub play: PlayerOptions,
    /// Where the capture goes.
    pub capture: CaptureTarget,
    /// Whether secrets are replaced before anything is written to the capture.
    pub redact: bool,
    /// Whether `POST /__trace-diff/shutdown` ends the server.
    pub http_shutdown: bool,
    /// Threads that serve connections; 0 takes one for each processor, up to 4.
    pub threads: usize,
    /// Who sees each request before it is answered.
    pub observer: Option<Arc<dyn Observer>>,
    /// Bounds for clients.
    pub limits: Limits,
}

impl Default for ServerOptions {
    fn default() -> Self {
        Self {
            address: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            script: Arc::default(),
            play: PlayerOptions::default(),
            capture: CaptureTarget::None,
            redact: true,
            http_shutdown: false,
            threads: 0,
            observer: None,
            limits: Limits::default(),
        }
    }
}

/// Bounds for what clients may ask of a server.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Most bytes of a request body, before and after its content coding is undone; more is refused with 413.
    pub body_bytes: u64,
    /// Longest time from the first byte of a request head to its last.
    pub head_time: Duration,
    /// Longest pause between two parts of a request body.
    pub body_pause: Duration,
    /// How long responses that are being played may go on when the server is told to stop.
    pub stop_grace: Duration,
}

impl Default for Limits {
    /// 512 MiB; 30 s for a head; 60 s between parts of a body; 1 s to end.
    fn default() -> Self {
        Self {
            body_bytes: 512 << 20,
            head_time: Duration::from_secs(30),
            body_pause: Duration::from_secs(60),
            stop_grace: Duration::from_secs(1),
        }
    }
}

/// Why a server could not be started.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// The address can't be listened on.
    #[error("failed to listen on {address}")]
    Listen {
        /// The address that was asked for.
        address: SocketAddr,
        /// What the system says.
        source: io::Error,
    },
    /// No thread or no runtime could be made.
    #[error("failed to start the threads of the server")]
    Threads(#[source] io::Error),
    /// The first record of the capture could not be written.
    #[error("failed to write the capture")]
    Capture(#[source] io::Error),
}
