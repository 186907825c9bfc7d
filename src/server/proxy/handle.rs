//! Starting a proxy, accepting connections, and ending it.

use std::net::{SocketAddr, TcpListener as StdListener};
use std::sync::Arc;
use std::thread::JoinHandle;

use tokio::net::TcpListener;
use tokio::runtime::Handle;
use tokio::task::JoinSet;

use crate::capture::{Capture, Redactor};

use super::super::ledger::{Phase, State};
use super::super::options::StartError;
use super::connection;
use super::known::Known;
use super::options::{ProxyError, ProxyOptions};
use super::shared::{Setup, Shared, runtime};
use super::stand_in::StandIn;

/// Most threads that serve connections, unless told otherwise.
const MAX_THREADS: usize = 4;

/// A running recording proxy. Dropped, it stops.
///
/// For each connection of a client it makes one to the upstream, which lives as long, and passes bytes on as they come.
/// Of what it passes on it changes the target of requests, `Host`, and fields that are for a proxy; responses go through byte
/// for byte. Everything is in the capture before the client sees it.
///
/// ```no_run
/// use trace_diff::server::{CaptureTarget, Proxy, ProxyOptions};
///
/// let mut options = ProxyOptions::new("https://api.openai.com/v1".parse()?);
/// options.capture = CaptureTarget::Memory;
/// let proxy = Proxy::start(options)?;
/// println!("base URL of the agent: http://{}/v1", proxy.address());
/// // … the agent runs …
/// println!("{} requests", proxy.capture().map_or(0, |capture| capture.exchanges.len()));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Proxy {
    address: SocketAddr,
    shared: Arc<Shared>,
    runtime: Handle,
    thread: Option<JoinHandle<()>>,
}

impl Proxy {
    /// Opens the socket and starts to serve; when this returns, connections are accepted. The upstream is not asked for
    /// anything before a client asks.
    ///
    /// # Errors
    ///
    /// As [`ProxyError`] lists.
    pub fn start(options: ProxyOptions) -> Result<Self, ProxyError> {
        let address = options.address;
        let listen = |source| StartError::Listen { address, source };
        let listener = StdListener::bind(address).map_err(listen)?;
        listener.set_nonblocking(true).map_err(listen)?;
        let address = listener.local_addr().map_err(listen)?;
        let shared = Shared::new(Setup {
            upstream: options.upstream,
            variables: &options.variables,
            ca: options.ca.as_deref(),
            connect_time: options.connect_time,
            capture: options.capture,
            source: "record",
            redact: options.redact,
            limits: options.limits,
        })?;
        let shared = Arc::new(Shared {
            known: options.known.map(Known::new),
            stand_in: options.stand_in.map(StandIn::new),
            keeps_known: options.keeps_known,
            ..shared
        });
        let count = match options.threads {
            0 => std::thread::available_parallelism().map_or(1, |n| n.get().min(MAX_THREADS)),
            count => count,
        };
        let runtime = runtime("trace-diff-proxy", count)?;
        let handle = runtime.handle().clone();
        let listener = {
            // A socket is registered with the runtime that is entered.
            let _entered = runtime.enter();
            TcpListener::from_std(listener).map_err(listen)?
        };
        let serving = shared.clone();
        let thread = std::thread::Builder::new()
            .name("trace-diff-accept".to_owned())
            .spawn(move || {
                runtime.block_on(accept(listener, serving));
                runtime.shutdown_background();
            })
            .map_err(ProxyError::Threads)?;
        Ok(Self {
            address,
            shared,
            runtime: handle,
            thread: Some(thread),
        })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What it did so far.
    pub fn state(&self) -> State {
        self.shared.state()
    }

    /// Where the proxy runs, with a timer.
    pub fn runtime(&self) -> &Handle {
        &self.runtime
    }

    /// What was captured to memory so far; `None` with another target.
    pub fn capture(&self) -> Option<Capture> {
        self.shared.captured()
    }

    /// What replaces secrets in the capture, with all that it has seen; `None` where they are kept.
    pub fn redactor(&self) -> Option<Redactor> {
        self.shared.recorder.redactor()
    }

    /// Returns when the capture can't be written any more; [`wait`](Self::wait) tells why.
    pub async fn capture_failed(&self) {
        self.shared.recorder.failed().await;
    }

    /// Tells the proxy to stop, without waiting for it.
    pub fn stop(&self) {
        self.shared.enter(Phase::Stopping);
    }

    /// Waits until the proxy has stopped, which someone else must tell it to, and the capture is complete.
    ///
    /// # Errors
    ///
    /// Why the capture could not be written.
    pub fn wait(mut self) -> std::io::Result<()> {
        self.join();
        self.shared.recorder.take_failure().map_or(Ok(()), Err)
    }

    fn join(&mut self) {
        if let Some(thread) = self.thread.take() {
            // A thread that panicked has said so.
            let _ = thread.join();
        }
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.stop();
        self.join();
    }
}

/// Takes connections until the proxy is told to stop; those that are busy then are given a while.
async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    let mut phase = shared.phase.subscribe();
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    connections.spawn(connection::serve(stream, shared.clone()));
                }
                // No file descriptors left, most likely: those of ended connections come back.
                Err(_) => tokio::time::sleep(std::time::Duration::from_millis(10)).await,
            },
            Some(_) = connections.join_next() => {}
            _ = phase.wait_for(|phase| *phase > Phase::Running) => break,
        }
    }
    drop(listener);
    let all_ended = async { while connections.join_next().await.is_some() {} };
    let _ = tokio::time::timeout(shared.limits.stop_grace, all_ended).await;
    connections.shutdown().await;
}
