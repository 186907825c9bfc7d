//! Starting a server, accepting connections, and ending it.

use std::net::{SocketAddr, TcpListener as StdListener};
use std::sync::Arc;
use std::thread::JoinHandle;

use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::{Builder, Handle, Runtime};

use crate::capture::{Capture, Redactor, read_capture_bytes};
use crate::script::{Player, Remaining, Script, Violation};

use super::decide::Decider;
use super::gates::Gates;
use super::ledger::{Phase, State};
use super::memory::Memory;
use super::options::{ServerOptions, StartError};
use super::record::Recorder;
use super::shared::Shared;
use super::worker::Worker;

/// Most threads that serve connections, unless told otherwise.
const MAX_THREADS: usize = 4;

/// A running server. Dropped, it stops.
#[derive(Debug)]
pub struct Server {
    address: SocketAddr,
    shared: Arc<Shared>,
    runtime: Handle,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    /// Opens the socket and starts to serve; when this returns, connections are accepted.
    ///
    /// # Errors
    ///
    /// As [`StartError`] lists.
    pub fn start(options: ServerOptions) -> Result<Self, StartError> {
        let player = Player::new(options.script.clone(), options.play.clone());
        let observer = options.observer.clone();
        Self::start_with(options, Decider::new(player, observer))
    }

    pub(super) fn start_with(options: ServerOptions, decider: Decider) -> Result<Self, StartError> {
        let address = options.address;
        let listen = |source| StartError::Listen { address, source };
        let listener = StdListener::bind(address).map_err(listen)?;
        listener.set_nonblocking(true).map_err(listen)?;
        let address = listener.local_addr().map_err(listen)?;
        let redactor = options.redact.then(Redactor::new);
        let recorder =
            Recorder::start(options.capture, "serve", redactor).map_err(StartError::Capture)?;
        let shared = Shared::new(options.limits, options.http_shutdown, recorder, decider);
        let shared = Arc::new(shared);
        let runtime = current_thread().map_err(StartError::Threads)?;
        let handle = runtime.handle().clone();
        let count = match options.threads {
            0 => std::thread::available_parallelism().map_or(1, |n| n.get().min(MAX_THREADS)),
            count => count,
        };
        let workers = (0..count).map(|_| Worker::start(current_thread()?, shared.clone()));
        let workers: Vec<Worker> = workers
            .collect::<std::io::Result<_>>()
            .map_err(StartError::Threads)?;
        let listener = {
            // A socket is registered with the runtime that is entered.
            let _entered = runtime.enter();
            TcpListener::from_std(listener).map_err(listen)?
        };
        let serving = {
            let shared = shared.clone();
            std::thread::Builder::new()
                .name("trace-diff-server".to_owned())
                .spawn(move || runtime.block_on(accept(listener, workers, shared)))
                .map_err(StartError::Threads)?
        };
        Ok(Self {
            address,
            shared,
            runtime: handle,
            thread: Some(serving),
        })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The gates of the server.
    pub fn gates(&self) -> &Gates {
        &self.shared.gates
    }

    /// What it did so far.
    pub fn state(&self) -> State {
        self.shared.state()
    }

    /// What did not go as the script says so far.
    pub fn violations(&self) -> Vec<Violation> {
        self.shared.decider.player().violations().to_vec()
    }

    /// Waits for violations behind the first `seen`, and gives those.
    pub async fn violations_behind(&self, seen: usize) -> Vec<Violation> {
        self.shared.decider.violated(seen).await;
        self.violations().split_off(seen)
    }

    /// Returns when the capture can't be written any more; [`wait`](Self::wait) tells why.
    pub async fn capture_failed(&self) {
        self.shared.recorder.failed().await;
    }

    /// What did not go as the script says, when no more requests come: steps that were not used up are among it.
    pub fn finish(&self) -> Vec<Violation> {
        self.shared.decider.player().finish()
    }

    /// The steps that still want requests.
    pub fn remaining(&self) -> Vec<Remaining> {
        self.shared.decider.player().remaining()
    }

    /// Starts over with another script; violations so far stay.
    pub fn reload(&self, script: Arc<Script>) {
        self.shared.decider.player().reload(script);
    }

    /// Where random faults begin, if the script has any.
    pub fn seed(&self) -> Option<u64> {
        let player = self.shared.decider.player();
        player.is_random().then(|| player.seed())
    }

    /// What was captured to memory so far; `None` with another target.
    pub fn capture(&self) -> Option<Capture> {
        read_capture_bytes("-", self.memory()?.records()).ok()
    }

    /// What is captured to memory, now and later; `None` with another target.
    pub(crate) fn memory(&self) -> Option<Memory> {
        Memory::new(&self.shared)
    }

    /// Where the server runs, with a timer.
    pub(crate) fn runtime(&self) -> &Handle {
        &self.runtime
    }

    /// Tells the server to stop, without waiting for it.
    pub fn stop(&self) {
        self.shared.enter(Phase::Stopping);
    }

    /// Returns when the server was told to stop, by [`Server::stop`] or by a client.
    pub async fn stopping(&self) {
        let mut phase = self.shared.phase.subscribe();
        // The sender lives as long as this server.
        let _ = phase.wait_for(|phase| *phase > Phase::Running).await;
    }

    /// Waits until the server has stopped, which someone else must tell it to, and the capture is complete.
    ///
    /// # Errors
    ///
    /// Why the capture could not be written.
    pub fn wait(mut self) -> std::io::Result<()> {
        self.join();
        match self.shared.recorder.take_failure() {
            Some(error) => Err(error),
            None => Ok(()),
        }
    }

    fn join(&mut self) {
        if let Some(thread) = self.thread.take() {
            // A thread that panicked has said so.
            let _ = thread.join();
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop();
        self.join();
    }
}

fn current_thread() -> std::io::Result<Runtime> {
    Builder::new_current_thread().enable_all().build()
}

/// Takes connections and hands them to the workers, until the server is told to stop and all of them have ended.
async fn accept(listener: TcpListener, workers: Vec<Worker>, shared: Arc<Shared>) {
    let mut phase = shared.phase.subscribe();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => hand_over(stream, &workers),
                // No file descriptors left, most likely: those of ended connections come back.
                Err(_) => tokio::time::sleep(std::time::Duration::from_millis(10)).await,
            },
            _ = phase.wait_for(|phase| *phase > Phase::Running) => break,
        }
    }
    drop(listener);
    let threads: Vec<JoinHandle<()>> = workers.into_iter().map(Worker::close).collect();
    for thread in threads {
        // A thread that panicked has said so.
        let _ = thread.join();
    }
}

/// Gives a connection to the worker that has the fewest.
fn hand_over(stream: TcpStream, workers: &[Worker]) {
    let worker = workers.iter().min_by_key(|worker| worker.load());
    // A connection that broke already is none.
    if let (Some(worker), Ok(stream)) = (worker, stream.into_std()) {
        worker.take(stream);
    }
}
