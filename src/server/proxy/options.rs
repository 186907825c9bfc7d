//! What a proxy is told when it is started.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use crate::capture::Capture;

use super::super::options::{Limits, StartError};
use super::super::record::CaptureTarget;
use super::upstream::{Upstream, UrlError};
use super::variables::ProxyVariables;

/// How a proxy listens, where it sends requests, and what it writes down.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct ProxyOptions {
    /// Where to listen; port 0 takes any free port. Only this machine reaches the default, `127.0.0.1:0`.
    pub address: SocketAddr,
    /// Where requests go.
    pub upstream: Upstream,
    /// A PEM file of certificate authorities that are trusted besides those of the system.
    pub ca: Option<PathBuf>,
    /// The proxy variables; none are set by default.
    pub variables: ProxyVariables,
    /// Where the capture goes; without one nothing is written and requests just pass.
    pub capture: CaptureTarget,
    /// Requests whose answers are known, up to renaming of what is dynamic: they are answered from here, in the order in
    /// which they were recorded, and never reach the upstream. WebSockets are not looked up.
    pub known: Option<Capture>,
    /// Whether exchanges that are answered from `known` are written to the capture, too.
    pub keeps_known: bool,
    /// A [`Server`](super::super::Server) that answers in the upstream's place. A request that its
    /// [`Observer`](super::super::Observer) refuses goes to the upstream instead, and so do all later ones; a WebSocket on
    /// which a message is refused is closed, and the next one goes to the upstream.
    pub stand_in: Option<SocketAddr>,
    /// Whether secrets are replaced before anything is written to the capture.
    pub redact: bool,
    /// Bounds for both sides. Bodies and messages of more than `body_bytes` pass, but are not kept.
    pub limits: Limits,
    /// Longest time for a connection to the upstream.
    pub connect_time: Duration,
    /// Threads that serve connections; 0 takes one for each processor, up to 4.
    pub threads: usize,
}

impl ProxyOptions {
    /// Options for an upstream; nothing is captured.
    pub fn new(upstream: Upstream) -> Self {
        Self {
            address: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            upstream,
            ca: None,
            variables: ProxyVariables::default(),
            capture: CaptureTarget::None,
            known: None,
            keeps_known: true,
            stand_in: None,
            redact: true,
            limits: Limits::default(),
            connect_time: Duration::from_secs(20),
            threads: 0,
        }
    }
}

/// Why a proxy could not be started.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ProxyError {
    /// It can't listen or write.
    #[error(transparent)]
    Start(#[from] StartError),
    /// The proxy variable that counts names no HTTP proxy.
    #[error("failed to use the proxy variable of the upstream")]
    Variable(#[source] UrlError),
    /// The system knows no certificate authorities.
    #[error("the system has no certificate authorities, and none are given")]
    NoAuthorities,
    /// A file of certificate authorities can't be used.
    #[error("failed to read certificate authorities from {}: {reason}", path.display())]
    Authorities {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// TLS can't be spoken.
    #[error("failed to set up TLS: {0}")]
    Tls(String),
    /// A thread could not be started.
    #[error("failed to start the threads of the proxy")]
    Threads(#[source] io::Error),
}
