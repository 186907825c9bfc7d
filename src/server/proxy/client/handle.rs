//! A client: what it is told, its thread, and one request.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::runtime::Runtime;
use tokio::time::timeout;

use crate::capture::{Capture, Redactor};
use crate::http::HeaderList;

use super::super::super::options::Limits;
use super::super::super::record::CaptureTarget;
use super::super::connect::ConnectError;
use super::super::options::ProxyError;
use super::super::shared::{Setup, Shared, runtime};
use super::super::taken::Taken;
use super::super::upstream::Upstream;
use super::super::variables::ProxyVariables;
use super::answer::Reading;
use super::request::{Outgoing, is_field, prepare};
use super::websocket::{self, Handshake};

/// Where a client sends requests, and what it writes down.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct ClientOptions {
    /// Where requests go.
    pub upstream: Upstream,
    /// A PEM file of certificate authorities that are trusted besides those of the system.
    pub ca: Option<PathBuf>,
    /// The proxy variables; none are set by default.
    pub variables: ProxyVariables,
    /// Where the capture goes.
    pub capture: CaptureTarget,
    /// Whether secrets are replaced before anything is written to the capture.
    pub redact: bool,
    /// Bounds. Bodies and messages of more than `body_bytes` are not kept.
    pub limits: Limits,
    /// Longest time for a connection.
    pub connect_time: Duration,
    /// Longest time from a request to the end of its answer.
    pub answer_time: Duration,
}

impl ClientOptions {
    /// Options for an upstream; the capture is kept in memory.
    pub fn new(upstream: Upstream) -> Self {
        Self {
            upstream,
            ca: None,
            variables: ProxyVariables::default(),
            capture: CaptureTarget::Memory,
            redact: true,
            limits: Limits::default(),
            connect_time: Duration::from_secs(20),
            answer_time: Duration::from_secs(600),
        }
    }
}

/// What came back for a request.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Answer {
    /// The status; `None` when the connection ended before a head.
    pub status: Option<u16>,
    /// The fields of the head.
    pub headers: HeaderList,
    /// The body, with its content coding, as far as it is kept.
    pub content: Vec<u8>,
    /// Whether it came to its end as HTTP goes.
    pub is_complete: bool,
    /// Whether it took longer than [`ClientOptions::answer_time`].
    pub is_given_up: bool,
}

/// Why a request was not sent.
#[derive(Debug, thiserror::Error, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum SendError {
    /// There is no connection.
    #[error("failed to connect to {upstream}: {message}")]
    Connect {
        /// The upstream.
        upstream: String,
        /// What the system, the HTTP proxy or TLS says.
        message: String,
    },
    /// A header field would not be one.
    #[error("the header field {name} can't be sent")]
    Field {
        /// Its name.
        name: String,
    },
}

/// Asks a real server, one request after the other, and writes down what is said.
///
/// Connections are made as the recording proxy makes them: TLS with the authorities of the system, HTTP proxies as the
/// proxy variables say. Each request has a connection of its own.
///
/// ```no_run
/// use trace_diff::server::{Client, ClientOptions, Outgoing};
///
/// let client = Client::new(ClientOptions::new("http://127.0.0.1:8000/v1".parse()?))?;
/// let answer = client.send(&Outgoing {
///     method: "POST".to_owned(),
///     target: "/v1/responses".to_owned(),
///     headers: [("content-type", "application/json")].into_iter().collect(),
///     body: br#"{"model":"m","stream":true,"input":"Say OK."}"#.to_vec(),
/// })?;
/// println!("{:?}, {} bytes", answer.status, answer.content.len());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Client {
    pub(super) shared: Arc<Shared>,
    pub(super) runtime: Runtime,
    pub(super) answer_time: Duration,
}

impl Client {
    /// Makes a client; nothing is sent yet.
    ///
    /// # Errors
    ///
    /// As [`ProxyError`] lists.
    pub fn new(options: ClientOptions) -> Result<Self, ProxyError> {
        let shared = Shared::new(Setup {
            upstream: options.upstream,
            variables: &options.variables,
            ca: options.ca.as_deref(),
            connect_time: options.connect_time,
            capture: options.capture,
            source: "send",
            redact: options.redact,
            limits: options.limits,
        })?;
        Ok(Self {
            shared: Arc::new(shared),
            runtime: runtime("trace-diff-client", 1)?,
            answer_time: options.answer_time,
        })
    }

    /// Sends a request and waits for the end of its answer.
    ///
    /// # Errors
    ///
    /// When there is no connection, or a field can't be sent. Nothing is written down then.
    pub fn send(&self, outgoing: &Outgoing) -> Result<Answer, SendError> {
        check_fields(&outgoing.headers)?;
        self.runtime.block_on(async {
            let connector = &self.shared.connector;
            let connected = connector.connect(false).await;
            let mut connected = connected.map_err(|error| self.unreachable(error))?;
            let route = connector.route(&connected, &outgoing.target);
            let target = self.shared.upstream.target(&outgoing.target);
            let prepared = prepare(outgoing, target, &route, &[]);
            let mut taken = self.taken(prepared.head);
            taken.request_data(&outgoing.body);
            taken.request_done(&[]);
            let mut reading = Reading::new(taken, false);
            let request = [prepared.bytes, outgoing.body.clone()].concat();
            let run = reading.run(&mut connected.stream, &request);
            // What has not come by then is given up; the reading tells.
            let _ = timeout(self.answer_time, run).await;
            Ok(reading.finish())
        })
    }

    /// Asks for a WebSocket at a target.
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send).
    pub fn open(&self, target: &str, headers: &HeaderList) -> Result<Handshake<'_>, SendError> {
        check_fields(headers)?;
        let outgoing = Outgoing {
            method: "GET".to_owned(),
            target: target.to_owned(),
            headers: headers.clone(),
            body: Vec::new(),
        };
        self.runtime.block_on(websocket::open(self, &outgoing))
    }

    /// What was captured to memory so far; `None` with another target.
    pub fn capture(&self) -> Option<Capture> {
        self.shared.captured()
    }

    /// What replaces secrets in the capture, with all that it has seen; `None` where they are kept.
    pub fn redactor(&self) -> Option<Redactor> {
        self.shared.recorder.redactor()
    }

    /// Writes down what is still held back.
    ///
    /// # Errors
    ///
    /// Why the capture could not be written.
    pub fn finish(&self) -> std::io::Result<()> {
        self.shared.recorder.write(String::new(), true);
        self.shared.recorder.take_failure().map_or(Ok(()), Err)
    }

    /// Begins to write an exchange down, over a connection of its own.
    pub(super) fn taken(&self, head: super::super::super::head::RequestHead) -> Taken {
        let connections = &self.shared.connections;
        let number = connections.fetch_add(1, Ordering::Relaxed) + 1;
        Taken::new(self.shared.clone(), head, number)
    }

    pub(super) fn unreachable(&self, error: ConnectError) -> SendError {
        SendError::Connect {
            upstream: self.shared.upstream.to_string(),
            message: error.message,
        }
    }
}

fn check_fields(headers: &HeaderList) -> Result<(), SendError> {
    let odd = headers
        .iter()
        .find(|field| !is_field(&field.name, &field.value));
    odd.map_or(Ok(()), |field| {
        Err(SendError::Field {
            name: field.name.clone(),
        })
    })
}
